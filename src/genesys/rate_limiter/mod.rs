//! Rate limiter before the wire: one per Genesys org, shared by everything that calls it.
//!
//! It is the last layer before the transport, inside retry and login, so that every attempt pays. `admissions.rs`, a
//! pure type, decides which call may go and when; this file adds the lock, the clock and the means to wake a caller.

mod admissions;
mod breaker;
mod breakers;
mod latency_credit;
mod layer;
mod learned_limits;
mod limits;
mod pauses;
mod permit;
mod queue;
mod rate_headers;
mod shared_quota;
mod throughput;
mod under_way;
mod usage_log;
mod view;
mod windows;

#[cfg(test)]
mod receiver;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use self::admissions::Admissions;
pub use self::admissions::CallOutcome;
pub use self::layer::{AtDeparture, Departure, RateLimitError, RateLimitLayer, RateLimitService};
pub use self::limits::{Credit, Limits, MAX_WAIT, Start, WindowLimit};
pub use self::permit::{Paused, Permit};
use self::permit::{PermitTurn, WaitingForPermit};
use self::usage_log::Lease;
pub use self::usage_log::{UsageLog, UsageRecord};
pub use self::view::{LaneView, RateLimiterView, WindowView};
use super::call::{CallLane, Route};
use super::statistics::CallStatistics;
use crate::engine::port::Pace;
use crate::lifecycle::Lifecycle;
use crate::retry_after::MAX_RETRY_AFTER;

/// Admits calls at the permitted rate; clones share one state.
#[derive(Debug, Clone)]
pub struct RateLimiter {
    shared: Arc<SharedLimiter>,
    /// Covers every call that is sent, if a usage log is kept.
    lease: Option<Arc<Lease>>,
    sustained_rate: f64,
    statistics: Arc<CallStatistics>,
}

impl RateLimiter {
    /// Creates a rate limiter with its own state. Its task belongs to `lifecycle` and exists only while callers wait.
    pub fn new(limits: &Limits, start: Start, lifecycle: &Lifecycle) -> Self {
        let state = LimiterState { admissions: Admissions::new(limits, start, Instant::now()), timer: Timer::Away };
        let shared =
            SharedLimiter { state: Mutex::new(state), rescheduled: Notify::new(), lifecycle: lifecycle.clone() };
        Self {
            shared: Arc::new(shared),
            lease: None,
            sustained_rate: limits.sustained_rate(),
            statistics: Arc::default(),
        }
    }

    /// Creates a rate limiter that keeps a usage log of its calls for the next process.
    pub fn with_usage_log(limits: &Limits, start: Start, log: Arc<dyn UsageLog>, lifecycle: &Lifecycle) -> Self {
        let lease = Some(Arc::new(Lease::new(log, limits, &start, Instant::now())));
        Self { lease, ..Self::new(limits, start, lifecycle) }
    }

    /// Waits for permission to send one call. Fails if Genesys has closed the route for longer than the longest
    /// permitted wait, or does so meanwhile. Dropping the future ends the wait and leaves nothing behind.
    pub async fn admit(&self, lane: CallLane, route: Route) -> Result<Permit, Paused> {
        let permit = WaitingForPermit::join(&self.shared, lane, route).await?;
        if let Some(lease) = &self.lease {
            // Boxed, so that callers that still wait for their turn do not hold the memory for it.
            Box::pin(lease.cover(&self.shared)).await;
        }
        Ok(permit)
    }

    /// Pauses all routes until `until`, at most for an hour. An existing longer pause stays.
    pub fn pause_until(&self, until: Instant) {
        self.shared.change(|admissions, now| admissions.pause_until(until.min(now + MAX_RETRY_AFTER)));
    }

    /// Pauses one route until `until`, at most for an hour. An existing longer pause stays; other routes proceed.
    pub fn pause_route_until(&self, route: Route, until: Instant) {
        self.shared
            .change(|admissions, now| admissions.pause_route_until(route, until.min(now + MAX_RETRY_AFTER), now));
    }

    /// Applies a limit of one route that a 429 named, until it is forgotten.
    pub fn learn_limit(&self, route: Route, limit: WindowLimit) {
        self.shared.change(|admissions, now| admissions.learn(route, limit, now));
    }

    /// Records Genesys' own count: `used` of `allowed` calls in a window that ends in `reset`. If other users of the
    /// token left fewer calls than our own windows permit, lowers the rate until then; never raises it. Must be called
    /// before the permit of the call that reported the count is answered.
    pub fn observe_foreign_use(&self, used: u32, allowed: u32, reset: Duration) {
        self.shared.change(|admissions, now| admissions.observe_foreign_use(used, allowed, reset, now));
    }

    /// Returns the end of the pause of all routes, if there is one. Work for which that is too long is parked by its
    /// owner.
    pub fn paused_until(&self) -> Option<Instant> {
        self.shared.lock().admissions.paused_until(Instant::now())
    }

    /// Returns the end of the pause that applies to `route`, be it its own or that of all routes.
    pub fn route_paused_until(&self, route: Route) -> Option<Instant> {
        self.shared.lock().admissions.route_paused_until(route, Instant::now())
    }

    /// Returns the current state, for views and metrics.
    pub fn snapshot(&self) -> RateLimiterView {
        self.shared.lock().admissions.view(Instant::now())
    }

    /// Returns the statistics of the calls that passed through this rate limiter.
    pub fn statistics(&self) -> &Arc<CallStatistics> {
        &self.statistics
    }

    pub(super) fn lifecycle(&self) -> &Lifecycle {
        &self.shared.lifecycle
    }

    /// Returns how fast calls of these routes proceed from now on.
    pub fn pace(&self, routes: &[Route]) -> Pace {
        self.shared.lock().admissions.pace(routes, self.sustained_rate, Instant::now())
    }
}

/// State shared by the rate limiter, its permits and the waiting callers.
///
/// Invariant: the lock is held for arithmetic only, never across an await, and never while a waiter is notified,
/// because its permit may come back through the same lock.
#[derive(Debug)]
struct SharedLimiter {
    state: Mutex<LimiterState>,
    /// Wakes the timer task if it would sleep too long.
    rescheduled: Notify,
    lifecycle: Lifecycle,
}

#[derive(Debug)]
struct LimiterState {
    admissions: Admissions<oneshot::Sender<PermitTurn>>,
    timer: Timer,
}

/// The task that grants what becomes free with the passing of time.
///
/// It exists only while callers wait: what becomes free through an answer, or was free already, is granted by whoever
/// causes it. So the task needs no order to end, and callers that finish their work during shutdown still get their
/// turn, which a task that ended with the service could not give them.
#[derive(Debug, Clone, Copy)]
enum Timer {
    Away,
    /// Sleeps until then, or until it is woken.
    Sleeping {
        until: Option<Instant>,
    },
}

impl SharedLimiter {
    fn lock(&self) -> MutexGuard<'_, LimiterState> {
        self.state.lock()
    }

    /// Makes a change, and grants everything that the change makes possible.
    fn change<R>(
        self: &Arc<Self>,
        change: impl FnOnce(&mut Admissions<oneshot::Sender<PermitTurn>>, Instant) -> R,
    ) -> R {
        let mut state = self.lock();
        // Read under the lock, so that no later change is recorded with an earlier time.
        let now = Instant::now();
        let result = change(&mut state.admissions, now);
        let granted = self.grant_all(&mut state, now);
        let call = state.reschedule(now);
        drop(state);
        deliver(granted);
        match call {
            Call::Nobody => {}
            Call::Wake => self.rescheduled.notify_one(),
            Call::Hire => {
                let shared = Arc::clone(self);
                self.lifecycle.keep_running("rate_limiter_clock", move || Arc::clone(&shared).keep_time());
            }
        }
        result
    }

    /// Collects the waiters whose turn has come, and those that are turned back.
    fn grant_all(
        self: &Arc<Self>,
        state: &mut LimiterState,
        now: Instant,
    ) -> Vec<(oneshot::Sender<PermitTurn>, PermitTurn)> {
        let turned_back = state.admissions.turn_back(now).into_iter();
        let mut turns: Vec<_> = turned_back.map(|(waiter, until)| (waiter, Err(Paused { until }))).collect();
        let grants = std::iter::from_fn(|| state.admissions.grant(now));
        turns.extend(grants.map(|(waiter, ticket)| (waiter, Ok(Permit::new(Arc::clone(self), ticket)))));
        turns
    }

    async fn keep_time(self: Arc<Self>) {
        while let Timer::Sleeping { until } = self.grant_due() {
            match until {
                None => self.rescheduled.notified().await,
                Some(until) => tokio::select! {
                    () = tokio::time::sleep_until(until) => {}
                    () = self.rescheduled.notified() => {}
                },
            }
        }
    }

    /// Grants what is due. Returns until when the timer may sleep, or that it may end because no caller waits.
    fn grant_due(self: &Arc<Self>) -> Timer {
        let mut state = self.lock();
        let now = Instant::now();
        let granted = self.grant_all(&mut state, now);
        let next = if state.admissions.nobody_waits() {
            Timer::Away
        } else {
            Timer::Sleeping { until: state.admissions.next_grant_at(now) }
        };
        state.timer = next;
        drop(state);
        deliver(granted);
        next
    }
}

/// If the waiter is gone, the permit is dropped here, which gives its place back as never sent.
fn deliver(turns: Vec<(oneshot::Sender<PermitTurn>, PermitTurn)>) {
    for (waiter, turn) in turns {
        drop(waiter.send(turn));
    }
}

/// What a change requires of the timer.
enum Call {
    Nobody,
    Wake,
    Hire,
}

impl LimiterState {
    /// A timer that wakes too early costs less than waking it at every change.
    fn reschedule(&mut self, now: Instant) -> Call {
        let waited_for = !self.admissions.nobody_waits();
        match self.timer {
            Timer::Away if waited_for => {
                self.timer = Timer::Sleeping { until: Some(now) };
                Call::Hire
            }
            Timer::Sleeping { .. } if !waited_for => Call::Wake,
            Timer::Sleeping { until } => match (self.admissions.next_grant_at(now), until) {
                (Some(next), planned) if planned.is_none_or(|planned| next < planned) => Call::Wake,
                (Some(_) | None, _) => Call::Nobody,
            },
            Timer::Away => Call::Nobody,
        }
    }
}
