//! Which users each cause of conflict hits: a function of the seed and the users alone.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::super::dice::Dice;
use super::super::scenario::{ConflictCause, Conflicts, Share};

/// The users who are fated to meet each cause.
#[derive(Debug, Default)]
pub(super) struct Fates(HashMap<ConflictCause, HashSet<Uuid>>);

impl Fates {
    pub(super) fn draw(dice: Dice, conflicts: &Conflicts, users: &[Uuid]) -> Self {
        let shares = [
            (ConflictCause::ForeignWriter, "foreign writer", conflicts.foreign_writer.share),
            (ConflictCause::ReadLag, "read lag", conflicts.read_lag.share),
            (ConflictCause::Busy, "busy", conflicts.busy.share),
            (ConflictCause::Blocked, "blocked", conflicts.blocked.share),
        ];
        Self(shares.map(|(cause, about, share)| (cause, drawn(dice, about, share, users))).into_iter().collect())
    }

    pub(super) fn has(&self, cause: ConflictCause, user: Uuid) -> bool {
        self.0.get(&cause).is_some_and(|users| users.contains(&user))
    }

    pub(super) fn of(&self, cause: ConflictCause) -> Vec<Uuid> {
        let mut users: Vec<Uuid> = self.0.get(&cause).into_iter().flatten().copied().collect();
        users.sort_unstable();
        users
    }
}

fn drawn(dice: Dice, about: &str, share: Share, users: &[Uuid]) -> HashSet<Uuid> {
    match share {
        Share::Rate(rate) => users.iter().copied().filter(|user| dice.unit(about, Some(*user), 0) < rate).collect(),
        Share::Users(0) => HashSet::new(),
        Share::Users(count) => {
            let mut ranked: Vec<(u64, Uuid)> =
                users.iter().map(|user| (dice.roll(about, Some(*user), 0), *user)).collect();
            ranked.sort_unstable();
            ranked.into_iter().take(count).map(|(_, user)| user).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::scenario::{Blocked, Busy};
    use super::*;

    #[test]
    fn a_fate_depends_on_seed_and_user_and_not_on_their_order() {
        let users: Vec<Uuid> = (1..2_000).map(Uuid::from_u128).collect();
        let reversed: Vec<Uuid> = users.iter().rev().copied().collect();
        let conflicts = Conflicts {
            blocked: Blocked { share: Share::Users(3), ..Blocked::default() },
            busy: Busy { share: Share::Rate(0.1), ..Busy::default() },
            ..Conflicts::default()
        };
        let fates = Fates::draw(Dice::new(5), &conflicts, &users);
        let others = Fates::draw(Dice::new(5), &conflicts, &reversed);
        assert_eq!(fates.of(ConflictCause::Blocked).len(), 3);
        assert_eq!(fates.of(ConflictCause::Blocked), others.of(ConflictCause::Blocked));
        assert_eq!(fates.of(ConflictCause::Busy), others.of(ConflictCause::Busy));
        assert!((150..250).contains(&fates.of(ConflictCause::Busy).len()));
        let elsewhere = Fates::draw(Dice::new(6), &conflicts, &users);
        assert_ne!(fates.of(ConflictCause::Blocked), elsewhere.of(ConflictCause::Blocked));
    }
}
