//! The target `routingSkills`: not versioned, written by several calls.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{Method, Response};

use super::answer::{parse, unreadable};
use super::call::{CallLane, Route};
use super::client::{GenesysClient, Outgoing, json};
use super::paging::{Entity, PagedListing};
use super::path::ApiPath;
use super::wire::{Page, SkillRating, UserSkill};
use crate::domain::{AssignmentId, Proficiency, Target, UserId};
use crate::engine::port::{AssignmentWrite, CallError, CallOptions, Observed, WriteError, Written};

/// Maximum number of lines in a bulk call (`patchUserRoutingskillsBulk`, `putUserRoutingskillsBulk`).
const LINES_PER_CALL: usize = 50;
/// Maximum number of skills of a user.
const MAX_SKILLS: usize = Target::RoutingSkills.most_per_user();
/// How often a user is read again for skills that were added while all skills were being removed.
const LOOKS_FOR_MORE: usize = 2;

/// Routes on which a user's skills are read and written.
pub(super) const ROUTES: [Route; 5] = [
    Route::UserSkillsRead,
    Route::UserSkillsAdd,
    Route::UserSkillsReplace,
    Route::UserSkillUpdate,
    Route::UserSkillRemove,
];

const OF_A_USER: PagedListing = PagedListing {
    route: Route::UserSkillsRead,
    of: "a user's routing skills",
    none: "nothing",
    page_size: 50,
    most_pages: None,
};

fn skills_of(user: UserId) -> ApiPath {
    ApiPath::new("/api/v2/users").id(user.0).then("/routingskills")
}

/// Reads all skills of a user. Fails if the listing is incomplete, because nothing can be computed from a partial
/// state.
pub(super) async fn read(client: &GenesysClient, options: &CallOptions, user: UserId) -> Result<Observed, CallError> {
    let size = OF_A_USER.page_size;
    let path = |number| skills_of(user).query("pageSize", size).query("pageNumber", number);
    let (skills, extent) = client.all::<UserSkill>(options, OF_A_USER, path).await?;
    if !extent.complete {
        return Err(CallError::unavailable(extent.lacks(OF_A_USER.of)));
    }
    Ok(Observed { assignments: UserSkill::had(&skills).into(), version: None, tag: None })
}

/// Adds before it removes, so that a crash in between leaves no user without skills. If the user would exceed the limit
/// in between, which Genesys checks on each call, it first removes as many skills as necessary. Replaces in one call
/// only if the job's mode permits it. The answers contain only the first page and so do not show the new state; but an
/// answer that lists no skills, or lists all of them without what was written, does not count as an answer to the
/// write.
pub(super) async fn write(
    client: &GenesysClient,
    options: &CallOptions,
    user: UserId,
    write: &AssignmentWrite,
) -> Result<Written, WriteError> {
    let mut calls = Calls::new(client, options, user);
    let ended = if write.replaces { calls.replace(write).await } else { calls.change(write).await };
    let Calls { gone, done, sent, .. } = calls;
    match ended {
        Ok(()) => Ok(Written { after: None, gone }),
        Err(error) => {
            let unsent = write.difference.ids().filter(|id| !sent.contains(id)).collect();
            Err(WriteError { error, done, unsent })
        }
    }
}

/// Adds no skill to a user.
pub(super) async fn add_nothing(client: &GenesysClient, options: &CallOptions, user: UserId) -> Result<(), CallError> {
    Calls::new(client, options, user).patch(&[]).await
}

/// Returns how many removals have to come first, so that the user never exceeds the maximum number of skills.
fn removals_ahead(write: &AssignmentWrite) -> usize {
    let removed = write.difference.removed.len();
    let with_both = write.desired.len() + removed;
    if write.difference.added.is_empty() { 0 } else { with_both.saturating_sub(MAX_SKILLS).min(removed) }
}

type SkillLine = (AssignmentId, Option<Proficiency>);

/// The calls of one write.
struct Calls<'a> {
    client: &'a GenesysClient,
    options: &'a CallOptions,
    user: UserId,
    /// Ids that the answered calls have changed.
    done: Vec<AssignmentId>,
    /// Ids that calls were sent for.
    sent: BTreeSet<AssignmentId>,
    /// Skills that were already gone when they were to be removed.
    gone: Vec<AssignmentId>,
}

impl<'a> Calls<'a> {
    fn new(client: &'a GenesysClient, options: &'a CallOptions, user: UserId) -> Self {
        Self { client, options, user, done: Vec::new(), sent: BTreeSet::new(), gone: Vec::new() }
    }

    async fn replace(&mut self, write: &AssignmentWrite) -> Result<(), CallError> {
        let lines: Vec<_> = write.desired.iter().collect();
        self.sent.extend(write.difference.ids());
        match self.bulk(Method::PUT, Route::UserSkillsReplace, &lines).await {
            // It is undocumented whether Genesys accepts an empty list.
            Err(CallError::Rejected(_)) if lines.is_empty() => {
                self.sent.clear();
                self.remove_all(&write.difference.removed).await
            }
            put => put,
        }
    }

    async fn change(&mut self, write: &AssignmentWrite) -> Result<(), CallError> {
        let difference = &write.difference;
        let (first, rest) = difference.removed.split_at(removals_ahead(write));
        self.remove(first).await?;
        let lines: Vec<_> = difference.added.iter().chain(&difference.updated).copied().collect();
        for lines in lines.chunks(LINES_PER_CALL) {
            self.patch(lines).await?;
        }
        self.remove(rest).await
    }

    async fn patch(&mut self, lines: &[SkillLine]) -> Result<(), CallError> {
        self.sent.extend(lines.iter().map(|(id, _)| *id));
        self.bulk(Method::PATCH, Route::UserSkillsAdd, lines).await?;
        self.done.extend(lines.iter().map(|(id, _)| *id));
        Ok(())
    }

    async fn bulk(&mut self, method: Method, route: Route, lines: &[SkillLine]) -> Result<(), CallError> {
        let ratings: Vec<_> = lines.iter().map(|(id, proficiency)| SkillRating::new(*id, *proficiency)).collect();
        let path = skills_of(self.user).then("/bulk");
        let body = json(&ratings)?;
        let answer = self.send(Outgoing { method, route, path, header: None, body }).await?;
        let shown: Page<UserSkill> = parse(route, &answer)?;
        if shown.entities.is_none() {
            return Err(unreadable(route, "it does not show the user's skills"));
        }
        let lacking = lines.iter().find(|(id, proficiency)| UserSkill::are_without(&shown, *id, *proficiency));
        if let Some((skill, _)) = lacking {
            return Err(unreadable(route, &format!("it does not show the skill {skill} as it was written")));
        }
        self.activate(lines, &shown).await
    }

    /// Activates skills that the answer shows as inactive: a bulk call cannot set the state.
    async fn activate(&mut self, lines: &[SkillLine], shown: &Page<UserSkill>) -> Result<(), CallError> {
        let shown = shown.entities.as_deref().unwrap_or_default();
        let is_deactivated = |id: AssignmentId| shown.iter().any(|skill| skill.id() == id.0 && !skill.is_active());
        for (skill, proficiency) in lines.iter().filter(|(id, _)| is_deactivated(*id)) {
            let path = skills_of(self.user).id(skill.0);
            let (method, route) = (Method::PUT, Route::UserSkillUpdate);
            let body = json(&SkillRating::new(*skill, *proficiency).activated())?;
            let answer = self.send(Outgoing { method, route, path, header: None, body }).await?;
            if !parse::<UserSkill>(route, &answer)?.is_active() {
                return Err(unreadable(route, &format!("it does not show the skill {skill} as active")));
            }
        }
        Ok(())
    }

    /// Removes skills; one that is already gone counts as removed.
    async fn remove(&mut self, skills: &[AssignmentId]) -> Result<(), CallError> {
        for skill in skills {
            self.sent.insert(*skill);
            let path = skills_of(self.user).id(skill.0);
            let (method, route) = (Method::DELETE, Route::UserSkillRemove);
            match self.send(Outgoing { method, route, path, header: None, body: Bytes::new() }).await {
                Err(CallError::NotFound(_)) => self.gone.push(*skill),
                answered => drop(answered?),
            }
            self.done.push(*skill);
        }
        Ok(())
    }

    /// Removes all skills of the user: those seen before, and those added since.
    async fn remove_all(&mut self, seen: &[AssignmentId]) -> Result<(), CallError> {
        self.remove(seen).await?;
        for _ in 0..LOOKS_FOR_MORE {
            let left = read(self.client, self.options, self.user).await?;
            let new: Vec<_> = left.assignments.ids().filter(|skill| !seen.contains(skill)).collect();
            if new.is_empty() {
                break;
            }
            self.remove(&new).await?;
        }
        Ok(())
    }

    async fn send(&self, out: Outgoing) -> Result<Response<Bytes>, CallError> {
        self.client.send(CallLane::Continuation, self.options, out).await
    }
}
