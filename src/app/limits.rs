//! Converts the state of the rate limiter to the shapes of the HTTP API: instants to dates, and counts to `u32`.

use std::time::Duration;

use tokio::time::Instant;

use crate::api::{
    BreakerView, CreditView, LearnedLimitView, LimitLaneView, LimitWindowView, LimitsSource, LimitsView,
    PausedRouteView, ServiceInTroubleView,
};
use crate::clock::WallClock;
use crate::genesys::call::{GenesysService, Route, RouteClass};
use crate::genesys::rate_limiter::{LaneView, RateLimiter, WindowLimit, WindowView};

/// A rate limiter with the clock that converts its instants to dates.
#[derive(Debug)]
pub(super) struct RateLimiterLimits {
    rate_limiter: RateLimiter,
    clock: WallClock,
}

impl RateLimiterLimits {
    pub(super) fn new(rate_limiter: RateLimiter, clock: WallClock) -> Self {
        Self { rate_limiter, clock }
    }

    fn paused_route(&self, (route, until): (Route, Instant)) -> PausedRouteView {
        PausedRouteView { route: route.name(), until: self.clock.date_of(until) }
    }

    fn service(&self, (service, next_probe_at): (GenesysService, Option<Instant>)) -> ServiceInTroubleView {
        ServiceInTroubleView { service: service.name(), next_probe_at: next_probe_at.map(|at| self.clock.date_of(at)) }
    }

    fn learned_limit(&self, (route, limit, until): (Route, WindowLimit, Instant)) -> LearnedLimitView {
        LearnedLimitView {
            route: route.name(),
            calls: limit.calls.get(),
            period_seconds: limit.period.as_secs_f64(),
            until: self.clock.date_of(until),
        }
    }
}

impl LimitsSource for RateLimiterLimits {
    fn limits(&self) -> LimitsView {
        let rate_limiter = self.rate_limiter.snapshot();
        let next_probe_at = rate_limiter.next_probe_at().filter(|_| rate_limiter.breaker_open);
        LimitsView {
            windows: rate_limiter.windows.iter().map(window).collect(),
            in_flight: narrow(rate_limiter.in_flight),
            max_in_flight: narrow(rate_limiter.max_in_flight),
            lanes: rate_limiter.lanes.iter().map(lane).collect(),
            paused_until: rate_limiter.paused_until.map(|until| self.clock.date_of(until)),
            paused_routes: rate_limiter.paused_routes.into_iter().map(|pause| self.paused_route(pause)).collect(),
            learned_limits: rate_limiter
                .learned_limits
                .into_iter()
                .map(|learned| self.learned_limit(learned))
                .collect(),
            left_by_others: rate_limiter.left_by_others.map(narrow),
            breaker: BreakerView {
                open: rate_limiter.breaker_open,
                next_probe_at: next_probe_at.map(|at| self.clock.date_of(at)),
                services: rate_limiter.services_in_trouble.into_iter().map(|service| self.service(service)).collect(),
            },
            credits: rate_limiter.credit.into_iter().map(credit).collect(),
        }
    }
}

fn window(view: &WindowView) -> LimitWindowView {
    let WindowLimit { calls, period } = view.limit;
    LimitWindowView { calls: calls.get(), period_seconds: period.as_secs_f64(), used: narrow(view.used) }
}

fn lane(view: &LaneView) -> LimitLaneView {
    LimitLaneView { lane: view.lane.name(), waiting: narrow(view.waiting), granted: view.granted }
}

fn credit((class, credit): (RouteClass, Duration)) -> CreditView {
    CreditView { class: class.name(), milliseconds: credit.as_secs_f64() * 1000.0 }
}

fn narrow(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
