//! A job that is accepted, new or from before, is taken up: it can be read, and what is open of it is worked on.

use std::collections::HashSet;
use std::sync::Arc;

use tracing::Instrument as _;

use crate::engine::core::Engine;
use crate::engine::job::{Job, JobSnapshot};
use crate::engine::prepare;

impl Engine {
    /// Makes a job readable, and works on what is open of it and not with its user already.
    pub(in crate::engine) fn take_up(&self, job: Arc<Job>, parked: HashSet<u32>) -> JobSnapshot {
        self.core.registry.insert(Arc::clone(&job));
        self.core.called_back.note(&job);
        let snapshot = job.snapshot();
        if snapshot.counts.ahead() > 0 {
            self.work_on(job, parked);
        }
        snapshot
    }

    /// Begins, or begins again, to bring the open entries of a job on their way, but for those that are on it.
    pub(in crate::engine) fn work_on(&self, job: Arc<Job>, parked: HashSet<u32>) {
        let (core, lifecycle, span) = (Arc::clone(&self.core), self.lifecycle.clone(), job.span());
        let work = async move { prepare::prepare(&core, &lifecycle, &job, parked).await };
        self.lifecycle.spawn_until_stop(work.instrument(span));
    }
}
