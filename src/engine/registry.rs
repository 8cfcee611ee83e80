//! All jobs in memory, by id.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jiff::Timestamp;
use uuid::{ContextV7, Uuid};

use super::job::Job;
use crate::domain::JobId;
use crate::domain::job::JobStatus;

/// The jobs, in the order of their ids.
///
/// Invariant: ids grow with the order of acceptance, also within one millisecond.
#[derive(Debug)]
pub(super) struct JobRegistry {
    jobs: RwLock<BTreeMap<JobId, Arc<Job>>>,
    ids: Mutex<ContextV7>,
}

impl Default for JobRegistry {
    fn default() -> Self {
        Self { jobs: RwLock::default(), ids: Mutex::new(ContextV7::new()) }
    }
}

impl JobRegistry {
    /// A new id for a job accepted at `now`.
    pub(super) fn next_id(&self, now: Timestamp) -> JobId {
        let context = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        let nanoseconds = u32::try_from(now.subsec_nanosecond()).unwrap_or_default();
        JobId(Uuid::new_v7(uuid::Timestamp::from_unix(&*context, seconds, nanoseconds)))
    }

    pub(super) fn insert(&self, job: Arc<Job>) {
        self.jobs.write().unwrap_or_else(PoisonError::into_inner).insert(job.id(), job);
    }

    pub(super) fn get(&self, id: JobId) -> Option<Arc<Job>> {
        self.jobs.read().unwrap_or_else(PoisonError::into_inner).get(&id).map(Arc::clone)
    }

    /// Shows each job in turn.
    pub(super) fn for_each(&self, look: impl FnMut(&Arc<Job>)) {
        self.jobs.read().unwrap_or_else(PoisonError::into_inner).values().for_each(look);
    }

    /// At most `limit` jobs newer than `after`, oldest first.
    pub(super) fn from(&self, after: Option<JobId>, limit: usize) -> Vec<Arc<Job>> {
        let oldest = after.map_or(Bound::Unbounded, Bound::Excluded);
        let jobs = self.jobs.read().unwrap_or_else(PoisonError::into_inner);
        jobs.range((oldest, Bound::Unbounded)).take(limit).map(|(_, job)| Arc::clone(job)).collect()
    }

    pub(super) fn remove(&self, ids: &[JobId]) {
        let mut jobs = self.jobs.write().unwrap_or_else(PoisonError::into_inner);
        for id in ids {
            jobs.remove(id);
        }
    }

    /// At most `limit` jobs older than `before`, newest first, only those of a status if given; and whether there are more.
    pub(super) fn list(&self, status: Option<JobStatus>, before: Option<JobId>, limit: usize) -> (Vec<Arc<Job>>, bool) {
        let newest = before.map_or(Bound::Unbounded, Bound::Excluded);
        let jobs = self.jobs.read().unwrap_or_else(PoisonError::into_inner);
        let older = jobs.range((Bound::Unbounded, newest)).rev().map(|(_, job)| job);
        let mut wanted = older.filter(|job| status.is_none_or(|status| status == job.status()));
        let page = wanted.by_ref().take(limit).map(Arc::clone).collect();
        (page, wanted.next().is_some())
    }
}
