//! One breaker per service of Genesys: each service may be down while the others work, and all may be down at once.

use std::num::NonZeroU32;

use tokio::time::Instant;

use super::breaker::{Breaker, ProbeId};
use crate::genesys::call::{GenesysService, Route};

/// Invariant: calls of a service are held back only for failures of its own, and for one round trip when another
/// service fails: the next call then finds out whether this service is down as well. So a service that is down stops no
/// other, and if all are down, that costs `opens_after` calls once and one more per other service.
#[derive(Debug)]
pub(super) struct Breakers([Breaker; GenesysService::ALL.len()]);

impl Breakers {
    pub(super) fn new(opens_after: NonZeroU32) -> Self {
        Self(std::array::from_fn(|_| Breaker::new(opens_after)))
    }

    /// Returns the breaker that applies to a route's calls.
    pub(super) fn of(&self, route: Route) -> &Breaker {
        &self.0[route.service().index()]
    }

    pub(super) fn let_through(&mut self, route: Route) -> Option<ProbeId> {
        self.of_mut(route).let_through()
    }

    pub(super) fn succeeded(&mut self, route: Route) {
        self.of_mut(route).succeeded();
    }

    pub(super) fn failed(&mut self, route: Route, probe: Option<ProbeId>, now: Instant) {
        if self.of_mut(route).failed(probe, now) {
            self.0.iter_mut().for_each(|breaker| breaker.doubt(now));
        }
    }

    pub(super) fn cut_short(&mut self, route: Route, probe: Option<ProbeId>, now: Instant) {
        self.of_mut(route).cut_short(probe, now);
    }

    pub(super) fn abandoned(&mut self, route: Route, probe: Option<ProbeId>, now: Instant) {
        self.of_mut(route).abandoned(probe, now);
    }

    /// Returns whether only probes are sent, because some service is in trouble and none is known to work.
    pub(super) fn all_open(&self) -> bool {
        !self.0.iter().any(Breaker::is_closed)
    }

    /// Returns how often any of the breakers opened.
    pub(super) fn openings(&self) -> u64 {
        self.0.iter().map(Breaker::openings).sum()
    }

    /// Returns the services in trouble, each with the time of its next probe; `None` while a probe is under way.
    pub(super) fn services_in_trouble(&self) -> impl Iterator<Item = (GenesysService, Option<Instant>)> {
        let in_trouble = GenesysService::ALL.into_iter().zip(&self.0).filter(|(_, breaker)| breaker.is_in_trouble());
        in_trouble.map(|(service, breaker)| (service, breaker.probe_at()))
    }

    fn of_mut(&mut self, route: Route) -> &mut Breaker {
        &mut self.0[route.service().index()]
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn new() -> (Breakers, Instant) {
        (Breakers::new(NonZeroU32::MIN.saturating_add(4)), Instant::now())
    }

    fn fail(breakers: &mut Breakers, route: Route, now: Instant) {
        let probe = breakers.let_through(route);
        breakers.failed(route, probe, now);
    }

    fn in_trouble(breakers: &Breakers) -> Vec<GenesysService> {
        breakers.services_in_trouble().map(|(service, _)| service).collect()
    }

    #[test]
    fn a_service_in_trouble_is_probed_while_the_others_go_on() {
        let (mut breakers, now) = new();
        for _ in 0..5 {
            fail(&mut breakers, Route::WfmWrite, now);
        }
        assert_eq!((breakers.all_open(), in_trouble(&breakers)), (true, vec![GenesysService::Wfm]));
        assert_eq!(breakers.of(Route::WfmRead).free_at(now), Some(now + SECOND));
        // One call finds out that another service works.
        assert!(breakers.let_through(Route::UserSkillsAdd).is_some());
        assert_eq!(breakers.of(Route::UserSkillsRead).free_at(now), None);
        breakers.succeeded(Route::UserSkillsAdd);
        assert_eq!(breakers.of(Route::UserSkillsRead).free_at(now), Some(now));
        // Failed probes raise no new doubt.
        fail(&mut breakers, Route::WfmRead, now + SECOND);
        assert_eq!((breakers.all_open(), in_trouble(&breakers)), (false, vec![GenesysService::Wfm]));
        assert!(breakers.of(Route::UserSkillsRead).is_closed());
        breakers.succeeded(Route::WfmRead);
        assert_eq!((breakers.openings(), in_trouble(&breakers)), (1, vec![]));
    }

    #[test]
    fn when_all_are_down_each_other_service_costs_one_call() {
        let (mut breakers, now) = new();
        for _ in 0..5 {
            fail(&mut breakers, Route::WfmWrite, now);
        }
        for route in [Route::UserSkillsRead, Route::Users] {
            fail(&mut breakers, route, now);
            assert_eq!(breakers.of(route).free_at(now), Some(now + SECOND));
        }
        assert_eq!((breakers.all_open(), breakers.openings()), (true, 1));
        assert_eq!(in_trouble(&breakers), [GenesysService::Users, GenesysService::Routing, GenesysService::Wfm]);
    }

    #[test]
    fn a_probe_that_was_never_sent_leaves_the_doubt() {
        let (mut breakers, now) = new();
        for _ in 0..5 {
            fail(&mut breakers, Route::WfmWrite, now);
        }
        let probe = breakers.let_through(Route::Users);
        breakers.abandoned(Route::Users, probe, now);
        assert_eq!(breakers.of(Route::Users).free_at(now), Some(now));
        assert_eq!(in_trouble(&breakers), [GenesysService::Wfm]);
        let probe = breakers.let_through(Route::Users);
        breakers.cut_short(Route::Users, probe, now);
        assert_eq!(breakers.of(Route::Users).free_at(now), Some(now + SECOND));
    }
}
