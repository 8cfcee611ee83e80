//! What the directory knows of one person without a call, and how it forgets that.

use std::sync::Arc;

use super::Directory;
use super::single::LookUps;
use crate::domain::name_index::Match;
use crate::domain::{UserId, UserRef};
use crate::engine::org::cache::{Cache, CachedReading};
use crate::engine::org::user_listing::Listing;

impl Directory {
    /// Returns the user with this name, as far as earlier readings tell.
    pub(in crate::engine) fn known_as(&self, name: &UserRef) -> Option<UserId> {
        let listed = || self.listings().map(|listing| listing.value.find(name));
        let in_other_case = self.listings().map(|listing| listing.value.find_in_other_case(name));
        let mut found = listed().chain([self.look_ups().told(name)]).chain(in_other_case);
        found.find_map(|found| match found {
            Match::One(found) => Some(found.user),
            Match::Several(_) | Match::None => None,
        })
    }

    /// Returns the listing of active users if it is complete and may be used.
    pub(in crate::engine) fn all_active(&self) -> Option<Arc<CachedReading<Listing>>> {
        self.active.usable().filter(|active| active.value.extent.complete)
    }

    /// Returns the names that listings show for a user.
    pub(in crate::engine) fn names_of(&self, user: UserId) -> Vec<UserRef> {
        self.listings().flat_map(|listing| listing.value.names_of(user)).collect()
    }

    /// Forgets what look-ups found about a person. Listings stay until the next one replaces them.
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
