//! Callbacks: signed Standard Webhooks messages that tell a receiver when a job ends or is held.
//!
//! A callback is due while its job has ended or is held and the journal does not say that the callback is settled. It
//! therefore survives restarts without a queue of its own. It may arrive more than once, with the same `webhook-id`.

mod seats;
mod signature;
#[cfg(test)]
mod tests;
mod wire;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use self::seats::Seats;
pub use self::signature::SigningKey;
pub use self::wire::CallbackWire;
use crate::backoff::Backoff;
use crate::clock::WallClock;
use crate::domain::JobId;
use crate::domain::callback::{CallbackEvent, CallbackProgress, CallbackSettled, CallbackUrl};
use crate::domain::job::JobStatus;
use crate::engine::{Engine, JobSnapshot};
use crate::lifecycle::Lifecycle;

/// How long a callback is retried before it is given up.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24);
/// The upper bounds of the first and of the longest pause between attempts.
const PAUSES: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(2 * 3600));

/// A message, ready to send.
#[derive(Debug, Clone)]
pub struct CallbackMessage {
    /// The same for all attempts, so that the receiver recognises repetitions.
    pub id: String,
    /// The time of the attempt, which is signed with the message.
    pub at: Timestamp,
    /// The value of `webhook-signature`.
    pub signature: String,
    pub body: Bytes,
}

/// The response of the receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The pause that the receiver asks for with `Retry-After`.
    pub retry_after: Option<Duration>,
}

/// Sends messages. [`CallbackWire`] sends them over the network; tests use their own implementation.
#[async_trait]
pub trait Post: fmt::Debug + Send + Sync {
    /// Makes one attempt. The error text appears in logs and in the view of the job.
    async fn post(&self, url: &CallbackUrl, message: CallbackMessage) -> Result<Answer, String>;
}

/// Renders a job for a message.
pub type Show = Arc<dyn Fn(JobSnapshot) -> Value + Send + Sync>;

/// The state that all callbacks share.
#[derive(Clone)]
pub struct Courier {
    pub engine: Engine,
    pub key: SigningKey,
    pub post: Arc<dyn Post>,
    pub show: Show,
    pub clock: WallClock,
    /// The seed of the jitter of pauses.
    pub seed: u64,
}

impl fmt::Debug for Courier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Courier").field("post", &self.post).finish_non_exhaustive()
    }
}

/// Sends the callbacks of all jobs that want them, including those left by an earlier process, until the service stops.
pub fn start(courier: Courier, lifecycle: &Lifecycle) {
    let Some(jobs) = courier.engine.jobs_with_callback() else { return };
    let jobs = Arc::new(Mutex::new(jobs));
    let (first, longest) = PAUSES;
    let round = Arc::new(Round { backoff: Backoff::new(first, longest, courier.seed), seats: Arc::default(), courier });
    let followers = lifecycle.clone();
    lifecycle.keep_trying_until_stop("callbacks", move || {
        let (jobs, round, followers) = (Arc::clone(&jobs), Arc::clone(&round), followers.clone());
        async move {
            while let Some(job) = jobs.lock().await.recv().await {
                let round = Arc::clone(&round);
                // What is due is derived from the job, so a restart of this task loses nothing.
                followers.keep_trying_until_stop("callback", move || {
                    let round = Arc::clone(&round);
                    async move { round.follow(job).await }
                });
            }
        }
    });
}

struct Round {
    courier: Courier,
    backoff: Backoff,
    seats: Arc<Seats>,
}

impl Round {
    /// Sends the callbacks of one job until it has ended.
    async fn follow(&self, id: JobId) {
        let Some(mut revisions) = self.courier.engine.watch(id) else { return };
        loop {
            revisions.mark_unchanged();
            let Some(job) = self.courier.engine.job(id) else { return };
            match due(&job) {
                Some(event) => self.deliver(&job, event).await,
                None if job.finished_at.is_some() => return,
                None => drop(revisions.changed().await),
            }
        }
    }

    /// Repeats attempts until the callback is delivered, given up, or no longer due.
    async fn deliver(&self, job: &JobSnapshot, event: CallbackEvent) {
        let Some(url) = &job.spec.callback else { return };
        let begun = job.finished_at.unwrap_or_else(|| self.courier.clock.now());
        let mut attempts = 0;
        loop {
            let Some(job) = self.courier.engine.job(job.id).filter(|job| due(job) == Some(event)) else { return };
            let (id, answer) = (job.id, self.attempt(url, job, event).await);
            attempts += 1;
            let now = self.courier.clock.now();
            let last = match &answer {
                Ok(answer) => format!("answered {}", answer.status),
                Err(error) => error.clone(),
            };
            let status = answer.as_ref().map_or(0, |answer| answer.status);
            let delivered = (200..300).contains(&status);
            let over = delivered || status == 410 || now.duration_since(begun) >= PATIENCE;
            let settled = over.then_some(CallbackSettled { event, delivered, at: now });
            let named = answer.ok().and_then(|answer| answer.retry_after).unwrap_or_default();
            let pause = self.backoff.pause(attempts).max(named);
            let next_attempt_at = (!over).then(|| now.checked_add(pause).unwrap_or(now));
            tracing::info!(job = %id, event = event.name(), attempts, delivered, over, last, "callback attempted");
            let progress = CallbackProgress { settled, attempts, last: Some(last.into()), next_attempt_at };
            self.courier.engine.callback_went(id, progress).await;
            if over {
                return;
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn attempt(&self, url: &CallbackUrl, job: JobSnapshot, event: CallbackEvent) -> Result<Answer, String> {
        let seat = self.seats.of(&url.receiver()).await;
        let at = self.courier.clock.now();
        let id = format!("job_{}_{}", job.id, event.name());
        let kind = match job.status {
            JobStatus::Held => "job.held",
            JobStatus::Cancelled => "job.cancelled",
            JobStatus::Completed | JobStatus::Queued | JobStatus::Running | JobStatus::Parked => "job.completed",
        };
        let since = job.finished_at.unwrap_or(at);
        let body = json!({ "type": kind, "timestamp": since, "data": (self.courier.show)(job) }).to_string();
        let signature = self.courier.key.sign(&id, at, body.as_bytes());
        let answer = self.courier.post.post(url, CallbackMessage { id, at, signature, body: body.into() }).await;
        seat.left(answer.is_ok());
        answer
    }
}

/// Returns the callback of a job that is due and not settled, if any.
fn due(job: &JobSnapshot) -> Option<CallbackEvent> {
    let settled = job.callback.settled.as_ref().map(|settled| settled.event);
    match job.status {
        JobStatus::Completed | JobStatus::Cancelled => Some(CallbackEvent::Ended),
        JobStatus::Held => Some(CallbackEvent::Held),
        JobStatus::Queued | JobStatus::Running | JobStatus::Parked => None,
    }
    .filter(|event| job.spec.callback.is_some() && settled != Some(*event))
}
