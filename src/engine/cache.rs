//! Something that is read as a whole, kept, and read again behind the backs of those who use it.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{MutexGuard, Notify};
use tokio::time::Instant;

use super::port::CallError;

/// How old a reading may get.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ages {
    /// Older ones are used, and a new one is asked for.
    pub(super) renew_after: Duration,
    /// Older ones are not used.
    pub(super) use_until: Duration,
}

/// A value and when it was begun to be read: it shows nothing that is older.
#[derive(Debug)]
pub(super) struct Reading<T> {
    pub(super) value: T,
    pub(super) begun_at: Instant,
}

/// The newest reading. New ones are read by a function that is called when its turn has come: a future handed through would
/// take its room in each of those who wait.
///
/// Invariant: a reading is replaced as a whole, by a newer one; who holds one keeps a consistent view. One task at a time
/// reads a new one; the others wait for it and use it, as far as it is new enough for them.
#[derive(Debug)]
pub(super) struct Cache<T> {
    newest: RwLock<Option<Arc<Reading<T>>>>,
    reading: tokio::sync::Mutex<()>,
    due: Notify,
    ages: Ages,
}

impl<T> Cache<T> {
    pub(super) fn new(ages: Ages) -> Self {
        Self { newest: RwLock::default(), reading: tokio::sync::Mutex::default(), due: Notify::new(), ages }
    }

    /// The newest reading, however old.
    pub(super) fn newest(&self) -> Option<Arc<Reading<T>>> {
        self.newest.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The newest reading, if it can be used; asks for a new one if it is getting old.
    pub(super) fn usable(&self) -> Option<Arc<Reading<T>>> {
        let newest = self.newest()?;
        let age = newest.begun_at.elapsed();
        if age > self.ages.renew_after {
            self.due.notify_one();
        }
        (age <= self.ages.use_until).then_some(newest)
    }

    /// The newest reading if it can be used, else a new one.
    pub(super) async fn get(
        &self,
        read: impl AsyncFnOnce() -> Result<T, CallError>,
    ) -> Result<Arc<Reading<T>>, CallError> {
        match self.usable() {
            Some(reading) => Ok(reading),
            None => self.not_older_than(self.ages.renew_after, read).await,
        }
    }

    /// A reading of at most this age.
    pub(super) async fn not_older_than(
        &self,
        age: Duration,
        read: impl AsyncFnOnce() -> Result<T, CallError>,
    ) -> Result<Arc<Reading<T>>, CallError> {
        let turn = self.turn().await;
        match self.newest().filter(|newest| newest.begun_at.elapsed() <= age) {
            Some(newest) => Ok(newest),
            None => turn.read(read).await,
        }
    }

    /// A reading of one's own.
    pub(super) async fn renew(
        &self,
        read: impl AsyncFnOnce() -> Result<T, CallError>,
    ) -> Result<Arc<Reading<T>>, CallError> {
        self.turn().await.read(read).await
    }

    /// Waits until nobody reads, and keeps others from it.
    pub(super) async fn turn(&self) -> Turn<'_, T> {
        Turn { cache: self, _reading: self.reading.lock().await }
    }

    fn replace(&self, value: T, begun_at: Instant) -> Arc<Reading<T>> {
        let reading = Arc::new(Reading { value, begun_at });
        *self.newest.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&reading));
        reading
    }

    /// Waits until somebody has used a reading that is getting old.
    pub(super) async fn due(&self) {
        self.due.notified().await;
    }

    /// Reads anew what is getting old.
    pub(super) async fn freshen(&self, read: impl AsyncFnOnce() -> Result<T, CallError>) -> Result<(), CallError> {
        self.not_older_than(self.ages.renew_after, read).await.map(drop)
    }
}

/// The right to put another reading in the place of the newest; one at a time has it.
#[derive(Debug)]
pub(super) struct Turn<'a, T> {
    cache: &'a Cache<T>,
    _reading: MutexGuard<'a, ()>,
}

impl<T> Turn<'_, T> {
    /// A new reading.
    pub(super) async fn read(
        &self,
        read: impl AsyncFnOnce() -> Result<T, CallError>,
    ) -> Result<Arc<Reading<T>>, CallError> {
        let begun_at = Instant::now();
        Ok(self.cache.replace(read().await?, begun_at))
    }

    /// The newest reading with what was learnt since; it gets no younger by that.
    pub(super) fn amend(&self, amended: impl FnOnce(&T) -> T) {
        if let Some(newest) = self.cache.newest() {
            self.cache.replace(amended(&newest.value), newest.begun_at);
        }
    }
}
