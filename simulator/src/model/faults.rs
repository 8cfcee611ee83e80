//! Decides which faults hit a request.

use std::time::Duration;

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderName, HeaderValue};
use uuid::Uuid;

use super::super::dice::Dice;
use super::super::route::Route;
use super::super::scenario::{Body, Distortion, Fault, FaultKind, Latency, Moment};

/// A request as the faults see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visit {
    pub(super) route: Route,
    pub(super) user: Option<Uuid>,
    /// Number of earlier requests for this user on this route; makes a hit independent of all other requests.
    pub(super) nth: u64,
    /// Time since the start of the simulation.
    pub(super) elapsed: Duration,
}

/// A failure that replaces the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    Reset,
    Status(u16, Body),
    RateLimited(Duration),
    Redirect(u16, String),
}

/// The faults that hit one request.
#[derive(Debug, Clone, Default)]
pub(super) struct Injected {
    pub(super) outage: bool,
    pub(super) before: Option<Failure>,
    pub(super) after: Option<Failure>,
    pub(super) garbled: Option<Body>,
    pub(super) trickle: Option<Trickle>,
    pub(super) listing: Option<Distortion>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

/// An answer that arrives in small pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trickle {
    pub(crate) bytes: usize,
    pub(crate) pause: Duration,
}

/// How often each fault of a scenario has hit.
#[derive(Debug)]
pub(super) struct Faults {
    dice: Dice,
    hits: Vec<u32>,
}

impl Faults {
    pub(super) fn new(dice: Dice) -> Self {
        Self { dice, hits: Vec::new() }
    }

    /// Starts to count again, for faults that have been changed.
    pub(super) fn restart(&mut self) {
        self.hits.clear();
    }

    /// Returns the delay of a request in transit.
    pub(super) fn delay(&mut self, faults: &[Fault], visit: Visit) -> Duration {
        let mut delay = Duration::ZERO;
        for (index, fault) in faults.iter().enumerate() {
            if let FaultKind::Delay(latency) = fault.kind
                && self.hits(index, fault, visit)
            {
                delay += latency_of(self.dice, latency, "delay", visit);
            }
        }
        delay
    }

    /// Returns what goes wrong once the request has arrived. Of several failures at the same moment, the first one
    /// counts.
    pub(super) fn inject(&mut self, faults: &[Fault], visit: Visit) -> Injected {
        let mut injected = Injected::default();
        for (index, fault) in faults.iter().enumerate() {
            if !matches!(fault.kind, FaultKind::Delay(_)) && self.hits(index, fault, visit) {
                apply(&fault.kind, &mut injected);
            }
        }
        injected
    }

    fn hits(&mut self, index: usize, fault: &Fault, visit: Visit) -> bool {
        let in_period = fault.period.is_none_or(|period| period.contains(visit.elapsed));
        if !in_period || !concerns(fault, visit.route) || !self.concerns_user(index, fault, visit) {
            return false;
        }
        if self.hits.len() <= index {
            self.hits.resize(index + 1, 0);
        }
        let spent = fault.at_most.is_some_and(|most| self.hits[index] >= most);
        let about = format!("fault {index} {:?}", visit.route);
        let hit = !spent && (fault.rate >= 1.0 || self.dice.unit(&about, visit.user, visit.nth) < fault.rate);
        self.hits[index] += u32::from(hit);
        hit
    }

    /// Returns whether the fault concerns the user of a request, which is always or never the case for a user. A
    /// request without a user is always concerned.
    fn concerns_user(&self, index: usize, fault: &Fault, visit: Visit) -> bool {
        let (Some(share), Some(user)) = (fault.users, visit.user) else { return true };
        self.dice.unit(&format!("users of fault {index}"), Some(user), 0) < share
    }
}

fn concerns(fault: &Fault, route: Route) -> bool {
    let everywhere = fault.routes.is_empty() && route != Route::Token;
    everywhere || fault.kind == FaultKind::Outage || fault.routes.contains(&route)
}

fn apply(kind: &FaultKind, injected: &mut Injected) {
    match kind {
        FaultKind::Outage => injected.outage = true,
        FaultKind::Garbled { body } => injected.garbled = Some(*body),
        FaultKind::Trickle { bytes, pause } => {
            injected.trickle = Some(Trickle { bytes: (*bytes).max(1), pause: *pause });
        }
        FaultKind::RateLimited { retry_after } => {
            fail(injected, Moment::BeforeEffect, Failure::RateLimited(*retry_after));
        }
        FaultKind::Redirect { status, location } => {
            fail(injected, Moment::BeforeEffect, Failure::Redirect(*status, location.clone()));
        }
        FaultKind::Status { status, moment, body } => fail(injected, *moment, Failure::Status(*status, *body)),
        FaultKind::Reset { moment } => fail(injected, *moment, Failure::Reset),
        FaultKind::Listing(distortion) => injected.listing = Some(*distortion),
        FaultKind::Headers(headers) => {
            let permitted =
                |(name, value)| Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?));
            let framing = |name: &HeaderName| *name == CONTENT_LENGTH || *name == TRANSFER_ENCODING;
            let own = headers.iter().filter_map(permitted).filter(|(name, _)| !framing(name));
            injected.headers.extend(own);
        }
        FaultKind::Delay(_) => {}
    }
}

fn fail(injected: &mut Injected, moment: Moment, failure: Failure) {
    match moment {
        Moment::BeforeEffect => injected.before.get_or_insert(failure),
        Moment::AfterEffect => injected.after.get_or_insert(failure),
    };
}

/// Returns how long a request and its answer travel.
pub(super) fn latency_of(dice: Dice, latency: Latency, about: &str, visit: Visit) -> Duration {
    if latency.spread.is_zero() {
        return latency.fixed;
    }
    let about = format!("{about} {:?}", visit.route);
    latency.fixed + latency.spread.mul_f64(dice.unit(&about, visit.user, visit.nth))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(route: Route, nth: u64, seconds: u64) -> Visit {
        Visit { route, user: Some(Uuid::from_u128(1)), nth, elapsed: Duration::from_secs(seconds) }
    }

    #[test]
    fn a_fault_hits_its_routes_in_its_period_so_many_times() {
        let reset = FaultKind::Reset { moment: Moment::BeforeEffect };
        let faults =
            [Fault::on(&[Route::WfmWrite], reset).during(Duration::from_secs(10), Duration::from_secs(20)).at_most(1)];
        let mut state = Faults::new(Dice::new(1));
        let mut hit = |route, seconds| state.inject(&faults, visit(route, 0, seconds)).before.is_some();
        assert!(!hit(Route::WfmWrite, 9));
        assert!(!hit(Route::WfmRead, 10));
        assert!(hit(Route::WfmWrite, 10));
        assert!(!hit(Route::WfmWrite, 11));
    }

    #[test]
    fn a_fault_of_some_users_hits_them_always_and_others_never() {
        let faults = [Fault::on(&[], FaultKind::Reset { moment: Moment::AfterEffect }).for_users(0.5)];
        let mut state = Faults::new(Dice::new(1));
        let mut hits = |user, nth| {
            let visit = Visit { user: Some(Uuid::from_u128(user)), ..visit(Route::WfmWrite, nth, 0) };
            state.inject(&faults, visit).after.is_some()
        };
        let concerned = (0..100).filter(|user| hits(*user, 0)).count();
        assert!((30..70).contains(&concerned), "{concerned}");
        assert!((0..100).all(|user| hits(user, 0) == hits(user, 1)));
    }

    #[test]
    fn an_outage_is_everywhere_and_other_faults_leave_logins_alone_unless_named() {
        let faults = [Fault::on(&[], FaultKind::Outage)];
        assert!(Faults::new(Dice::new(1)).inject(&faults, visit(Route::Token, 0, 0)).outage);
        let faults = [Fault::on(&[], FaultKind::Garbled { body: Body::Empty })];
        assert!(Faults::new(Dice::new(1)).inject(&faults, visit(Route::Token, 0, 0)).garbled.is_none());
    }

    #[test]
    fn a_rate_is_met_and_does_not_depend_on_the_order_of_requests() {
        let kind = FaultKind::Status { status: 503, moment: Moment::BeforeEffect, body: Body::Json };
        let faults = [Fault::on(&[], kind).at_rate(0.2)];
        let hits = |order: Vec<u64>| {
            let mut state = Faults::new(Dice::new(3));
            let mut hit: Vec<u64> = order
                .into_iter()
                .filter(|nth| state.inject(&faults, visit(Route::Users, *nth, 0)).before.is_some())
                .collect();
            hit.sort_unstable();
            hit
        };
        let forwards = hits((0..1_000).collect());
        assert!((150..250).contains(&forwards.len()), "{}", forwards.len());
        assert_eq!(forwards, hits((0..1_000).rev().collect()));
    }
}
