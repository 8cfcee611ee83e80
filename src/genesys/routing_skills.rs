//! The target `routingSkills`: not versioned, written by several calls.

use bytes::Bytes;
use http::Method;

use super::call::{Lane, Route};
use super::client::{GenesysClient, Outgoing, json};
use super::paging::Listing;
use super::wire::{SkillRating, UserSkill};
use crate::domain::{AssignmentId, Assignments, Proficiency, UserId};
use crate::engine::port::{AssignmentWrite, CallError, Errand, Observed, WriteError, Written};

/// Lines that a bulk call takes.
const LINES_PER_CALL: usize = 50;

/// The routes that a user's skills are read and written on.
pub(super) const ROUTES: [Route; 4] =
    [Route::UserSkillsRead, Route::UserSkillsAdd, Route::UserSkillsReplace, Route::UserSkillRemove];

const OF_A_USER: Listing =
    Listing { route: Route::UserSkillsRead, of: "a user's routing skills", none: "nothing", page_size: 100 };

/// Reads all of a user's skills. A part of them is no state that anything could be computed from.
pub(super) async fn read(client: &GenesysClient, errand: &Errand, user: UserId) -> Result<Observed, CallError> {
    let size = OF_A_USER.page_size;
    let path = |number| format!("/api/v2/users/{user}/routingskills?pageSize={size}&pageNumber={number}");
    let (skills, extent) = client.all::<UserSkill>(errand, OF_A_USER, path).await?;
    if !extent.complete {
        return Err(CallError::unavailable(extent.lacks(OF_A_USER.of)));
    }
    let assignments: Assignments = skills.iter().map(UserSkill::assignment).collect();
    Ok(Observed { assignments: assignments.into(), version: None })
}

/// Adds before it removes, so that a crash in between leaves nobody without skills; replaces in one call only where the
/// job said that everything else may go. The answers list only a first page, so they tell nothing of the new state.
pub(super) async fn write(
    client: &GenesysClient,
    errand: &Errand,
    user: UserId,
    write: &AssignmentWrite,
) -> Result<Written, WriteError> {
    if write.replaces {
        let lines: Vec<_> = write.desired.iter().collect();
        bulk(client, errand, Method::PUT, Route::UserSkillsReplace, user, &lines).await?;
        return Ok(Written::default());
    }
    let difference = &write.difference;
    let lines: Vec<_> = difference.added.iter().chain(&difference.updated).copied().collect();
    let mut begun = false;
    for lines in lines.chunks(LINES_PER_CALL) {
        let call = bulk(client, errand, Method::PATCH, Route::UserSkillsAdd, user, lines).await;
        call.map_err(|error| WriteError { error, begun })?;
        begun = true;
    }
    let mut written = Written::default();
    for skill in &difference.removed {
        if !remove(client, errand, user, *skill).await.map_err(|error| WriteError { error, begun })? {
            written.gone.push(*skill);
        }
        begun = true;
    }
    Ok(written)
}

async fn bulk(
    client: &GenesysClient,
    errand: &Errand,
    method: Method,
    route: Route,
    user: UserId,
    lines: &[(AssignmentId, Option<Proficiency>)],
) -> Result<(), CallError> {
    let lines: Vec<_> = lines.iter().map(|(id, proficiency)| SkillRating::new(*id, *proficiency)).collect();
    let path = format!("/api/v2/users/{user}/routingskills/bulk");
    let out = Outgoing { method, route, path, header: None, body: json(&lines)? };
    client.send(Lane::Continuation, errand, out).await.map(drop)
}

/// Whether the skill was there to be removed; one that is gone already is as good as removed.
async fn remove(client: &GenesysClient, errand: &Errand, user: UserId, skill: AssignmentId) -> Result<bool, CallError> {
    let path = format!("/api/v2/users/{user}/routingskills/{skill}");
    let out =
        Outgoing { method: Method::DELETE, route: Route::UserSkillRemove, path, header: None, body: Bytes::new() };
    match client.send(Lane::Continuation, errand, out).await {
        Ok(_) => Ok(true),
        Err(CallError::NotFound(_)) => Ok(false),
        Err(error) => Err(error),
    }
}
