//! Decides which calls the stack repeats by itself: few, soon, and only where a repetition is harmless.
//!
//! Longer waits do not happen here: the engine parks the work and releases its seat. A write that may have been carried
//! out is never repeated here, idempotent or not: another writer may have changed the user in between, so the engine
//! reads first.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use tower::retry::Policy;
use tower::retry::budget::{Budget, TpsBudget};

use super::auth::StackError;
use super::call::CallContext;
use super::rate_limiter::MAX_WAIT;
use super::statistics::{CallStatistics, RetryCause};
use super::transport::TransportError;
use crate::backoff::Backoff;
use crate::clock::WallClock;
use crate::retry_after::retry_after;

/// Maximum number of attempts per call.
const TRIES: u32 = 3;

/// Limits repetitions to a share of recent answered calls: in an outage nothing is answered, so hardly anything is
/// repeated. Without this budget, the repetitions of each layer would multiply the calls just when Genesys can bear the
/// fewest.
pub(super) fn budget() -> TpsBudget {
    let (over, at_least_per_second, share) = (Duration::from_secs(10), 1, 0.2);
    TpsBudget::new(over, at_least_per_second, share)
}

/// Policy of the retry layer for one call.
#[derive(Debug, Clone)]
pub(super) struct RetryPolicy {
    backoff: Arc<Backoff>,
    budget: Arc<TpsBudget>,
    statistics: Arc<CallStatistics>,
    clock: WallClock,
    tries: u32,
}

impl RetryPolicy {
    pub(super) fn new(
        backoff: Arc<Backoff>,
        budget: Arc<TpsBudget>,
        statistics: Arc<CallStatistics>,
        clock: WallClock,
    ) -> Self {
        Self { backoff, budget, statistics, clock, tries: 0 }
    }
}

/// How one attempt ended, as far as repeating it is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CallEnding {
    /// 2xx, or a refusal that will not change: 400, 401 after its replay, 403, 404, 409, 413, 422 and any other status.
    Final,
    /// Status 429.
    Throttled,
    /// Status 408 or 500.
    GaveUp,
    /// Status 502, 503 or 504: a gateway, or a service that cannot be reached.
    Trouble,
    /// No connection.
    NotSent,
    /// The connection broke, or the timeout expired.
    NoAnswer,
    /// No token was available.
    NoToken,
    /// The rate limiter turned the call back.
    TurnedBack,
}

impl CallEnding {
    fn of(result: Result<u16, &StackError>) -> Self {
        match result {
            Ok(429) => Self::Throttled,
            Ok(408 | 500) => Self::GaveUp,
            Ok(502..=504) => Self::Trouble,
            Ok(_) => Self::Final,
            Err(StackError::Transport(TransportError::NotSent(_))) => Self::NotSent,
            Err(StackError::Transport(TransportError::NoAnswer(_))) => Self::NoAnswer,
            Err(StackError::Login(_)) => Self::NoToken,
            Err(StackError::Paused(_)) => Self::TurnedBack,
        }
    }
}

/// Whether a call may have changed something by the time it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// The call only reads, or did not get that far.
    None,
    Possible,
}

impl Effect {
    fn of(writes: bool, ending: CallEnding) -> Self {
        match ending {
            CallEnding::Throttled | CallEnding::NotSent | CallEnding::NoToken | CallEnding::TurnedBack => Self::None,
            // The status does not tell a failure before the effect from one after it.
            CallEnding::Final | CallEnding::GaveUp | CallEnding::Trouble | CallEnding::NoAnswer if writes => {
                Self::Possible
            }
            CallEnding::Final | CallEnding::GaveUp | CallEnding::Trouble | CallEnding::NoAnswer => Self::None,
        }
    }
}

/// What to do after one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    /// Return the answer, or its absence, to the caller.
    HandOver,
    /// Repeat at once: the rate limiter holds the call for as long as the answer asked.
    AgainThroughRateLimiter,
    /// Repeat after our own pause, if the budget permits.
    AgainAfterPause,
}

/// The decision table: one row per class of endings, with its reason.
fn decide(ending: CallEnding, effect: Effect, told: Option<Duration>) -> Decision {
    let short = told.unwrap_or_default() <= MAX_WAIT;
    match (ending, effect) {
        // Repeating would give the same result.
        (CallEnding::Final, _) => Decision::HandOver,
        // The rate limiter is paused by now: callers wait there or are turned back.
        (CallEnding::Throttled, _) if short => Decision::AgainThroughRateLimiter,
        (CallEnding::Throttled, _) => Decision::HandOver,
        // The engine has to read first. 408 is also one of the forms of a conflict.
        (_, Effect::Possible) => Decision::HandOver,
        // Such a failure passes within seconds or lasts for minutes; the few attempts are for the former.
        (CallEnding::GaveUp | CallEnding::Trouble | CallEnding::NotSent | CallEnding::NoAnswer, Effect::None)
            if short =>
        {
            Decision::AgainAfterPause
        }
        (CallEnding::GaveUp | CallEnding::Trouble | CallEnding::NotSent | CallEnding::NoAnswer, Effect::None) => {
            Decision::HandOver
        }
        // Logins have their own pauses.
        (CallEnding::NoToken, Effect::None) => Decision::HandOver,
        // The error says until when.
        (CallEnding::TurnedBack, Effect::None) => Decision::HandOver,
    }
}

impl Policy<Request<Bytes>, Response<Bytes>, StackError> for RetryPolicy {
    type Future = BoxFuture<'static, ()>;

    fn retry(
        &mut self,
        request: &mut Request<Bytes>,
        result: &mut Result<Response<Bytes>, StackError>,
    ) -> Option<Self::Future> {
        let writes = request.extensions().get::<CallContext>().is_none_or(|call| call.route.writes());
        let told = result.as_ref().ok().and_then(|answer| retry_after(answer.headers(), self.clock.now()));
        let ending = CallEnding::of(result.as_ref().map(|answer| answer.status().as_u16()));
        if ending == CallEnding::Final {
            self.budget.deposit();
        }
        self.tries += 1;
        if self.tries >= TRIES {
            return None;
        }
        match decide(ending, Effect::of(writes, ending), told) {
            Decision::HandOver => None,
            Decision::AgainThroughRateLimiter => {
                self.statistics.retried(RetryCause::Throttled);
                Some(Box::pin(std::future::ready(())))
            }
            Decision::AgainAfterPause if !self.budget.withdraw() => {
                self.statistics.refused_retry();
                None
            }
            Decision::AgainAfterPause => {
                self.statistics.retried(RetryCause::Trouble);
                let pause = self.backoff.pause(self.tries).max(told.unwrap_or_default());
                Some(Box::pin(tokio::time::sleep(pause)))
            }
        }
    }

    fn clone_request(&mut self, request: &Request<Bytes>) -> Option<Request<Bytes>> {
        Some(request.clone())
    }
}

#[cfg(test)]
#[path = "retry_tests.rs"]
mod tests;
