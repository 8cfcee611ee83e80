//! Decisions of people about a job: cancelling it, and releasing it when it is held.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::domain::JobId;
use crate::domain::audit::Action;
use crate::domain::job::JobStatus;
use crate::engine::core::Engine;
use crate::engine::core::EngineCore;
use crate::engine::job::JobSnapshot;
use crate::journal::{JobNote, JournalError};

impl Engine {
    /// Cancels what has not been written; a write that is under way is finished. The snapshot shows what is durable.
    /// Returns `None` if there is no such job.
    ///
    /// Runs in a task of its own, because what is decided must be shown even if the caller goes away meanwhile.
    pub async fn cancel(&self, id: JobId) -> Option<JobSnapshot> {
        let job = self.core.registry.get(id)?;
        // Cancelling a second time changes nothing.
        let asked = if job.is_over() || job.is_cancelled() { None } else { self.asked(Action::Cancelled, id) };
        let (told, answer) = oneshot::channel();
        let (core, cancelled) = (Arc::clone(&self.core), Arc::clone(&job));
        self.lifecycle.spawn(async move {
            // A cancellation that cannot be journaled still takes effect: it removes nothing.
            if let Some(asked) = asked
                && let Err(error) = core.journal.audit(asked).await
            {
                tracing::error!(job = %cancelled.id(), %error, "cannot journal who cancelled a job");
            }
            core.cancel(&cancelled).shown().await;
            if cancelled.is_over() {
                core.order.prepared(cancelled.id());
            } else {
                core.note_cancelled(cancelled.id()).await;
            }
            let _ = told.send(());
        });
        let _ = answer.await;
        Some(job.snapshot())
    }

    /// Releases a held job without another removal check. The release is durable once this returns; releasing a job a
    /// second time changes nothing. Returns `None` if there is no such job or it was never held.
    ///
    /// Runs in a task of its own, like accepting: a caller that goes away while the journal writes would otherwise
    /// leave a job that is released in the journal and still held in memory.
    pub async fn release(&self, id: JobId) -> Result<Option<JobSnapshot>, JournalError> {
        let (told, answer) = oneshot::channel();
        let engine = self.clone();
        self.lifecycle.spawn(async move {
            let _ = told.send(engine.let_go_on(id).await);
        });
        answer.await.unwrap_or(Err(JournalError::Closed))
    }

    async fn let_go_on(&self, id: JobId) -> Result<Option<JobSnapshot>, JournalError> {
        let Some(job) = self.core.registry.get(id) else { return Ok(None) };
        if job.status() == JobStatus::Held {
            self.core.journal.note_asked(id, JobNote::Released, self.asked(Action::Released, id)).await?;
            // Of several concurrent callers, of which one may cancel, only one comes first.
            if job.release() {
                tracing::info!(job = %id, "released a held job");
                let snapshot = job.snapshot();
                self.work_on(job, HashSet::new());
                return Ok(Some(snapshot));
            }
        }
        Ok(job.was_held().then(|| job.snapshot()))
    }
}

impl EngineCore {
    /// Journals the cancellation of a job, so that its work under way ends at its next read, even in a later process.
    /// Tried again after failures of the journal, like the ends of entries.
    async fn note_cancelled(&self, job: JobId) {
        let mut tries = 0;
        while let Err(error) = self.journal.note(job, JobNote::Cancelled).await {
            tracing::error!(%job, %error, "cannot journal that a job is cancelled");
            if !matches!(error, JournalError::CannotWrite(_)) {
                return;
            }
            tries += 1;
            tokio::time::sleep(self.backoff.pause(tries)).await;
        }
    }
}
