//! The users of one listing, by every name that they go by.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::port::{Extent, ListedUser};
use crate::domain::name_index::Match;
use crate::domain::shared::Shared;
use crate::domain::user::DirectoryUser;
use crate::domain::{Assignments, UserId, UserRef};

/// A listing of users.
#[derive(Debug, Default)]
pub(super) struct Listing {
    active: HashMap<UserId, bool>,
    by_email: HashMap<Box<str>, Named>,
    by_employee_id: HashMap<Box<str>, Named>,
    /// How much of it was read.
    pub(super) extent: Extent,
}

/// Who goes by a name.
#[derive(Debug)]
struct Named {
    first: UserId,
    /// How many there are.
    users: u32,
}

/// A user that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) user: UserId,
    pub(super) active: bool,
}

impl From<&DirectoryUser> for Found {
    fn from(user: &DirectoryUser) -> Self {
        Self { user: user.id, active: user.active }
    }
}

/// A listing that is being read.
#[derive(Debug, Default)]
pub(super) struct Reader {
    listing: Listing,
    skills: HashMap<UserId, Arc<Assignments>>,
    sets: Shared<Assignments>,
}

impl Reader {
    /// Takes in one user. Who came before, because of a move between two pages, is left as it was.
    pub(super) fn take(&mut self, listed: ListedUser) {
        let DirectoryUser { id, email, employee_id, active } = listed.user;
        let Entry::Vacant(new) = self.listing.active.entry(id) else { return };
        new.insert(active);
        if let Some(email) = email {
            name(&mut self.listing.by_email, email.trim().to_lowercase().into(), id);
        }
        if let Some(employee_id) = employee_id {
            name(&mut self.listing.by_employee_id, employee_id.trim().into(), id);
        }
        if let Some(skills) = listed.skills {
            self.skills.insert(id, self.sets.one(skills));
        }
    }

    /// The listing, and the skills that it shows.
    pub(super) fn finish(self, extent: Extent) -> (Listing, HashMap<UserId, Arc<Assignments>>) {
        let Self { listing, skills, sets: _ } = self;
        (Listing { extent, ..listing }, skills)
    }
}

fn name(names: &mut HashMap<Box<str>, Named>, name: Box<str>, user: UserId) {
    names.entry(name).and_modify(|named| named.users += 1).or_insert(Named { first: user, users: 1 });
}

impl Listing {
    pub(super) fn find(&self, wanted: &UserRef) -> Match<Found> {
        let users = match wanted {
            UserRef::Id(id) => return self.found(*id).map_or(Match::None, Match::One),
            UserRef::Email(email) => self.by_email.get(email.trim().to_lowercase().as_str()),
            UserRef::EmployeeId(id) => self.by_employee_id.get(id.trim()),
            UserRef::ExternalId { .. } => None,
        };
        match users {
            Some(Named { first, users: 1 }) => self.found(*first).map_or(Match::None, Match::One),
            Some(Named { users, .. }) => Match::Several(*users as usize),
            None => Match::None,
        }
    }

    /// The names that a user, and nobody else, goes by.
    pub(super) fn names_of(&self, user: UserId) -> Vec<UserRef> {
        let of = |names: &HashMap<Box<str>, Named>, named: fn(Box<str>) -> UserRef| {
            let theirs = names.iter().filter(|(_, known)| known.first == user && known.users == 1);
            theirs.map(|(name, _)| named(name.clone())).collect::<Vec<_>>()
        };
        [of(&self.by_email, UserRef::Email), of(&self.by_employee_id, UserRef::EmployeeId)].concat()
    }

    fn found(&self, user: UserId) -> Option<Found> {
        self.active.get(&user).map(|active| Found { user, active: *active })
    }
}
