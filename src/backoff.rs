//! Pauses between attempts: exponential with full jitter, from a seeded generator.

use std::time::Duration;

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Generates pauses. Full jitter (a pause anywhere between zero and the bound) spreads callers that were turned away
/// together.
#[derive(Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    random: Mutex<StdRng>,
}

impl Backoff {
    /// Creates a generator of pauses bounded by `first`, twice that, and so on up to `longest`. The same seed gives the
    /// same pauses.
    pub fn new(first: Duration, longest: Duration, seed: u64) -> Self {
        Self { first, longest, random: Mutex::new(StdRng::seed_from_u64(seed)) }
    }

    /// Returns the pause after the `tries`th consecutive failure.
    pub fn pause(&self, tries: u32) -> Duration {
        let share: f64 = self.random.lock().random();
        self.longest_pause(tries).mul_f64(share)
    }

    /// Returns the upper bound of [`Backoff::pause`], for callers that no others compete with.
    pub fn longest_pause(&self, tries: u32) -> Duration {
        self.first.saturating_mul(2u32.saturating_pow(tries.saturating_sub(1))).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_bound_and_repeat_with_the_seed() {
        let pauses = |seed| {
            let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1), seed);
            (1..40).map(|tries| backoff.pause(tries)).collect::<Vec<_>>()
        };
        assert_eq!(pauses(7), pauses(7));
        assert_ne!(pauses(7), pauses(8));
        assert!(pauses(7)[0] <= Duration::from_millis(100));
        assert!(pauses(7).iter().all(|pause| *pause <= Duration::from_secs(1)));
        assert!(pauses(7).iter().any(|pause| *pause > Duration::from_millis(500)));
    }
}
