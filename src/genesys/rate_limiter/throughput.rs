//! Measures the actual rate of calls: what the rate limiter recently granted while callers were waiting.
//!
//! The configured limits are only an upper bound. Slow answers, limits of single routes, other users of the token and
//! urgent calls all reduce the rate, and each would be a guess in a formula. The number of granted calls includes all
//! of them.

use std::time::Duration;

use tokio::time::Instant;

use crate::genesys::call::CallLane;

/// Time constant of the decay: two windows of the usual length, so that fluctuations within a window even out.
const MEMORY: Duration = Duration::from_secs(120);

/// Time for which the permitted rate is taken as observed, so that the first calls alone do not decide.
const GIVEN_CREDIT: Duration = Duration::from_secs(4);

/// Calls granted, and the time in which they were granted.
///
/// Invariant: only time counts in which a caller waited and the rate limiter was the reason. That excludes the time
/// before the first grant, when places may be taken for the calls of an earlier process, and pauses and outages, which
/// end at a time of their own. Calls granted without a wait say nothing about the rate and do not count either.
#[derive(Debug, Default)]
pub(super) struct Throughput {
    seconds: f64,
    granted: [f64; CallLane::ALL.len()],
    begun: bool,
    /// Since when time counts; `None` while it does not.
    counts_from: Option<Instant>,
}

impl Throughput {
    /// Accounts for the time since the last update.
    pub(super) fn passed(&mut self, now: Instant) {
        let Some(from) = self.counts_from.filter(|from| *from < now) else { return };
        let waited = now - from;
        let kept = (-waited.div_duration_f64(MEMORY)).exp();
        self.seconds = self.seconds * kept + waited.as_secs_f64();
        self.granted.iter_mut().for_each(|calls| *calls *= kept);
        self.counts_from = Some(now);
    }

    /// Records a grant to `lane`.
    pub(super) fn granted(&mut self, lane: CallLane, now: Instant) {
        self.begun = true;
        if self.counts_from.is_some_and(|from| from <= now) {
            CallLane::ALL
                .iter()
                .zip(&mut self.granted)
                .filter(|(of, _)| **of == lane)
                .for_each(|(_, calls)| *calls += 1.0);
        }
    }

    /// Nothing more can be granted now: waiting callers wait from `from` on; `None` if none waits, or not for the rate
    /// limiter.
    pub(super) fn waits_from(&mut self, from: Option<Instant>) {
        self.counts_from = from.filter(|_| self.begun);
    }

    /// Returns the calls per second, where `permitted` is the sustainable maximum.
    pub(super) fn rate(&self, permitted: f64) -> f64 {
        let credit = GIVEN_CREDIT.as_secs_f64();
        let seen = self.granted.iter().sum::<f64>() + permitted * credit;
        (seen / (self.seconds + credit)).min(permitted)
    }

    /// Returns the share of bulk calls among those that begin something; the writes that follow are shared likewise.
    pub(super) fn bulk_share(&self, permitted: f64) -> f64 {
        let of = |lane| {
            CallLane::ALL.iter().zip(&self.granted).filter(|(at, _)| **at == lane).map(|(_, calls)| *calls).sum()
        };
        let (interactive, bulk): (f64, f64) = (of(CallLane::Interactive), of(CallLane::Bulk));
        let bulk = bulk + permitted * GIVEN_CREDIT.as_secs_f64();
        bulk / (bulk + interactive)
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "whole numbers, and ratios computed alike")]
mod tests {
    use super::*;

    fn secs(n: f64) -> Duration {
        Duration::from_secs_f64(n)
    }

    /// One grant every `distance` during `length`, while a caller waits all the time.
    fn run(throughput: &mut Throughput, from: Instant, lane: CallLane, distance: f64, length: f64) -> Instant {
        let mut now = from;
        while now < from + secs(length) {
            throughput.waits_from(Some(now));
            now += secs(distance);
            throughput.passed(now);
            throughput.granted(lane, now);
        }
        now
    }

    #[test]
    fn the_pace_is_the_permitted_one_until_it_is_seen_to_be_another() {
        let (mut throughput, start) = (Throughput::default(), Instant::now());
        assert_eq!((throughput.rate(5.0), throughput.bulk_share(5.0)), (5.0, 1.0));
        throughput.granted(CallLane::Bulk, start);
        for (distance, after, expected) in [(0.5, 20.0, 2.5), (0.5, 120.0, 2.15), (0.1, 120.0, 5.0)] {
            run(&mut throughput, start, CallLane::Bulk, distance, after);
            assert!((throughput.rate(5.0) - expected).abs() < 0.06, "{} after {after}", throughput.rate(5.0));
        }
    }

    #[test]
    fn time_counts_only_while_somebody_waits_for_the_rate_limiter() {
        let (mut throughput, start) = (Throughput::default(), Instant::now());
        // Before the first grant.
        throughput.waits_from(Some(start));
        throughput.passed(start + secs(60.0));
        let now = start + secs(60.0);
        throughput.granted(CallLane::Bulk, now);
        // No caller waits.
        throughput.waits_from(None);
        throughput.passed(now + secs(60.0));
        // A pause that ends later.
        throughput.waits_from(Some(now + secs(200.0)));
        throughput.passed(now + secs(100.0));
        throughput.passed(now + secs(200.0));
        assert_eq!(throughput.rate(5.0), 5.0);
        throughput.passed(now + secs(208.0));
        assert_eq!(throughput.rate(5.0), 5.0 * 4.0 / 12.0);
    }

    #[test]
    fn urgent_calls_take_their_share_of_bulk() {
        let (mut throughput, start) = (Throughput::default(), Instant::now());
        throughput.granted(CallLane::Bulk, start);
        let mut now = start;
        for _ in 0..100 {
            now = run(&mut throughput, now, CallLane::Interactive, 0.2, 0.2);
            now = run(&mut throughput, now, CallLane::Continuation, 0.2, 0.2);
            now = run(&mut throughput, now, CallLane::Bulk, 0.2, 0.2);
        }
        let share = throughput.bulk_share(5.0);
        assert!((0.5..0.75).contains(&share), "{share}");
        assert!((throughput.rate(5.0) - 5.0).abs() < 0.05);
    }
}
