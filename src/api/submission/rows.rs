//! The entries of a body with their places, and what is wrong if several of them are about one user.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use super::parameters::JobParameters;
use crate::api::service::body_room::{NoRoom, TakenRoom};
use crate::api::shapes::faults::{Faults, Pointer};
use crate::api::shapes::vocabulary::{SyncMode, SyncSameUser};
use crate::domain::UserRef;
use crate::domain::entry::{EntryRequest, SharedLists};

/// What a place in the body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryPlaces {
    /// An element of the array `entries`.
    Elements,
    /// A line.
    Lines,
}

/// The valid entries of a body, and whom each of them is about.
#[derive(Debug)]
pub(super) struct EntryRows {
    places: EntryPlaces,
    entries: Vec<EntryRequest>,
    /// One for each entry; empty where rows about one user are taken.
    seen: Vec<Seen>,
    /// The mode that does not take them.
    refused_by: Option<SyncMode>,
    room: TakenRoom,
    /// Why not all of them are here.
    lacks_room: Option<NoRoom>,
}

/// The entries of a body, and the room that they take until they are a job.
pub(super) struct ReadEntries {
    pub(super) entries: Vec<EntryRequest>,
    pub(super) room: TakenRoom,
}

/// A row. No name of a user is kept a second time: those of equal digests are compared by their entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    user: u64,
    place: u64,
    index: usize,
}

impl EntryRows {
    /// None yet, of a job that is like this.
    pub(super) fn of(job: &JobParameters, places: EntryPlaces) -> Self {
        Self {
            places,
            entries: Vec::new(),
            seen: Vec::new(),
            refused_by: job.refuses_rows_of_one_user(),
            room: job.room.begin(),
            lacks_room: None,
        }
    }

    /// Takes the entry at this place, if there is a valid one, and there is room for it and its new lists.
    pub(super) fn add(&mut self, place: u64, entry: Option<EntryRequest>, lists: &mut SharedLists) {
        let Some(entry) = entry else { return };
        if let Err(fault) = self.room.more(size_of::<EntryRequest>() + lists.grown()) {
            self.lacks_room = Some(fault);
            self.entries = Vec::new();
        }
        if self.lacks_room.is_some() {
            return;
        }
        if self.refused_by.is_some() {
            let user = BuildHasherDefault::<DefaultHasher>::default().hash_one(entry.user.folded());
            self.seen.push(Seen { user, place, index: self.entries.len() });
        }
        self.entries.push(entry);
    }

    /// The entries. Of those about one user, each but the first is a fault, unless all of them have a date.
    pub(super) fn finish(mut self, faults: &mut Faults) -> Result<ReadEntries, NoRoom> {
        if let Some(fault) = self.lacks_room {
            return Err(fault);
        }
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
        Ok(ReadEntries { entries: self.entries, room: self.room })
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

impl EntryPlaces {
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
