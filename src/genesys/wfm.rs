//! The target `wfmSkillGroups`: one versioned resource per user, read and written as a whole.

use std::sync::Arc;

use bytes::Bytes;
use http::header::ETAG;
use http::{HeaderValue, Method, Response};

use super::answer::{about_another_user, parse, unreadable};
use super::call::{CallLane, Route};
use super::client::{GenesysClient, Outgoing, json};
use super::path::ApiPath;
use super::wire::{WfmAssignments, WfmUpdate};
use crate::domain::UserId;
use crate::engine::port::{AssignmentWrite, CallError, CallOptions, Observed, UpstreamAnswer, Version, Written};

/// Routes on which a user's groups are read and written.
pub(super) const ROUTES: [Route; 2] = [Route::WfmRead, Route::WfmWrite];

/// Reads a user's groups and their version.
pub(super) async fn read(client: &GenesysClient, options: &CallOptions, user: UserId) -> Result<Observed, CallError> {
    let out = Outgoing::get(Route::WfmRead, path(client, user));
    let response = client.send(CallLane::of(options), options, out).await?;
    observed(Route::WfmRead, user, &response)
}

/// Writes the complete set of groups, computed from the state of `write.base`.
pub(super) async fn write(
    client: &GenesysClient,
    options: &CallOptions,
    user: UserId,
    write: &AssignmentWrite,
) -> Result<Written, CallError> {
    let precondition = precondition(write);
    if precondition.is_none() && !client.endpoints.unversioned_writes {
        return Err(CallError::TargetUnavailable(UpstreamAnswer {
            message: NO_VERSION.into(),
            ..UpstreamAnswer::default()
        }));
    }
    let header = precondition.map(|value| (client.endpoints.version_header.clone(), value));
    let body = json(&WfmUpdate { skill_group_ids: write.desired.ids().map(|id| id.0).collect() })?;
    let out = Outgoing { method: Method::PATCH, route: Route::WfmWrite, path: path(client, user), header, body };
    let response = client.send(CallLane::Continuation, options, out).await?;
    let after = observed(Route::WfmWrite, user, &response)?;
    if *after.assignments != write.desired {
        return Err(unreadable(Route::WfmWrite, "it does not show the groups as they were written"));
    }
    Ok(Written { after: Some(after), gone: Vec::new() })
}

const NO_VERSION: &str = "its answers have neither a version nor an ETag, so a write could undo another writer's change; \
    set genesys.unversioned_writes = true to write nonetheless";

fn path(client: &GenesysClient, user: UserId) -> ApiPath {
    ApiPath::of_user(&client.endpoints.wfm_path, user)
}

/// Returns the header value that tells Genesys which state a write was computed from.
fn precondition(write: &AssignmentWrite) -> Option<HeaderValue> {
    let version = write.base.map(|version| format!("\"{}\"", version.0));
    HeaderValue::try_from(version.or_else(|| write.tag.as_deref().map(str::to_owned))?).ok()
}

fn observed(route: Route, user: UserId, response: &Response<Bytes>) -> Result<Observed, CallError> {
    let found: WfmAssignments = parse(route, response)?;
    if let Some(other) = found.of_another_than(user) {
        return Err(about_another_user(route, other));
    }
    let etag = response.headers().get(ETAG).and_then(|value| value.to_str().ok());
    let (version, tag) = version(found.version.as_deref(), etag);
    Ok(Observed { assignments: found.groups().into(), version, tag })
}

/// Returns the version in the body, or else the one in the `ETag`. A version that is not a number is opaque (RFC 9110,
/// section 8.8.3): it is sent back unchanged, and two of them cannot be ordered.
fn version(body: Option<&str>, etag: Option<&str>) -> (Option<Version>, Option<Arc<str>>) {
    let number = |text: &str| text.parse().ok().map(Version);
    let bare = |tag: &str| number(tag.trim().trim_start_matches("W/").trim_matches('"'));
    match body.and_then(number).or_else(|| etag.and_then(bare)) {
        Some(version) => (Some(version), None),
        None => (None, etag.map(Arc::from).or_else(|| body.map(|version| format!("\"{version}\"").into()))),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_is_found_at_another_user_is_not_this_users() {
        let (user, other) = (UserId(Uuid::from_u128(1)), UserId(Uuid::from_u128(2)));
        let path = |user| format!("\"selfUri\":\"/api/v2/wfm/users/{user}/assignments\",");
        for (said, expected) in [
            (path(user), None),
            (path(other), Some(other)),
            (format!("{}\"userId\":\"{user}\",", path(user)), None),
            (format!("{}\"userId\":\"{other}\",", path(user)), Some(other)),
            (format!("{}\"userId\":\"agent-7\",", path(user)), None),
            // A partner may use its own ids.
            (format!("\"userId\":\"{other}\","), None),
            ("\"selfUri\":\"/groups/7\",".to_owned(), None),
            (String::new(), None),
        ] {
            let body = format!("{{{said}\"skillGroups\":[]}}");
            let found: WfmAssignments = serde_json::from_str(&body).unwrap();
            assert_eq!(found.of_another_than(user), expected, "{body}");
        }
    }

    #[test]
    fn a_version_is_a_number_or_goes_back_as_it_came() {
        for (body, etag, expected) in [
            (Some("7"), None, Ok(7)),
            (Some("7"), Some("\"a7\""), Ok(7)),
            (None, Some("\"7\""), Ok(7)),
            (None, Some("W/\"7\""), Ok(7)),
            (None, Some("7"), Ok(7)),
            (None, Some("\"a7\""), Err("\"a7\"")),
            (None, Some("W/\"7-gzip\""), Err("W/\"7-gzip\"")),
            (Some("a7"), None, Err("\"a7\"")),
            (Some("-1"), Some("\"x\""), Err("\"x\"")),
            (Some("18446744073709551616"), None, Err("\"18446744073709551616\"")),
        ] {
            let (version, tag) = version(body, etag);
            let found = version.map(|version| version.0).ok_or(tag.as_deref().unwrap_or_default());
            assert_eq!(found, expected, "{body:?} {etag:?}");
        }
        assert_eq!(version(None, None), (None, None));
    }
}
