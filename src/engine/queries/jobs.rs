//! Read access to jobs and their entries, as snapshots and as changes.

use tokio::sync::watch;

use crate::domain::job::JobStatus;
use crate::domain::{EntryState, JobId};
use crate::engine::core::Engine;
use crate::engine::job::{EntrySnapshot, EventCursor, JobDelta, JobSnapshot};

impl Engine {
    /// Returns jobs older than `before`, newest first, and whether there are more.
    pub fn jobs(&self, status: Option<JobStatus>, before: Option<JobId>, limit: usize) -> (Vec<JobSnapshot>, bool) {
        let (jobs, more) = self.core.registry.list(status, before, limit);
        (jobs.iter().map(|job| job.snapshot()).collect(), more)
    }

    /// Returns what changed in a job after `told`, with at most `limit` entries; `None` if there is no such job.
    pub fn news(&self, id: JobId, told: EventCursor, limit: usize) -> Option<JobDelta> {
        self.core.registry.get(id).map(|job| job.news(told, limit))
    }

    /// Returns a snapshot of a job.
    pub fn job(&self, id: JobId) -> Option<JobSnapshot> {
        self.core.registry.get(id).map(|job| job.snapshot())
    }

    /// Returns the current revision of a job.
    pub fn revision(&self, id: JobId) -> Option<u64> {
        self.core.registry.get(id).map(|job| job.revision())
    }

    /// Returns at most `limit` entries of a job from index `from` on, restricted to `state` if given, and the index
    /// where the next page starts.
    pub fn entries(
        &self,
        id: JobId,
        state: Option<EntryState>,
        from: u32,
        limit: usize,
    ) -> Option<(Vec<EntrySnapshot>, Option<u32>)> {
        self.core.registry.get(id).map(|job| job.entries(state, from, limit))
    }

    /// Returns a receiver that yields each new revision of a job.
    pub fn watch(&self, id: JobId) -> Option<watch::Receiver<u64>> {
        self.core.registry.get(id).map(|job| job.watch())
    }
}
