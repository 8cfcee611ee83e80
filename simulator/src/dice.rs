//! Randomness without order: every roll is a function of the seed and its subject.
//!
//! A generator that is consumed in the order of requests would give two clients different fates with the same seed, and
//! so would one request more or less. Here the fate of a user depends only on the seed and the user.

use uuid::{Builder, Uuid};

/// A seeded source of rolls; the same question always has the same answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dice {
    seed: u64,
}

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Returns the number for the `nth` question `about` a `user`.
    pub(super) fn roll(self, about: &str, user: Option<Uuid>, nth: u64) -> u64 {
        let (high, low) = user.unwrap_or_default().as_u64_pair();
        let topic = about
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        [topic, high, low, nth].into_iter().fold(mixed(self.seed), |state, word| mixed(state ^ word))
    }

    /// Returns a number from 0 up to, but not including, 1.
    pub(super) fn unit(self, about: &str, user: Option<Uuid>, nth: u64) -> f64 {
        let upper = u32::try_from(self.roll(about, user, nth) >> 32).unwrap_or(u32::MAX);
        f64::from(upper) / 4_294_967_296.0
    }

    /// Picks one of `items`; `None` if there are none.
    pub(super) fn pick<'a, T>(self, items: &'a [T], about: &str, user: Option<Uuid>, nth: u64) -> Option<&'a T> {
        let length = u64::try_from(items.len()).ok().filter(|length| *length > 0)?;
        usize::try_from(self.roll(about, user, nth) % length).ok().and_then(|index| items.get(index))
    }

    /// Returns an id that looks like any other random one.
    pub(super) fn id(self, about: &str, nth: u64) -> Uuid {
        let (high, low) = (self.roll(about, None, nth), self.roll(about, Some(Uuid::max()), nth));
        Builder::from_random_bytes(*Uuid::from_u64_pair(high, low).as_bytes()).into_uuid()
    }
}

/// The finaliser of the splitmix64 generator: every bit of the input affects every bit of the output.
fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_question_gets_the_same_answer_and_another_seed_another_one() {
        let user = Some(Uuid::from_u128(7));
        assert_eq!(Dice::new(1).roll("busy", user, 0), Dice::new(1).roll("busy", user, 0));
        assert_ne!(Dice::new(1).roll("busy", user, 0), Dice::new(2).roll("busy", user, 0));
        assert_ne!(Dice::new(1).roll("busy", user, 0), Dice::new(1).roll("busy", user, 1));
        assert_ne!(Dice::new(1).roll("busy", user, 0), Dice::new(1).roll("blocked", user, 0));
    }

    #[test]
    fn rolls_are_spread_evenly() {
        let dice = Dice::new(42);
        let below = (0..10_000).filter(|nth| dice.unit("share", None, *nth) < 0.15).count();
        assert!((1_400..1_600).contains(&below), "{below}");
    }
}
