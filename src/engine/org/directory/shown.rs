//! Shares a listing of users with their skills among the jobs that wait for one.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::Instant;

use crate::domain::{Assignments, UserId};
use crate::engine::port::CallError;

/// The skills that a listing showed. It says nothing of users who are not in it.
#[derive(Debug)]
pub(in crate::engine) struct ShownSkills {
    pub(in crate::engine) skills: HashMap<UserId, Arc<Assignments>>,
    /// When the reading of the listing began.
    pub(in crate::engine) begun_at: Instant,
}

/// The jobs that wait for a listing with skills: of many that come at once, all but the first share one.
///
/// Invariant: a listing is kept only while a waiting job may still use it, because it is as large as the org.
#[derive(Debug, Default)]
pub(super) struct Showing {
    newest: tokio::sync::Mutex<Option<Arc<ShownSkills>>>,
    waiting: AtomicUsize,
}

impl Showing {
    /// Returns a listing whose reading begins now or later.
    pub(super) async fn begun_from_now(
        &self,
        read: impl AsyncFnOnce() -> Result<ShownSkills, CallError>,
    ) -> Result<Arc<ShownSkills>, CallError> {
        let (asked_at, waiting) = (Instant::now(), WaitingForListing::new(&self.waiting));
        let mut newest = self.newest.lock().await;
        let shown = match newest.take().filter(|shown| shown.begun_at >= asked_at) {
            Some(shown) => shown,
            None => Arc::new(read().await?),
        };
        *newest = (!waiting.is_the_last()).then(|| Arc::clone(&shown));
        Ok(shown)
    }
}

/// Counts a waiting job until it is dropped.
struct WaitingForListing<'a>(&'a AtomicUsize);

impl<'a> WaitingForListing<'a> {
    fn new(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }

    fn is_the_last(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 1
    }
}

impl Drop for WaitingForListing<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
