//! Tasks and shutdown: who runs in the background, how they are told to stop, and who waits for them.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Owns every background task of one running service.
///
/// Invariant: a task spawned here is either finished or cancelled when [`Lifecycle::stop`] returns; nothing outlives it
/// unnoticed, because nothing else in the program spawns.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    tasks: TaskTracker,
    stopping: CancellationToken,
}

impl Lifecycle {
    /// Runs `task` to its end; it is expected to watch [`Lifecycle::stopping`] itself if it would otherwise not end.
    pub fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(task);
    }

    /// Runs `task` until it ends or the service stops, whichever comes first; for work that may be dropped anywhere.
    pub fn spawn_until_stop<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let stopping = self.stopping.clone();
        // In a box, because it would take its room twice: where it is handed in, and where it is polled.
        let task = Box::pin(task);
        self.tasks.spawn(async move {
            tokio::select! {
                biased;
                () = stopping.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// Resolves when the service was told to stop.
    pub async fn stopping(&self) {
        self.stopping.cancelled().await;
    }

    /// Whether the service was told to stop.
    pub fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// Tells every task to stop without waiting for them.
    pub fn begin_stop(&self) {
        self.stopping.cancel();
    }

    /// Tells every task to stop and waits at most `grace` for them; false if some were still running then.
    pub async fn stop(&self, grace: Duration) -> bool {
        self.begin_stop();
        self.tasks.close();
        tokio::time::timeout(grace, self.tasks.wait()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn stop_waits_for_running_tasks_and_drops_the_droppable_ones() {
        let lifecycle = Lifecycle::default();
        let (done, finished) = tokio::sync::oneshot::channel();
        lifecycle.spawn(async move {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let _ = done.send(());
        });
        lifecycle.spawn_until_stop(std::future::pending());
        assert!(lifecycle.stop(Duration::from_secs(5)).await);
        assert!(finished.await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_grace_is_reported() {
        let lifecycle = Lifecycle::default();
        lifecycle.spawn(std::future::pending());
        assert!(!lifecycle.stop(Duration::from_secs(5)).await);
    }
}
