//! The context shared by the steps of a job's preparation, and how long the job waits for Genesys.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::engine::conclusion::Ending;
use crate::engine::core::EngineCore;
use crate::engine::job::Job;
use crate::engine::job::outcome::Failure;
use crate::engine::port::{CallError, CallOptions};

/// Minimum time that calls get for a last try at the end of the patience, in which they may wait for the rate limit or
/// for Genesys.
const LAST_TRY: Duration = Duration::from_secs(5);

/// The preparation of one job.
pub(in crate::engine) struct Preparation<'a> {
    pub(in crate::engine) engine: &'a EngineCore,
    pub(in crate::engine) job: &'a Arc<Job>,
    pub(in crate::engine) options: &'a CallOptions,
    tries: u32,
}

/// What follows from a failed look-up.
enum AfterError {
    /// Another try would fail as well: the open entries of the job fail.
    Fail(Failure),
    TryAgain {
        at: Instant,
        message: String,
        /// Whether Genesys itself named the time.
        told: bool,
    },
}

impl<'a> Preparation<'a> {
    pub(in crate::engine) fn new(engine: &'a EngineCore, job: &'a Arc<Job>, options: &'a CallOptions) -> Self {
        Self { engine, job, options, tries: 0 }
    }

    /// Resolves shortly after the patience has run out, to cut off a try that waits for Genesys. The first try is not
    /// cut off, because it may take long when there is much to read.
    pub(in crate::engine) fn over(&self) -> impl Future<Output = ()> + use<> {
        // Boxed because it is rare, and its future would otherwise take up memory in every waiting job.
        let end = (self.tries > 0).then(|| Box::pin(sleep(patience_left(self.engine, self.job).max(LAST_TRY))));
        async {
            match end {
                Some(end) => end.await,
                None => std::future::pending().await,
            }
        }
    }

    /// Waits until it is worth trying again. Returns `None` if the job has no open entries left. Entries that are
    /// `parked` with their users have patience of their own.
    pub(in crate::engine) async fn wait(&mut self, parked: &HashSet<u32>, error: &CallError) -> Option<()> {
        let Self { engine, job, .. } = *self;
        job.count_preparation(self.options.meter.take());
        self.tries += 1;
        let at = match self.after(error, Instant::now()) {
            AfterError::Fail(failure) => {
                self.fail_open(parked, &failure).await;
                return None;
            }
            AfterError::TryAgain { at, message, told } => {
                tracing::warn!(job = %job.id(), %error, "cannot resolve the job's users and assignments yet; trying again");
                job.hold_up(parked, &message, told.then(|| engine.clock.date_of(at)));
                at
            }
        };
        tokio::select! {
            () = tokio::time::sleep_until(at) => Some(()),
            // Genesys is not asked any further for a job that was cancelled meanwhile.
            () = job.on_its_way(parked) => None,
        }
    }

    /// Returns what follows from a failed look-up.
    fn after(&self, error: &CallError, now: Instant) -> AfterError {
        let Self { engine, job, .. } = *self;
        let (answer, retry_at) = match error {
            CallError::Unavailable { answer, retry_at } => (answer, *retry_at),
            CallError::Conflict(answer) | CallError::Uncertain(answer) => (answer, None),
            CallError::NotFound(answer) | CallError::TargetUnavailable(answer) | CallError::Rejected(answer) => {
                return AfterError::Fail(Failure::listing_rejected(answer));
            }
            CallError::Forbidden(answer) => return AfterError::Fail(Failure::forbidden(answer)),
        };
        let left = patience_left(engine, job);
        if left.is_zero() {
            return AfterError::Fail(Failure::unavailable(answer, engine.settings.patience));
        }
        let pause = retry_at.map_or_else(|| engine.backoff.pause(self.tries), |at| at.saturating_duration_since(now));
        let message = format!("{}, waiting: {answer}", answer.hindrance());
        AfterError::TryAgain { at: now + pause.min(left), message, told: retry_at.is_some() }
    }

    async fn fail_open(&self, parked: &HashSet<u32>, failure: &Failure) {
        let left = (0..self.job.len()).filter(|index| !parked.contains(index));
        let endings = left.map(|index| Ending::failed(self.job, index, failure)).collect();
        self.engine.conclude(endings, None).shown().await;
    }
}

/// Returns how long the job's entries may still wait for Genesys.
pub(in crate::engine) fn patience_left(engine: &EngineCore, job: &Job) -> Duration {
    let waited = Duration::try_from(engine.clock.now().duration_since(job.created_at())).unwrap_or_default();
    engine.settings.patience.saturating_sub(waited)
}
