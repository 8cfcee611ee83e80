//! A cache for a value that is read as a whole, used, and refreshed in the background.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::sync::{MutexGuard, Notify};
use tokio::time::Instant;

use crate::engine::port::CallError;

/// Limits for the age of a reading.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Ages {
    /// Age from which using a reading triggers a refresh.
    pub(in crate::engine) renew_after: Duration,
    /// Maximum age at which a reading is used.
    pub(in crate::engine) use_until: Duration,
}

/// A value and when its reading began. It may lack anything that happened later.
#[derive(Debug)]
pub(in crate::engine) struct CachedReading<T> {
    pub(in crate::engine) value: T,
    pub(in crate::engine) begun_at: Instant,
}

/// The newest reading. Reading is delegated to a closure that is called when its turn has come: a future passed in
/// would take up memory in each waiting caller.
///
/// Invariant: a reading is only replaced as a whole, by a newer one, so the holder of a reading keeps a consistent
/// view. One task at a time reads; the others wait for it and use the result if it is new enough for them.
///
/// Invariant: missing items cannot cause constant reading. Between two readings made for them there is a pause longer
/// than the reading took.
#[derive(Debug)]
pub(in crate::engine) struct Cache<T> {
    newest: RwLock<Option<Arc<CachedReading<T>>>>,
    reading: tokio::sync::Mutex<()>,
    last: Mutex<Option<Attempt>>,
    due: Notify,
    ages: Ages,
    least_rest: Duration,
}

/// The last finished reading, successful or not.
#[derive(Debug, Clone)]
struct Attempt {
    begun_at: Instant,
    rest_until: Instant,
    failed: Option<CallError>,
    /// When the first reading of the current series of failures began.
    failing_since: Option<Instant>,
}

/// Pause after a reading, as a multiple of the time that it took.
const REST: u32 = 3;
/// Pause after a failed reading. It is short because the callers pause on their own.
const REST_AFTER_FAILURE: Duration = Duration::from_secs(1);

impl<T> Cache<T> {
    /// Creates an empty cache. `least_rest` is the minimum pause before a reading that is made for something missing.
    pub(in crate::engine) fn new(ages: Ages, least_rest: Duration) -> Self {
        let (newest, reading, last, due) =
            (RwLock::default(), tokio::sync::Mutex::default(), Mutex::default(), Notify::new());
        Self { newest, reading, last, due, ages, least_rest }
    }

    /// Returns the newest reading, whatever its age.
    pub(in crate::engine) fn newest(&self) -> Option<Arc<CachedReading<T>>> {
        self.newest.read().clone()
    }

    /// Returns the newest reading if it may be used, and triggers a refresh if it is getting old.
    pub(in crate::engine) fn usable(&self) -> Option<Arc<CachedReading<T>>> {
        let newest = self.newest()?;
        let age = newest.begun_at.elapsed();
        if age > self.ages.renew_after {
            self.due.notify_one();
        }
        (age <= self.ages.use_until).then_some(newest)
    }

    /// Returns the newest reading if it may be used, otherwise a new one.
    pub(in crate::engine) async fn get(
        &self,
        read: impl AsyncFnOnce() -> Result<T, CallError>,
    ) -> Result<Arc<CachedReading<T>>, CallError> {
        match self.usable() {
            Some(reading) => Ok(reading),
            None => self.that(|newest| newest.begun_at.elapsed() <= self.ages.renew_after, read).await,
        }
    }

    /// Returns a reading that began at `since` or later. One reading serves all waiting callers.
    pub(in crate::engine) async fn begun_since(
        &self,
        since: Instant,
        read: impl AsyncFnOnce() -> Result<T, CallError>,
    ) -> Result<Arc<CachedReading<T>>, CallError> {
        self.that(|newest| newest.begun_at >= since, read).await
    }

    /// Returns the newest reading if it is good enough, otherwise reads once the pause after the last reading is over.
    /// If another caller reads meanwhile and fails, returns its error.
    async fn that(
        &self,
        is_good: impl Fn(&CachedReading<T>) -> bool,
        read: impl AsyncFnOnce() -> Result<T, CallError>,
    ) -> Result<Arc<CachedReading<T>>, CallError> {
        let asked_at = Instant::now();
        loop {
            let turn = self.turn().await;
            if let Some(good) = self.newest().filter(|newest| is_good(newest)) {
                return Ok(good);
            }
            let Some(last) = self.last() else { return turn.read(read).await };
            if let Some(error) = last.failed.filter(|_| last.begun_at >= asked_at) {
                return Err(error);
            }
            if last.rest_until <= Instant::now() {
                return turn.read(read).await;
            }
            // Let others take their turn during the pause.
            drop(turn);
            tokio::time::sleep_until(last.rest_until).await;
        }
    }

    /// Reads anew unconditionally.
    pub(in crate::engine) async fn renew(
        &self,
        read: impl AsyncFnOnce() -> Result<T, CallError>,
    ) -> Result<Arc<CachedReading<T>>, CallError> {
        self.turn().await.read(read).await
    }

    /// Waits for the exclusive right to read.
    pub(in crate::engine) async fn turn(&self) -> CacheTurn<'_, T> {
        CacheTurn { cache: self, _reading: self.reading.lock().await }
    }

    fn replace(&self, value: T, begun_at: Instant) -> Arc<CachedReading<T>> {
        let reading = Arc::new(CachedReading { value, begun_at });
        *self.newest.write() = Some(Arc::clone(&reading));
        reading
    }

    fn last(&self) -> Option<Attempt> {
        self.last.lock().clone()
    }

    fn ended(&self, begun_at: Instant, failed: Option<&CallError>) {
        let now = Instant::now();
        let rest = match failed {
            Some(_) => REST_AFTER_FAILURE,
            None => self.least_rest.max(now.duration_since(begun_at) * REST),
        };
        let before = self.last().and_then(|last| last.failing_since);
        let failing_since = failed.map(|_| before.unwrap_or(begun_at));
        let attempt = Attempt { begun_at, rest_until: now + rest, failed: failed.cloned(), failing_since };
        *self.last.lock() = Some(attempt);
    }

    /// Returns when the readings began to fail because Genesys does not answer, if no usable reading is left.
    pub(in crate::engine) fn unreadable_since(&self) -> Option<Instant> {
        let last = self.last()?;
        let passes = matches!(last.failed, Some(CallError::Unavailable { .. } | CallError::Uncertain(_)));
        let stale = self.newest().is_none_or(|newest| newest.begun_at.elapsed() > self.ages.use_until);
        last.failing_since.filter(|_| passes && stale)
    }

    /// Triggers a refresh without waiting for it.
    pub(in crate::engine) fn ask_for_a_new_one(&self) {
        self.due.notify_one();
    }

    /// Waits until a refresh is triggered.
    pub(in crate::engine) async fn due(&self) {
        self.due.notified().await;
    }

    /// Reads anew unless the newest reading is still fresh.
    pub(in crate::engine) async fn freshen(
        &self,
        read: impl AsyncFnOnce() -> Result<T, CallError>,
    ) -> Result<(), CallError> {
        self.that(|newest| newest.begun_at.elapsed() <= self.ages.renew_after, read).await.map(drop)
    }
}

/// The exclusive right to replace the newest reading. Dropping it gives the right up, even during a reading.
#[derive(Debug)]
pub(in crate::engine) struct CacheTurn<'a, T> {
    cache: &'a Cache<T>,
    _reading: MutexGuard<'a, ()>,
}

impl<T> CacheTurn<'_, T> {
    /// Reads and replaces the newest reading.
    pub(in crate::engine) async fn read(
        &self,
        read: impl AsyncFnOnce() -> Result<T, CallError>,
    ) -> Result<Arc<CachedReading<T>>, CallError> {
        let begun_at = Instant::now();
        let read = read().await;
        self.cache.ended(begun_at, read.as_ref().err());
        Ok(self.cache.replace(read?, begun_at))
    }

    /// Amends the newest reading with what was learnt since. Its age stays the same.
    pub(in crate::engine) fn amend(&self, amended: impl FnOnce(&T) -> T) {
        if let Some(newest) = self.cache.newest() {
            self.cache.replace(amended(&newest.value), newest.begun_at);
        }
    }
}

#[cfg(test)]
mod tests;
