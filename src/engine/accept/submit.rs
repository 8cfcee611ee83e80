//! How jobs are accepted: as submitted, under an idempotency key, or made from an earlier job by `retry` and `apply`.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::oneshot;
use tracing::Instrument as _;

use crate::domain::acceptance::{Fingerprint, KeySpace};
use crate::domain::audit::Action;
use crate::domain::entry::{EntryOrder, EntryRequest};
use crate::domain::job::JobSpec;
use crate::domain::{EntryState, JobId, Place};
use crate::engine::core::Engine;
use crate::engine::job::Job;
use crate::engine::job::JobSnapshot;
use crate::engine::job::idempotency_keys::{Claim, Reservation, TooManyKeys};
use crate::journal::{AcceptedJob, JobNote, JournalError};

/// Expired keys that one submission removes: more than it adds.
const EXPIRED_AT_ONCE: usize = 64;

/// How a job comes into being.
#[derive(Debug, Clone, Copy)]
struct How {
    action: Action,
    /// Whether the caller may release held jobs, so that this one is not held.
    released: bool,
}

impl How {
    fn asked_for(action: Action) -> Self {
        Self { action, released: false }
    }
}

/// A reserved key and the fingerprint of what was sent under it.
#[derive(Debug)]
pub struct IdempotencyContext {
    pub reservation: Reservation,
    pub fingerprint: Fingerprint,
}

/// Why no job was created from the entries of another one.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ResubmitError {
    #[error("there is no such job")]
    NoSuchJob,
    #[error("no entry of the job can be submitted again")]
    NothingToDo,
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl Engine {
    /// Accepts a job. Once this returns, the job is durable and readable, and each of its entries will end in one
    /// explained state. If the journal cannot record it, nothing of it is accepted.
    pub async fn submit(&self, spec: JobSpec, entries: Vec<EntryRequest>) -> Result<JobSnapshot, JournalError> {
        self.submit_under(None, spec, entries).await
    }

    /// Accepts a job together with the key that it was sent under: both or neither.
    pub async fn submit_under(
        &self,
        under: Option<IdempotencyContext>,
        spec: JobSpec,
        entries: Vec<impl Into<EntryOrder>>,
    ) -> Result<JobSnapshot, JournalError> {
        let orders = entries.into_iter().map(Into::into).collect();
        self.submit_orders(under, spec, orders, How::asked_for(Action::Submitted)).await
    }

    /// Claims a key for a submission that is still to be read.
    pub fn claim(&self, space: &KeySpace, key: &str) -> Result<Claim, TooManyKeys> {
        self.core.expire_keys(EXPIRED_AT_ONCE);
        self.core.keys.claim(space, key)
    }

    /// Creates a job from the entries that failed, were cancelled or are held.
    pub async fn retry(&self, id: JobId, under: Option<IdempotencyContext>) -> Result<JobSnapshot, ResubmitError> {
        let job = self.core.registry.get(id).ok_or(ResubmitError::NoSuchJob)?;
        let orders = job.orders(&[EntryState::Failed, EntryState::Cancelled, EntryState::Held]);
        self.resubmit(under, job.spec().clone(), orders, How::asked_for(Action::Retried)).await
    }

    /// Creates a job that carries out what a dry run planned, each entry limited to its plan. The job gets a removal
    /// check like any other, unless it is `released` by a caller who may release held jobs.
    pub async fn apply(
        &self,
        id: JobId,
        under: Option<IdempotencyContext>,
        released: bool,
    ) -> Result<JobSnapshot, ResubmitError> {
        let job = self.core.registry.get(id).ok_or(ResubmitError::NoSuchJob)?;
        let spec = JobSpec { dry_run: false, ..job.spec().clone() };
        self.resubmit(under, spec, job.planned(), How { action: Action::Applied, released }).await
    }

    async fn resubmit(
        &self,
        under: Option<IdempotencyContext>,
        spec: JobSpec,
        orders: Vec<EntryOrder>,
        how: How,
    ) -> Result<JobSnapshot, ResubmitError> {
        if orders.is_empty() {
            return Err(ResubmitError::NothingToDo);
        }
        Ok(self.submit_orders(under, spec, orders, how).await?)
    }

    /// Runs in a task of its own: a caller that goes away while the journal writes would otherwise leave a job that is
    /// journaled but not worked on, and a key that is free in memory but taken in the journal.
    async fn submit_orders(
        &self,
        under: Option<IdempotencyContext>,
        spec: JobSpec,
        orders: Vec<EntryOrder>,
        how: How,
    ) -> Result<JobSnapshot, JournalError> {
        let (told, answer) = oneshot::channel();
        let engine = self.clone();
        // Log records of the job from here on name the request that it came with.
        let accepting = async move {
            // The caller may be gone. The job goes on all the same.
            let _ = told.send(engine.accept(under, spec, orders, how).await);
        };
        self.lifecycle.spawn(accepting.in_current_span());
        answer.await.unwrap_or(Err(JournalError::Closed))
    }

    async fn accept(
        &self,
        under: Option<IdempotencyContext>,
        spec: JobSpec,
        entries: Vec<EntryOrder>,
        how: How,
    ) -> Result<JobSnapshot, JournalError> {
        let callback = spec.callback.or_else(|| self.core.settings.callback.clone());
        let rated = spec.target.unrated().is_some();
        let default_proficiency = spec.default_proficiency.or(self.core.settings.default_proficiency).filter(|_| rated);
        let spec = JobSpec { callback, default_proficiency, ..spec };
        let submitted_by = self.asker().map(|asker| asker.actor.clone());
        let dating = self.core.dating(None);
        let oldest = |id, at| oldest_place(&entries, id, at, dating.tolerance);
        let (id, created_at) = self.core.order.accept(self.core.clock.now(), oldest);
        let job = AcceptedJob { id, spec, created_at, entries, submitted_by };
        let asked = self.asked(how.action, id);
        let key = under.as_ref().map(|under| under.reservation.key(under.fingerprint, created_at));
        if let Err(error) = self.core.journal.accept_asked(job.clone(), key.into_iter().collect(), asked).await {
            self.core.order.prepared(id);
            return Err(error);
        }
        tracing::info!(job = %id, entries = job.entries.len(), target = job.spec.target.name(), "accepted a job");
        let job = Job::new(job, dating, self.core.open.clone());
        if let Some(key) = &key {
            job.keep_until(key.kept_until);
        }
        if how.released {
            // Before any of it begins. If this cannot be journaled, a restart may hold the job, which is safe.
            job.release_at_once();
            if let Err(error) = self.core.journal.note(id, JobNote::Released).await {
                tracing::error!(job = %id, %error, "cannot journal the release of a job");
            }
        }
        let snapshot = self.take_up(Arc::new(job), HashSet::new());
        // The job is readable first, so that no caller learns of a job that cannot be read.
        if let (Some(under), Some(key)) = (under, key) {
            under.reservation.accepted(key, id);
        }
        Ok(snapshot)
    }
}

/// Returns the oldest place that one of these entries takes.
fn oldest_place(entries: &[EntryOrder], id: JobId, accepted_at: Timestamp, tolerance: SignedDuration) -> Option<Place> {
    let places = (0u32..).zip(entries).map(|(index, order)| {
        let own = || Place::of((id, index), order.request.occurred_at, accepted_at, tolerance);
        order.repeats.unwrap_or_else(own)
    });
    places.min()
}
