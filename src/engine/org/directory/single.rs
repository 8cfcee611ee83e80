//! A memory of the results of look-ups.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::{FoundUser, is_active};
use crate::domain::name_index::Match;
use crate::domain::{UserId, UserRef};

/// Maximum number of remembered look-ups. When it is reached, all are forgotten.
const MAX_LOOK_UPS: usize = 10_000;

/// The newest look-up of each user.
#[derive(Debug, Default)]
pub(super) struct LookUps(Mutex<HashMap<UserRef, KeptLookUp>>);

/// The result of looking one user up.
#[derive(Debug, Clone)]
struct KeptLookUp {
    found: Match<FoundUser>,
    begun_at: Instant,
}

impl LookUps {
    /// Remembers the result of a look-up.
    pub(super) fn note(&self, user: &UserRef, found: Match<FoundUser>, begun_at: Instant) {
        let mut known = self.0.lock();
        if known.len() >= MAX_LOOK_UPS {
            known.clear();
        }
        known.insert(user.clone(), KeptLookUp { found, begun_at });
    }

    /// Returns the result of a look-up that began at `since` or later, or that found an active user and is no older
    /// than `age`.
    pub(super) fn believed(&self, user: &UserRef, since: Instant, age: Duration) -> Option<Match<FoundUser>> {
        let known = self.of(user)?;
        let is_good = known.begun_at >= since || is_active(&known.found) && known.begun_at.elapsed() <= age;
        is_good.then_some(known.found)
    }

    /// Returns the result of the newest look-up, however old.
    pub(super) fn told(&self, user: &UserRef) -> Match<FoundUser> {
        self.of(user).map_or(Match::None, |known| known.found)
    }

    /// Forgets the look-ups that found `user` or whose name satisfies `is_name`.
    pub(super) fn forget(&self, user: Option<UserId>, is_name: impl Fn(&UserRef) -> bool) {
        let is_theirs = |found: &Match<FoundUser>| matches!(found, Match::One(found) if Some(found.user) == user);
        let mut known = self.0.lock();
        known.retain(|name, look_up| !is_name(name) && !is_theirs(&look_up.found));
    }

    fn of(&self, user: &UserRef) -> Option<KeptLookUp> {
        self.0.lock().get(user).cloned()
    }
}
