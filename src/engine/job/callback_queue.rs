//! The queue of jobs that want a callback, and the callback progress of each job.

use tokio::sync::mpsc;

use super::Job;
use crate::domain::JobId;
use crate::domain::callback::CallbackProgress;

impl Job {
    /// Records the progress of the callback.
    pub(in crate::engine) fn callback_went(&self, progress: CallbackProgress) {
        self.change(|state| {
            // A callback that was settled earlier stays settled until another one is.
            let settled = progress.settled.clone().or_else(|| state.callback.settled.take());
            state.callback = CallbackProgress { settled, ..progress };
        });
    }
}

/// Hands the jobs that want a callback to the task that sends them.
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
    /// Queues the job if it wants a callback.
    pub(in crate::engine) fn note(&self, job: &Job) {
        if job.spec().callback.is_some() {
            // Without a receiver, callbacks are disabled by configuration.
            let _ = self.jobs.send(job.id());
        }
    }

    /// Takes the receiver. Returns `None` if it was taken before.
    pub(in crate::engine) fn take(&self) -> Option<mpsc::UnboundedReceiver<JobId>> {
        self.receiver.lock().take()
    }
}
