//! What polls of a job are told, put into words once for all who ask at about the same time.

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

/// So old may what an answer foretells be. What it says of the job itself is as new as its entity tag.
const FRESH: Duration = Duration::from_millis(100);

/// Jobs whose answers are kept; more are hardly polled at a time.
const MAX: usize = 256;

/// The latest answers.
///
/// Invariant: an answer is given out only for the revision that it was written for.
#[derive(Debug)]
pub(in crate::api) struct Polls {
    /// Tells revisions of this run from those of the one before.
    run: Uuid,
    latest: Mutex<HashMap<JobId, Arc<PollAnswer>>>,
}

/// An answer to a poll.
#[derive(Debug)]
pub(in crate::api) struct PollAnswer {
    revision: u64,
    at: Instant,
    /// The job as JSON.
    pub(in crate::api) body: Bytes,
    pub(in crate::api) tag: HeaderValue,
    /// Seconds after which to ask again.
    pub(in crate::api) retry_after: Option<u64>,
}

impl Polls {
    pub(in crate::api) fn new(run: Uuid) -> Self {
        Self { run, latest: Mutex::default() }
    }

    /// What is told of a job as it stands; `None` if there is no such job.
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

    /// The entity tag of a revision. Weak: two answers of one revision say the same, but for estimates.
    pub(in crate::api) fn tag(&self, revision: u64) -> HeaderValue {
        let tag = format!("W/\"{}-{revision}\"", self.run.simple());
        // Letters and digits are a header's value; the type does not know.
        HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("*"))
    }

    fn latest(&self) -> MutexGuard<'_, HashMap<JobId, Arc<PollAnswer>>> {
        self.latest.lock()
    }
}
