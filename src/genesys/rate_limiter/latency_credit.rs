//! Determines how much of a round trip may be credited when a place in a window is given back.
//!
//! Without credit, the next call waits a whole window after the answer to the one before, so every round trip reduces
//! the rate: with 10 calls per second and 200 ms of latency, by a sixth. Most of a round trip is the same for every
//! call, and that part can be given back.
//!
//! Say call `i` arrives at `r_i` and is answered at `a_i`, and call `j` is sent at `s_j` and arrives at `r_j`. Let `F`
//! be the least time that any call needs to reach Genesys, and `B` the least time from its arrival there to its answer
//! here. Then `r_i <= a_i - B` and `r_j >= s_j + F`, so `r_j >= r_i + window` holds whenever
//! `s_j >= a_i + window - (F + B)`: the largest safe credit is `F + B`. It cannot be observed. Only the sums of both
//! directions of single calls can, and the smallest of these equals `F + B` only once some call was at its least in
//! both directions at once: one call's quick way there and another's quick way back may undercut the smallest sum seen.
//!
//! How far the smallest of `n` sums, `m_1`, still lies above `F + B` shows in how dense the sums are just above it:
//! they thin out towards `F + B`, and the `k`th smallest lies about `k^(1/a)` times as far above it as the smallest,
//! where `a` is 1 if only one direction varies, 2 if both do, and more if the least delays are rarer still. With `k` =
//! 16, even `a` = 4 puts the smallest no farther above `F + B` than the sixteenth lies above the smallest. Twice that
//! distance is the margin, because both are random. The margin needs no constant of the network, is large while little
//! is known, and shrinks as answers come in.
//!
//! Invariant: the credit is at most `m_1 - 2 (m_16 - m_1)` less [`GUARD`], over all answers of the class so far.
//!
//! Calls of different classes take different times in Genesys, so each class has its own `B`; they share the way there.
//! The credit belongs to the call that gives its place back, so the sums of its own class bound it whatever call comes
//! next. Without classes, slow writes would get no more credit than the quickest read.
//!
//! Assumptions: future delays do not undercut the least delays of either direction so far by more than the margin, and
//! the way there does not depend on the class. A path that suddenly becomes faster may bring calls closer together for
//! one round trip, by as much as it became faster; the first answer over the new path corrects the credit, also for
//! places held by earlier calls. [`Credit::None`] assumes nothing.
//!
//! The smallest round trips are never forgotten. A path that becomes slower for good then costs its difference in every
//! window, which hardly matters for the window of 60 s that determines the sustained rate; forgetting would turn every
//! return from a slow hour into the case above.

use std::time::Duration;

use super::limits::Credit;

/// Answers required before anything is credited.
const ENOUGH: u32 = 32;
/// Number of smallest round trips that are kept; the last of them shows how dense they are.
const SMALLEST: usize = 16;
/// Never credited, to cover the granularity of timers.
const GUARD: Duration = Duration::from_millis(2);

/// Round trips of the answered calls of one class, and the credit that follows from them.
#[derive(Debug)]
pub(super) struct RoundTrips {
    policy: Credit,
    seen: u32,
    /// The smallest ever seen, in ascending order.
    smallest: Vec<Duration>,
}

impl RoundTrips {
    pub(super) fn new(policy: Credit) -> Self {
        Self { policy, seen: 0, smallest: Vec::with_capacity(SMALLEST + 1) }
    }

    /// Records the round trip of an answered call. A failed or timed-out call has none.
    pub(super) fn observe(&mut self, round_trip: Duration) {
        if self.policy == Credit::None {
            return;
        }
        self.seen = self.seen.saturating_add(1);
        let at = self.smallest.partition_point(|smaller| *smaller <= round_trip);
        if at < SMALLEST {
            self.smallest.insert(at, round_trip);
            self.smallest.truncate(SMALLEST);
        }
    }

    /// Returns what may be subtracted from the time for which an answered call keeps its place.
    pub(super) fn credit(&self) -> Duration {
        match self.smallest.as_slice() {
            [smallest, .., sixteenth] if self.seen >= ENOUGH => {
                smallest.saturating_sub(sixteenth.saturating_sub(*smallest) * 2).saturating_sub(GUARD)
            }
            _ => Duration::ZERO,
        }
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
        assert_eq!(after(vec![50; 31]).credit(), Duration::ZERO);
        assert_eq!(after(vec![50; 32]).credit(), Duration::from_millis(48));
    }

    #[test]
    fn nothing_is_ever_credited_under_the_policy_none() {
        let mut seen = RoundTrips::new(Credit::None);
        (0..1000).for_each(|_| seen.observe(Duration::from_millis(50)));
        assert_eq!(seen.credit(), Duration::ZERO);
    }

    #[test]
    fn a_smaller_round_trip_than_ever_lowers_the_credit_at_once_and_by_more_than_itself() {
        let mut seen = after(vec![50; 1000]);
        seen.observe(Duration::from_millis(40));
        assert_eq!(seen.credit(), Duration::from_millis(40 - 20 - 2));
        (0..15).for_each(|_| seen.observe(Duration::from_millis(40)));
        assert_eq!(seen.credit(), Duration::from_millis(38));
    }

    #[test]
    fn a_few_slow_answers_cost_nothing() {
        let seen = after((0..1000).map(|n| if n % 20 == 0 { 3000 } else { 50 }));
        assert_eq!(seen.credit(), Duration::from_millis(48));
    }

    #[test]
    fn a_spread_leaves_no_credit_at_first_and_almost_all_of_it_once_much_is_known() {
        let spread = |answers| after((0..answers).map(|n| 20 + (n * 37) % 101)).credit();
        assert_eq!(spread(40), Duration::ZERO);
        assert_eq!(spread(10_000), Duration::from_millis(18));
    }
}
