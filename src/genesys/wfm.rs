//! The target `wfmSkillGroups`: one versioned resource a user, read and written as a whole.

use bytes::Bytes;
use http::header::ETAG;
use http::{HeaderValue, Method, Response};

use super::answer::parse;
use super::call::{Lane, Route};
use super::client::{GenesysClient, Outgoing, json};
use super::wire::{WfmAssignments, WfmUpdate};
use crate::domain::UserId;
use crate::engine::port::{AssignmentWrite, CallError, Errand, Observed, Version, Written};

/// The routes that a user's groups are read and written on.
pub(super) const ROUTES: [Route; 2] = [Route::WfmRead, Route::WfmWrite];

/// Reads a user's groups and their version.
pub(super) async fn read(client: &GenesysClient, errand: &Errand, user: UserId) -> Result<Observed, CallError> {
    let out = Outgoing::get(Route::WfmRead, path(client, user));
    let response = client.send(Lane::of(errand), errand, out).await?;
    observed(Route::WfmRead, &response)
}

/// Writes the whole set, computed from the state of `write.base`.
pub(super) async fn write(
    client: &GenesysClient,
    errand: &Errand,
    user: UserId,
    write: &AssignmentWrite,
) -> Result<Written, CallError> {
    let header = write.base.map(|version| (client.endpoints.version_header.clone(), if_match(version)));
    let body = json(&WfmUpdate { skill_group_ids: write.desired.ids().map(|id| id.0).collect() })?;
    let out = Outgoing { method: Method::PATCH, route: Route::WfmWrite, path: path(client, user), header, body };
    let response = client.send(Lane::Continuation, errand, out).await?;
    Ok(Written { after: Some(observed(Route::WfmWrite, &response)?), gone: Vec::new() })
}

fn path(client: &GenesysClient, user: UserId) -> String {
    client.endpoints.wfm_path.replace("{userId}", &user.to_string())
}

fn if_match(version: Version) -> HeaderValue {
    HeaderValue::try_from(format!("\"{}\"", version.0)).unwrap_or_else(|_| HeaderValue::from(version.0))
}

fn observed(route: Route, response: &Response<Bytes>) -> Result<Observed, CallError> {
    let etag = response.headers().get(ETAG).and_then(|value| value.to_str().ok());
    let etag = etag.and_then(|value| value.trim_start_matches("W/").trim_matches('"').parse().ok());
    Ok(parse::<WfmAssignments>(route, response)?.observed(etag))
}
