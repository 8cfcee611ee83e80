//! Responses to polls of jobs, serialized once for all callers who ask at about the same time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderValue;
use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;
use uuid::Uuid;

use crate::api::shapes::job_view::{self, SyncJobView};
use crate::clock::WallClock;
use crate::domain::JobId;
use crate::engine::{Engine, JobSnapshot};

/// Maximum age of the estimates in a cached response. The state of the job in it is always current.
const FRESH: Duration = Duration::from_millis(100);

/// Maximum number of jobs with a cached response; rarely are more polled at the same time.
const MAX: usize = 256;

/// A cache of the latest responses.
///
/// Invariant: a response is used only for the revision for which it was written.
#[derive(Debug)]
pub(in crate::api) struct Polls {
    /// Distinguishes revisions of this run of the service from those of earlier runs.
    run: Uuid,
    latest: Mutex<HashMap<JobId, Arc<PollAnswer>>>,
}

/// A response to a poll.
#[derive(Debug)]
pub(in crate::api) struct PollAnswer {
    revision: u64,
    at: Instant,
    /// The job as JSON.
    pub(in crate::api) body: Bytes,
    pub(in crate::api) tag: HeaderValue,
    /// The number of seconds after which to poll again.
    pub(in crate::api) retry_after: Option<u64>,
}

impl Polls {
    /// Returns an empty cache; `run` identifies this run of the service.
    pub(in crate::api) fn new(run: Uuid) -> Self {
        Self { run, latest: Mutex::default() }
    }

    /// Returns the response for the current state of a job, or `None` if there is no such job.
    pub(in crate::api) fn told(&self, id: JobId, engine: &Engine, clock: WallClock) -> Option<Arc<PollAnswer>> {
        let (revision, now) = (engine.revision(id)?, Instant::now());
        let known = self.latest().get(&id).cloned();
        if let Some(known) = known.filter(|known| known.revision == revision && known.at + FRESH > now) {
            return Some(known);
        }
        let told = Arc::new(self.put_into_words(engine.job(id)?, engine, clock));
        let mut latest = self.latest();
        if latest.len() >= MAX {
            latest.clear();
        }
        latest.insert(id, Arc::clone(&told));
        Some(told)
    }

    fn put_into_words(&self, job: JobSnapshot, engine: &Engine, clock: WallClock) -> PollAnswer {
        let (revision, forecast) = (job.revision, engine.forecast(&job));
        PollAnswer {
            revision,
            at: Instant::now(),
            body: SyncJobView::with(job, forecast).json(),
            tag: self.tag(revision),
            retry_after: job_view::poll_after_seconds(forecast, clock.now()),
        }
    }

    /// Returns the entity tag of a revision. It is weak, because two responses for one revision may differ in their
    /// estimates.
    pub(in crate::api) fn tag(&self, revision: u64) -> HeaderValue {
        let tag = format!("W/\"{}-{revision}\"", self.run.simple());
        // Cannot fail: the tag has only visible ASCII characters.
        HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("*"))
    }

    fn latest(&self) -> MutexGuard<'_, HashMap<JobId, Arc<PollAnswer>>> {
        self.latest.lock()
    }
}
