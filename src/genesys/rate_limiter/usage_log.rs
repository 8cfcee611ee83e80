//! What a process after this one must know of our calls, because Genesys still counts them: written down ahead of time.
//!
//! Writing each call down before it goes out would cost a flush per call. Instead a record of the log is a lease: calls may be
//! under way until its end, and at most so many of them that no record has counted yet. The next record counts what has ended
//! since, and extends the lease for as long as calls are under way. Whoever finds the log takes each counted call for one
//! that ended with its record, and for the last record the most that its lease permits, at the end of the lease or at the
//! moment of the start, whichever is earlier. `docs/decisions` argues why that is never too few.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;
use tokio::time::Instant;

use super::SharedLimiter;
use super::limits::{Limits, Start};

/// How long a lease lasts. A process that is killed costs the next one at most this much of its first window.
const LEASE: Duration = Duration::from_secs(2);
/// How long to wait after a record could not be written. Calls wait with it.
const RETRY: Duration = Duration::from_millis(500);

/// How often to look whether the last calls have ended, while the service stops.
const RECHECK: Duration = Duration::from_millis(20);

/// One record of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageRecord {
    /// Calls that ended since the record before, and when the last of them did.
    pub ended: u32,
    pub ended_at: Instant,
    /// Calls may be under way until then.
    pub lease_until: Instant,
    /// How many at most, by then, that no record has counted.
    pub at_most: u32,
    /// What ended before is of no interest any more.
    pub forget_before: Option<Instant>,
}

/// Where records are kept.
pub trait UsageLog: fmt::Debug + Send + Sync {
    /// Durable when it answers; false if it could not be written.
    fn write(&self, record: UsageRecord) -> BoxFuture<'_, bool>;
}

/// The rate limiter's side of the log.
///
/// ```text
///  no lease -- cover: a record is durable --> leased until t -- nothing under way at t --> no lease
///                                               ^      |
///                                               '------' half of the time is over, and calls are under way
/// ```
///
/// Invariant: whenever a call is under way, a durable record has a lease that has not run out, or the record that extends it
/// is being written and no new call goes out: calls go out only under a lease, and while one is under way a task extends
/// it at half time.
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
    /// Whether a task takes care of the lease.
    kept: bool,
    /// A record that comes before all others: what has to be presumed of the processes before, so that the one that comes
    /// after a short-lived one still knows of it.
    first: Option<UsageRecord>,
    /// When the calls that a record has counted had ended.
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

    /// Waits until a lease covers a call that goes out now. The call has its place already, so that the task sees it.
    pub(super) async fn cover(self: &Arc<Self>, shared: &Arc<SharedLimiter>) {
        if !std::mem::replace(&mut self.lock().kept, true) {
            let (lease, gate) = (Arc::clone(self), Arc::clone(shared));
            shared.lifecycle.keep_running("call_book", move || Arc::clone(&lease).keep(Arc::clone(&gate)));
        }
        let mut until = self.until.subscribe();
        // The sender lives as long as this future does.
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
                    // Who waits for the last calls to end is not to wait for the lease as well.
                    () = shared.lifecycle.stopping() => tokio::time::sleep(RECHECK).await,
                }
            } else if self.let_go(&shared) {
                return;
            }
        }
        self.lock().kept = false;
    }

    /// Writes a record behind the first one, if that has not been written yet.
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

    /// The lease has ended; false if a call has come meanwhile.
    fn let_go(&self, shared: &SharedLimiter) -> bool {
        let mut state = self.lock();
        self.until.send_replace(None);
        // A caller takes its place before it asks for cover: either it is seen here, or it finds nobody and calls one.
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

/// Calls that may be under way in a lease: those that were when it began, and those that each window lets go out in it.
/// More than fill a window once need not be told apart.
fn at_most(limits: &Limits) -> u32 {
    let sent = limits.windows.iter().map(|window| {
        let periods = LEASE.as_nanos().div_ceil(window.period.as_nanos().max(1)) + 1;
        window.calls.get().saturating_mul(u32::try_from(periods).unwrap_or(u32::MAX))
    });
    let most = limits.windows.iter().map(|window| window.calls.get()).max().unwrap_or_default();
    sent.min().unwrap_or_default().saturating_add(limits.max_in_flight.get()).min(most)
}
