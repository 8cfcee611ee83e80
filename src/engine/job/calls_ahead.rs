//! A job and its workload: what its preparation and its passes report of the calls that are ahead.

use super::{Job, JobState};
use crate::domain::job::JobSpec;
use crate::domain::{EntryState, Reason};
use crate::engine::estimate::totals::OpenEntries;
use crate::engine::estimate::workload::Work;

impl Job {
    /// Its users and names are about to be looked up, with so many calls.
    pub(in crate::engine) fn prepares(&self, calls: u32) {
        self.adjust(|state| state.work.prepare(calls));
    }

    /// It is about to be weighed: so many users have been read for that, and so many are still to be.
    pub(in crate::engine) fn is_weighed(&self, read: usize, unread: usize) {
        let narrow = |users| u32::try_from(users).unwrap_or(u32::MAX);
        self.adjust(|state| state.work.weigh(narrow(read), narrow(unread), self.spec.target));
    }

    /// Counts calls that looking up and weighing took.
    pub(in crate::engine) fn count_preparation(&self, calls: u32) {
        if calls > 0 {
            self.change(|state| {
                state.calls_made += calls;
                state.work.prepared(calls);
            });
        }
    }

    /// A user of the job is on the way to a reconciliation.
    pub(in crate::engine) fn parked(&self, work: Work) {
        self.adjust(|state| state.work.parked(work));
    }

    /// The pass over a user of the job has come to this end.
    pub(in crate::engine) fn passed(&self, work: Work, end: EntryState, reason: Option<Reason>) {
        self.adjust(|state| {
            state.work.passed(work, end);
            if matches!(reason, Some(Reason::Blocked | Reason::ConflictsExhausted)) {
                state.work.was_stuck();
            }
        });
    }
}

impl JobState {
    /// Tells all that has become of the job since it was last told.
    pub(super) fn report_load(&mut self, spec: &JobSpec, open: &OpenEntries) {
        let load = self.work.load(&self.counts, spec.dry_run);
        open.moved(spec.lane, self.load, load);
        self.load = load;
    }
}
