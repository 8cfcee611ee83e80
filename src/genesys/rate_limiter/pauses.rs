//! Pauses that Genesys imposed with a 429: of all routes, or of one.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::genesys::call::Route;

/// Length of the first pause for a 429 that does not give one.
const BLIND_AT_FIRST: Duration = Duration::from_secs(1);
/// Longest guessed pause. Genesys counts calls per minute, so after that time the exceeded limit has a fresh window.
const MAX_BLIND: Duration = Duration::from_secs(60);

/// Until when nothing may be sent, in total and per route.
///
/// Invariant: the end of a pause only moves later; a shorter pause on top changes nothing.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    all: Option<Instant>,
    routes: BTreeMap<Route, Instant>,
    blind: Option<Blind>,
}

/// The last pause whose length was guessed.
#[derive(Debug, Clone, Copy)]
struct Blind {
    length: Duration,
    until: Instant,
}

impl Pauses {
    pub(super) fn extend(&mut self, until: Instant) {
        self.all = self.all.max(Some(until));
    }

    pub(super) fn extend_route(&mut self, route: Route, until: Instant, now: Instant) {
        self.routes.retain(|_, end| *end > now);
        let end = self.routes.entry(route).or_insert(until);
        *end = until.max(*end);
    }

    /// Returns how long to pause for a 429 without a usable `Retry-After`: one second, doubled each time a call sent
    /// after such a pause meets another 429. Calls sent before the pause ended carry no new information.
    pub(super) fn guess(&mut self, sent_at: Instant, now: Instant) -> Duration {
        let length = match self.blind {
            None => BLIND_AT_FIRST,
            Some(last) if sent_at >= last.until => MAX_BLIND.min(last.length * 2),
            Some(last) => last.length,
        };
        let until = self.blind.map_or(now + length, |last| last.until.max(now + length));
        self.blind = Some(Blind { length, until });
        length
    }

    /// Records a call that passed the limits. If it was sent after the last guessed pause, the next guess starts small
    /// again.
    pub(super) fn passed(&mut self, sent_at: Instant) {
        self.blind = self.blind.filter(|last| sent_at < last.until);
    }

    /// Returns the end of the pause of all routes, if there is one.
    pub(super) fn until(&self, now: Instant) -> Option<Instant> {
        self.all.filter(|end| *end > now)
    }

    /// Returns the end of the route's own pause, if there is one.
    pub(super) fn route_until(&self, route: Route, now: Instant) -> Option<Instant> {
        self.routes.get(&route).copied().filter(|end| *end > now)
    }

    /// Returns the routes with a pause of their own, each with its end.
    pub(super) fn routes(&self, now: Instant) -> impl Iterator<Item = (Route, Instant)> {
        self.routes.iter().map(|(route, end)| (*route, *end)).filter(move |(_, end)| *end > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn later_pauses_extend_and_never_shorten() {
        let (mut pauses, now) = (Pauses::default(), Instant::now());
        pauses.extend(now + secs(10));
        pauses.extend(now + secs(5));
        assert_eq!(pauses.until(now), Some(now + secs(10)));
        pauses.extend_route(Route::User, now + secs(10), now);
        pauses.extend_route(Route::User, now + secs(5), now);
        assert_eq!(pauses.route_until(Route::User, now), Some(now + secs(10)));
        assert_eq!(pauses.route_until(Route::User, now + secs(10)), None);
        assert_eq!(pauses.until(now + secs(10)), None);
    }

    #[test]
    fn a_guess_doubles_only_for_calls_sent_after_the_pause_before() {
        let (mut pauses, now) = (Pauses::default(), Instant::now());
        assert_eq!(pauses.guess(now, now), secs(1));
        assert_eq!(pauses.guess(now, now), secs(1), "one burst that meets the limit is one event");
        let mut sent = now;
        for expected in [2, 4, 8, 16, 32, 60, 60] {
            sent += secs(100);
            assert_eq!(pauses.guess(sent, sent), secs(expected));
        }
        pauses.passed(sent);
        assert_eq!(pauses.guess(sent, sent), secs(60), "a call from before the pause proves nothing");
        pauses.passed(sent + secs(100));
        assert_eq!(pauses.guess(sent + secs(100), sent + secs(100)), secs(1));
    }
}
