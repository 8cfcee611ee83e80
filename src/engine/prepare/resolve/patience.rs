//! How long a job waits for a Genesys that cannot tell yet whom and what its entries name.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::engine::conclusion::Ending;
use crate::engine::core::EngineCore;
use crate::engine::job::Job;
use crate::engine::job::outcome::Failure;
use crate::engine::port::{CallError, CallOptions};

/// Calls that wait for their turn, or for a Genesys that is down, get so long at the end of the patience.
const LAST_TRY: Duration = Duration::from_secs(5);

/// Waiting for a Genesys that is out of reach.
pub(in crate::engine) struct Patience<'a> {
    pub(in crate::engine) engine: &'a EngineCore,
    pub(in crate::engine) job: &'a Arc<Job>,
    pub(in crate::engine) options: &'a CallOptions,
    tries: u32,
}

impl<'a> Patience<'a> {
    pub(super) fn new(engine: &'a EngineCore, job: &'a Arc<Job>, options: &'a CallOptions) -> Self {
        Self { engine, job, options, tries: 0 }
    }

    /// Resolves when the patience is over: a try that waits for a Genesys that is down outlasts it by little. The first one,
    /// which may take long because there is much to read, is not cut short.
    pub(super) fn over(&self) -> impl Future<Output = ()> + use<> {
        // In a box, as it is rare, and every job that waits for a look would have its room.
        let end = (self.tries > 0).then(|| Box::pin(sleep(patience_left(self.engine, self.job).max(LAST_TRY))));
        async {
            match end {
                Some(end) => end.await,
                None => std::future::pending().await,
            }
        }
    }

    /// Waits until it is worth trying again; `None` if the job has nothing open any more. Entries that are `parked` with their
    /// users have patience of their own.
    pub(in crate::engine) async fn wait(&mut self, parked: &HashSet<u32>, error: &CallError) -> Option<()> {
        self.job.count_preparation(self.options.meter.take());
        self.tries += 1;
        let at = self.wait_until(parked, error).await?;
        tokio::select! {
            () = tokio::time::sleep_until(at) => Some(()),
            // Nobody goes on asking Genesys for a job that was cancelled meanwhile.
            () = self.job.on_its_way(parked) => None,
        }
    }

    /// When to try again; `None` if the job has nothing open any more.
    async fn wait_until(&self, parked: &HashSet<u32>, error: &CallError) -> Option<Instant> {
        let Self { engine, job, .. } = self;
        let patience = engine.settings.patience;
        let (answer, retry_at) = match error {
            CallError::Unavailable { answer, retry_at } => (answer, *retry_at),
            CallError::Conflict(answer) | CallError::Uncertain(answer) => (answer, None),
            CallError::NotFound(answer) | CallError::TargetUnavailable(answer) | CallError::Rejected(answer) => {
                self.fail_open(parked, &Failure::listing_rejected(answer)).await;
                return None;
            }
            CallError::Forbidden(answer) => {
                self.fail_open(parked, &Failure::forbidden(answer)).await;
                return None;
            }
        };
        let left = patience_left(engine, job);
        if left.is_zero() {
            self.fail_open(parked, &Failure::unavailable(answer, patience)).await;
            return None;
        }
        tracing::warn!(job = %job.id(), %error, "cannot resolve the job's users and assignments yet");
        let now = Instant::now();
        let pause = retry_at.map_or_else(|| engine.backoff.pause(self.tries), |at| at.saturating_duration_since(now));
        let at = now + pause.min(left);
        let parked_until = retry_at.map(|_| engine.clock.date_of(at));
        job.hold_up(parked, &format!("{}, waiting: {answer}", answer.hindrance()), parked_until);
        Some(at)
    }

    async fn fail_open(&self, parked: &HashSet<u32>, failure: &Failure) {
        let left = (0..self.job.len()).filter(|index| !parked.contains(index));
        let endings = left.map(|index| Ending::failed(self.job, index, failure)).collect();
        self.engine.conclude(endings, None).shown().await;
    }
}

/// How long the job's entries may still wait for Genesys.
pub(super) fn patience_left(engine: &EngineCore, job: &Job) -> Duration {
    let waited = Duration::try_from(engine.clock.now().duration_since(job.created_at())).unwrap_or_default();
    engine.settings.patience.saturating_sub(waited)
}
