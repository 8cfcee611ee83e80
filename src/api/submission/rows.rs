//! Collects the entries of a body with their places, and finds entries for the same user.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use super::parameters::JobParameters;
use crate::api::service::body_room::{NoRoom, TakenRoom};
use crate::api::shapes::faults::{Faults, Pointer};
use crate::api::shapes::vocabulary::{SyncMode, SyncSameUser};
use crate::domain::UserRef;
use crate::domain::entry::{EntryRequest, SharedLists};

/// What the place of an entry in the body counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryPlaces {
    /// Elements of the array `entries`, from 0.
    Elements,
    /// Lines or rows, from 1.
    Lines,
}

/// The valid entries of a body, with digests of their users.
#[derive(Debug)]
pub(super) struct EntryRows {
    places: EntryPlaces,
    entries: Vec<EntryRequest>,
    /// One element per entry; empty if several rows for one user are permitted.
    seen: Vec<Seen>,
    /// The mode that refuses several rows for one user, if it does.
    refused_by: Option<SyncMode>,
    room: TakenRoom,
    /// Set when the entries did not fit into the room; they have been dropped then.
    lacks_room: Option<NoRoom>,
}

/// The entries of a body, with the room that they take until they are a job.
pub(super) struct ReadEntries {
    pub(super) entries: Vec<EntryRequest>,
    pub(super) room: TakenRoom,
}

/// A row with a digest of its user. The reference itself is not copied; rows with equal digests are compared by their
/// entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    user: u64,
    place: u64,
    index: usize,
}

impl EntryRows {
    /// Returns an empty collection for this job.
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

    /// Adds the entry at this place, if it is valid and there is room for it and its new lists.
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

    /// Returns the entries. If several rows for one user are refused, reports each of them but the first as a fault,
    /// unless all of them have a date. Returns an error if there was no room.
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

    /// Returns, from rows with equal digests, the places of those that repeat the user of an earlier row without
    /// permission, each with the place of the first such row.
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

/// The rows for one user.
#[derive(Debug, Default)]
struct UserRows {
    /// The places, in ascending order.
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
    /// Adds a fault that refers to the user by place and not by name, to keep personal data out of the response.
    fn add_fault(self, place: u64, first: u64, way_out: &str, faults: &mut Faults) {
        match self {
            Self::Elements => {
                let index = usize::try_from(place).unwrap_or(usize::MAX);
                let root = Pointer::Root;
                let entries = root.member("entries");
                let entry = entries.element(index);
                faults.add(&entry.member("user"), format_args!("is the same as that of /entries/{first}; {way_out}"));
            }
            Self::Lines => {
                faults.at_line(Some(place));
                faults.add_here(format_args!("is for the same user as line {first}; {way_out}"));
            }
        }
    }
}

fn way_out(mode: SyncMode) -> String {
    format!(
        "in the mode {} one row lists everything its user should have, so send one row per user; or set sameUser={} to \
         combine the rows of a user, or sameUser={} to treat them as successive changes",
        mode.word(),
        SyncSameUser::Merge.word(),
        SyncSameUser::InOrder.word(),
    )
}
