//! The skills of many users in a few calls: what a listing shows may end entries that have nothing to do.
//!
//! `routingSkills` only: the users' listing can show skills, 500 users a call. It is best effort, as its documentation says,
//! and it may be older than a user's own resource, so it is believed in one case only: it shows, of its own accord,
//! everything that an entry asks for. Whatever is to be written, removed or replaced is computed from the user's own resource.

use std::sync::Arc;

use super::EngineCore;
use super::directory::ShownSkills;
use super::job::Job;
use super::port::{CallError, Errand};
use super::standings::Standing;
use super::ticket::Ticket;
use super::verdict;
use crate::domain::fold::{Change, Folded, Outcome, Start, fold};
use crate::domain::job::Urgency;
use crate::domain::{Assignments, Mode, Target, UserKey, UserRef};

/// Reads the listing for a job, if that takes fewer calls than it may save.
pub(super) async fn read_for(
    engine: &EngineCore,
    job: &Job,
    wanted: &[UserRef],
    errand: &Errand,
) -> Result<Option<Arc<ShownSkills>>, CallError> {
    if !is_due(engine, job, wanted) {
        return Ok(None);
    }
    engine.directory.read_with_skills(engine.genesys.as_ref(), errand).await.map(Some)
}

/// Whether the listing is read for a job.
pub(super) fn is_due(engine: &EngineCore, job: &Job, wanted: &[UserRef]) -> bool {
    may_help(job) && pays(engine, wanted)
}

/// Whether a listing can show that an entry of the job has nothing to do. That somebody does not have a skill is never
/// believed of it, so `remove` and `replace` need the user's own resource in any case.
fn may_help(job: &Job) -> bool {
    let spec = job.spec();
    let shows_all = match spec.mode {
        Mode::Add | Mode::Managed => true,
        Mode::Remove | Mode::Replace => false,
    };
    spec.target == Target::RoutingSkills && spec.urgency == Urgency::Bulk && shows_all
}

/// Whether the listing is read anyway, or half of the users or fewer need to be unchanged for it to pay.
fn pays(engine: &EngineCore, wanted: &[UserRef]) -> bool {
    let pages = if engine.directory.has_to_list(wanted) { Some(0) } else { engine.directory.pages() };
    pages.is_some_and(|pages| wanted.len() > 1 && wanted.len() >= 2 * pages as usize)
}

/// Ends the ticket's entry if the listing shows that there is nothing to do for it; else the ticket is to be parked.
///
/// Invariant: nobody works on the user meanwhile: the slot is taken for as long as this looks, and only if it was free.
pub(super) fn end_if_shown(engine: &EngineCore, key: UserKey, ticket: &Ticket, shown: &ShownSkills) -> bool {
    let Some(skills) = shown.skills.get(&key.user) else { return false };
    if !engine.slots.take_idle(key) {
        return false;
    }
    let standing = engine.standings.recall(key);
    let folded = unchanged(engine, key, ticket, skills, &standing).filter(|_| standing.shows_in(shown.begun_at));
    let ended = folded.is_some_and(|folded| end(engine, key, ticket, folded));
    if let Some((urgency, job)) = engine.slots.end(key) {
        engine.queue.push(urgency, job, key);
    }
    ended
}

/// The fold on what the listing shows, if it changes nothing and does not rest on anything that is not shown.
fn unchanged(
    engine: &EngineCore,
    key: UserKey,
    ticket: &Ticket,
    skills: &Assignments,
    standing: &Standing,
) -> Option<Folded> {
    let too_late = ticket.dated && standing.applied_at.is_some_and(|newest| ticket.effective_at < newest);
    let all_shown = standing.owned.iter().all(|id| skills.contains(*id));
    if too_late || !all_shown || ticket.job.plan(ticket.index).is_some() {
        return None;
    }
    let managed = engine.catalogues.managed(key.target);
    let start = Start { target: key.target, current: skills, owned: &standing.owned, managed: &managed };
    let folded = fold(start, &[Change { mode: ticket.job.spec().mode, listed: &ticket.listed }]);
    let same = matches!(folded.outcomes.as_slice(), [Outcome::Unchanged(_)]) && folded.desired == *skills;
    same.then_some(folded)
}

fn end(engine: &EngineCore, key: UserKey, ticket: &Ticket, folded: Folded) -> bool {
    let now = engine.clock.now();
    if !ticket.job.begin(ticket.index, now) {
        // Ended meanwhile, by a cancellation: parking it would do no harm, but there is nothing to park.
        return true;
    }
    let dry = ticket.job.spec().dry_run;
    if !dry {
        engine.standings.settled(key, folded.owned, Some(ticket.effective_at));
    }
    for outcome in folded.outcomes {
        let (state, result) =
            if dry { verdict::planned(outcome) } else { verdict::carried_out(outcome, None, &folded.desired, &[]) };
        ticket.job.end(ticket.index, state, result, now);
    }
    true
}
