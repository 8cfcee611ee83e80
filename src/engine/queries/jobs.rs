//! Jobs and their entries, as they stand and as they change.

use tokio::sync::watch;

use crate::domain::job::JobStatus;
use crate::domain::{EntryState, JobId};
use crate::engine::core::Engine;
use crate::engine::job::{EntrySnapshot, EventCursor, JobDelta, JobSnapshot};

impl Engine {
    /// Jobs older than `before`, newest first; and whether there are more.
    pub fn jobs(&self, status: Option<JobStatus>, before: Option<JobId>, limit: usize) -> (Vec<JobSnapshot>, bool) {
        let (jobs, more) = self.core.registry.list(status, before, limit);
        (jobs.iter().map(|job| job.snapshot()).collect(), more)
    }

    /// What changed in a job since a follower was last told, at most `limit` entries of it.
    pub fn news(&self, id: JobId, told: EventCursor, limit: usize) -> Option<JobDelta> {
        self.core.registry.get(id).map(|job| job.news(told, limit))
    }

    /// A job as it stands.
    pub fn job(&self, id: JobId) -> Option<JobSnapshot> {
        self.core.registry.get(id).map(|job| job.snapshot())
    }

    /// How often a job has changed.
    pub fn revision(&self, id: JobId) -> Option<u64> {
        self.core.registry.get(id).map(|job| job.revision())
    }

    /// At most `limit` entries of a job from `from` on, only those in `state` if given; and where the next page starts.
    pub fn entries(
        &self,
        id: JobId,
        state: Option<EntryState>,
        from: u32,
        limit: usize,
    ) -> Option<(Vec<EntrySnapshot>, Option<u32>)> {
        self.core.registry.get(id).map(|job| job.entries(state, from, limit))
    }

    /// Tells each new revision of a job.
    pub fn watch(&self, id: JobId) -> Option<watch::Receiver<u64>> {
        self.core.registry.get(id).map(|job| job.watch())
    }
}
