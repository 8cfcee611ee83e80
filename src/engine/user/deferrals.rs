//! The timer for users that wait without a seat.

use std::collections::BTreeSet;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::domain::UserKey;

/// Maximum deferral, whatever time was requested: an attempt in vain costs a single call.
const MAX_DEFERRAL: Duration = Duration::from_secs(3600);

/// The waiting users, each with the time to wake it.
///
/// Invariant: a deferred user stays in the set until it has been woken. The set lives outside the task that watches the
/// time, so a panic of that task loses no user: the task is restarted and finds the set unchanged.
#[derive(Debug, Default)]
pub(in crate::engine) struct Deferrals {
    waiting: Mutex<BTreeSet<(Instant, UserKey)>>,
    changed: Notify,
}

impl Deferrals {
    /// Defers a user until `at`, but no longer than an hour.
    pub(in crate::engine) fn put(&self, user: UserKey, at: Instant) {
        self.lock().insert((at.min(Instant::now() + MAX_DEFERRAL), user));
        self.changed.notify_one();
    }

    /// Calls `wake` for each user whose time has come. Must not be called concurrently.
    pub(in crate::engine) async fn keep_time(&self, wake: impl Fn(UserKey)) {
        loop {
            let next = self.lock().first().copied();
            match next {
                None => self.changed.notified().await,
                Some((at, _)) if at > Instant::now() => tokio::select! {
                    () = tokio::time::sleep_until(at) => {}
                    () = self.changed.notified() => {}
                },
                Some(due) => {
                    wake(due.1);
                    self.lock().remove(&due);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<(Instant, UserKey)>> {
        self.waiting.lock()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use uuid::Uuid;

    use super::*;
    use crate::domain::{Target, UserId};

    fn user(n: u128) -> UserKey {
        UserKey { target: Target::WfmSkillGroups, user: UserId(Uuid::from_u128(n)) }
    }

    const fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[tokio::test(start_paused = true)]
    async fn everybody_is_woken_in_time_and_nobody_waits_for_longer_than_an_hour() {
        let (deferrals, begun, woken) = (Deferrals::default(), Instant::now(), Mutex::new(Vec::new()));
        let beyond = begun + secs(3600 * 24 * 365 * 100);
        for (n, at) in [(1, begun + secs(10)), (2, beyond), (3, begun), (4, begun + secs(10))] {
            deferrals.put(user(n), at);
        }
        let later = async {
            tokio::time::sleep(secs(2)).await;
            deferrals.put(user(5), begun + secs(3));
            std::future::pending::<()>().await;
        };
        let wake = |user: UserKey| woken.lock().push((user.user.0.as_u128(), begun.elapsed().as_secs()));
        let all = async { tokio::join!(deferrals.keep_time(wake), later) };
        assert!(tokio::time::timeout(secs(4000), all).await.is_err());
        assert_eq!(*woken.lock(), [(3, 0), (5, 3), (1, 10), (4, 10), (2, 3600)]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_not_lost_when_the_clock_panics() {
        let (lifecycle, begun) = (crate::lifecycle::Lifecycle::default(), Instant::now());
        let deferrals = Arc::<Deferrals>::default();
        let (panicked, woken) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Vec<_>>>::default());
        deferrals.put(user(1), begun + secs(10));
        deferrals.put(user(2), begun + secs(60));
        let (kept, log) = (Arc::clone(&deferrals), Arc::clone(&woken));
        lifecycle.keep_running_until_stop("clock", move || {
            let (deferrals, panicked, log) = (Arc::clone(&kept), Arc::clone(&panicked), Arc::clone(&log));
            async move {
                let wake = |user: UserKey| {
                    assert!(panicked.swap(true, Ordering::Relaxed), "a defect");
                    log.lock().push((user.user.0.as_u128(), begun.elapsed().as_secs()));
                };
                deferrals.keep_time(wake).await;
            }
        });
        tokio::time::sleep(secs(100)).await;
        assert_eq!(*woken.lock(), [(1, 11), (2, 60)]);
        assert_eq!(lifecycle.panics()["clock"], 1);
    }
}
