//! Something that is read as a whole, kept, and read again behind the backs of those who use it.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::sync::{MutexGuard, Notify};
use tokio::time::Instant;

use crate::engine::port::CallError;

/// How old a reading may get.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Ages {
    /// Older ones are used, and a new one is asked for.
    pub(in crate::engine) renew_after: Duration,
    /// Older ones are not used.
    pub(in crate::engine) use_until: Duration,
}

/// A value and when it was begun to be read: it shows nothing that is older.
#[derive(Debug)]
pub(in crate::engine) struct CachedReading<T> {
    pub(in crate::engine) value: T,
    pub(in crate::engine) begun_at: Instant,
}

/// The newest reading. New ones are read by a function that is called when its turn has come: a future handed through would
/// take its room in each of those who wait.
///
/// Invariant: a reading is replaced as a whole, by a newer one; who holds one keeps a consistent view. One task at a time
/// reads a new one; the others wait for it and use it, as far as it is new enough for them.
///
/// Invariant: those who miss something cannot have it read all the time. Between two readings that are made for them there is
/// a rest, longer than the reading took.
#[derive(Debug)]
pub(in crate::engine) struct Cache<T> {
    newest: RwLock<Option<Arc<CachedReading<T>>>>,
    reading: tokio::sync::Mutex<()>,
    last: Mutex<Option<Attempt>>,
    due: Notify,
    ages: Ages,
    least_rest: Duration,
}

/// The last reading that came to an end, good or bad.
#[derive(Debug, Clone)]
struct Attempt {
    begun_at: Instant,
    rest_until: Instant,
    failed: Option<CallError>,
    /// When the first of those was begun that failed without one between them that did not.
    failing_since: Option<Instant>,
}

/// The rest after a reading, as a multiple of the time that it took.
const REST: u32 = 3;
/// The rest after a reading that failed: those who need it have pauses of their own.
const REST_AFTER_FAILURE: Duration = Duration::from_secs(1);

impl<T> Cache<T> {
    /// Nothing is read again for something that is missing until it has rested for `least_rest`.
    pub(in crate::engine) fn new(ages: Ages, least_rest: Duration) -> Self {
        let (newest, reading, last, due) =
            (RwLock::default(), tokio::sync::Mutex::default(), Mutex::default(), Notify::new());
        Self { newest, reading, last, due, ages, least_rest }
    }

    /// The newest reading, however old.
    pub(in crate::engine) fn newest(&self) -> Option<Arc<CachedReading<T>>> {
        self.newest.read().clone()
    }

    /// The newest reading, if it can be used; asks for a new one if it is getting old.
    pub(in crate::engine) fn usable(&self) -> Option<Arc<CachedReading<T>>> {
        let newest = self.newest()?;
        let age = newest.begun_at.elapsed();
        if age > self.ages.renew_after {
            self.due.notify_one();
        }
        (age <= self.ages.use_until).then_some(newest)
    }

    /// The newest reading if it can be used, else a new one.
    pub(in crate::engine) async fn get(
        &self,
        read: impl AsyncFnOnce() -> Result<T, CallError>,
    ) -> Result<Arc<CachedReading<T>>, CallError> {
        match self.usable() {
            Some(reading) => Ok(reading),
            None => self.that(|newest| newest.begun_at.elapsed() <= self.ages.renew_after, read).await,
        }
    }

    /// A reading that was not begun before `since`: one is enough for all who wait for one.
    pub(in crate::engine) async fn begun_since(
        &self,
        since: Instant,
        read: impl AsyncFnOnce() -> Result<T, CallError>,
    ) -> Result<Arc<CachedReading<T>>, CallError> {
        self.that(|newest| newest.begun_at >= since, read).await
    }

    /// The newest reading if it is good enough, else a new one, as soon as the rest after the last one is over. If somebody
    /// else tries meanwhile and fails, that is the answer.
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
            // Others may have their turn during the rest.
            drop(turn);
            tokio::time::sleep_until(last.rest_until).await;
        }
    }

    /// A reading of one's own.
    pub(in crate::engine) async fn renew(
        &self,
        read: impl AsyncFnOnce() -> Result<T, CallError>,
    ) -> Result<Arc<CachedReading<T>>, CallError> {
        self.turn().await.read(read).await
    }

    /// Waits until nobody reads, and keeps others from it.
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

    /// Since when every reading has failed because Genesys does not answer, if none can be used any more.
    pub(in crate::engine) fn unreadable_since(&self) -> Option<Instant> {
        let last = self.last()?;
        let passes = matches!(last.failed, Some(CallError::Unavailable { .. } | CallError::Uncertain(_)));
        let stale = self.newest().is_none_or(|newest| newest.begun_at.elapsed() > self.ages.use_until);
        last.failing_since.filter(|_| passes && stale)
    }

    /// Has a new one read, without waiting for it.
    pub(in crate::engine) fn ask_for_a_new_one(&self) {
        self.due.notify_one();
    }

    /// Waits until somebody has used a reading that is getting old, or asked for a new one.
    pub(in crate::engine) async fn due(&self) {
        self.due.notified().await;
    }

    /// Reads anew what is getting old.
    pub(in crate::engine) async fn freshen(
        &self,
        read: impl AsyncFnOnce() -> Result<T, CallError>,
    ) -> Result<(), CallError> {
        self.that(|newest| newest.begun_at.elapsed() <= self.ages.renew_after, read).await.map(drop)
    }
}

/// The right to put another reading in the place of the newest; one at a time has it. Given up by dropping it, also in the
/// middle of a reading.
#[derive(Debug)]
pub(in crate::engine) struct CacheTurn<'a, T> {
    cache: &'a Cache<T>,
    _reading: MutexGuard<'a, ()>,
}

impl<T> CacheTurn<'_, T> {
    /// A new reading.
    pub(in crate::engine) async fn read(
        &self,
        read: impl AsyncFnOnce() -> Result<T, CallError>,
    ) -> Result<Arc<CachedReading<T>>, CallError> {
        let begun_at = Instant::now();
        let read = read().await;
        self.cache.ended(begun_at, read.as_ref().err());
        Ok(self.cache.replace(read?, begun_at))
    }

    /// The newest reading with what was learnt since; it gets no younger by that.
    pub(in crate::engine) fn amend(&self, amended: impl FnOnce(&T) -> T) {
        if let Some(newest) = self.cache.newest() {
            self.cache.replace(amended(&newest.value), newest.begun_at);
        }
    }
}

#[cfg(test)]
mod tests;
