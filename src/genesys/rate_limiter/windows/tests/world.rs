//! Callers in front of the windows and a network behind them, on a simulated clock.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::super::*;
use super::ms;
use crate::genesys::rate_limiter::receiver::Receiver;

/// How long a call takes in each direction.
pub(super) type Delays = dyn Fn(&mut StdRng) -> (Duration, Duration);

/// Random properties besides the delays.
#[derive(Clone, Copy)]
pub(super) struct Mishaps {
    abandoned: f64,
    lost: f64,
    idle: f64,
}

pub(super) const NONE: Mishaps = Mishaps { abandoned: 0.0, lost: 0.0, idle: 0.0 };
pub(super) const MANY: Mishaps = Mishaps { abandoned: 0.05, lost: 0.05, idle: 0.02 };

enum End {
    Answered,
    Lost,
    Abandoned,
}

impl Windows {
    pub(super) fn try_admit(&mut self, class: RouteClass, now: Instant) -> Option<WindowPlace> {
        (self.free_at(now)? <= now).then(|| self.admit(class, now))
    }
}

/// An unlimited number of callers in front of the windows, and a network with the given delays behind them.
pub(super) struct World {
    pub(super) windows: Windows,
    limits: Limits,
    pub(super) now: Instant,
    random: StdRng,
    ends: BinaryHeap<Reverse<(Instant, usize)>>,
    calls: Vec<Option<(WindowPlace, End)>>,
    /// For every call: when it ended, if it did, and the class it is credited to. For counting by brute force.
    ended: Vec<(Option<Instant>, Option<RouteClass>)>,
    pub(super) receiver: Receiver,
    /// Half of the calls are writes, which take Genesys this much longer.
    pub(super) slow_writes: Option<Duration>,
}

impl World {
    pub(super) fn new(limits: Limits, start: Start, seed: u64) -> Self {
        let now = Instant::now();
        Self {
            windows: Windows::new(&limits, start, now),
            limits,
            now,
            random: StdRng::seed_from_u64(seed),
            ends: BinaryHeap::new(),
            calls: Vec::new(),
            ended: Vec::new(),
            receiver: Receiver::default(),
            slow_writes: None,
        }
    }

    pub(super) fn run(&mut self, length: Duration, delays: &Delays, mishaps: Mishaps) {
        let end = self.now + length;
        while self.now < end {
            if self.random.random_bool(mishaps.idle) {
                let pause = ms(self.random.random_range(0..1500));
                self.pass_until(self.now + pause);
            }
            let class = match self.slow_writes {
                Some(_) if self.random.random_bool(0.5) => RouteClass::Write,
                Some(_) | None => RouteClass::Read,
            };
            if let Some(place) = self.windows.try_admit(class, self.now) {
                self.send(place, delays, mishaps);
            } else if let Some(at) = self.windows.free_at(self.now) {
                self.check_that_nothing_is_free_before(at);
                self.pass_until(at);
            } else {
                let Reverse((next, _)) = *self.ends.peek().expect("calls are in flight");
                self.pass_until(next);
            }
        }
    }

    fn send(&mut self, place: WindowPlace, delays: &Delays, mishaps: Mishaps) {
        let (forward, mut back) = delays(&mut self.random);
        if place.class == RouteClass::Write {
            back += self.slow_writes.unwrap_or_default();
        }
        let fate: f64 = self.random.random();
        let (end, at) = if fate < mishaps.abandoned {
            (End::Abandoned, self.now + back)
        } else if fate < mishaps.abandoned + mishaps.lost {
            if self.random.random_bool(0.7) {
                self.receiver.arrived(self.now + forward);
            }
            (End::Lost, self.now + forward)
        } else {
            self.receiver.arrived(self.now + forward);
            (End::Answered, self.now + forward + back)
        };
        self.ends.push(Reverse((at, self.calls.len())));
        self.calls.push(Some((place, end)));
        self.ended.push((None, None));
        assert!(self.windows.in_flight() <= self.windows.max_in_flight());
    }

    /// Advances time to `until`, or to the end of the next call.
    fn pass_until(&mut self, at: Instant) {
        let Some(Reverse((next, call))) = self.ends.peek().copied().filter(|Reverse((next, _))| *next <= at) else {
            self.now = at.max(self.now);
            return;
        };
        self.ends.pop();
        self.now = next.max(self.now);
        let (place, end) = self.calls[call].take().expect("ends once");
        match end {
            End::Answered => {
                self.ended[call] = (Some(self.now), Some(place.class));
                self.windows.answered(place, self.now);
            }
            End::Lost => {
                self.windows.lost(place, self.now);
                self.ended[call] = (Some(self.now), None);
            }
            End::Abandoned => {
                self.windows.abandoned(place);
                self.ended[call] = (Some(self.now.checked_sub(Duration::from_secs(3600)).unwrap()), None);
            }
        }
    }

    fn check_that_nothing_is_free_before(&self, at: Instant) {
        let full = |moment: Instant| {
            self.limits.windows.iter().any(|window| self.taken(*window, moment) >= window.calls.get() as usize)
        };
        // Counting everything each time is slow; long runs are checked at their beginning, and by their utilisation.
        if self.ended.len() < 400 {
            assert!(full(at - Duration::from_nanos(1)), "somebody waits although a place is free");
            assert!(!full(at), "nothing is free at the promised time");
        }
    }

    fn taken(&self, window: WindowLimit, moment: Instant) -> usize {
        let keeps = |(ended, credited): &&(Option<Instant>, Option<RouteClass>)| {
            let credit = credited.map_or(Duration::ZERO, |class| self.windows.credit(class));
            let hold = window.period.saturating_sub(credit);
            ended.is_none_or(|ended| ended + hold > moment)
        };
        self.ended.iter().filter(keeps).count()
    }

    pub(super) fn check_arrivals(&self, context: &str) {
        self.receiver.assert_never_exceeded(&self.limits.windows, context);
    }
}
