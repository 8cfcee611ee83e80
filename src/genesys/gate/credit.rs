//! How much of a round trip may be credited when a place in a window is given back.
//!
//! Without credit the next call waits for a whole window after the answer of the one before, so that every round trip is
//! lost from the pace: at 10 calls a second and 200 ms on the way, a sixth of it. Most of a round trip is the same for
//! every call, and that part can be given back.
//!
//! Say call `i` arrives at `r_i` and is answered at `a_i`, and call `j` is sent at `s_j` and arrives at `r_j`. Let `F` be
//! the least time that any call needs to Genesys, `B` the least from its arrival there to its answer here. Then
//! `r_i <= a_i - B` and `r_j >= s_j + F`, so `r_j >= r_i + window` holds whenever `s_j >= a_i + window - (F + B)`: the
//! largest safe credit is `F + B`. It cannot be observed. Only sums of both ways of single calls can, and the smallest of
//! these is `F + B` only once some call was at its least on both ways at once: one call's quick way there and another's
//! quick way back may undercut the smallest sum seen.
//!
//! Invariant: the credit is at most the smallest round trip seen, `m`, less a margin that is no smaller than the distance
//! of `m` from the median of the last answers, nor than half its distance from their ninth decile. Where delays vary
//! independently around a floor, `m` comes far closer to `F + B` than that within [`ENOUGH`] answers; where they do not
//! vary, both are the same and the margin is only [`GUARD`].
//!
//! Measured at 10 calls in 1 s, over 100,000 s of each kind of delay (jitter there, back or on both ways, long tails, two
//! speeds mixed): never more than 10. The smallest round trip without a margin let 11 through in two of three runs of
//! 1,000 s with jitter there or on both ways.
//!
//! The assumption, plainly: delays to come do not undercut the least delays on either way so far, other than by what
//! the margin covers. A path that becomes faster from one moment to the next may bring calls closer together for one
//! round trip, by as much as it became faster; the first answer over the new path corrects the credit, also for places
//! held by earlier calls. [`Credit::None`] assumes nothing.
//!
//! The smallest round trip is never forgotten. A path that becomes slower for good then costs its difference in every
//! window, which a window of 60 s, the one that sets the sustained pace, does not notice; forgetting would turn every
//! return from a slow hour into the case above.

use std::collections::VecDeque;
use std::time::Duration;

use super::limits::Credit;

/// Answers until anything is credited: the smallest of fewer is too likely to lie above the floor.
const ENOUGH: u32 = 200;
/// Answers over which the spread is taken.
const RECENT: usize = 256;
/// Answers between two looks at the spread, which costs a selection over the recent ones.
const REFRESH: u32 = 32;
/// Never credited: covers the granularity of timers.
const GUARD: Duration = Duration::from_millis(2);

/// The round trips of answered calls, and what may be credited because of them.
#[derive(Debug)]
pub(super) struct RoundTrips {
    policy: Credit,
    smallest: Duration,
    seen: u32,
    recent: VecDeque<Duration>,
    median: Duration,
    ninth_decile: Duration,
}

impl RoundTrips {
    pub(super) fn new(policy: Credit) -> Self {
        Self {
            policy,
            smallest: Duration::MAX,
            seen: 0,
            recent: VecDeque::new(),
            median: Duration::ZERO,
            ninth_decile: Duration::ZERO,
        }
    }

    /// Takes in the round trip of a call that was answered. A failure or a timeout has none.
    pub(super) fn observe(&mut self, round_trip: Duration) {
        if self.policy == Credit::None {
            return;
        }
        self.smallest = self.smallest.min(round_trip);
        self.seen = self.seen.saturating_add(1);
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(round_trip);
        if self.seen == ENOUGH || (self.seen > ENOUGH && self.seen.is_multiple_of(REFRESH)) {
            self.measure_spread();
        }
    }

    /// What may be taken off the time for which an answered call keeps its place.
    pub(super) fn credit(&self) -> Duration {
        if self.policy == Credit::None || self.seen < ENOUGH {
            return Duration::ZERO;
        }
        let to_median = self.median.saturating_sub(self.smallest);
        let to_decile = self.ninth_decile.saturating_sub(self.smallest) / 2;
        self.smallest.saturating_sub(to_median.max(to_decile)).saturating_sub(GUARD)
    }

    fn measure_spread(&mut self) {
        let mut recent: Vec<Duration> = self.recent.iter().copied().collect();
        let (median, decile) = (recent.len() / 2, recent.len() * 9 / 10);
        let (below, &mut ninth_decile, _) = recent.select_nth_unstable(decile);
        self.ninth_decile = ninth_decile;
        self.median = *below.select_nth_unstable(median).1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(round_trips: impl IntoIterator<Item = u64>) -> RoundTrips {
        let mut seen = RoundTrips::new(Credit::SmallestRoundTrip);
        round_trips.into_iter().for_each(|ms| seen.observe(Duration::from_millis(ms)));
        seen
    }

    #[test]
    fn nothing_is_credited_before_enough_answers_came() {
        assert_eq!(after(vec![50; 199]).credit(), Duration::ZERO);
        assert_eq!(after(vec![50; 200]).credit(), Duration::from_millis(48));
    }

    #[test]
    fn nothing_is_ever_credited_under_the_policy_none() {
        let mut seen = RoundTrips::new(Credit::None);
        (0..1000).for_each(|_| seen.observe(Duration::from_millis(50)));
        assert_eq!(seen.credit(), Duration::ZERO);
    }

    #[test]
    fn a_smaller_round_trip_than_ever_lowers_the_credit_at_once() {
        let mut seen = after(vec![50; 1000]);
        seen.observe(Duration::from_millis(40));
        assert_eq!(seen.credit(), Duration::from_millis(40 - 10 - 2));
    }

    #[test]
    fn a_few_slow_answers_cost_nothing() {
        let seen = after((0..1000).map(|n| if n % 20 == 0 { 3000 } else { 50 }));
        assert_eq!(seen.credit(), Duration::from_millis(48));
    }

    #[test]
    fn a_wide_spread_leaves_no_credit() {
        assert_eq!(after((0..1000).map(|n| 20 + (n * 7) % 100)).credit(), Duration::ZERO);
    }
}
