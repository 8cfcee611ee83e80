//! What is known of one person without asking Genesys, and how it is forgotten.

use std::sync::Arc;

use super::Directory;
use super::single::LookUps;
use crate::domain::name_index::Match;
use crate::domain::{UserId, UserRef};
use crate::engine::org::cache::{Cache, CachedReading};
use crate::engine::org::user_listing::Listing;

impl Directory {
    /// Who goes by a name, as far as what was read before tells.
    pub(in crate::engine) fn known_as(&self, name: &UserRef) -> Option<UserId> {
        let listed = || self.listings().map(|listing| listing.value.find(name));
        let in_other_case = self.listings().map(|listing| listing.value.find_in_other_case(name));
        let mut found = listed().chain([self.look_ups().told(name)]).chain(in_other_case);
        found.find_map(|found| match found {
            Match::One(found) => Some(found.user),
            Match::Several(_) | Match::None => None,
        })
    }

    /// The listing of active users, if there is a complete one that can be used.
    pub(in crate::engine) fn all_active(&self) -> Option<Arc<CachedReading<Listing>>> {
        self.active.usable().filter(|active| active.value.extent.complete)
    }

    /// The names that listings show of a user.
    pub(in crate::engine) fn names_of(&self, user: UserId) -> Vec<UserRef> {
        self.listings().flat_map(|listing| listing.value.names_of(user)).collect()
    }

    /// Forgets what look-ups told of a person. Listings are replaced as a whole, by the next one.
    pub(in crate::engine) fn forget(&self, user: Option<UserId>, is_name: impl Fn(&UserRef) -> bool) {
        self.look_ups().forget(user, is_name);
    }

    fn listings(&self) -> impl Iterator<Item = Arc<CachedReading<Listing>>> {
        [&self.active, &self.inactive].into_iter().filter_map(Cache::newest)
    }

    fn look_ups(&self) -> &LookUps {
        self.ways.look_ups()
    }
}
