//! The skills of many users in a few calls: what a listing shows may end entries that have nothing to do.
//!
//! `routingSkills` only: the users' listing can show skills, 500 users a call. It is best effort, as its documentation says,
//! and it may be older than a user's own resource, so it is believed in one case only: it shows, of its own accord,
//! everything that an entry asks for. Whatever is to be written, removed or replaced is computed from the user's own resource.

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

/// Reads the listing for a job, if that takes fewer calls than it may save.
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

/// Whether the listing is read for a job.
pub(in crate::engine) fn is_due(engine: &EngineCore, job: &Job, wanted: &[UserRef]) -> bool {
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
    spec.target == Target::RoutingSkills && spec.lane == Lane::Bulk && shows_all
}

/// Whether the listing is read anyway, or half of the users or fewer need to be unchanged for it to pay.
fn pays(engine: &EngineCore, wanted: &[UserRef]) -> bool {
    let pages = if engine.directory.has_to_list(wanted) { Some(0) } else { engine.directory.pages() };
    pages.is_some_and(|pages| wanted.len() > 1 && wanted.len() >= 2 * pages as usize)
}

/// Ends the pending change's entry if the listing shows that there is nothing to do for it; else the pending change is to be parked.
///
/// Invariant: nobody works on the user meanwhile: the slot is taken for as long as this looks, and only if it was free.
/// What is remembered of the user is with the journal before it is free again.
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

/// A user who was idle and is taken; free again when this is dropped, be it by a panic.
#[derive(Debug)]
pub(in crate::engine) struct TakenSlot<'e>(&'e EngineCore, UserKey);

impl<'e> TakenSlot<'e> {
    pub(in crate::engine) fn idle(engine: &'e EngineCore, user: UserKey) -> Option<Self> {
        // Made only if it is taken: a user who is not would else be freed by its end.
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

/// The fold on what the listing shows, if it changes nothing and does not rest on anything that is not shown. What belongs
/// below something that was carried out already is for a reconciliation.
fn unchanged(
    engine: &EngineCore,
    key: UserKey,
    pending_change: &PendingChange,
    skills: &Assignments,
    user_state: &UserState,
) -> Option<Folded> {
    let all_shown = user_state.owned.iter().all(|id| skills.contains(*id));
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
    // Ended meanwhile, by a cancellation: then nothing was carried out.
    let kept = (begun > 0 && !dry).then(|| (key, engine.user_states.carried_out(key, &done)));
    let outcome = folded.outcomes.into_iter().next();
    let rows = outcome.into_iter().flat_map(|outcome| pending_change.shares(outcome, &folded.undone));
    let endings = rows.map(|(index, outcome)| {
        let (state, result) = if dry { outcome::planned(outcome) } else { outcome::carried_out(outcome) };
        Ending { job: Arc::clone(&pending_change.job), index, state, result }
    });
    engine.conclude(endings.collect(), kept)
}
