//! Conversions between a job and its journal records: what is written when an entry ends, and how a job is read back.

use std::collections::HashSet;

use jiff::Timestamp;

use super::hold::Release;
use super::{Dating, Job, JobState};
use crate::domain::entry_result::EntryResult;
use crate::domain::{EntryState, UserId};
use crate::engine::estimate::totals::OpenEntries;
use crate::journal::{EndedEntry, EntryOutcome, JobCounters, RecoveredJob};

impl Job {
    /// Restores a job as an earlier process left it.
    pub(in crate::engine) fn recovered(kept: RecoveredJob, dating: Dating, open: OpenEntries) -> Self {
        let job = Self::new(kept.job, dating, open);
        let finished_at = kept.outcomes.iter().flatten().filter_map(|outcome| outcome.result.finished_at).max();
        let created_at = job.created_at;
        let mut erased = HashSet::new();
        job.change(|state| {
            state.calls_made = kept.counters.calls_made;
            state.conflicts = kept.counters.conflicts;
            state.cancelled = kept.counters.cancelled || kept.notes.cancelled;
            state.started_at = kept.counters.started_at;
            for (index, outcome) in (0u32..).zip(kept.outcomes) {
                let Some(outcome) = outcome else { continue };
                if let Some(user) = outcome.user {
                    state.entries.set_user(index, user);
                }
                state.turn(index, outcome.state);
                if outcome.erased {
                    erased.insert(index);
                }
                state.entries.set_result(index, outcome.result);
            }
            if !erased.is_empty() {
                state.entries.erase(&erased);
            }
            state.callback.settled = kept.notes.callback;
            state.released = kept.notes.released.then_some(Release::OfHeld);
            state.created = kept.notes.created;
            if let Some(hold) = kept.notes.held {
                state.hold_back(hold);
            }
            state.finish_if_over(finished_at.or(Some(created_at)));
        });
        job
    }

    /// Keeps the job readable until then, whatever the retention, because a caller may ask for it by the key it was
    /// sent under.
    pub(in crate::engine) fn keep_until(&self, until: Timestamp) {
        let mut state = self.lock();
        state.keep_until = state.keep_until.max(Some(until));
    }

    /// Returns whether the job ended before then and no key requires it to stay readable.
    pub(in crate::engine) fn may_go(&self, ended_before: Timestamp, now: Timestamp) -> bool {
        let state = self.lock();
        let kept = state.keep_until.is_some_and(|until| until > now);
        !kept && state.finished_at.is_some_and(|at| at <= ended_before)
    }

    /// Returns the users that entries were resolved to.
    pub(in crate::engine) fn users(&self) -> Vec<UserId> {
        self.lock().entries.users().collect()
    }

    /// Returns the journal record of an entry that ends like this.
    pub(super) fn ended(&self, state: &JobState, index: u32, to: EntryState, result: EntryResult) -> EndedEntry {
        let outcome = EntryOutcome { state: to, user: state.entries.user(index), result, erased: false };
        EndedEntry { job: self.id, position: index, outcome, counters: state.counters() }
    }
}

impl JobState {
    fn counters(&self) -> JobCounters {
        JobCounters {
            calls_made: self.calls_made,
            conflicts: self.conflicts,
            cancelled: self.cancelled,
            started_at: self.started_at,
        }
    }
}
