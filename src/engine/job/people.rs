//! The people whom a job names: which of its entries are about somebody, and what is left of those who are erased.

use std::collections::{BTreeSet, HashSet};
use std::hash::{BuildHasher, RandomState};

use super::Job;
use super::entries::Entries;
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

/// Entries by the hashes of the names, folded, that they give their users. A job has one from the first question until it ends.
#[derive(Debug)]
pub(super) struct UserNameIndex {
    hasher: RandomState,
    /// In order.
    places: Box<[(u64, u32)]>,
}

impl UserNameIndex {
    fn new(entries: &Entries) -> Self {
        let hasher = RandomState::new();
        let open = entries.places(0, |state| !state.is_terminal());
        let mut places: Box<[_]> =
            open.filter_map(|index| Some((hasher.hash_one(entries.named(index)?.folded()), index))).collect();
        places.sort_unstable();
        Self { hasher, places }
    }

    /// The entries that may have this name: all that have it, and those of another name with the same hash.
    fn candidates(&self, name: &UserRef) -> impl Iterator<Item = u32> + '_ {
        let hash = self.hasher.hash_one(name);
        let first = self.places.partition_point(|(other, _)| *other < hash);
        let from = self.places.get(first..).unwrap_or_default();
        from.iter().take_while(move |(other, _)| *other == hash).map(|(_, index)| *index)
    }
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

    /// Whether an open entry gives its user this name, which is folded.
    pub(in crate::engine) fn is_open_name(&self, name: &UserRef) -> bool {
        let mut state = self.lock();
        if state.counts.open() == 0 {
            return false;
        }
        let state = &mut *state;
        let index = state.name_index.get_or_insert_with(|| UserNameIndex::new(&state.entries));
        let is_so_named = |index: u32| state.entries.named(index).is_some_and(|named| named.folded() == *name);
        let is_open = |index: u32| state.entries.state(index).is_some_and(|state| !state.is_terminal());
        index.candidates(name).any(|index| is_open(index) && is_so_named(index))
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::{SignedDuration, Timestamp};
    use uuid::Uuid;

    use super::*;
    use crate::domain::entry::{EntryOrder, EntryRequest};
    use crate::domain::entry_result::EntryResult;
    use crate::domain::job::{JobSpec, SameUser};
    use crate::domain::{JobId, Mode, Target};
    use crate::engine::estimate::totals::OpenEntries;
    use crate::engine::job::Dating;
    use crate::journal::AcceptedJob;

    fn email(address: &str) -> UserRef {
        UserRef::Email(address.into())
    }

    fn order(user: UserRef) -> EntryOrder {
        let request = EntryRequest { reference: None, user, assignments: Arc::default(), occurred_at: None };
        EntryOrder { request, plan: None, repeats: None, presence: crate::domain::entry::Presence::default() }
    }

    #[test]
    fn a_name_is_open_until_the_last_entry_that_gives_it_has_ended() {
        let spec = JobSpec { same_user: SameUser::InOrder, ..JobSpec::new(Target::RoutingSkills, Mode::Add) };
        let users = [email("Ana@example.com"), email("ben@example.com"), email("ANA@example.com")];
        let entries = users.map(order).into();
        let accepted = AcceptedJob {
            id: JobId(Uuid::nil()),
            spec,
            created_at: Timestamp::UNIX_EPOCH,
            entries,
            submitted_by: None,
        };
        let dating = Dating { tolerance: SignedDuration::ZERO, before: None };
        let job = Job::new(accepted, dating, OpenEntries::default());
        let are_open =
            || ["ana@example.com", "ben@example.com", "cy@example.com"].map(|name| job.is_open_name(&email(name)));
        let end = |index| {
            job.decide(index, EntryState::Applied, EntryResult::default(), Timestamp::UNIX_EPOCH).expect("it is open");
            job.show_ends(&[index]);
        };
        assert_eq!(are_open(), [true, true, false]);
        end(0);
        assert_eq!(are_open(), [true, true, false], "the third row names her as well");
        end(2);
        assert_eq!(are_open(), [false, true, false]);
        end(1);
        assert_eq!(are_open(), [false; 3]);
        assert!(job.lock().name_index.is_none(), "a job that has ended keeps none");
    }
}
