//! The entries of a body with their places, and what is wrong if several of them are about one user.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use super::parameters::JobParameters;
use crate::api::faults::{Faults, Pointer};
use crate::api::names::{SyncMode, SyncSameUser};
use crate::domain::UserRef;
use crate::domain::entry::EntryRequest;

/// What a place in the body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Places {
    /// An element of the array `entries`.
    Elements,
    /// A line.
    Lines,
}

/// The valid entries of a body, and whom each of them is about.
#[derive(Debug)]
pub(super) struct Rows {
    places: Places,
    entries: Vec<EntryRequest>,
    /// One for each entry; empty where rows about one user are taken.
    seen: Vec<Seen>,
    /// The mode that does not take them.
    refused_by: Option<SyncMode>,
}

/// A row. No name of a user is kept a second time: those of equal digests are compared by their entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    user: u64,
    place: u64,
    index: usize,
}

impl Rows {
    /// None yet, of a job that is like this.
    pub(super) fn of(job: &JobParameters, places: Places) -> Self {
        Self { places, entries: Vec::new(), seen: Vec::new(), refused_by: job.refuses_rows_of_one_user() }
    }

    /// Takes the entry at this place, if there is a valid one.
    pub(super) fn add(&mut self, place: u64, entry: Option<EntryRequest>) {
        let Some(entry) = entry else { return };
        if self.refused_by.is_some() {
            let user = BuildHasherDefault::<DefaultHasher>::default().hash_one(entry.user.folded());
            self.seen.push(Seen { user, place, index: self.entries.len() });
        }
        self.entries.push(entry);
    }

    /// The entries. Of those about one user, each but the first is a fault, unless all of them have a date.
    pub(super) fn finish(mut self, faults: &mut Faults) -> Vec<EntryRequest> {
        if let Some(mode) = self.refused_by {
            self.seen.sort_unstable();
            let alike = self.seen.chunk_by(|row, next| row.user == next.user).filter(|alike| alike.len() > 1);
            let mut repeated: Vec<_> = alike.flat_map(|alike| self.repeated(alike)).collect();
            repeated.sort_unstable();
            let way_out = way_out(mode);
            for (place, first) in repeated {
                self.places.add_fault(place, first, &way_out, faults);
            }
        }
        self.entries.shrink_to_fit();
        self.entries
    }

    /// Of rows with equal digests, those that may not be about the same user as an earlier one, each with that one's place.
    fn repeated(&self, alike: &[Seen]) -> Vec<(u64, u64)> {
        let mut users: HashMap<UserRef, UserRows> = HashMap::new();
        for row in alike {
            let Some(entry) = self.entries.get(row.index) else { continue };
            let rows = users.entry(entry.user.folded()).or_default();
            rows.places.push(row.place);
            rows.undated |= entry.occurred_at.is_none();
        }
        let undated = users.into_values().filter(|rows| rows.undated);
        undated.flat_map(UserRows::after_the_first).collect()
    }
}

/// The rows about one user.
#[derive(Debug, Default)]
struct UserRows {
    /// In order.
    places: Vec<u64>,
    /// Whether at least one of them has no date.
    undated: bool,
}

impl UserRows {
    fn after_the_first(self) -> impl Iterator<Item = (u64, u64)> {
        let first = self.places.first().copied().unwrap_or_default();
        self.places.into_iter().skip(1).map(move |place| (place, first))
    }
}

impl Places {
    /// The user is not named: the places lead to them.
    fn add_fault(self, place: u64, first: u64, way_out: &str, faults: &mut Faults) {
        match self {
            Self::Elements => {
                let index = usize::try_from(place).unwrap_or(usize::MAX);
                let root = Pointer::Root;
                let entries = root.member("entries");
                let entry = entries.element(index);
                faults.add(&entry.member("user"), format_args!("is the same as that of /entries/{first}: {way_out}"));
            }
            Self::Lines => {
                faults.at_line(Some(place));
                faults.add_here(format_args!("is about the same user as line {first}: {way_out}"));
            }
        }
    }
}

fn way_out(mode: SyncMode) -> String {
    format!(
        "in the mode {} a row is all that its user is to have, so give one row for each user; or say with sameUser={} that \
         the rows of one user are one list, or with sameUser={} that they are changes that follow each other",
        mode.word(),
        SyncSameUser::Merge.word(),
        SyncSameUser::InOrder.word(),
    )
}
