//! Letting a held job go on.

use tokio::sync::oneshot;

use super::Engine;
use super::job::JobSnapshot;
use crate::domain::JobId;
use crate::domain::job::JobStatus;
use crate::journal::{JobNote, JournalError};

impl Engine {
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
            self.core.journal.note(id, JobNote::Released).await?;
            // Of several callers at a time, or one who cancels, one comes first.
            if job.release() {
                tracing::info!(job = %id, "a held job goes on");
                let snapshot = job.snapshot();
                self.work_on(job);
                return Ok(Some(snapshot));
            }
        }
        Ok(job.was_released().then(|| job.snapshot()))
    }
}
