//! Records ahead of time what the next process must know of our calls, because Genesys still counts them.
//!
//! Recording each call before it is sent would cost a flush per call. Instead, a record of the log is a lease: calls
//! may be under way until its end, and at most a given number of them has not been counted by any record. The next
//! record counts what has ended since, and extends the lease for as long as calls are under way. A process that finds
//! the log takes each counted call for one that ended at the time of its record. For the last record, it presumes the
//! most that the lease permits, at the end of the lease or at the start of the process, whichever is earlier. Decision
//! 8 (`docs/decisions`) argues why that is never too few.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;
use tokio::time::Instant;

use super::SharedLimiter;
use super::limits::{Limits, Start};

/// Duration of a lease. A process that is killed costs the next one at most this much of its first window.
const LEASE: Duration = Duration::from_secs(2);
/// Pause after a record could not be written. Calls wait as well.
const RETRY: Duration = Duration::from_millis(500);

/// Interval between checks, while the service stops, whether the last calls have ended.
const RECHECK: Duration = Duration::from_millis(20);

/// One record of the usage log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageRecord {
    /// Calls that ended since the previous record, and when the last of them ended.
    pub ended: u32,
    pub ended_at: Instant,
    /// Until when calls may be under way.
    pub lease_until: Instant,
    /// Maximum number of calls under way by then that no record has counted.
    pub at_most: u32,
    /// Older records are no longer needed.
    pub forget_before: Option<Instant>,
}

/// Storage for usage records.
pub trait UsageLog: fmt::Debug + Send + Sync {
    /// Writes a record. Resolves to true once it is durable, or to false if it could not be written.
    fn write(&self, record: UsageRecord) -> BoxFuture<'_, bool>;
}

/// The rate limiter's side of the usage log.
///
/// ```text
///  no lease -- cover: a record is durable --> leased until t -- nothing under way at t --> no lease
///                                               ^      |
///                                               '------' half of the time is over, and calls are under way
/// ```
///
/// Invariant: whenever a call is under way, a durable record holds a lease that has not run out, or the record that
/// extends it is being written and no new call is sent. This holds because calls are sent only under a lease, and while
/// one is under way, a task extends the lease at half time.
#[derive(Debug)]
pub(super) struct Lease {
    log: Arc<dyn UsageLog>,
    at_most: u32,
    longest: Duration,
    state: Mutex<UsageLogState>,
    until: watch::Sender<Option<Instant>>,
}

#[derive(Debug)]
struct UsageLogState {
    /// Whether a task maintains the lease.
    kept: bool,
    /// A record that precedes all others: the calls presumed of earlier processes, so that the successor of a
    /// short-lived process still knows of them.
    first: Option<UsageRecord>,
    /// Time up to which ended calls have been counted by a record.
    counted_until: Option<Instant>,
}

impl Lease {
    pub(super) fn new(log: Arc<dyn UsageLog>, limits: &Limits, start: &Start, now: Instant) -> Self {
        let first = start.presumed(limits, now).map(|(ended, ended_at)| UsageRecord {
            ended,
            ended_at,
            lease_until: now,
            at_most: 0,
            forget_before: None,
        });
        Self {
            log,
            at_most: at_most(limits),
            longest: limits.windows.iter().map(|window| window.period).max().unwrap_or_default(),
            state: Mutex::new(UsageLogState { kept: false, first, counted_until: Some(now) }),
            until: watch::Sender::new(None),
        }
    }

    /// Waits until a lease covers a call that is sent now. The call already has its place, so the task sees it.
    pub(super) async fn cover(self: &Arc<Self>, shared: &Arc<SharedLimiter>) {
        if !std::mem::replace(&mut self.lock().kept, true) {
            let (lease, rate_limiter) = (Arc::clone(self), Arc::clone(shared));
            shared.lifecycle.keep_running("usage_log", move || Arc::clone(&lease).keep(Arc::clone(&rate_limiter)));
        }
        let mut until = self.until.subscribe();
        // The sender lives as long as this future.
        let _ = until.wait_for(|until| until.is_some_and(|until| until > Instant::now())).await;
    }

    /// Extends the lease for as long as calls are under way, then ends it.
    async fn keep(self: Arc<Self>, shared: Arc<SharedLimiter>) {
        loop {
            let busy = shared.lock().admissions.is_busy();
            let now = Instant::now();
            let record = self.record(&shared, now, if busy { now + LEASE } else { now });
            if !self.write(record).await {
                if shared.lifecycle.is_stopping() {
                    break;
                }
                tokio::time::sleep(RETRY).await;
                continue;
            }
            self.lock().counted_until = Some(now);
            if busy {
                self.until.send_replace(Some(record.lease_until));
                tokio::select! {
                    () = tokio::time::sleep_until(now + LEASE / 2) => {}
                    // A shutdown that waits for the last calls must not wait for the lease as well.
                    () = shared.lifecycle.stopping() => tokio::time::sleep(RECHECK).await,
                }
            } else if self.let_go(&shared) {
                return;
            }
        }
        self.lock().kept = false;
    }

    /// Writes a record, preceded by the first one if that has not been written yet.
    async fn write(&self, record: UsageRecord) -> bool {
        let first = self.lock().first;
        if let Some(first) = first {
            if !self.log.write(first).await {
                return false;
            }
            self.lock().first = None;
        }
        self.log.write(record).await
    }

    /// Ends the lease; returns false if a call has come meanwhile.
    fn let_go(&self, shared: &SharedLimiter) -> bool {
        let mut state = self.lock();
        self.until.send_replace(None);
        // A caller takes its place before it asks for cover: either it is seen here, or it finds no task and starts
        // one.
        let busy = shared.lock().admissions.is_busy();
        state.kept = busy;
        !busy
    }

    fn record(&self, shared: &SharedLimiter, now: Instant, lease_until: Instant) -> UsageRecord {
        let counted_until = self.lock().counted_until;
        let (ended, ended_at) = shared.lock().admissions.ended_between(counted_until, now);
        UsageRecord {
            ended: u32::try_from(ended).unwrap_or(u32::MAX),
            ended_at: ended_at.unwrap_or(now),
            lease_until,
            at_most: if lease_until > now { self.at_most } else { 0 },
            forget_before: now.checked_sub(self.longest),
        }
    }

    fn lock(&self) -> MutexGuard<'_, UsageLogState> {
        self.state.lock()
    }
}

/// Returns the maximum number of calls under way during a lease: those at its beginning, plus those that each window
/// admits in it. More than fill a window once make no difference.
fn at_most(limits: &Limits) -> u32 {
    let sent = limits.windows.iter().map(|window| {
        let periods = LEASE.as_nanos().div_ceil(window.period.as_nanos().max(1)) + 1;
        window.calls.get().saturating_mul(u32::try_from(periods).unwrap_or(u32::MAX))
    });
    let most = limits.windows.iter().map(|window| window.calls.get()).max().unwrap_or_default();
    sent.min().unwrap_or_default().saturating_add(limits.max_in_flight.get()).min(most)
}
