//! Background tasks and shutdown: what runs, how it is told to stop, and who waits for it.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::FutureExt;
use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Pauses before a task that panicked is restarted: the first one, which doubles each time, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// Run time after which earlier panics of a task no longer count.
const WELL_AFTER: Duration = Duration::from_secs(600);
/// Number of consecutive panics after which the service gives up on a task it needs: after some four minutes.
const MAX_PANICS: u32 = 10;
/// Name of tasks that have none of their own.
const OTHER: &str = "other";

/// Owns every background task of a running service.
///
/// Invariant: a task spawned here is either finished or cancelled when [`Lifecycle::stop`] returns. Nothing outlives it
/// unnoticed, because nothing else in the program spawns.
///
/// Invariant: no panic of a task goes unnoticed. It is counted and logged with only the task's name, because the
/// message of a panic may contain anything. Tasks that the service needs are restarted by [`Lifecycle::keep_running`].
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    tasks: TaskTracker,
    /// Tasks that a shutdown does not wait for.
    lingering: TaskTracker,
    stopping: CancellationToken,
    /// Cancelled when only lingering tasks are left, or the grace period is over.
    stopped: CancellationToken,
    panics: Arc<Mutex<BTreeMap<&'static str, u64>>>,
    /// Tasks that the service needs and that are about to be restarted.
    down: Arc<Mutex<BTreeSet<&'static str>>>,
    failure: Arc<OnceLock<String>>,
}

/// What to do about a task that panics again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hopeless {
    /// End the service, so that a supervisor restarts it.
    EndService,
    /// Retry the task forever.
    TryOn,
}

impl Lifecycle {
    /// Runs `task` to its end. The task has to watch [`Lifecycle::stopping`] itself if it would not end otherwise.
    pub fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (this, task) = (self.clone(), Box::pin(task));
        self.tasks.spawn(async move {
            let _ = this.caught(OTHER, task).await;
        });
    }

    /// Runs a task that the service needs, until it ends by itself. If it panics, it is restarted after a pause, so
    /// state that must survive has to be kept outside of it. If it panics repeatedly, the service fails.
    pub fn keep_running<F, T>(&self, name: &'static str, task: F)
    where
        F: FnMut() -> T + Send + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        self.register(name);
        let this = self.clone();
        self.tasks.spawn(async move { this.repeat(name, Hopeless::EndService, task).await });
    }

    /// Like [`Lifecycle::keep_running`], but only until the service stops, for a task that may be dropped at any await.
    pub fn keep_running_until_stop<F, T>(&self, name: &'static str, task: F)
    where
        F: FnMut() -> T + Send + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        self.register(name);
        let this = self.clone();
        self.spawn_until_stop(async move { this.repeat(name, Hopeless::EndService, task).await });
    }

    /// Like [`Lifecycle::keep_running_until_stop`], for a task that the service can do without for a while: it is
    /// restarted however often it panics.
    pub fn keep_trying_until_stop<F, T>(&self, name: &'static str, task: F)
    where
        F: FnMut() -> T + Send + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        self.register(name);
        let this = self.clone();
        self.spawn_until_stop(async move { this.repeat(name, Hopeless::TryOn, task).await });
    }

    async fn repeat<F, T>(&self, name: &'static str, hopeless: Hopeless, mut task: F)
    where
        F: FnMut() -> T + Send,
        T: Future<Output = ()> + Send,
    {
        let (mut pause, longest) = PAUSES;
        let mut in_a_row = 0;
        loop {
            let begun = Instant::now();
            if self.caught(name, async { task().await }).await.is_some() {
                return;
            }
            if begun.elapsed() >= WELL_AFTER {
                (pause, in_a_row) = (PAUSES.0, 0);
            }
            in_a_row += 1;
            if in_a_row >= MAX_PANICS && hopeless == Hopeless::EndService {
                return self.fail(format!("the task {name:?} panicked {in_a_row} times in a row; this is a defect"));
            }
            if hopeless == Hopeless::EndService {
                self.down().insert(name);
            }
            tokio::time::sleep(pause).await;
            self.down().remove(name);
            pause = longest.min(pause * 2);
        }
    }

    /// Runs a piece of work under a name. Resolves to `None` if it panicked, which is counted and logged.
    pub fn caught<F: Future>(&self, name: &'static str, work: F) -> impl Future<Output = Option<F::Output>> {
        // Not an `async fn`, which would reserve memory for the work twice: for the argument, and for polling it.
        AssertUnwindSafe(work).catch_unwind().map(move |result| {
            if result.is_err() {
                *self.panics.lock().entry(name).or_default() += 1;
                // The panic hook has already printed the message to stderr.
                tracing::error!(task = name, "a task panicked; this is a defect of skillsync, please report it");
            }
            result.ok()
        })
    }

    fn register(&self, name: &'static str) {
        self.panics.lock().entry(name).or_default();
    }

    /// Returns how often tasks panicked, by name.
    pub fn panics(&self) -> BTreeMap<&'static str, u64> {
        self.panics.lock().clone()
    }

    /// Returns a task that the service needs and that is not running at the moment, because it panicked.
    pub fn task_down(&self) -> Option<&'static str> {
        self.down().first().copied()
    }

    fn down(&self) -> MutexGuard<'_, BTreeSet<&'static str>> {
        self.down.lock()
    }

    /// Stops the service because it cannot continue; the reason is logged and makes it unready. The first reason is
    /// kept.
    pub fn fail(&self, reason: String) {
        tracing::error!(reason, "the service cannot continue and stops");
        let _ = self.failure.set(reason);
        self.begin_stop();
    }

    /// Returns why the service cannot continue, if that is so.
    pub fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// Runs `task` until it ends or the service stops, whichever comes first; for work that may be dropped at any
    /// await.
    pub fn spawn_until_stop<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let this = self.clone();
        // Boxed, because it would otherwise take its memory twice: for the argument, and for polling it.
        let task = Box::pin(task);
        self.tasks.spawn(async move {
            tokio::select! {
                biased;
                () = this.stopping.cancelled() => {}
                _ = this.caught(OTHER, task) => {}
            }
        });
    }

    /// Runs `task` until it ends or the service has stopped: for as long as anything else runs, without delaying the
    /// shutdown.
    pub fn spawn_until_stopped<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (this, task) = (self.clone(), Box::pin(task));
        self.lingering.spawn(async move {
            tokio::select! {
                biased;
                () = this.stopped.cancelled() => {}
                _ = this.caught(OTHER, task) => {}
            }
        });
    }

    /// Resolves when the service was told to stop.
    pub async fn stopping(&self) {
        self.stopping.cancelled().await;
    }

    /// Returns whether the service was told to stop.
    pub fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// Tells every task to stop, without waiting for it.
    pub fn begin_stop(&self) {
        self.stopping.cancel();
    }

    /// Tells every task to stop and waits for them, at most for `grace`. Returns false if some were still running then.
    pub async fn stop(&self, grace: Duration) -> bool {
        self.begin_stop();
        self.tasks.close();
        let all_ended = tokio::time::timeout(grace, self.tasks.wait()).await.is_ok();
        self.stopped.cancel();
        self.lingering.close();
        self.lingering.wait().await;
        all_ended
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
    async fn lingering_tasks_run_beside_the_others_and_hold_up_nothing() {
        let (lifecycle, begun) = (Lifecycle::default(), Instant::now());
        lifecycle.spawn(tokio::time::sleep(Duration::from_secs(2)));
        let lasts = Arc::<Mutex<Vec<u64>>>::default();
        let log = Arc::clone(&lasts);
        lifecycle.begin_stop();
        lifecycle.spawn_until_stopped(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(1500)).await;
                log.lock().push(begun.elapsed().as_secs());
            }
        });
        assert!(lifecycle.stop(Duration::from_secs(5)).await);
        assert_eq!((begun.elapsed().as_secs(), lasts.lock().as_slice()), (2, [1].as_slice()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_is_counted_and_started_anew_with_growing_pauses() {
        let (lifecycle, begun) = (Lifecycle::default(), Instant::now());
        let starts = Arc::<Mutex<Vec<u64>>>::default();
        let log = Arc::clone(&starts);
        lifecycle.keep_running("clock", move || {
            log.lock().push(begun.elapsed().as_secs());
            let well = log.lock().len() == 4;
            async move { assert!(well, "a defect") }
        });
        lifecycle.spawn(async { panic!("another") });
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(lifecycle.task_down(), Some("clock"));
        lifecycle.spawn_until_stop(async { panic!("one more") });
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(*starts.lock(), [0, 1, 3, 7]);
        assert_eq!(lifecycle.panics(), BTreeMap::from([("clock", 3), ("other", 2)]));
        assert_eq!((lifecycle.failure(), lifecycle.task_down()), (None, None));
        assert!(lifecycle.stop(Duration::from_secs(1)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn the_service_fails_without_what_it_cannot_do_without_and_not_without_the_rest() {
        let lifecycle = Lifecycle::default();
        lifecycle.keep_trying_until_stop("optional", || async { panic!("a defect") });
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert!(lifecycle.failure().is_none() && !lifecycle.is_stopping() && lifecycle.panics()["optional"] > 100);
        lifecycle.keep_running_until_stop("vital", || async { panic!("a defect") });
        tokio::time::timeout(Duration::from_secs(600), lifecycle.stopping()).await.unwrap();
        assert!(lifecycle.failure().unwrap().contains("vital"));
        assert_eq!(lifecycle.panics()["vital"], u64::from(MAX_PANICS));
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_grace_is_reported() {
        let lifecycle = Lifecycle::default();
        lifecycle.spawn(std::future::pending());
        assert!(!lifecycle.stop(Duration::from_secs(5)).await);
    }
}
