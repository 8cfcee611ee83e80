//! Read access to a job for its followers: what changed, and which entries can be repeated.

use std::collections::{BTreeSet, HashSet};

use super::{EntrySnapshot, Job, JobSnapshot, JobState};
use crate::domain::assignment::Difference;
use crate::domain::entry::{EntryOrder, Presence};
use crate::domain::job::{EntryCounts, JobStatus};
use crate::domain::{EntryState, Reason, UserId, UserRef};

/// How far a follower of a job has read: it has seen everything up to this change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventCursor {
    pub revision: u64,
    /// The last entry seen among those that changed in this revision.
    pub entry: u32,
}

impl EventCursor {
    /// Returns the cursor after all changes of a revision.
    pub fn all_of(revision: u64) -> Self {
        Self { revision, entry: u32::MAX }
    }
}

/// The summary of a job.
pub(in crate::engine) struct Figures {
    pub(in crate::engine) status: JobStatus,
    pub(in crate::engine) counts: EntryCounts,
}

/// What a follower has not seen yet.
#[derive(Debug)]
pub struct JobDelta {
    /// Changed entries, in the order of their changes.
    pub entries: Vec<(EventCursor, EntrySnapshot)>,
    /// The job, if no further entries follow.
    pub job: Option<JobSnapshot>,
}

impl Job {
    /// Returns what changed after `told`, with at most `limit` entries.
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

    /// Returns the summary of the job.
    pub(in crate::engine) fn figures(&self) -> Figures {
        let state = self.lock();
        Figures { status: state.status(), counts: state.counts }
    }

    /// Returns the status of the job.
    pub(in crate::engine) fn status(&self) -> JobStatus {
        self.lock().status()
    }

    /// Returns the most that an entry may change, if it is limited by a plan.
    pub(in crate::engine) fn plan(&self, index: u32) -> Option<Box<Difference>> {
        self.lock().entries.plan(index).cloned().map(Box::new)
    }

    /// Returns the entries whose users are known, with how they named the users.
    pub(in crate::engine) fn known_users(&self) -> Vec<(u32, UserRef, UserId)> {
        let state = self.lock();
        let user = |index| Some((index, state.entries.named(index)?, state.entries.user(index)?));
        (0..state.counts.total()).filter_map(user).collect()
    }

    /// Returns what the naming of the person implies apart from the assignments.
    pub(in crate::engine) fn presence(&self, index: u32) -> Presence {
        self.lock().entries.presence(index)
    }

    /// Returns the reason of an entry's outcome, if it did not end as requested.
    pub(in crate::engine) fn reason(&self, index: u32) -> Option<Reason> {
        self.lock().entries.result(index).reason
    }

    /// Returns the number of entries with a new name for a person that failed because the name matches no user.
    pub(in crate::engine) fn new_names_not_found(&self) -> u32 {
        let state = self.lock();
        let failed = state.entries.places(0, |state| state == EntryState::Failed);
        let is_such = |index: &u32| {
            let not_found = state.entries.result(*index).reason.is_some_and(Reason::leads_to_nobody);
            not_found && state.entries.presence(*index) == Presence::NewName
        };
        u32::try_from(failed.filter(is_such).count()).unwrap_or(u32::MAX)
    }

    /// Returns the caller's own reference for an entry.
    pub(in crate::engine) fn reference(&self, index: u32) -> Option<Box<str>> {
        self.lock().entries.request(index)?.reference
    }

    /// Returns the entries in one of these states, to be repeated in their places.
    pub(in crate::engine) fn orders(&self, states: &[EntryState]) -> Vec<EntryOrder> {
        let state = self.lock();
        let wanted = state.entries.places(0, |state| states.contains(&state));
        let plan = |index| state.entries.plan(index).map(|plan| Box::new(plan.clone()));
        let rows = self.whole_lists(&state, wanted).into_iter();
        rows.filter_map(|index| self.again(&state, index, plan(index))).collect()
    }

    /// Returns an entry to be repeated in its place; `None` if its person was erased.
    fn again(&self, state: &JobState, index: u32, plan: Option<Box<Difference>>) -> Option<EntryOrder> {
        if state.entries.is_erased(index) {
            return None;
        }
        let (request, repeats) = (state.entries.request(index)?, Some(self.place_in(state, index)));
        Some(EntryOrder { request, plan, repeats, presence: state.entries.presence(index) })
    }

    /// Adds to `wanted` the other rows of the same users if the rows of a user form one whole list. Repeated without
    /// them, a list that is everything a user is to have would remove the rest.
    fn whole_lists(&self, state: &JobState, wanted: impl Iterator<Item = u32>) -> Vec<u32> {
        let wanted: BTreeSet<u32> = wanted.collect();
        if !self.spec().rows_are_one_whole() {
            return wanted.into_iter().collect();
        }
        let users: HashSet<UserId> = wanted.iter().filter_map(|index| state.entries.user(*index)).collect();
        let is_part = |index: &u32| state.entries.user(*index).is_some_and(|user| users.contains(&user));
        (0..state.counts.total()).filter(|index| wanted.contains(index) || is_part(index)).collect()
    }

    /// Returns the entries that were resolved to this user.
    pub(in crate::engine) fn rows_about(&self, user: UserId) -> Vec<u32> {
        let state = self.lock();
        (0..state.counts.total()).filter(|index| state.entries.user(*index) == Some(user)).collect()
    }

    /// Returns the planned entries of a dry run, each in its place and limited to its plan, together with the other
    /// rows of their users: the plan is the result of all of them.
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
