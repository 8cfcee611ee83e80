//! The engine's part in callbacks: which jobs want one, and how far each has come. Sending them is up to others.

use tokio::sync::mpsc;

use crate::domain::JobId;
use crate::domain::callback::CallbackProgress;
use crate::engine::core::Engine;
use crate::journal::JobNote;

impl Engine {
    /// Returns the ids of jobs that want a callback and may still get one, beginning with those of an earlier process.
    /// There is one receiver: further calls return `None`.
    pub fn jobs_with_callback(&self) -> Option<mpsc::UnboundedReceiver<JobId>> {
        self.core.called_back.take()
    }

    /// Records the progress of a job's callback. A settled callback is journaled first; if that fails, it is tried
    /// again after a restart.
    pub async fn callback_went(&self, id: JobId, progress: CallbackProgress) {
        let Some(job) = self.core.registry.get(id) else { return };
        if let Some(settled) = progress.settled.clone()
            && let Err(error) = self.core.journal.note(id, JobNote::CallbackSettled(settled)).await
        {
            tracing::error!(job = %id, %error, "cannot journal that a callback is settled");
        }
        job.callback_went(progress);
    }
}
