//! Takes up an accepted job, new or recovered: makes it readable and starts the work on its open entries.

use std::collections::HashSet;
use std::sync::Arc;

use tracing::Instrument as _;

use crate::engine::core::Engine;
use crate::engine::job::{Job, JobSnapshot};
use crate::engine::prepare;

impl Engine {
    /// Makes a job readable, and starts the work on its open entries that are not `parked` with their users.
    pub(in crate::engine) fn take_up(&self, job: Arc<Job>, parked: HashSet<u32>) -> JobSnapshot {
        self.core.registry.insert(Arc::clone(&job));
        self.core.called_back.note(&job);
        let snapshot = job.snapshot();
        if snapshot.counts.ahead() > 0 {
            self.work_on(job, parked);
        }
        snapshot
    }

    /// Starts, or resumes, the preparation of a job's open entries, except those that are `parked`.
    pub(in crate::engine) fn work_on(&self, job: Arc<Job>, parked: HashSet<u32>) {
        let (core, lifecycle, span) = (Arc::clone(&self.core), self.lifecycle.clone(), job.span());
        let work = async move { prepare::prepare(&core, &lifecycle, &job, parked).await };
        self.lifecycle.spawn_until_stop(work.instrument(span));
    }
}
