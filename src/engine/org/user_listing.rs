//! A listing of users, indexed by every name that a user may be referred to by.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, OnceLock};

use crate::domain::name_index::Match;
use crate::domain::shared::Shared;
use crate::domain::text::{as_it_reads, folded};
use crate::domain::user::{DirectoryUser, is_as_it_reads};
use crate::domain::{Assignments, UserId, UserRef};
use crate::engine::port::{Extent, ListedUser};

/// A listing of users.
#[derive(Debug, Default)]
pub(in crate::engine) struct Listing {
    active: HashMap<UserId, bool>,
    by_email: HashMap<Box<str>, NamedUser>,
    by_employee_id: HashMap<Box<str>, NamedUser>,
    /// Employee ids regardless of case. Built on first use.
    by_id_in_any_case: OnceLock<HashMap<Box<str>, NamedUser>>,
    /// How much of the listing was read.
    pub(in crate::engine) extent: Extent,
}

/// The users with one name.
#[derive(Debug, Clone, Copy)]
struct NamedUser {
    /// The first of them, or the first that has the name exactly.
    first: UserId,
    /// Number of users with the name.
    users: u32,
    /// Number of users with exactly this name, without trailing blanks or invisible characters.
    exactly: u32,
}

impl NamedUser {
    fn and(self, other: Self) -> Self {
        let first = if self.exactly == 0 && other.exactly > 0 { other.first } else { self.first };
        Self { first, users: self.users + other.users, exactly: self.exactly + other.exactly }
    }

    fn the_one(self) -> Match<UserId> {
        match (self.exactly, self.users) {
            (1, _) | (0, 1) => Match::One(self.first),
            (0, several) | (several, _) => Match::Several(several as usize),
        }
    }
}

/// A user that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct FoundUser {
    pub(in crate::engine) user: UserId,
    pub(in crate::engine) active: bool,
}

impl From<&DirectoryUser> for FoundUser {
    fn from(user: &DirectoryUser) -> Self {
        Self { user: user.id, active: user.active }
    }
}

/// Builds a listing while it is being read.
#[derive(Debug, Default)]
pub(in crate::engine) struct Reader {
    listing: Listing,
    skills: HashMap<UserId, Arc<Assignments>>,
    sets: Shared<Assignments>,
}

impl Reader {
    /// Adds one user. A user who was added before, because of a move between two pages, stays as it was.
    pub(in crate::engine) fn take(&mut self, listed: ListedUser) {
        let DirectoryUser { id, email, employee_id, active } = listed.user;
        let Entry::Vacant(new) = self.listing.active.entry(id) else { return };
        new.insert(active);
        if let Some(email) = email {
            enter(&mut self.listing.by_email, folded(&email).into(), &email, id);
        }
        if let Some(employee_id) = employee_id {
            enter(&mut self.listing.by_employee_id, as_it_reads(&employee_id).into(), &employee_id, id);
        }
        if let Some(skills) = listed.skills {
            self.skills.insert(id, self.sets.one(skills));
        }
    }

    /// Returns the listing and the skills that it shows.
    pub(in crate::engine) fn finish(self, extent: Extent) -> (Listing, HashMap<UserId, Arc<Assignments>>) {
        let Self { listing, skills, sets: _ } = self;
        (Listing { extent, ..listing }, skills)
    }
}

fn enter(names: &mut HashMap<Box<str>, NamedUser>, name: Box<str>, written: &str, user: UserId) {
    // A field with nothing visible in it counts as empty.
    if name.is_empty() {
        return;
    }
    let new = NamedUser { first: user, users: 1, exactly: u32::from(is_as_it_reads(written)) };
    names.entry(name).and_modify(|known| *known = known.and(new)).or_insert(new);
}

impl Listing {
    /// Finds the user with exactly this name, or else the one whose name reads the same.
    pub(in crate::engine) fn find(&self, wanted: &UserRef) -> Match<FoundUser> {
        match wanted {
            UserRef::Id(id) => self.found(*id).map_or(Match::None, Match::One),
            UserRef::Email(email) => self.the_one(self.by_email.get(folded(email).as_str())),
            UserRef::EmployeeId(id) => self.the_one(self.by_employee_id.get(&*as_it_reads(id))),
            UserRef::ExternalId { .. } => Match::None,
        }
    }

    /// Finds the user whose employee id differs in case only. Meant for ids that no user has as written.
    pub(in crate::engine) fn find_in_other_case(&self, wanted: &UserRef) -> Match<FoundUser> {
        let UserRef::EmployeeId(id) = wanted else { return Match::None };
        let in_any_case = self.by_id_in_any_case.get_or_init(|| {
            let mut in_any_case = HashMap::<Box<str>, NamedUser>::with_capacity(self.by_employee_id.len());
            for (id, named) in &self.by_employee_id {
                in_any_case.entry(folded(id).into()).and_modify(|known| *known = known.and(*named)).or_insert(*named);
            }
            in_any_case
        });
        self.the_one(in_any_case.get(folded(id).as_str()))
    }

    /// Finds the user with this name, or else the one whose employee id differs in case only.
    pub(in crate::engine) fn find_in_any_case(&self, wanted: &UserRef) -> Match<FoundUser> {
        match self.find(wanted) {
            Match::None => self.find_in_other_case(wanted),
            found @ (Match::One(_) | Match::Several(_)) => found,
        }
    }

    fn the_one(&self, named: Option<&NamedUser>) -> Match<FoundUser> {
        match named.map(|named| named.the_one()) {
            Some(Match::One(user)) => self.found(user).map_or(Match::None, Match::One),
            Some(Match::Several(several)) => Match::Several(several),
            Some(Match::None) | None => Match::None,
        }
    }

    /// Returns whether a user is listed as active.
    pub(in crate::engine) fn is_active(&self, user: UserId) -> bool {
        self.active.get(&user) == Some(&true)
    }

    /// Returns the names that belong to this user alone.
    pub(in crate::engine) fn names_of(&self, user: UserId) -> Vec<UserRef> {
        let of = |names: &HashMap<Box<str>, NamedUser>, named: fn(Box<str>) -> UserRef| {
            let theirs = names.iter().filter(|(_, known)| known.first == user && known.users == 1);
            theirs.map(|(name, _)| named(name.clone())).collect::<Vec<_>>()
        };
        [of(&self.by_email, UserRef::Email), of(&self.by_employee_id, UserRef::EmployeeId)].concat()
    }

    fn found(&self, user: UserId) -> Option<FoundUser> {
        self.active.get(&user).map(|active| FoundUser { user, active: *active })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn listing(ids: &[&str]) -> Listing {
        let mut reader = Reader::default();
        for (n, employee_id) in (1..).zip(ids) {
            let (id, employee_id) = (UserId(Uuid::from_u128(n)), Some((*employee_id).into()));
            let user = DirectoryUser { id, email: None, employee_id, active: true };
            reader.take(ListedUser { user, skills: None });
        }
        reader.finish(Extent::default()).0
    }

    #[test]
    fn who_has_an_id_exactly_goes_before_who_has_it_as_it_reads_or_in_another_case() {
        let listing = listing(&["E1 ", "E2", "E2\u{200b}", "e3", "E3", "E4", "E5", "e5 ", "E6 ", "\u{200b}E6", "  "]);
        let one = |n| Match::One(FoundUser { user: UserId(Uuid::from_u128(n)), active: true });
        for (wanted, exact, in_other_case) in [
            ("E1", one(1), one(1)),
            ("E2", one(2), one(2)),
            ("E3", one(5), Match::Several(2)),
            ("e4", Match::None, one(6)),
            ("e5", one(8), one(7)),
            ("E6", Match::Several(2), Match::Several(2)),
            ("E7", Match::None, Match::None),
            ("\u{200b}", Match::None, Match::None),
        ] {
            let wanted = UserRef::EmployeeId(wanted.into());
            assert_eq!(listing.find(&wanted), exact, "{wanted:?}");
            assert_eq!(listing.find_in_other_case(&wanted), in_other_case, "{wanted:?}");
        }
        assert_eq!(listing.find_in_any_case(&UserRef::EmployeeId("e5".into())), one(8));
    }
}
