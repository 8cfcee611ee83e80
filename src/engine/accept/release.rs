//! What people decide about a job: to cancel it, and to let it go on when it is held.

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
    /// Ends what has not been written; a write that is under way is finished. The answer shows what is durable. `None` if
    /// there is no such job.
    ///
    /// In a task of its own: what is decided has to be shown, also if the caller goes away meanwhile.
    pub async fn cancel(&self, id: JobId) -> Option<JobSnapshot> {
        let job = self.core.registry.get(id)?;
        // Cancelling once more changes nothing.
        let asked = if job.is_over() || job.is_cancelled() { None } else { self.asked(Action::Cancelled, id) };
        let (told, answer) = oneshot::channel();
        let (core, cancelled) = (Arc::clone(&self.core), Arc::clone(&job));
        self.lifecycle.spawn(async move {
            // A cancel that cannot be recorded still cancels: it takes nothing away.
            if let Some(asked) = asked
                && let Err(error) = core.journal.audit(asked).await
            {
                tracing::error!(job = %cancelled.id(), %error, "cannot record who cancelled a job");
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

    /// Lets a held job go on, without weighing it again. Durable when it answers; again for one that goes on already, it
    /// changes nothing. `None` if there is no such job, or it was never held.
    ///
    /// In a task of its own, like accepting: a caller who goes away while the journal writes would else leave a job that
    /// is released there and still held here.
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
            // Of several callers at a time, or one who cancels, one comes first.
            if job.release() {
                tracing::info!(job = %id, "a held job goes on");
                let snapshot = job.snapshot();
                self.work_on(job, HashSet::new());
                return Ok(Some(snapshot));
            }
        }
        Ok(job.was_held().then(|| job.snapshot()))
    }
}

impl EngineCore {
    /// What is under way of a cancelled job ends at its next look, also if that is another process's. Kept over failures of
    /// the journal, as the ends of entries are.
    async fn note_cancelled(&self, job: JobId) {
        let mut tries = 0;
        while let Err(error) = self.journal.note(job, JobNote::Cancelled).await {
            tracing::error!(%job, %error, "cannot write down that a job is cancelled");
            if !matches!(error, JournalError::CannotWrite(_)) {
                return;
            }
            tries += 1;
            tokio::time::sleep(self.backoff.pause(tries)).await;
        }
    }
}
