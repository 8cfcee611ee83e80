//! What the engine knows of callbacks: which jobs want one, and how far it has come. Sending them is for others.

use tokio::sync::mpsc;

use crate::domain::JobId;
use crate::domain::callback::CallbackProgress;
use crate::engine::core::Engine;
use crate::journal::JobNote;

impl Engine {
    /// The ids of jobs that want a callback and may still get one, those of a process before first; for one receiver.
    pub fn jobs_with_callback(&self) -> Option<mpsc::UnboundedReceiver<JobId>> {
        self.core.called_back.take()
    }

    /// A callback was tried. What is settled is written down first; if that fails, a restart tries again.
    pub async fn callback_went(&self, id: JobId, progress: CallbackProgress) {
        let Some(job) = self.core.registry.get(id) else { return };
        if let Some(settled) = progress.settled.clone()
            && let Err(error) = self.core.journal.note(id, JobNote::CallbackSettled(settled)).await
        {
            tracing::error!(job = %id, %error, "cannot write down that a callback is settled");
        }
        job.callback_went(progress);
    }
}
