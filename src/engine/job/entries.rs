//! Compact storage for the entries of a job: there may be a hundred thousand of them, and they stay readable for days.
//!
//! The texts of all entries share one string, equal lists and equal effects are stored once, and what only few entries
//! have is kept apart. `docs/PERFORMANCE.md` has the resulting sizes.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroI64;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::EntrySnapshot;
use crate::domain::assignment::Difference;
use crate::domain::entry::{AssignmentName, Effects, EntryOrder, EntryRequest, ListedAssignment, Presence};
use crate::domain::entry_result::{ConflictRecord, EntryResult};
use crate::domain::shared::Shared;
use crate::domain::{EntryState, JobId, Place, Reason, UserId, UserRef};

/// All entries of a job, in the order of the submission.
///
/// States are stored apart from the rest because they are what is searched.
#[derive(Debug)]
pub(super) struct Entries {
    states: Box<[EntryState]>,
    rows: Box<[EntryRow]>,
    texts: Box<str>,
    lists: Box<[Arc<[ListedAssignment]>]>,
    effects: Shared<Effects>,
    /// Empty if the sender dated no entry.
    dates: Box<[Option<Timestamp>]>,
    /// Empty if no entry is limited by a plan.
    plans: Box<[Option<Difference>]>,
    /// Empty if no entry repeats another one.
    repeats: Box<[Option<Place>]>,
}

/// What is stored of one entry besides its state.
#[derive(Debug)]
struct EntryRow {
    /// End offsets of its texts within `texts`, where they follow one another. The first text begins where the previous
    /// entry's last one ends.
    reference_ends: u32,
    authority_ends: u32,
    key_ends: u32,
    /// Index of its list.
    list: u32,
    naming: Naming,
    presence: Presence,
    has_reference: bool,
    is_resolved: bool,
    /// Whether a write may be under way or may have been carried out unseen. Such an entry cannot be cancelled yet.
    is_unsettled: bool,
    attempts: u32,
    /// The user, once known; from the beginning if the entry names the user by id.
    user: Uuid,
    finished_at: Option<Milliseconds>,
    effects: Option<Arc<Effects>>,
    remark: Option<Box<Remark>>,
}

/// A date of this program's clock, which has whole milliseconds, in a third of the size. The epoch itself cannot be
/// represented.
#[derive(Debug, Clone, Copy)]
struct Milliseconds(NonZeroI64);

impl Milliseconds {
    fn of(date: Timestamp) -> Option<Self> {
        NonZeroI64::new(date.as_millisecond()).map(Self)
    }

    fn date(self) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.0.get()).ok()
    }
}

/// How an entry named its user.
#[derive(Debug, Clone, Copy)]
enum Naming {
    Id,
    Email,
    EmployeeId,
    ExternalId,
    /// No longer named: the person was erased.
    Erased,
}

/// Properties that most entries do not have.
#[derive(Debug, Default)]
struct Remark {
    reason: Option<Reason>,
    message: Option<Box<str>>,
    conflicts: Box<[ConflictRecord]>,
    superseded_by: Option<(JobId, u32)>,
}

impl From<Vec<EntryOrder>> for Entries {
    fn from(orders: Vec<EntryOrder>) -> Self {
        let dates = column(orders.iter().map(|order| order.request.occurred_at));
        let plans = column(orders.iter().map(|order| order.plan.as_deref().cloned()));
        let repeats = column(orders.iter().map(|order| order.repeats));
        let (mut texts, mut lists) = (String::new(), Lists::default());
        let rows: Vec<_> = orders.into_iter().map(|order| EntryRow::new(order, &mut texts, &mut lists)).collect();
        Self {
            states: vec![EntryState::Pending; rows.len()].into(),
            rows: rows.into(),
            texts: texts.into(),
            lists: lists.known.into(),
            effects: Shared::default(),
            dates,
            plans,
            repeats,
        }
    }
}

/// Collects a column, or an empty one if no entry has a value.
fn column<T: Clone>(values: impl Iterator<Item = Option<T>> + Clone) -> Box<[Option<T>]> {
    if values.clone().all(|value| value.is_none()) { Box::default() } else { values.collect() }
}

/// Numbers distinct lists by address. Equal lists at different addresses get different numbers: the reader of the body
/// has already merged equal ones.
#[derive(Debug, Default)]
struct Lists {
    known: Vec<Arc<[ListedAssignment]>>,
    places: HashMap<*const ListedAssignment, u32>,
}

impl Lists {
    fn number(&mut self, list: Arc<[ListedAssignment]>) -> u32 {
        let next = place(self.known.len());
        // Known lists stay alive, so no other list can get the same address.
        let number = *self.places.entry(list.as_ptr()).or_insert(next);
        if number == next {
            self.known.push(list);
        }
        number
    }
}

/// Converts an offset or index within one job; both stay far below `u32::MAX`.
fn place(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl EntryRow {
    fn new(order: EntryOrder, texts: &mut String, lists: &mut Lists) -> Self {
        let presence = order.presence;
        let EntryRequest { reference, user, assignments, .. } = order.request;
        let (naming, authority, key, id) = match user {
            UserRef::Id(id) => (Naming::Id, None, None, id.0),
            UserRef::Email(key) => (Naming::Email, None, Some(key), Uuid::nil()),
            UserRef::EmployeeId(key) => (Naming::EmployeeId, None, Some(key), Uuid::nil()),
            UserRef::ExternalId { authority, key } => (Naming::ExternalId, Some(authority), Some(key), Uuid::nil()),
        };
        let mut add = |text: Option<&str>| {
            texts.push_str(text.unwrap_or_default());
            place(texts.len())
        };
        Self {
            reference_ends: add(reference.as_deref()),
            authority_ends: add(authority.as_deref()),
            key_ends: add(key.as_deref()),
            list: lists.number(assignments),
            naming,
            presence,
            has_reference: reference.is_some(),
            is_resolved: false,
            is_unsettled: false,
            attempts: 0,
            user: id,
            finished_at: None,
            effects: None,
            remark: None,
        }
    }

    fn user(&self) -> Option<UserId> {
        self.is_resolved.then_some(UserId(self.user))
    }

    fn is_erased(&self) -> bool {
        matches!(self.naming, Naming::Erased)
    }

    /// Forgets the person. `ends` is where the previous entry's texts end.
    fn erase(&mut self, ends: u32) {
        (self.reference_ends, self.authority_ends, self.key_ends) = (ends, ends, ends);
        (self.naming, self.user, self.is_resolved, self.has_reference) = (Naming::Erased, Uuid::nil(), false, false);
        (self.effects, self.attempts, self.presence) = (None, 0, Presence::default());
        let reason = self.remark.take().and_then(|remark| remark.reason);
        self.remark = reason.map(|reason| Box::new(Remark { reason: Some(reason), ..Remark::default() }));
    }
}

/// Copies of a list that exist while its entries are worked on: assignments are resolved, folded, compared and
/// journaled.
const OF_WORK: usize = 2;
/// Bytes that an entry takes besides its row while it is worked on, for its user's turn and the calls for it.
const OF_OPEN_ENTRY: usize = 256;
/// Bytes that an entry's outcome takes besides its row, for effects and remarks.
const OF_OUTCOME: usize = 48;

impl Entries {
    /// Returns the bytes that the entries take while they are worked on, including derived data.
    pub(super) fn bytes_while_open(&self) -> usize {
        self.bytes() + self.rows.len() * OF_OPEN_ENTRY + OF_WORK * self.bytes_of_lists()
    }

    /// Returns the bytes that the entries take.
    pub(super) fn bytes(&self) -> usize {
        let columns = size_of_val(&*self.dates) + size_of_val(&*self.plans) + size_of_val(&*self.repeats);
        let rows = self.rows.len() * (size_of::<EntryRow>() + size_of::<EntryState>() + OF_OUTCOME);
        rows + self.texts.len() + columns + self.bytes_of_lists()
    }

    fn bytes_of_lists(&self) -> usize {
        let (mut names, mut bytes) = (HashSet::new(), 0);
        for list in &self.lists {
            bytes += size_of_val(&**list);
            for listed in &**list {
                bytes += listed.because.as_ref().map_or(0, |because| because.len());
                // All names within one list are distinct.
                if let AssignmentName::Name(name) = &listed.name
                    && (self.lists.len() == 1 || names.insert(name.as_ptr()))
                {
                    bytes += name.len();
                }
            }
        }
        bytes
    }

    /// Returns the number of entries.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns the state of an entry.
    pub(super) fn state(&self, index: u32) -> Option<EntryState> {
        self.states.get(index as usize).copied()
    }

    /// Changes the state of an entry and returns the previous one.
    pub(super) fn turn(&mut self, index: u32, to: EntryState) -> Option<EntryState> {
        self.states.get_mut(index as usize).map(|state| std::mem::replace(state, to))
    }

    /// Returns the indices, from `from` on, of the entries whose state satisfies `wanted`.
    pub(super) fn places(&self, from: u32, wanted: impl Fn(EntryState) -> bool) -> impl Iterator<Item = u32> {
        let states = self.states.get(from as usize..).unwrap_or_default();
        (from..).zip(states).filter(move |(_, state)| wanted(**state)).map(|(index, _)| index)
    }

    /// Returns what an entry asks for.
    pub(super) fn request(&self, index: u32) -> Option<EntryRequest> {
        let row = self.row(index)?;
        let begins = index.checked_sub(1).and_then(|before| self.row(before)).map_or(0, |before| before.key_ends);
        let list = self.lists.get(row.list as usize).filter(|_| !row.is_erased());
        Some(EntryRequest {
            reference: row.has_reference.then(|| self.text(begins, row.reference_ends)),
            user: self.named(index)?,
            assignments: list.map(Arc::clone).unwrap_or_default(),
            occurred_at: self.occurred_at(index),
        })
    }

    /// Returns how an entry names its user; a nil id if the person was erased.
    pub(super) fn named(&self, index: u32) -> Option<UserRef> {
        let row = self.row(index)?;
        let key = || self.text(row.authority_ends, row.key_ends);
        Some(match row.naming {
            Naming::Id | Naming::Erased => UserRef::Id(UserId(row.user)),
            Naming::Email => UserRef::Email(key()),
            Naming::EmployeeId => UserRef::EmployeeId(key()),
            Naming::ExternalId => {
                UserRef::ExternalId { authority: self.text(row.reference_ends, row.authority_ends), key: key() }
            }
        })
    }

    fn text(&self, from: u32, to: u32) -> Box<str> {
        self.texts.get(from as usize..to as usize).unwrap_or_default().into()
    }

    /// Returns whether the person an entry was about has been erased.
    pub(super) fn is_erased(&self, index: u32) -> bool {
        self.row(index).is_some_and(EntryRow::is_erased)
    }

    /// Forgets who these entries were about and everything that points to that person. States, reasons and end dates
    /// stay.
    pub(super) fn erase(&mut self, entries: &HashSet<u32>) {
        let (mut texts, mut begins) = (String::with_capacity(self.texts.len()), 0);
        for (index, row) in (0u32..).zip(&mut self.rows) {
            let (from, to) = (std::mem::replace(&mut begins, row.key_ends), row.key_ends);
            if entries.contains(&index) {
                row.erase(place(texts.len()));
                continue;
            }
            let moved = from - place(texts.len());
            texts.push_str(self.texts.get(from as usize..to as usize).unwrap_or_default());
            for end in [&mut row.reference_ends, &mut row.authority_ends, &mut row.key_ends] {
                *end -= moved;
            }
        }
        self.texts = texts.into();
        let of_them = |index: usize| u32::try_from(index).is_ok_and(|index| entries.contains(&index));
        self.dates.iter_mut().enumerate().filter(|(index, _)| of_them(*index)).for_each(|(_, date)| *date = None);
        self.plans.iter_mut().enumerate().filter(|(index, _)| of_them(*index)).for_each(|(_, plan)| *plan = None);
        self.repeats.iter_mut().enumerate().filter(|(index, _)| of_them(*index)).for_each(|(_, place)| *place = None);
    }

    /// Returns when an entry's change happened, if its sender said so.
    pub(super) fn occurred_at(&self, index: u32) -> Option<Timestamp> {
        self.dates.get(index as usize).copied().flatten()
    }

    /// Returns the place of the entry that an entry repeats, if it repeats one.
    pub(super) fn repeats(&self, index: u32) -> Option<Place> {
        self.repeats.get(index as usize).copied().flatten()
    }

    /// Returns the most that an entry may change, if it is limited by a plan.
    pub(super) fn plan(&self, index: u32) -> Option<&Difference> {
        self.plans.get(index as usize)?.as_ref()
    }

    /// Returns what the naming of the person implies apart from the assignments.
    pub(super) fn presence(&self, index: u32) -> Presence {
        self.row(index).map(|row| row.presence).unwrap_or_default()
    }

    /// Returns a copy of an entry.
    pub(super) fn snapshot(&self, index: u32) -> Option<EntrySnapshot> {
        let (row, state) = (self.row(index)?, self.state(index)?);
        let (user, erased, presence) = (row.user(), row.is_erased(), row.presence);
        let (request, result) = (self.request(index)?, row.result());
        Some(EntrySnapshot { index, request, user, state, result, presence, erased })
    }

    /// Returns what is known of an entry's outcome.
    pub(super) fn result(&self, index: u32) -> EntryResult {
        self.row(index).map(EntryRow::result).unwrap_or_default()
    }

    /// Replaces what is known of an entry's outcome.
    pub(super) fn set_result(&mut self, index: u32, result: EntryResult) {
        let EntryResult { reason, message, effects, attempts, conflicts, superseded_by, finished_at } = result;
        let effects = (effects != Effects::default()).then(|| self.effects.one(effects));
        let Some(row) = self.row_mut(index) else { return };
        let plain = reason.is_none() && message.is_none() && conflicts.is_empty() && superseded_by.is_none();
        let remark = || Box::new(Remark { reason, message, conflicts: conflicts.into(), superseded_by });
        row.remark = (!plain).then(remark);
        (row.effects, row.attempts, row.finished_at) = (effects, attempts, finished_at.and_then(Milliseconds::of));
    }

    /// Sets the message that says what an entry waits for or why it failed.
    pub(super) fn set_message(&mut self, index: u32, message: &str) {
        if let Some(row) = self.row_mut(index) {
            row.remark.get_or_insert_default().message = Some(message.into());
        }
    }

    /// Clears what is known of an entry's outcome.
    pub(super) fn clear_result(&mut self, index: u32) {
        if let Some(row) = self.row_mut(index) {
            (row.effects, row.attempts, row.finished_at, row.remark) = (None, 0, None, None);
        }
    }

    /// Records the user that an entry was resolved to.
    pub(super) fn set_user(&mut self, index: u32, user: UserId) {
        if let Some(row) = self.row_mut(index) {
            (row.user, row.is_resolved) = (user.0, true);
        }
    }

    /// Returns whether a write for an entry may be under way or may have been carried out unseen.
    pub(super) fn is_unsettled(&self, index: u32) -> bool {
        self.row(index).is_some_and(|row| row.is_unsettled)
    }

    /// Records whether a write for an entry may be under way or may have been carried out unseen.
    pub(super) fn set_unsettled(&mut self, index: u32, unsettled: bool) {
        if let Some(row) = self.row_mut(index) {
            row.is_unsettled = unsettled;
        }
    }

    /// Returns the user that an entry was resolved to.
    pub(super) fn user(&self, index: u32) -> Option<UserId> {
        self.row(index).and_then(EntryRow::user)
    }

    /// Returns the users that entries were resolved to.
    pub(super) fn users(&self) -> impl Iterator<Item = UserId> + '_ {
        self.rows.iter().filter_map(EntryRow::user)
    }

    fn row(&self, index: u32) -> Option<&EntryRow> {
        self.rows.get(index as usize)
    }

    fn row_mut(&mut self, index: u32) -> Option<&mut EntryRow> {
        self.rows.get_mut(index as usize)
    }
}

impl EntryRow {
    fn result(&self) -> EntryResult {
        let mut result = EntryResult {
            effects: self.effects.as_deref().cloned().unwrap_or_default(),
            attempts: self.attempts,
            finished_at: self.finished_at.and_then(Milliseconds::date),
            ..EntryResult::default()
        };
        if let Some(remark) = &self.remark {
            result.reason = remark.reason;
            result.message.clone_from(&remark.message);
            result.conflicts = remark.conflicts.to_vec();
            result.superseded_by = remark.superseded_by;
        }
        result
    }
}

#[cfg(test)]
mod tests;
