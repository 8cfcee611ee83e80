//! The jobs that want a callback, and how far each has come.

use tokio::sync::mpsc;

use super::Job;
use crate::domain::JobId;
use crate::domain::callback::CallbackProgress;

impl Job {
    pub(in crate::engine) fn callback_went(&self, progress: CallbackProgress) {
        self.change(|state| {
            // What was settled before stays so until something else is.
            let settled = progress.settled.clone().or_else(|| state.callback.settled.take());
            state.callback = CallbackProgress { settled, ..progress };
        });
    }
}

/// Hands the jobs that want a callback to whoever sends them.
#[derive(Debug)]
pub(in crate::engine) struct CallbackQueue {
    jobs: mpsc::UnboundedSender<JobId>,
    receiver: parking_lot::Mutex<Option<mpsc::UnboundedReceiver<JobId>>>,
}

impl Default for CallbackQueue {
    fn default() -> Self {
        let (jobs, receiver) = mpsc::unbounded_channel();
        Self { jobs, receiver: parking_lot::Mutex::new(Some(receiver)) }
    }
}

impl CallbackQueue {
    /// A job is there that may want one.
    pub(in crate::engine) fn note(&self, job: &Job) {
        if job.spec().callback.is_some() {
            // Without a receiver nobody is called back, as configured.
            let _ = self.jobs.send(job.id());
        }
    }

    pub(in crate::engine) fn take(&self) -> Option<mpsc::UnboundedReceiver<JobId>> {
        self.receiver.lock().take()
    }
}
