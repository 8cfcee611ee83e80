//! Combines everything that decides which call may go and when: windows, pauses, breakers, foreign use and the queue.

use std::time::Duration;

use tokio::time::Instant;

use super::breaker::ProbeId;
use super::breakers::Breakers;
use super::learned_limits::LearnedPaces;
use super::limits::{Limits, Start, WindowLimit};
use super::pauses::Pauses;
use super::queue::{Queue, WaiterId};
use super::shared_quota::ForeignUse;
use super::throughput::Throughput;
use super::view::{LaneView, RateLimiterView, WindowView};
use super::windows::{WindowPlace, Windows};
use crate::engine::port::Pace;
use crate::genesys::call::{CallLane, Route, RouteClass};

/// How much a bulk call may catch up after being admitted late, because timers wake late.
const CATCH_UP: Duration = Duration::from_millis(10);

/// Maximum number of distances by which a burst of other lanes delays bulk.
const MAX_AHEAD: u32 = 10;

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallOutcome {
    /// Genesys answered, whatever it said: even a 429 shows that it works.
    Answered,
    /// Genesys answered with a 5xx.
    ServerTrouble,
    /// No answer: the call timed out, or the connection was refused or reset.
    NoAnswer,
}

/// Permission to send one call.
#[derive(Debug)]
#[must_use]
pub(super) struct Ticket {
    place: WindowPlace,
    probe: Option<ProbeId>,
    route: Route,
}

impl Ticket {
    pub(super) fn granted_at(&self) -> Instant {
        self.place.taken_at()
    }

    pub(super) fn route(&self) -> Route {
        self.route
    }
}

/// Complete state of the rate limiter; `T` notifies a waiter of its turn.
///
/// Invariant: every ticket granted and not yet ended fills one place in flight and in every window, and no caller waits
/// while [`Admissions::next_grant_at`] is not after now: the shell calls [`Admissions::grant`] until it yields nothing,
/// after each change and at that instant.
///
/// Bulk calls are spread evenly over what a window has left; the other lanes go in bursts. A bulk job that used up a
/// one-minute window in a burst would leave nothing for a webhook for the rest of it, and the places would come back in
/// a burst as well, for as long as the job lasts. The rate is the same either way.
#[derive(Debug)]
pub(super) struct Admissions<T> {
    windows: Windows,
    queue: Queue<T>,
    pauses: Pauses,
    breakers: Breakers,
    foreign: ForeignUse,
    paces: LearnedPaces,
    longest_wait: Duration,
    /// When the next bulk call is due, while calls are spread.
    next_due: Option<Instant>,
    granted: [u64; CallLane::ALL.len()],
    throughput: Throughput,
}

impl<T> Admissions<T> {
    pub(super) fn new(limits: &Limits, start: Start, now: Instant) -> Self {
        Self {
            windows: Windows::new(limits, start, now),
            queue: Queue::new(),
            pauses: Pauses::default(),
            breakers: Breakers::new(limits.breaker_after),
            foreign: ForeignUse::default(),
            paces: LearnedPaces::default(),
            longest_wait: limits.longest_wait,
            next_due: None,
            granted: [0; CallLane::ALL.len()],
            throughput: Throughput::default(),
        }
    }

    pub(super) fn join(&mut self, lane: CallLane, route: Route, waiter: T) -> WaiterId {
        self.queue.join(lane, route, waiter)
    }

    /// Removes a waiter that gave up; returns `None` if its turn had come before.
    pub(super) fn leave(&mut self, id: WaiterId) -> Option<T> {
        self.queue.leave(id)
    }

    pub(super) fn nobody_waits(&self) -> bool {
        self.queue.is_empty()
    }

    /// Takes the next waiter that may go now out of the queue, with its ticket.
    pub(super) fn grant(&mut self, now: Instant) -> Option<(T, Ticket)> {
        self.throughput.passed(now);
        let next = self.take_next(now);
        if next.is_none() {
            let works = |route| self.breakers.of(route).is_closed();
            let for_the_rate_limiter = CallLane::ALL.into_iter().any(|lane| self.queue.routes(lane).any(works));
            self.throughput.waits_from(for_the_rate_limiter.then(|| self.pauses.until(now).unwrap_or(now)));
        }
        next
    }

    fn take_next(&mut self, now: Instant) -> Option<(T, Ticket)> {
        if self.next_grant_at(now)? > now {
            return None;
        }
        let (breakers, pauses, paces) = (&self.breakers, &self.pauses, &self.paces);
        let open = |route| route_free_at(breakers, pauses, paces, route, now).is_some_and(|at| at <= now);
        let next = self.queue.take(open, self.bulk_free_at(now).is_some_and(|at| at <= now))?;
        self.throughput.granted(next.lane, now);
        self.foreign.granted();
        self.paces.granted(next.route, now);
        for (lane, granted) in CallLane::ALL.into_iter().zip(&mut self.granted) {
            *granted += u64::from(lane == next.lane);
        }
        let place = self.windows.admit(next.route.class(), now);
        self.next_due = self.due_after_a_call(now);
        Some((next.waiter, Ticket { place, probe: self.breakers.let_through(next.route), route: next.route }))
    }

    /// Returns when the next waiter may go if nothing else happens; `None` while no caller waits or only an answer can
    /// help.
    pub(super) fn next_grant_at(&self, now: Instant) -> Option<Instant> {
        let lane = CallLane::ALL.into_iter().filter_map(|lane| self.lane_free_at(lane, now)).min()?;
        let pause = self.pauses.until(now).unwrap_or(now);
        Some(lane.max(pause).max(self.foreign.free_at(now)))
    }

    fn lane_free_at(&self, lane: CallLane, now: Instant) -> Option<Instant> {
        let of = |route| route_free_at(&self.breakers, &self.pauses, &self.paces, route, now);
        let route = self.queue.routes(lane).filter_map(of).min()?;
        let place = match lane {
            CallLane::Bulk if !self.queue.bulk_is_owed() => self.bulk_free_at(now)?,
            CallLane::Bulk | CallLane::Continuation | CallLane::Interactive => self.windows.free_at(now)?,
        };
        Some(route.max(place))
    }

    /// Returns when a bulk call has its place and is due in an even spread.
    fn bulk_free_at(&self, now: Instant) -> Option<Instant> {
        let due = self.next_due.filter(|_| self.windows.even_gap(now).is_some());
        Some(self.windows.free_for_bulk_at(now)?.max(due.unwrap_or(now)))
    }

    /// Calls of all lanes count, so that bulk reads leave room for the writes that follow them.
    fn due_after_a_call(&self, now: Instant) -> Option<Instant> {
        let gap = self.windows.even_gap(now)?;
        let latest_start = now.checked_sub(CATCH_UP)?;
        let due = self.next_due.map_or(now, |due| due.max(latest_start));
        Some((due + gap).min(now + gap * MAX_AHEAD))
    }

    /// Removes the waiters whose route is closed for longer than the longest permitted wait, each with the end of that.
    pub(super) fn turn_back(&mut self, now: Instant) -> Vec<(T, Instant)> {
        let horizon = now + self.longest_wait;
        let ends = |route: &Route| Some((*route, self.closed_until(*route, now))).filter(|(_, end)| *end > horizon);
        let closed: Vec<_> = Route::ALL.iter().filter_map(ends).collect();
        let mut turned_back = Vec::new();
        for (route, end) in closed {
            turned_back.extend(self.queue.clear(route).map(|waiter| (waiter, end)));
        }
        turned_back
    }

    /// Returns until when Genesys permits no call of `route`; `now` if it is open.
    fn closed_until(&self, route: Route, now: Instant) -> Instant {
        self.route_paused_until(route, now).unwrap_or(now).max(self.foreign.free_at(now))
    }

    pub(super) fn ended(&mut self, ticket: Ticket, outcome: CallOutcome, now: Instant) {
        let Ticket { place, probe, route } = ticket;
        match outcome {
            CallOutcome::Answered => {
                self.pauses.passed(place.taken_at());
                self.breakers.succeeded(route);
                self.windows.answered(place, now);
            }
            CallOutcome::ServerTrouble => {
                self.breakers.failed(route, probe, now);
                self.windows.answered(place, now);
            }
            CallOutcome::NoAnswer => {
                self.breakers.failed(route, probe, now);
                self.windows.lost(place, now);
            }
        }
    }

    /// The caller dropped a call that may have been sent.
    pub(super) fn cut_short(&mut self, ticket: Ticket, now: Instant) {
        self.breakers.cut_short(ticket.route, ticket.probe, now);
        self.windows.lost(ticket.place, now);
    }

    /// The call was never sent.
    pub(super) fn abandoned(&mut self, ticket: Ticket, now: Instant) {
        self.breakers.abandoned(ticket.route, ticket.probe, now);
        self.foreign.abandoned();
        self.windows.abandoned(ticket.place);
    }

    /// Pauses all routes or one. Without a length, it is guessed: see [`Pauses::guess`].
    pub(super) fn throttled(&mut self, ticket: &Ticket, only: Option<Route>, length: Option<Duration>, now: Instant) {
        let length = length.unwrap_or_else(|| self.pauses.guess(ticket.granted_at(), now));
        match only {
            Some(route) => self.pause_route_until(route, now + length, now),
            None => self.pause_until(now + length),
        }
    }

    pub(super) fn pause_until(&mut self, until: Instant) {
        self.pauses.extend(until);
    }

    pub(super) fn pause_route_until(&mut self, route: Route, until: Instant, now: Instant) {
        self.pauses.extend_route(route, until, now);
    }

    /// Applies a limit of one route that a 429 named.
    pub(super) fn learn(&mut self, route: Route, limit: WindowLimit, now: Instant) {
        self.paces.learn(route, limit, now);
    }

    pub(super) fn paused_until(&self, now: Instant) -> Option<Instant> {
        self.pauses.until(now)
    }

    pub(super) fn route_paused_until(&self, route: Route, now: Instant) -> Option<Instant> {
        self.pauses.route_until(route, now).max(self.pauses.until(now))
    }

    /// Records Genesys' own count of the calls in its current window, which ends in `reset`.
    ///
    /// The count matters only if it leaves fewer calls than the windows long enough to cover it still have. Without
    /// other users of the token, it never does, because every call that Genesys counted fills a place here as well.
    /// Other calls in flight may not have been counted yet; the one that reported the count has been, and has not ended
    /// here.
    pub(super) fn observe_foreign_use(&mut self, used: u32, allowed: u32, reset: Duration, now: Instant) {
        let covering = self.windows.usage(now).filter(|(window, _)| window.period >= reset);
        let believed = covering.map(|(window, taken)| count(window.calls.get()).saturating_sub(taken)).min();
        let left = count(allowed.saturating_sub(used));
        if allowed > 0 && believed.is_none_or(|believed| left < believed) {
            let others = self.windows.in_flight().saturating_sub(1);
            self.foreign.restrict(left.saturating_sub(others), now + reset, now);
        }
    }

    /// Returns how fast calls of these routes proceed from now on, where `permitted` per second is the sustainable
    /// maximum.
    pub(super) fn pace(&self, routes: &[Route], permitted: f64, now: Instant) -> Pace {
        let paused = routes.iter().filter_map(|route| self.route_paused_until(*route, now)).max();
        let probe = routes.iter().filter_map(|route| self.breakers.of(*route).probe_at()).max();
        let ways = [paused, probe, self.windows.free_for_bulk_at(now), Some(self.foreign.free_at(now))];
        Pace {
            calls_per_second: self.throughput.rate(permitted),
            bulk_share: self.throughput.bulk_share(permitted),
            opens_at: ways.into_iter().flatten().fold(now, Instant::max),
        }
    }

    /// Returns whether a call is under way or waits for its turn.
    pub(super) fn is_busy(&self) -> bool {
        self.windows.in_flight() > 0 || !self.nobody_waits()
    }

    /// Returns how many calls ended after `from` and until `to`, and when the last of them did.
    pub(super) fn ended_between(&self, from: Option<Instant>, to: Instant) -> (usize, Option<Instant>) {
        self.windows.ended_between(from, to)
    }

    pub(super) fn view(&self, now: Instant) -> RateLimiterView {
        let window = |(limit, used)| WindowView { limit, used };
        let lane =
            |(lane, granted): (CallLane, &u64)| LaneView { lane, waiting: self.queue.waiting(lane), granted: *granted };
        RateLimiterView {
            windows: self.windows.usage(now).map(window).collect(),
            in_flight: self.windows.in_flight(),
            max_in_flight: self.windows.max_in_flight(),
            lanes: CallLane::ALL.into_iter().zip(&self.granted).map(lane).collect(),
            paused_until: self.pauses.until(now),
            paused_routes: self.pauses.routes(now).collect(),
            learned_limits: self.paces.limits(now).collect(),
            credit: RouteClass::ALL.map(|class| (class, self.windows.credit(class))).into(),
            left_by_others: self.foreign.left(now),
            breaker_open: self.breakers.all_open(),
            breaker_openings: self.breakers.openings(),
            services_in_trouble: self.breakers.services_in_trouble().collect(),
        }
    }
}

/// Returns when a call of the route may go, considering only its own route and service; `None` while only an answer can
/// help.
fn route_free_at(
    breakers: &Breakers,
    pauses: &Pauses,
    paces: &LearnedPaces,
    route: Route,
    now: Instant,
) -> Option<Instant> {
    let pause = pauses.route_until(route, now).unwrap_or(now);
    Some(breakers.of(route).free_at(now)?.max(pause).max(paces.free_at(route, now)))
}

fn count(calls: u32) -> usize {
    usize::try_from(calls).unwrap_or(usize::MAX)
}
