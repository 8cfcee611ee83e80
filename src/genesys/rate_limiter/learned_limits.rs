//! Rates of single routes, learned from their 429s.
//!
//! The limits of single services are not published. If they were not learned, each of their windows would be used up at
//! the full rate and end in a 429, which costs a call of the platform limit and blocks the route for the rest of the
//! window.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::limits::WindowLimit;
use crate::genesys::call::Route;

/// How long a limit is applied as reported.
const BELIEVED_FOR: Duration = Duration::from_secs(600);
/// When a limit is forgotten. Before that, it is relaxed gradually, because it may have been raised.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(3600);

/// Minimum distance between calls of a route, because of a limit learned from a 429.
///
/// Invariant: it only ever holds calls back, and a limit that no further 429 confirms decays to nothing.
#[derive(Debug, Default)]
pub(super) struct LearnedPaces {
    routes: BTreeMap<Route, LearnedPace>,
}

#[derive(Debug, Clone, Copy)]
struct LearnedPace {
    limit: WindowLimit,
    learned_at: Instant,
    last_call: Instant,
}

impl LearnedPaces {
    /// Records the limit of `route` that a 429 named.
    pub(super) fn learn(&mut self, route: Route, limit: WindowLimit, now: Instant) {
        self.routes.retain(|_, pace| now < pace.learned_at + FORGOTTEN_AFTER);
        self.routes.insert(route, LearnedPace { limit, learned_at: now, last_call: now });
    }

    /// Returns when a call of `route` may be sent.
    pub(super) fn free_at(&self, route: Route, now: Instant) -> Instant {
        self.routes.get(&route).map_or(now, |pace| now.max(pace.last_call + pace.distance(now)))
    }

    pub(super) fn granted(&mut self, route: Route, now: Instant) {
        if let Some(pace) = self.routes.get_mut(&route) {
            pace.last_call = now;
        }
    }

    /// Returns the limits in force, each with the time at which it is forgotten.
    pub(super) fn limits(&self, now: Instant) -> impl Iterator<Item = (Route, WindowLimit, Instant)> {
        let all = self.routes.iter().map(|(route, pace)| (*route, pace.limit, pace.learned_at + FORGOTTEN_AFTER));
        all.filter(move |(_, _, end)| *end > now)
    }
}

impl LearnedPace {
    /// Spreads calls evenly, 5 % further apart than the limit requires, because calls arrive less evenly than they are
    /// sent.
    fn distance(self, now: Instant) -> Duration {
        let age = now.saturating_duration_since(self.learned_at).max(BELIEVED_FOR);
        let left = FORGOTTEN_AFTER.saturating_sub(age).div_duration_f64(FORGOTTEN_AFTER.saturating_sub(BELIEVED_FOR));
        (self.limit.period / self.limit.calls.get()).mul_f64(1.05 * left)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn a_learned_limit_spreads_the_calls_of_its_route_and_decays() {
        let (mut paces, start) = (LearnedPaces::default(), Instant::now());
        let limit = WindowLimit { calls: NonZeroU32::new(30).unwrap(), period: Duration::from_secs(60) };
        paces.learn(Route::WfmWrite, limit, start);
        let mut distance_after = |secs| {
            let now = start + Duration::from_secs(secs);
            paces.granted(Route::WfmWrite, now);
            assert_eq!(paces.free_at(Route::User, now), now);
            (paces.free_at(Route::WfmWrite, now) - now).as_millis()
        };
        assert_eq!([0, 600, 2100, 3600, 9999].map(&mut distance_after), [2100, 2100, 1050, 0, 0]);
        assert_eq!(paces.limits(start).count(), 1);
        assert_eq!(paces.limits(start + FORGOTTEN_AFTER).count(), 0);
    }
}
