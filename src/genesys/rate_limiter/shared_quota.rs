//! Accounts for other users of the same token, as far as Genesys' count of the calls reveals them.

use std::time::Duration;

use tokio::time::Instant;

/// Largest difference between two reports of the same reset: several answers give it in whole seconds.
const SAME_RESET: Duration = Duration::from_secs(2);

/// Grants left until Genesys resets its window, if fewer than our own windows permit.
///
/// Invariant: it only ever lowers the rate. Within one window of Genesys, the number left only falls, in whatever order
/// the answers arrive; a reset that lies clearly later belongs to the next window and starts anew.
#[derive(Debug, Default)]
pub(super) struct ForeignUse {
    restriction: Option<Restriction>,
}

#[derive(Debug, Clone, Copy)]
struct Restriction {
    left: usize,
    until: Instant,
}

impl ForeignUse {
    /// Limits grants to `left` until `until`.
    pub(super) fn restrict(&mut self, left: usize, until: Instant, now: Instant) {
        let same = self.restriction.filter(|old| old.until > now && until <= old.until + SAME_RESET);
        self.restriction = Some(match same {
            Some(old) => Restriction { left: old.left.min(left), until: old.until.max(until) },
            None => Restriction { left, until },
        });
    }

    pub(super) fn free_at(&self, now: Instant) -> Instant {
        match self.restriction {
            Some(Restriction { left: 0, until }) => until.max(now),
            Some(_) | None => now,
        }
    }

    pub(super) fn granted(&mut self) {
        if let Some(restriction) = &mut self.restriction {
            restriction.left = restriction.left.saturating_sub(1);
        }
    }

    /// Gives back a grant whose call was never sent.
    pub(super) fn abandoned(&mut self) {
        if let Some(restriction) = &mut self.restriction {
            restriction.left += 1;
        }
    }

    /// Returns the grants left, while there is a restriction.
    pub(super) fn left(&self, now: Instant) -> Option<usize> {
        self.restriction.filter(|restriction| restriction.until > now).map(|restriction| restriction.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_only_falls_until_the_reset() {
        let (mut foreign, now) = (ForeignUse::default(), Instant::now());
        let reset = now + Duration::from_secs(30);
        foreign.restrict(2, reset, now);
        foreign.restrict(7, reset + Duration::from_secs(1), now);
        assert_eq!(foreign.left(now), Some(2));
        foreign.granted();
        foreign.granted();
        assert_eq!(foreign.free_at(now), reset + Duration::from_secs(1));
        foreign.abandoned();
        assert_eq!(foreign.free_at(now), now);
        assert_eq!(foreign.left(reset + Duration::from_secs(1)), None);
    }

    #[test]
    fn the_next_window_starts_anew() {
        let (mut foreign, now) = (ForeignUse::default(), Instant::now());
        foreign.restrict(0, now + Duration::from_secs(1), now);
        foreign.restrict(5, now + Duration::from_secs(60), now);
        assert_eq!(foreign.left(now), Some(5));
    }
}
