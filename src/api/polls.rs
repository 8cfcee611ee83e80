//! What polls of a job are told, put into words once for all who ask at about the same time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::job_view::{self, SyncJobView};
use crate::clock::WallClock;
use crate::domain::JobId;
use crate::engine::{Engine, JobSnapshot};

/// So old may what an answer foretells be. What it says of the job itself is never old.
const FRESH: Duration = Duration::from_millis(100);

/// Jobs whose answers are kept; more are hardly polled at a time.
const MOST: usize = 256;

/// The latest answers.
///
/// Invariant: an answer is given out only for the revision that it was written for.
#[derive(Debug, Default)]
pub(super) struct Polls(Mutex<HashMap<JobId, Arc<Told>>>);

/// An answer to a poll.
#[derive(Debug)]
pub(super) struct Told {
    revision: u64,
    at: Instant,
    /// The job as JSON.
    pub(super) body: Bytes,
    /// Seconds after which to ask again.
    pub(super) retry_after: Option<u64>,
}

impl Polls {
    /// What is told of a job as it stands.
    pub(super) fn answer(&self, job: JobSnapshot, engine: &Engine, clock: WallClock) -> Arc<Told> {
        let (id, revision, at) = (job.id, job.revision, Instant::now());
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        if let Some(known) = known.filter(|known| known.revision == revision && known.at + FRESH > at) {
            return known;
        }
        let forecast = engine.forecast(&job);
        let retry_after = job_view::poll_after_seconds(forecast, clock.now());
        // A view is made of strings, numbers and dates: it can always be written.
        let body = serde_json::to_vec(&SyncJobView::with(job, forecast)).unwrap_or_default().into();
        let told = Arc::new(Told { revision, at, body, retry_after });
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= MOST {
            answers.clear();
        }
        answers.insert(id, Arc::clone(&told));
        told
    }
}
