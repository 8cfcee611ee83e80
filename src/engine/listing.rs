//! The users of one listing, by every name that they go by.

use std::collections::HashMap;
use std::sync::Arc;

use super::catalogue::Match;
use super::port::UserPages;
use crate::domain::shared::Shared;
use crate::domain::user::DirectoryUser;
use crate::domain::{Assignments, UserId, UserRef};

/// A listing of users.
#[derive(Debug)]
pub(super) struct Listing {
    active: HashMap<UserId, bool>,
    by_email: HashMap<Box<str>, Vec<UserId>>,
    by_employee_id: HashMap<Box<str>, Vec<UserId>>,
    /// Calls that it took.
    pub(super) pages: u32,
    /// Whether it has as many users as Genesys says that there are.
    pub(super) complete: bool,
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

/// Nearly every name is that of one user.
fn room_for_one() -> Vec<UserId> {
    Vec::with_capacity(1)
}

impl Listing {
    /// The listing, and the skills that it shows.
    pub(super) fn new(read: UserPages) -> (Self, HashMap<UserId, Arc<Assignments>>) {
        let mut listing = Self {
            active: HashMap::with_capacity(read.users.len()),
            by_email: HashMap::new(),
            by_employee_id: HashMap::new(),
            pages: read.pages,
            complete: read.complete,
        };
        let (mut shown, mut sets) = (HashMap::new(), Shared::default());
        for listed in read.users {
            let user = listed.user;
            if let Some(email) = &user.email {
                listing.by_email.entry(email.to_lowercase().into()).or_insert_with(room_for_one).push(user.id);
            }
            if let Some(employee_id) = user.employee_id {
                listing.by_employee_id.entry(employee_id).or_insert_with(room_for_one).push(user.id);
            }
            listing.active.insert(user.id, user.active);
            shown.extend(listed.skills.map(|skills| (user.id, sets.one(skills))));
        }
        (listing, shown)
    }

    pub(super) fn find(&self, wanted: &UserRef) -> Match<Found> {
        let users = match wanted {
            UserRef::Id(id) => return self.found(*id).map_or(Match::None, Match::One),
            UserRef::Email(email) => self.by_email.get(email.trim().to_lowercase().as_str()),
            UserRef::EmployeeId(id) => self.by_employee_id.get(id.trim()),
            UserRef::ExternalId { .. } => None,
        };
        match users.map(Vec::as_slice) {
            Some([one]) => self.found(*one).map_or(Match::None, Match::One),
            Some(several) => Match::Several(several.len()),
            None => Match::None,
        }
    }

    fn found(&self, user: UserId) -> Option<Found> {
        self.active.get(&user).map(|active| Found { user, active: *active })
    }
}
