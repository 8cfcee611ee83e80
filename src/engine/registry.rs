//! All jobs in memory, by id.

use std::sync::{Arc, Mutex, PoisonError};

use dashmap::DashMap;
use jiff::Timestamp;
use uuid::{ContextV7, Uuid};

use super::job::Job;
use crate::domain::JobId;

/// The jobs.
///
/// Invariant: ids grow with the order of acceptance, also within one millisecond.
#[derive(Debug)]
pub(super) struct JobRegistry {
    jobs: DashMap<JobId, Arc<Job>>,
    ids: Mutex<ContextV7>,
}

impl Default for JobRegistry {
    fn default() -> Self {
        Self { jobs: DashMap::new(), ids: Mutex::new(ContextV7::new()) }
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
        self.jobs.insert(job.id(), job);
    }

    pub(super) fn get(&self, id: JobId) -> Option<Arc<Job>> {
        self.jobs.get(&id).map(|job| Arc::clone(&job))
    }

    /// Entries that have not ended, over all jobs.
    pub(super) fn open_entries(&self) -> u32 {
        self.jobs.iter().map(|job| job.snapshot().counts.open()).sum()
    }
}
