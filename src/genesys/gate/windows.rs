//! The arithmetic of several sliding windows and of a bound on the calls in flight: no clock, no lock, no task.
//!
//! The bound on calls in flight is counted here and not in a semaphore around the gate: a semaphore hands out its permits
//! first come first served, so that ten thousand bulk calls in front of it would take the lanes' precedence away.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::credit::RoundTrips;
use super::limits::{Limits, Start, WindowLimit};

/// A place in every window and one of the calls in flight.
#[derive(Debug)]
#[must_use = "a place that is neither answered, lost nor abandoned stays taken for ever"]
pub(super) struct Place {
    taken_at: Instant,
}

impl Place {
    pub(super) fn taken_at(&self) -> Instant {
        self.taken_at
    }

    fn into_taken_at(self) -> Instant {
        self.taken_at
    }
}

/// The windows of one org and what fills them.
///
/// Invariant: a call fills its place in a window from being sent until the window's period has passed since its answer
/// came in, less the credit of [`super::credit`]; a call without an answer until the whole period has passed since it
/// was given up. Its arrival at Genesys lies between its sending and that moment, so two calls that take the same place
/// one after the other arrive at least one period apart, whatever their delays. This assumes of a call without an
/// answer that it does not arrive after its connection was given up; nobody could know when else.
///
/// The credit is applied when places are counted and not when an answer is recorded: if it drops, places that were given
/// back a moment ago count as taken again.
#[derive(Debug)]
pub(super) struct Windows {
    limits: Vec<WindowLimit>,
    longest: Duration,
    max_in_flight: usize,
    in_flight: usize,
    /// When calls were answered, in order of time.
    answers: VecDeque<Instant>,
    /// When calls ended without an answer, in order of time. Apart from `answers` because nothing is credited to them.
    losses: VecDeque<Instant>,
    round_trips: RoundTrips,
}

impl Windows {
    pub(super) fn new(limits: &Limits, start: Start, now: Instant) -> Self {
        let mut losses = match start {
            Start::Empty => Vec::new(),
            Start::AsIfFull => vec![now; limits.windows.iter().map(|w| count(w.calls.get())).max().unwrap_or(0)],
            Start::Recent(calls) => calls.into_iter().map(|at| at.min(now)).collect(),
        };
        losses.sort_unstable();
        Self {
            longest: limits.windows.iter().map(|window| window.period).max().unwrap_or_default(),
            limits: limits.windows.clone(),
            max_in_flight: count(limits.max_in_flight.get()),
            in_flight: 0,
            answers: VecDeque::new(),
            losses: losses.into(),
            round_trips: RoundTrips::new(limits.credit),
        }
    }

    /// Takes a place if one is free; [`Windows::free_at`] tells when to come back if not.
    pub(super) fn try_admit(&mut self, now: Instant) -> Option<Place> {
        (self.free_at(now)? <= now).then(|| {
            self.in_flight += 1;
            Place { taken_at: now }
        })
    }

    /// When a place is free if nothing else happens: `now`, an instant to come, or none while only an answer can help.
    pub(super) fn free_at(&self, now: Instant) -> Option<Instant> {
        if self.in_flight >= self.max_in_flight {
            return None;
        }
        self.limits.iter().try_fold(now, |latest, window| Some(latest.max(self.free_in(*window, now)?)))
    }

    /// The call was answered; from now on its places run out.
    pub(super) fn answered(&mut self, place: Place, now: Instant) {
        let taken_at = self.end(place);
        self.round_trips.observe(now.saturating_duration_since(taken_at));
        record(&mut self.answers, now);
        self.forget(now);
    }

    /// The call ended without an answer; from now on its places run out.
    pub(super) fn lost(&mut self, place: Place, now: Instant) {
        self.end(place);
        record(&mut self.losses, now);
        self.forget(now);
    }

    /// The call was never sent: its places are free again.
    pub(super) fn abandoned(&mut self, place: Place) {
        self.end(place);
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(super) fn max_in_flight(&self) -> usize {
        self.max_in_flight
    }

    pub(super) fn credit(&self) -> Duration {
        self.round_trips.credit()
    }

    /// Each window with the number of its places that are taken.
    pub(super) fn usage(&self, now: Instant) -> impl Iterator<Item = (WindowLimit, usize)> {
        self.limits.iter().map(move |window| (*window, self.in_flight + self.held(*window, now)))
    }

    fn end(&mut self, place: Place) -> Instant {
        self.in_flight = self.in_flight.saturating_sub(1);
        place.into_taken_at()
    }

    /// How long an answered call, and one without an answer, keep their place in `window`.
    fn hold(&self, window: WindowLimit) -> (Duration, Duration) {
        (window.period.saturating_sub(self.round_trips.credit()), window.period)
    }

    /// Places in `window` held by calls that are no longer under way.
    fn held(&self, window: WindowLimit, now: Instant) -> usize {
        let (hold_answered, hold_lost) = self.hold(window);
        self.answers.len() - expired(&self.answers, hold_answered, now) + self.losses.len()
            - expired(&self.losses, hold_lost, now)
    }

    /// Goes through the ends of calls in the order in which they give back their places, as far as is needed.
    fn free_in(&self, window: WindowLimit, now: Instant) -> Option<Instant> {
        let (hold_answered, hold_lost) = self.hold(window);
        let mut answers = self.answers.range(expired(&self.answers, hold_answered, now)..).peekable();
        let mut losses = self.losses.range(expired(&self.losses, hold_lost, now)..).peekable();
        let used = self.in_flight + answers.len() + losses.len();
        let mut free_at = now;
        for _ in count(window.calls.get())..=used {
            let of_answer = answers.peek().map(|at| **at + hold_answered);
            let of_loss = losses.peek().map(|at| **at + hold_lost);
            let answer_is_next = of_answer.is_some_and(|at| of_loss.is_none_or(|other| at <= other));
            free_at = if answer_is_next { of_answer? } else { of_loss? };
            if answer_is_next {
                answers.next()
            } else {
                losses.next()
            };
        }
        Some(free_at)
    }

    /// Forgets what has left even the longest window without any credit, so that a dropping credit finds the rest.
    fn forget(&mut self, now: Instant) {
        for times in [&mut self.answers, &mut self.losses] {
            times.drain(..expired(times, self.longest, now));
        }
    }
}

fn count(calls: u32) -> usize {
    usize::try_from(calls).unwrap_or(usize::MAX)
}

/// Keeps the order of time also if two clock readings were taken the other way round.
fn record(times: &mut VecDeque<Instant>, at: Instant) {
    let at = times.back().map_or(at, |last| at.max(*last));
    times.push_back(at);
}

fn expired(times: &VecDeque<Instant>, hold: Duration, now: Instant) -> usize {
    times.partition_point(|at| *at + hold <= now)
}

#[cfg(test)]
#[path = "windows_tests.rs"]
mod tests;
