//! The limiters that are compared, behind one verb.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter as GovernorLimiter};
use skillsync::genesys::call::{CallLane, Route};
use skillsync::genesys::rate_limiter::{CallOutcome, Limits, Permit, RateLimiter, Start, WindowLimit};
use skillsync::lifecycle::Lifecycle;
use tokio::sync::Mutex;
use tower::limit::{RateLimit, rate::Rate};
use tower::util::ServiceFn;
use tower::{Service, ServiceExt, service_fn};

type Nothing = fn(()) -> std::future::Ready<Result<(), std::convert::Infallible>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Skillsync,
    Governor,
    GovernorWithoutBurst,
    TowerRateLimit,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] =
        [Self::Skillsync, Self::Governor, Self::GovernorWithoutBurst, Self::TowerRateLimit];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Skillsync => "skillsync",
            Self::Governor => "governor",
            Self::GovernorWithoutBurst => "governor, burst 1",
            Self::TowerRateLimit => "tower RateLimit",
        }
    }
}

#[derive(Clone)]
pub(crate) enum Limiter {
    Skillsync(RateLimiter),
    Governor(Arc<DefaultDirectRateLimiter>),
    Tower(Arc<Mutex<RateLimit<ServiceFn<Nothing>>>>),
}

impl Limiter {
    /// So many calls in any `period`; the rate limiter also bounds the calls in flight, which the others cannot.
    pub(crate) fn new(kind: Kind, calls: u32, period: Duration, in_flight: usize, lifecycle: &Lifecycle) -> Self {
        let calls = NonZeroU32::new(calls).expect("not zero");
        let quota = Quota::with_period(period / calls.get()).expect("not zero");
        match kind {
            Kind::Skillsync => {
                let in_flight = u32::try_from(in_flight).ok().and_then(NonZeroU32::new).expect("not zero");
                let windows = vec![WindowLimit { calls, period }];
                let limits = Limits { windows, max_in_flight: in_flight, ..Limits::default() };
                Self::Skillsync(RateLimiter::new(&limits, Start::Empty, lifecycle))
            }
            Kind::Governor => Self::Governor(Arc::new(GovernorLimiter::direct(quota.allow_burst(calls)))),
            Kind::GovernorWithoutBurst => {
                Self::Governor(Arc::new(GovernorLimiter::direct(quota.allow_burst(NonZeroU32::MIN))))
            }
            Kind::TowerRateLimit => {
                let nothing: Nothing = |()| std::future::ready(Ok(()));
                let rate = Rate::new(u64::from(calls.get()), period);
                Self::Tower(Arc::new(Mutex::new(RateLimit::new(service_fn(nothing), rate))))
            }
        }
    }

    /// Waits for the right to send one call.
    pub(crate) async fn admit(&self) -> Option<Permit> {
        match self {
            Self::Skillsync(rate_limiter) => {
                Some(rate_limiter.admit(CallLane::Bulk, Route::WfmRead).await.expect("no pause"))
            }
            Self::Governor(governor) => {
                governor.until_ready().await;
                None
            }
            Self::Tower(limit) => {
                let mut limit = limit.lock().await;
                let Ok(ready) = limit.ready().await;
                let Ok(()) = ready.call(()).await;
                None
            }
        }
    }
}

/// The call was answered; only the rate limiter wants to know.
pub(crate) fn answered(permit: Option<Permit>) {
    if let Some(permit) = permit {
        permit.answered(CallOutcome::Answered);
    }
}
