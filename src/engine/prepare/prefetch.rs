//! Reads the skills of many users in a few calls, to end entries for which nothing is left to do.
//!
//! For `routingSkills` only: the listing of users (`GET /api/v2/users?expand=skills`) can show skills, for 500 users per
//! call. According to Genesys' documentation it is best effort, and it may be older than a user's own resource. It is
//! therefore believed in one case only: when it shows everything that an entry asks for (decision 11). All other work is
//! based on the user's own resource.

use std::sync::Arc;

use crate::domain::fold::{FoldStart, Folded, Outcome, fold};
use crate::domain::job::Lane;
use crate::domain::{Assignments, Mode, Target, UserKey, UserRef};
use crate::engine::conclusion::{Concluding, Ending};
use crate::engine::core::EngineCore;
use crate::engine::job::Job;
use crate::engine::job::outcome;
use crate::engine::org::directory::ShownSkills;
use crate::engine::port::{CallError, CallOptions};
use crate::engine::user::memory::{CarriedOut, UserState};
use crate::engine::user::pending_change::PendingChange;

/// Reads the listing for a job if that takes fewer calls than it may save.
pub(in crate::engine) async fn read_for(
    engine: &EngineCore,
    job: &Job,
    wanted: &[UserRef],
    options: &CallOptions,
) -> Result<Option<Arc<ShownSkills>>, CallError> {
    if !is_due(engine, job, wanted) {
        return Ok(None);
    }
    let shown = engine.directory.read_with_skills(engine.genesys.as_ref(), options).await?;
    engine.holders.shown(&shown);
    Ok(Some(shown))
}

/// Returns whether the listing is to be read for a job.
pub(in crate::engine) fn is_due(engine: &EngineCore, job: &Job, wanted: &[UserRef]) -> bool {
    may_help(job) && pays(engine, wanted)
}

/// Returns whether the listing can prove that an entry of the job has nothing to do. It is never believed that a user
/// lacks a skill, so `remove` and `replace` need the user's own resource in any case.
fn may_help(job: &Job) -> bool {
    let spec = job.spec();
    let shows_all = match spec.mode {
        Mode::Add | Mode::Managed => true,
        Mode::Remove | Mode::Replace => false,
    };
    spec.target == Target::RoutingSkills && spec.lane == Lane::Bulk && shows_all
}

/// Returns whether the listing is read anyway, or pays off even if only half of the users turn out unchanged.
fn pays(engine: &EngineCore, wanted: &[UserRef]) -> bool {
    let pages = if engine.directory.has_to_list(wanted) { Some(0) } else { engine.directory.pages() };
    pages.is_some_and(|pages| wanted.len() > 1 && wanted.len() >= 2 * pages as usize)
}

/// Ends the pending change if the listing shows that there is nothing to do. Otherwise returns `None`, and the change
/// has to be parked.
///
/// Invariant: nothing else works on the user meanwhile. The slot is taken, if it was free, until this returns, and the
/// user state has been handed to the journal before the slot is free again.
pub(in crate::engine) fn end_if_shown<'e>(
    engine: &'e EngineCore,
    key: UserKey,
    pending_change: &PendingChange,
    shown: &ShownSkills,
) -> Option<Concluding<'e>> {
    let skills = shown.skills.get(&key.user)?;
    let _taken = TakenSlot::idle(engine, key)?;
    let user_state = engine.user_states.recall(key);
    let folded =
        unchanged(engine, key, pending_change, skills, &user_state).filter(|_| user_state.shows_in(shown.begun_at));
    folded.map(|folded| end(engine, key, pending_change, &user_state, skills, folded))
}

/// The taken slot of an idle user, released on drop, even by a panic.
#[derive(Debug)]
pub(in crate::engine) struct TakenSlot<'e>(&'e EngineCore, UserKey);

impl<'e> TakenSlot<'e> {
    /// Takes the slot of a user, or returns `None` if the user is not idle.
    pub(in crate::engine) fn idle(engine: &'e EngineCore, user: UserKey) -> Option<Self> {
        // Constructed only if the slot was taken: dropping one for a busy user would end that user's reconciliation.
        engine.slots.take_idle(user).then(|| Self(engine, user))
    }
}

impl Drop for TakenSlot<'_> {
    fn drop(&mut self) {
        let Self(engine, user) = self;
        if let Some((lane, job)) = engine.slots.end(*user) {
            engine.queues.push(lane, job, *user);
        }
    }
}

/// Returns the fold on the listed skills if it changes nothing and relies on nothing that is not shown. An entry that
/// belongs below a change already carried out is left to a reconciliation.
fn unchanged(
    engine: &EngineCore,
    key: UserKey,
    pending_change: &PendingChange,
    skills: &Assignments,
    user_state: &UserState,
) -> Option<Folded> {
    let all_shown = user_state.owned.ids().into_iter().all(|id| skills.contains(id));
    let planned = pending_change.indices().any(|index| pending_change.job.plan(index).is_some());
    if !user_state.is_newest(pending_change.place) || !all_shown || planned {
        return None;
    }
    let managed = engine.catalogues.managed(key.target);
    let start = FoldStart { target: key.target, current: skills, owned: &user_state.owned, managed: &managed };
    let folded = fold(start, user_state.history.as_deref(), &[pending_change.change()]);
    let same = matches!(folded.outcomes.as_slice(), [Outcome::Unchanged(_)]) && folded.desired == *skills;
    same.then_some(folded)
}

fn end<'e>(
    engine: &'e EngineCore,
    key: UserKey,
    pending_change: &PendingChange,
    user_state: &UserState,
    skills: &Assignments,
    folded: Folded,
) -> Concluding<'e> {
    let now = engine.clock.now();
    let begun = pending_change.indices().filter(|index| pending_change.job.begin(*index, now)).count();
    let dry = pending_change.job.spec().dry_run;
    let managed = engine.catalogues.managed(key.target);
    let start = FoldStart { target: key.target, current: skills, owned: &user_state.owned, managed: &managed };
    let oldest = engine.order.oldest(now);
    let done = CarriedOut {
        start,
        changes: &[pending_change.change()],
        folded: &folded,
        oldest,
        at: engine.order.date(now),
        unsure: None,
    };
    // If the entry was cancelled meanwhile, nothing was carried out.
    let kept = (begun > 0 && !dry).then(|| (key, engine.user_states.carried_out(key, &done)));
    let outcome = folded.outcomes.into_iter().next();
    let rows = outcome.into_iter().flat_map(|outcome| pending_change.shares(outcome, &folded.undone));
    let endings = rows.map(|(index, outcome)| {
        let (state, result) = if dry { outcome::planned(outcome) } else { outcome::carried_out(outcome) };
        Ending { job: Arc::clone(&pending_change.job), index, state, result }
    });
    engine.conclude(endings.collect(), kept)
}
