//! The people whom a job names: which of its entries are about somebody, and what is left of those who are erased.

use std::collections::{BTreeSet, HashSet};

use super::Job;
use crate::domain::{EntryState, UserId, UserRef};

/// A person, by all that is known of whom a reference names.
#[derive(Debug, Default)]
pub struct PersonIdentity {
    pub user: Option<UserId>,
    /// Every name that they were given, folded; also one by which nobody was found.
    pub names: HashSet<UserRef>,
    /// Nobody here knows who it is, and Genesys could not be asked.
    pub in_doubt: bool,
}

/// What of a job is about a person.
#[derive(Debug, Default)]
pub(in crate::engine) struct About {
    pub(in crate::engine) entries: Vec<u32>,
    /// Whether some of them have not ended.
    pub(in crate::engine) open: bool,
}

impl Job {
    /// The users that entries with this name, which is folded, turned out to be about.
    pub(in crate::engine) fn users_named(&self, name: &UserRef) -> BTreeSet<UserId> {
        let state = self.lock();
        let entries = &state.entries;
        let users = (0..state.counts.total()).filter_map(|index| Some((index, entries.user(index)?)));
        users
            .filter(|(index, _)| entries.named(*index).is_some_and(|named| named.folded() == *name))
            .map(|(_, user)| user)
            .collect()
    }

    /// What entries that turned out to be about a user named them by.
    pub(in crate::engine) fn names_of(&self, user: UserId) -> Vec<UserRef> {
        let state = self.lock();
        let theirs = (0..state.counts.total()).filter(|index| state.entries.user(*index) == Some(user));
        theirs.filter_map(|index| state.entries.named(index)).map(|named| named.folded()).collect()
    }

    /// Whether nobody knows yet whom some of its entries are about.
    pub(in crate::engine) fn has_unknown(&self) -> bool {
        let state = self.lock();
        let entries = &state.entries;
        let is_unknown = |index| entries.user(index).is_none() && !entries.is_erased(index);
        (0..state.counts.total()).any(is_unknown)
    }

    /// Adds the names, folded, that its open entries give their users.
    pub(in crate::engine) fn add_open_names(&self, names: &mut HashSet<UserRef>) {
        let state = self.lock();
        let open = state.entries.places(0, |state| !state.is_terminal());
        names.extend(open.filter_map(|index| state.entries.named(index)).map(|named| named.folded()));
    }

    /// The entries about a person: those that turned out to be, and those of nobody knows whom that have one of their names.
    pub(in crate::engine) fn about(&self, person: &PersonIdentity) -> About {
        let state = self.lock();
        let entries = &state.entries;
        let has_name = |index: u32| {
            let named = entries.named(index).filter(|_| !entries.is_erased(index));
            named.is_some_and(|named| person.names.contains(&named.folded()))
        };
        let is_theirs = |index: &u32| {
            let user = entries.user(*index);
            user.map_or_else(|| has_name(*index), |user| person.user == Some(user))
        };
        let theirs: Vec<u32> = (0..state.counts.total()).filter(is_theirs).collect();
        let open = theirs.iter().any(|index| !entries.state(*index).is_some_and(EntryState::is_terminal));
        About { entries: theirs, open }
    }

    /// Forgets whom these entries, which have ended, were about. Who follows the job is told.
    pub(in crate::engine) fn erase(&self, entries: &[u32]) {
        self.change(|state| {
            state.entries.erase(&entries.iter().copied().collect::<HashSet<_>>());
            for index in entries {
                state.changes.record(state.revision, *index);
            }
        });
    }
}
