//! What others ask of a job beside its work: what changed, and which entries could be done again.

use std::collections::{BTreeSet, HashSet};

use super::{EntrySnapshot, Job, JobSnapshot, JobState};
use crate::domain::assignment::Difference;
use crate::domain::entry::{EntryOrder, Presence};
use crate::domain::job::{EntryCounts, JobStatus};
use crate::domain::{EntryState, Reason, UserId, UserRef};

/// What a follower of a job has been told: everything up to this change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventCursor {
    pub revision: u64,
    /// The last entry told of those that changed with this revision.
    pub entry: u32,
}

impl EventCursor {
    /// Everything that a revision brought.
    pub fn all_of(revision: u64) -> Self {
        Self { revision, entry: u32::MAX }
    }
}

/// What a job adds up to.
pub(in crate::engine) struct Figures {
    pub(in crate::engine) status: JobStatus,
    pub(in crate::engine) counts: EntryCounts,
}

/// What a follower has not been told.
#[derive(Debug)]
pub struct JobDelta {
    /// Entries in the order of their changes.
    pub entries: Vec<(EventCursor, EntrySnapshot)>,
    /// The job, once all entries have been told.
    pub job: Option<JobSnapshot>,
}

impl Job {
    /// What changed behind `told`, at most `limit` entries of it.
    pub(in crate::engine) fn news(&self, told: EventCursor, limit: usize) -> JobDelta {
        let state = self.lock();
        let mut changed = state.changes.after((told.revision, told.entry));
        let entries = changed
            .by_ref()
            .take(limit)
            .filter_map(|(revision, index)| Some((EventCursor { revision, entry: index }, state.entry(index)?)));
        let entries = entries.collect();
        let job = changed.next().is_none().then(|| self.snapshot_of(&state));
        JobDelta { entries, job }
    }

    /// What the job adds up to.
    pub(in crate::engine) fn figures(&self) -> Figures {
        let state = self.lock();
        Figures { status: state.status(), counts: state.counts }
    }

    /// Where the job stands.
    pub(in crate::engine) fn status(&self) -> JobStatus {
        self.lock().status()
    }

    /// What the entry is to change at most, if that was settled before.
    pub(in crate::engine) fn plan(&self, index: u32) -> Option<Box<Difference>> {
        self.lock().entries.plan(index).cloned().map(Box::new)
    }

    /// Whom its entries turned out to be about, and how they named them.
    pub(in crate::engine) fn known_users(&self) -> Vec<(u32, UserRef, UserId)> {
        let state = self.lock();
        let user = |index| Some((index, state.entries.named(index)?, state.entries.user(index)?));
        (0..state.counts.total()).filter_map(user).collect()
    }

    /// What naming the person tells beside their skills.
    pub(in crate::engine) fn presence(&self, index: u32) -> Presence {
        self.lock().entries.presence(index)
    }

    /// Why an entry ended as it did, where that was not as asked.
    pub(in crate::engine) fn reason(&self, index: u32) -> Option<Reason> {
        self.lock().entries.result(index).reason
    }

    /// How many names that are new have ended without leading to anybody.
    pub(in crate::engine) fn new_names_not_found(&self) -> u32 {
        let state = self.lock();
        let failed = state.entries.places(0, |state| state == EntryState::Failed);
        let is_such = |index: &u32| {
            let not_found = state.entries.result(*index).reason.is_some_and(Reason::leads_to_nobody);
            not_found && state.entries.presence(*index) == Presence::NewName
        };
        u32::try_from(failed.filter(is_such).count()).unwrap_or(u32::MAX)
    }

    /// The caller's own name for a row.
    pub(in crate::engine) fn reference(&self, index: u32) -> Option<Box<str>> {
        self.lock().entries.request(index)?.reference
    }

    /// The entries in one of these states, to be carried out again in their places.
    pub(in crate::engine) fn orders(&self, states: &[EntryState]) -> Vec<EntryOrder> {
        let state = self.lock();
        let wanted = state.entries.places(0, |state| states.contains(&state));
        let plan = |index| state.entries.plan(index).map(|plan| Box::new(plan.clone()));
        let rows = self.whole_lists(&state, wanted).into_iter();
        rows.filter_map(|index| self.again(&state, index, plan(index))).collect()
    }

    /// An entry to be carried out again, in its place; not one whose person was erased.
    fn again(&self, state: &JobState, index: u32, plan: Option<Box<Difference>>) -> Option<EntryOrder> {
        if state.entries.is_erased(index) {
            return None;
        }
        let (request, repeats) = (state.entries.request(index)?, Some(self.place_in(state, index)));
        Some(EntryOrder { request, plan, repeats, presence: state.entries.presence(index) })
    }

    /// Of rows that are one list, none without the others: where a list is the whole of what a user is to have, the rest would
    /// be taken away.
    fn whole_lists(&self, state: &JobState, wanted: impl Iterator<Item = u32>) -> Vec<u32> {
        let wanted: BTreeSet<u32> = wanted.collect();
        if !self.spec().rows_are_one_whole() {
            return wanted.into_iter().collect();
        }
        let users: HashSet<UserId> = wanted.iter().filter_map(|index| state.entries.user(*index)).collect();
        let is_part = |index: &u32| state.entries.user(*index).is_some_and(|user| users.contains(&user));
        (0..state.counts.total()).filter(|index| wanted.contains(index) || is_part(index)).collect()
    }

    /// The entries that turned out to be about a user.
    pub(in crate::engine) fn rows_about(&self, user: UserId) -> Vec<u32> {
        let state = self.lock();
        (0..state.counts.total()).filter(|index| state.entries.user(*index) == Some(user)).collect()
    }

    /// The planned entries of a dry run, each held to its plan and in its place, with the other rows of their users: what was
    /// planned is what comes of all of them together.
    pub(in crate::engine) fn planned(&self) -> Vec<EntryOrder> {
        let state = self.lock();
        let user = |index: &u32| state.entries.user(*index);
        let planned = state.entries.places(0, |state| state == EntryState::Planned);
        let users: HashSet<UserId> = planned.filter_map(|index| user(&index)).collect();
        let was_folded = |state| matches!(state, EntryState::Planned | EntryState::Unchanged | EntryState::Superseded);
        let rows = state.entries.places(0, was_folded).filter(|index| {
            let came_too_late = state.entries.result(*index).reason.is_some();
            !came_too_late && user(index).is_some_and(|user| users.contains(&user))
        });
        let plan = |index| Box::new(state.entries.result(index).effects.difference);
        rows.filter_map(|index| self.again(&state, index, Some(plan(index)))).collect()
    }
}
