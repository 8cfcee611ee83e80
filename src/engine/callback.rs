//! What the engine knows of callbacks: which jobs want one, and how far it has come. Sending them is for others.

use tokio::sync::mpsc;

use super::Engine;
use super::job::Job;
use crate::domain::JobId;
use crate::domain::callback::CallbackProgress;
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

impl Job {
    fn callback_went(&self, progress: CallbackProgress) {
        self.change(|state| {
            // What was settled before stays so until something else is.
            let settled = progress.settled.clone().or_else(|| state.callback.settled.take());
            state.callback = CallbackProgress { settled, ..progress };
        });
    }
}

/// Hands the jobs that want a callback to whoever sends them.
#[derive(Debug)]
pub(super) struct CalledBack {
    jobs: mpsc::UnboundedSender<JobId>,
    receiver: std::sync::Mutex<Option<mpsc::UnboundedReceiver<JobId>>>,
}

impl Default for CalledBack {
    fn default() -> Self {
        let (jobs, receiver) = mpsc::unbounded_channel();
        Self { jobs, receiver: std::sync::Mutex::new(Some(receiver)) }
    }
}

impl CalledBack {
    /// A job is there that may want one.
    pub(super) fn note(&self, job: &Job) {
        if job.spec().callback.is_some() {
            // Without a receiver nobody is called back, as configured.
            let _ = self.jobs.send(job.id());
        }
    }

    fn take(&self) -> Option<mpsc::UnboundedReceiver<JobId>> {
        self.receiver.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
    }
}
