//! Stops calls when Genesys is down, and finds out with single calls when it is back.
//!
//! Without it, an outage would be met with the full permitted rate of calls that are bound to fail. Each of them may
//! count against the limits and uses up an attempt of its entry.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

const FIRST_INTERVAL: Duration = Duration::from_secs(1);
const MAX_INTERVAL: Duration = Duration::from_secs(30);

/// Identifies a probe, so that the late result of an old one is not mistaken for that of the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProbeId(u64);

/// Counts consecutive failures, and limits calls to single probes once there are too many.
///
/// ```text
///           too many troubles               let_through
///  Closed --------------------> ProbeDue ---------------> Probing
///    ^                              ^                        |
///    |                              '-- failed: twice as long+
///    '------------------- succeeded -------------------------'
/// ```
///
/// Invariant: while in trouble, at most one probe is under way, and the next is due one interval after the last one
/// failed. The interval doubles with each failure and starts anew only after a call was answered. In doubt, the first
/// probe is due at once.
#[derive(Debug)]
pub(super) struct Breaker {
    opens_after: NonZeroU32,
    probes: u64,
    openings: u64,
    state: BreakerState,
}

#[derive(Debug)]
enum BreakerState {
    Closed { troubles: u32 },
    ProbeDue { at: Instant, interval: Duration },
    Probing { id: ProbeId, interval: Duration },
}

/// Interval before the first probe if there is only doubt so far.
const DOUBT: Duration = Duration::ZERO;

impl Breaker {
    pub(super) fn new(opens_after: NonZeroU32) -> Self {
        Self { opens_after, probes: 0, openings: 0, state: BreakerState::Closed { troubles: 0 } }
    }

    /// Returns when the next call may be sent: `now`, the time of the next probe, or `None` until the current probe has
    /// ended.
    pub(super) fn free_at(&self, now: Instant) -> Option<Instant> {
        match self.state {
            BreakerState::Closed { .. } => Some(now),
            BreakerState::ProbeDue { at, .. } => Some(at.max(now)),
            BreakerState::Probing { .. } => None,
        }
    }

    /// Records that a call is sent; while open, it is the probe, and its id is returned.
    pub(super) fn let_through(&mut self) -> Option<ProbeId> {
        let BreakerState::ProbeDue { interval, .. } = self.state else { return None };
        let id = ProbeId(self.probes);
        self.probes += 1;
        self.state = BreakerState::Probing { id, interval };
        Some(id)
    }

    /// A call was answered by a working service: all calls may be sent again at once.
    pub(super) fn succeeded(&mut self) {
        self.state = BreakerState::Closed { troubles: 0 };
    }

    /// A call ended in a 5xx or without an answer. Returns whether that opened the breaker.
    pub(super) fn failed(&mut self, probe: Option<ProbeId>, now: Instant) -> bool {
        match self.state {
            BreakerState::Closed { troubles } if troubles + 1 < self.opens_after.get() => {
                self.state = BreakerState::Closed { troubles: troubles + 1 };
            }
            BreakerState::Closed { .. } => {
                self.openings += 1;
                self.wait(FIRST_INTERVAL, now);
                return true;
            }
            // Calls sent before the breaker opened may also end here; it is open already.
            BreakerState::ProbeDue { .. } | BreakerState::Probing { .. } => self.cut_short(probe, now),
        }
        false
    }

    /// Another service failed, which may affect this one as well: a single call is to find out.
    pub(super) fn doubt(&mut self, now: Instant) {
        if self.is_closed() {
            self.wait(DOUBT, now);
        }
    }

    /// The caller cut a call short. That says nothing about Genesys, but a probe without a result is spent.
    pub(super) fn cut_short(&mut self, probe: Option<ProbeId>, now: Instant) {
        if let Some(interval) = self.interval_of(probe) {
            self.wait((interval * 2).clamp(FIRST_INTERVAL, MAX_INTERVAL), now);
        }
    }

    /// A call was never sent: the next one may be the probe instead.
    pub(super) fn abandoned(&mut self, probe: Option<ProbeId>, now: Instant) {
        if let Some(interval) = self.interval_of(probe) {
            self.state = BreakerState::ProbeDue { at: now, interval };
        }
    }

    /// Returns whether calls are sent as if nothing had failed.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.state, BreakerState::Closed { .. })
    }

    /// Returns whether calls of this service have failed and none has been answered since.
    pub(super) fn is_in_trouble(&self) -> bool {
        match self.state {
            BreakerState::Closed { .. } => false,
            BreakerState::ProbeDue { interval, .. } | BreakerState::Probing { interval, .. } => interval != DOUBT,
        }
    }

    /// Returns how often this breaker opened because of its own calls.
    pub(super) fn openings(&self) -> u64 {
        self.openings
    }

    /// Returns when the next probe is due; `None` while closed, or while a probe is under way.
    pub(super) fn probe_at(&self) -> Option<Instant> {
        match self.state {
            BreakerState::ProbeDue { at, .. } => Some(at),
            BreakerState::Closed { .. } | BreakerState::Probing { .. } => None,
        }
    }

    /// Returns the interval before the current probe, if `probe` is the current one.
    fn interval_of(&self, probe: Option<ProbeId>) -> Option<Duration> {
        match self.state {
            BreakerState::Probing { id, interval } => (probe == Some(id)).then_some(interval),
            BreakerState::Closed { .. } | BreakerState::ProbeDue { .. } => None,
        }
    }

    fn wait(&mut self, interval: Duration, now: Instant) {
        self.state = BreakerState::ProbeDue { at: now + interval, interval };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(now: Instant) -> Breaker {
        let mut breaker = Breaker::new(NonZeroU32::MIN.saturating_add(4));
        (0..5).for_each(|_| _ = breaker.failed(None, now));
        breaker
    }

    #[test]
    fn it_opens_after_five_troubles_in_a_row_and_not_before() {
        let (mut breaker, now) = (Breaker::new(NonZeroU32::MIN.saturating_add(4)), Instant::now());
        for _ in 0..4 {
            (0..4).for_each(|_| _ = breaker.failed(None, now));
            assert!(breaker.is_closed());
            breaker.succeeded();
        }
        assert!(open(now).is_in_trouble());
    }

    #[test]
    fn probes_come_at_doubling_intervals_up_to_thirty_seconds() {
        let mut now = Instant::now();
        let mut breaker = open(now);
        for seconds in [1, 2, 4, 8, 16, 30, 30, 30] {
            let due = breaker.free_at(now).unwrap();
            assert_eq!(due - now, Duration::from_secs(seconds));
            now = due;
            let probe = breaker.let_through();
            assert_eq!(breaker.free_at(now), None, "one probe at a time");
            breaker.failed(None, now);
            assert_eq!(breaker.free_at(now), None, "a straggler changes nothing");
            breaker.failed(probe, now);
        }
        breaker.let_through();
        breaker.succeeded();
        assert_eq!(breaker.openings(), 1);
        assert_eq!(breaker.free_at(now), Some(now));
        assert_eq!(breaker.let_through(), None);
    }

    #[test]
    fn an_abandoned_probe_is_made_up_for_and_one_cut_short_is_spent() {
        let mut now = Instant::now();
        let mut breaker = open(now);
        now += Duration::from_secs(1);
        let probe = breaker.let_through();
        breaker.abandoned(probe, now);
        assert_eq!(breaker.free_at(now), Some(now));
        let probe = breaker.let_through();
        breaker.cut_short(None, now);
        breaker.cut_short(probe, now);
        assert_eq!(breaker.free_at(now), Some(now + Duration::from_secs(2)));
    }

    #[test]
    fn the_late_result_of_an_old_probe_is_not_that_of_the_current_one() {
        let mut now = Instant::now();
        let mut breaker = open(now);
        let old = breaker.let_through();
        breaker.succeeded();
        (0..5).for_each(|_| _ = breaker.failed(None, now));
        now += Duration::from_secs(1);
        breaker.let_through();
        breaker.failed(old, now);
        assert_eq!(breaker.free_at(now), None);
    }
}
