//! Updates a job's workload with what its preparation and reconciliations report of the calls ahead.

use super::{Job, JobState};
use crate::domain::job::JobSpec;
use crate::domain::{EntryState, Reason};
use crate::engine::estimate::totals::OpenEntries;
use crate::engine::estimate::workload::Work;

impl Job {
    /// Records that users and names are about to be looked up, with this number of calls.
    pub(in crate::engine) fn prepares(&self, calls: u32) {
        self.adjust(|state| state.work.prepare(calls));
    }

    /// Records that the removal check is about to run, having read `read` users so far, with `unread` still to be read.
    pub(in crate::engine) fn is_weighed(&self, read: usize, unread: usize) {
        let narrow = |users| u32::try_from(users).unwrap_or(u32::MAX);
        self.adjust(|state| state.work.weigh(narrow(read), narrow(unread), self.spec.target));
    }

    /// Counts calls made for look-ups and the removal check.
    pub(in crate::engine) fn count_preparation(&self, calls: u32) {
        if calls > 0 {
            self.change(|state| {
                state.calls_made += calls;
                state.work.prepared(calls);
            });
        }
    }

    /// Records that a user of the job was parked for a reconciliation.
    pub(in crate::engine) fn parked(&self, work: Work) {
        self.adjust(|state| state.work.parked(work));
    }

    /// Records how the reconciliation of a user of the job ended.
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
    /// Reports the change of the job's load since the last report to the totals over all jobs.
    pub(super) fn report_load(&mut self, spec: &JobSpec, open: &OpenEntries) {
        let load = self.work.load(&self.counts, spec.dry_run);
        open.moved(spec.lane, self.load, load);
        self.load = load;
    }
}
