//! All jobs in memory, by id.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::domain::JobId;
use crate::domain::job::JobStatus;
use crate::engine::job::Job;
use parking_lot::RwLock;

/// The jobs, in the order of their ids, which is that of acceptance.
#[derive(Debug, Default)]
pub(in crate::engine) struct JobRegistry(RwLock<BTreeMap<JobId, Arc<Job>>>);

impl JobRegistry {
    pub(in crate::engine) fn insert(&self, job: Arc<Job>) {
        self.0.write().insert(job.id(), job);
    }

    pub(in crate::engine) fn get(&self, id: JobId) -> Option<Arc<Job>> {
        self.0.read().get(&id).map(Arc::clone)
    }

    /// Shows each job in turn.
    pub(in crate::engine) fn for_each(&self, look: impl FnMut(&Arc<Job>)) {
        self.0.read().values().for_each(look);
    }

    /// Whether this is so of one of the jobs.
    pub(in crate::engine) fn any(&self, is_so: impl FnMut(&Arc<Job>) -> bool) -> bool {
        self.0.read().values().rev().any(is_so)
    }

    /// At most `limit` jobs newer than `after`, oldest first.
    pub(in crate::engine) fn from(&self, after: Option<JobId>, limit: usize) -> Vec<Arc<Job>> {
        let oldest = after.map_or(Bound::Unbounded, Bound::Excluded);
        let jobs = self.0.read();
        jobs.range((oldest, Bound::Unbounded)).take(limit).map(|(_, job)| Arc::clone(job)).collect()
    }

    pub(in crate::engine) fn remove(&self, ids: &[JobId]) {
        let mut jobs = self.0.write();
        for id in ids {
            jobs.remove(id);
        }
    }

    /// At most `limit` jobs older than `before`, newest first, only those of a status if given; and whether there are more.
    pub(in crate::engine) fn list(
        &self,
        status: Option<JobStatus>,
        before: Option<JobId>,
        limit: usize,
    ) -> (Vec<Arc<Job>>, bool) {
        let newest = before.map_or(Bound::Unbounded, Bound::Excluded);
        let jobs = self.0.read();
        let older = jobs.range((Bound::Unbounded, newest)).rev().map(|(_, job)| job);
        let mut wanted = older.filter(|job| status.is_none_or(|status| status == job.status()));
        let page = wanted.by_ref().take(limit).map(Arc::clone).collect();
        (page, wanted.next().is_some())
    }
}
