//! Pauses between tries: exponential with full jitter, from a seeded generator.

use std::time::Duration;

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Hands out pauses. Full jitter (a pause anywhere between nothing and the bound) spreads those who were turned away
/// together.
#[derive(Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    random: Mutex<StdRng>,
}

impl Backoff {
    /// Pauses bounded by `first`, twice that, and so on up to `longest`; the same seed gives the same pauses.
    pub fn new(first: Duration, longest: Duration, seed: u64) -> Self {
        Self { first, longest, random: Mutex::new(StdRng::seed_from_u64(seed)) }
    }

    /// The pause after the `tries`th try in a row that failed.
    pub fn pause(&self, tries: u32) -> Duration {
        let share: f64 = self.random.lock().random();
        self.longest_pause(tries).mul_f64(share)
    }

    /// What [`Backoff::pause`] is bounded by: for those who are alone.
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
