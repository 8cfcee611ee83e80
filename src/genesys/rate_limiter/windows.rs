//! Arithmetic of several sliding windows and of a limit on the calls in flight: no clock, no lock, no task.
//!
//! The calls in flight are counted here rather than by a semaphore around the rate limiter: a semaphore is first come,
//! first served, so ten thousand bulk calls in front of it would defeat the precedence of the lanes.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::latency_credit::RoundTrips;
use super::limits::{Credit, Limits, Start, WindowLimit};
use crate::genesys::call::RouteClass;

/// With so few places left in a window, spreading them gains nothing and would delay a call needlessly.
const LEFT_TO_CHANCE: usize = 2;

/// One in this many places of a large window is kept for lanes other than bulk.
const KEPT_ONE_IN: usize = 64;
/// Average distance of calls below which no places are kept from bulk.
const FAR: Duration = Duration::from_millis(50);

/// Slightly less than the average distance, so that a call that goes late is made up for.
const EVEN_SHARE: f64 = 0.995;

/// A place in every window, and one of the calls in flight.
#[derive(Debug)]
#[must_use = "a place that is neither answered, lost nor abandoned stays taken for ever"]
pub(super) struct WindowPlace {
    taken_at: Instant,
    class: RouteClass,
}

impl WindowPlace {
    pub(super) fn taken_at(&self) -> Instant {
        self.taken_at
    }

    fn into_parts(self) -> (Instant, RouteClass) {
        (self.taken_at, self.class)
    }
}

/// The windows of one org and the calls that fill them.
///
/// Invariant: a call keeps its place in a window from being sent until the window's period has passed since its answer,
/// less the credit of [`super::latency_credit`]; a call without an answer, until the whole period has passed since it
/// was given up. Its arrival at Genesys lies between its sending and that moment, so two calls that take the same place
/// one after the other arrive at least one period apart, whatever their delays. This assumes that a call without an
/// answer does not arrive after its connection was given up; its arrival could not be known otherwise.
///
/// The credit is applied when places are counted, not when an answer is recorded: if it drops, places given back a
/// moment ago count as taken again.
#[derive(Debug)]
pub(super) struct Windows {
    limits: Vec<WindowLimit>,
    longest: Duration,
    max_in_flight: usize,
    in_flight: usize,
    answered: [EndedCall; RouteClass::ALL.len()],
    /// Calls that ended without an answer; they never get a credit.
    lost: EndedCall,
}

/// When calls of one class ended, in order of time, and the credit that applies to them.
#[derive(Debug)]
struct EndedCall {
    times: VecDeque<Instant>,
    round_trips: RoundTrips,
}

impl EndedCall {
    fn new(credit: Credit, times: Vec<Instant>) -> Self {
        Self { times: times.into(), round_trips: RoundTrips::new(credit) }
    }

    /// Keeps the order of time even if two clock readings were taken the other way round.
    fn record(&mut self, at: Instant) {
        let at = self.times.back().map_or(at, |last| at.max(*last));
        self.times.push_back(at);
    }

    /// Returns how long these calls keep their place in `window`.
    fn hold(&self, window: WindowLimit) -> Duration {
        window.period.saturating_sub(self.round_trips.credit())
    }

    fn expired(&self, hold: Duration, now: Instant) -> usize {
        self.times.partition_point(|at| *at + hold <= now)
    }

    /// Returns how many of these calls still hold a place in `window`.
    fn held(&self, window: WindowLimit, now: Instant) -> usize {
        self.times.len() - self.expired(self.hold(window), now)
    }

    /// Returns when the calls that still hold a place in `window` give it back.
    fn returns(&self, window: WindowLimit, now: Instant) -> impl ExactSizeIterator<Item = Instant> {
        let hold = self.hold(window);
        self.times.range(self.expired(hold, now)..).map(move |at| *at + hold)
    }

    /// Drops calls that have left even the longest window without any credit, so that a lower credit still finds the
    /// others.
    fn forget(&mut self, longest: Duration, now: Instant) {
        self.times.drain(..self.expired(longest, now));
    }
}

impl Windows {
    pub(super) fn new(limits: &Limits, start: Start, now: Instant) -> Self {
        let presumed = start.presumed(limits, now);
        let mut losses: Vec<_> = match start {
            Start::Empty | Start::AsIfFull => Vec::new(),
            Start::Recent { counted, .. } => counted.into_iter().map(|at| at.min(now)).collect(),
        };
        losses.extend(presumed.into_iter().flat_map(|(calls, at)| std::iter::repeat_n(at, count(calls))));
        losses.sort_unstable();
        Self {
            longest: limits.windows.iter().map(|window| window.period).max().unwrap_or_default(),
            limits: limits.windows.clone(),
            max_in_flight: count(limits.max_in_flight.get()),
            in_flight: 0,
            answered: RouteClass::ALL.map(|_| EndedCall::new(limits.credit, Vec::new())),
            lost: EndedCall::new(Credit::None, losses),
        }
    }

    /// Takes a place, which [`Windows::free_at`] has just shown to be free.
    pub(super) fn admit(&mut self, class: RouteClass, now: Instant) -> WindowPlace {
        self.in_flight += 1;
        WindowPlace { taken_at: now, class }
    }

    /// Returns when a place is free if nothing else happens: `now`, a later instant, or `None` while only an answer can
    /// help.
    pub(super) fn free_at(&self, now: Instant) -> Option<Instant> {
        self.free_beyond(|_| 0, now)
    }

    /// Like [`Windows::free_at`], for bulk calls, which leave the last places of a large window to others.
    pub(super) fn free_for_bulk_at(&self, now: Instant) -> Option<Instant> {
        self.free_beyond(kept_from_bulk, now)
    }

    fn free_beyond(&self, kept: impl Fn(WindowLimit) -> usize, now: Instant) -> Option<Instant> {
        if self.in_flight >= self.max_in_flight {
            return None;
        }
        self.limits
            .iter()
            .try_fold(now, |latest, window| Some(latest.max(self.free_in(*window, kept(*window), now)?)))
    }

    /// Returns the distance of evenly spread calls: as far apart as the places of a window come back on average. `None`
    /// if next to no places are left to spread.
    pub(super) fn even_gap(&self, now: Instant) -> Option<Duration> {
        let spread =
            self.limits.iter().filter(|window| self.left(**window, now) > kept_from_bulk(**window) + LEFT_TO_CHANCE);
        spread.map(|window| (window.period / window.calls.get()).mul_f64(EVEN_SHARE)).max()
    }

    fn left(&self, window: WindowLimit, now: Instant) -> usize {
        let held = self.ended().map(|ended| ended.held(window, now)).sum::<usize>();
        count(window.calls.get()).saturating_sub(self.in_flight + held)
    }

    /// Records that the call was answered; from now on, its places run out.
    pub(super) fn answered(&mut self, place: WindowPlace, now: Instant) {
        let (taken_at, class) = self.end(place);
        let ended = &mut self.answered[class.index()];
        ended.round_trips.observe(now.saturating_duration_since(taken_at));
        ended.record(now);
        self.forget(now);
    }

    /// Records that the call ended without an answer; from now on, its places run out.
    pub(super) fn lost(&mut self, place: WindowPlace, now: Instant) {
        self.end(place);
        self.lost.record(now);
        self.forget(now);
    }

    /// Records that the call was never sent; its places are free again.
    pub(super) fn abandoned(&mut self, place: WindowPlace) {
        self.end(place);
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(super) fn max_in_flight(&self) -> usize {
        self.max_in_flight
    }

    pub(super) fn credit(&self, class: RouteClass) -> Duration {
        self.answered[class.index()].round_trips.credit()
    }

    /// Returns each window with the number of its places that are taken.
    pub(super) fn usage(&self, now: Instant) -> impl Iterator<Item = (WindowLimit, usize)> {
        let held = move |window| self.ended().map(|ended| ended.held(window, now)).sum::<usize>();
        self.limits.iter().map(move |window| (*window, self.in_flight + held(*window)))
    }

    /// Returns how many calls ended after `from` and until `to`, and when the last of them did, as far as they still
    /// count.
    pub(super) fn ended_between(&self, from: Option<Instant>, to: Instant) -> (usize, Option<Instant>) {
        let within = |ended: &EndedCall| {
            let first = from.map_or(0, |from| ended.times.partition_point(|at| *at <= from));
            let range = first..ended.times.partition_point(|at| *at <= to).max(first);
            (range.len(), range.last().and_then(|last| ended.times.get(last).copied()))
        };
        self.ended().map(within).fold((0, None), |(count, last), (more, at)| (count + more, last.max(at)))
    }

    fn ended(&self) -> impl Iterator<Item = &EndedCall> {
        self.answered.iter().chain([&self.lost])
    }

    fn end(&mut self, place: WindowPlace) -> (Instant, RouteClass) {
        self.in_flight = self.in_flight.saturating_sub(1);
        place.into_parts()
    }

    /// Goes through the ends of calls in the order in which they give back their places, as far as needed.
    fn free_in(&self, window: WindowLimit, kept: usize, now: Instant) -> Option<Instant> {
        let mut used = self.in_flight;
        let mut returns: Vec<_> = self.ended().map(|ended| ended.returns(window, now).peekable()).collect();
        used += returns.iter().map(ExactSizeIterator::len).sum::<usize>();
        let mut free_at = now;
        for _ in count(window.calls.get()) - kept..=used {
            let heads = returns.iter_mut().enumerate().filter_map(|(of, times)| Some((*times.peek()?, of)));
            let (next, of) = heads.min()?;
            returns[of].next();
            free_at = next;
        }
        Some(free_at)
    }

    fn forget(&mut self, now: Instant) {
        let longest = self.longest;
        self.answered.iter_mut().chain([&mut self.lost]).for_each(|ended| ended.forget(longest, now));
    }
}

/// Returns the number of places in `window` that bulk leaves to interactive calls and to the writes that follow its
/// reads: so few that the rate hardly suffers, yet such a call almost always finds one free. Zero if the next place is
/// never far away.
fn kept_from_bulk(window: WindowLimit) -> usize {
    let calls = window.calls.get();
    if window.period / calls < FAR { 0 } else { count(calls) / KEPT_ONE_IN }
}

fn count(calls: u32) -> usize {
    usize::try_from(calls).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
