//! The result of mapping a payload or an export: people, and what follows for each.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::columns::{LooseColumn, MissingColumns};
use super::filter::FilterError;
use super::people::{Changed, NotUnderstood, PayloadPlace};
use super::rules::Derived;
use crate::charset::Charset;
use crate::domain::UserRef;
use crate::domain::dates::LatestDate;
use crate::domain::entry::{EntryOrder, EntryRequest, ListedAssignment, Presence, SharedLists};
use crate::domain::shared::Shared;
use crate::domain::text::{as_it_reads, folded};
use crate::table::TableError;

/// One person, and what follows for them.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapped {
    /// The user in Genesys.
    pub user: UserRef,
    /// The sender's date of the change; once a delivery is accepted, the time from which the change counts.
    pub occurred_at: Option<Timestamp>,
    /// Whether the person has left, and therefore gets nothing and loses what skillsync assigned.
    pub leaver: bool,
    /// Whether a leaver has left only this name, which was theirs at the date of the change, because something newer is
    /// known of them.
    pub was_called_so: bool,
    /// What a full export shows by naming the person, or by not naming them.
    pub presence: Presence,
    /// What the source called the person, if `user` is their id in Genesys.
    pub called: Option<Box<str>>,
    /// The sender's id of the person, normalised.
    pub sender_id: Option<Box<str>>,
    /// One list is shared by all people with the same assignments.
    pub assignments: Arc<[Derived]>,
    /// Unknown attributes without which a rule or `leaver` cannot be decided. One list is shared by all people who lack
    /// the same.
    pub unknown: Arc<[Box<str>]>,
}

/// Lists that several people share.
#[derive(Debug, Default)]
pub(super) struct SharedParts {
    pub(super) assignments: Shared<[Derived]>,
    pub(super) unknown: Shared<[Box<str>]>,
}

/// A problem with one of several people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonFault {
    /// Where the person is found.
    pub place: PayloadPlace,
    /// What is wrong.
    pub problem: String,
}

impl fmt::Display for PersonFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

/// The result of mapping a payload or an export.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mapping {
    /// The people, in the order of the payload.
    pub people: Vec<Mapped>,
    /// People who could not be mapped.
    pub faults: Vec<PersonFault>,
    /// Number of further people with problems that are not listed.
    pub more_faults: usize,
    /// Records that must be read first.
    pub changed: Vec<Changed>,
    /// People who have left and of whom only the sender's id was reported, each with the number of `people` before
    /// them.
    pub gone: Vec<(usize, Changed)>,
    /// For an export, the columns that are spelled differently from the configuration.
    pub loosely: Vec<LooseColumn>,
    /// Number of dates that could not be read; these changes count as of now.
    pub dates_not_read: usize,
    /// When the sender says it sent the payload; replaces the date of people who have none.
    pub sent_at: Option<Timestamp>,
}

/// Why a body cannot be mapped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// The body is malformed.
    #[error(transparent)]
    NotUnderstood(#[from] NotUnderstood),
    /// The filter failed or could not run.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The export lacks attributes that the source needs.
    #[error(transparent)]
    Lacks(#[from] MissingColumns),
    /// The delivery only reports who has changed, and the source does not configure where to read records.
    #[error(
        "webhooks.{0}: record: is missing, but this delivery only reports who has changed; configure where to read \
         their records, or have the sender post their fields"
    )]
    NoRecord(Arc<str>),
    /// The decompressed content exceeds the limit.
    #[error("the spreadsheet is too large once it is unpacked")]
    TooLarge,
    /// There is no memory left for the result.
    #[error("too many large bodies are being read; send it again later")]
    NoRoom,
}

impl MappingError {
    /// Describes the error without quoting the body or the output of a filter.
    pub(super) fn for_logs(&self) -> String {
        match self {
            Self::Lacks(_) => "it lacks required columns; run `skillsync map` for details".to_owned(),
            Self::NotUnderstood(_) => "it cannot be understood; run `skillsync map` for details".to_owned(),
            Self::Filter(FilterError::Failed(_)) => "its filter failed; run `skillsync map` for details".to_owned(),
            Self::Filter(fault) => fault.to_string(),
            Self::NoRecord(_) | Self::TooLarge | Self::NoRoom => self.to_string(),
        }
    }

    /// Returns whether the same body may succeed later: when resources are free again, or when the missing `record` has
    /// been configured.
    pub fn passes_later(&self) -> bool {
        match self {
            Self::Filter(FilterError::Stopped | FilterError::Busy | FilterError::CannotStart(_)) => true,
            Self::NoRecord(_) | Self::NoRoom => true,
            Self::Filter(FilterError::Failed(_) | FilterError::TooMuch)
            | Self::NotUnderstood(_)
            | Self::Lacks(_)
            | Self::TooLarge => false,
        }
    }
}

impl From<TableError> for MappingError {
    fn from(fault: TableError) -> Self {
        match fault {
            TableError::TooLarge => Self::TooLarge,
            TableError::NoRoom => Self::NoRoom,
            TableError::Unreadable(_) | TableError::Row(_) | TableError::File(_) => {
                NotUnderstood::new(fault.to_string()).into()
            }
        }
    }
}

/// The format of an export; what is set here takes precedence over the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportForm {
    /// JSON, in this charset or that of the source.
    Json(Option<Charset>),
    /// CSV, in this charset or that of the source.
    Csv(Option<Charset>),
    /// A spreadsheet.
    Xlsx {
        /// Sheet to read; by default that of the source.
        sheet: Option<String>,
        /// Maximum size of the decompressed content, in bytes.
        unpacked: usize,
    },
}

impl Mapping {
    /// Drops dates in the future, so that these changes count as of now, and returns the number of people affected.
    /// Senders must be answered with success, and a future date would supersede every change until it is reached.
    pub(super) fn take_future_dates_as_now(&mut self, latest: LatestDate) -> usize {
        let mut taken = 0;
        let is_ahead = |date: Timestamp| latest.checked(date).is_err();
        let was_sent_ahead = self.sent_at.is_some_and(is_ahead);
        let gone = self.gone.iter_mut().map(|(_, gone)| &mut gone.occurred_at);
        for occurred_at in self.people.iter_mut().map(|person| &mut person.occurred_at).chain(gone) {
            if occurred_at.map_or(was_sent_ahead, is_ahead) {
                *occurred_at = None;
                taken += 1;
            }
        }
        // The same clock dates and signs, so `sent_at` cannot be trusted either.
        self.sent_at = self.sent_at.filter(|_| !was_sent_ahead && taken == 0);
        taken
    }
}

impl Mapping {
    /// Returns whether all changes have a date from the sender.
    pub(super) fn is_dated(&self) -> bool {
        let people = self.people.iter().map(|person| person.occurred_at);
        let changed = self.changed.iter().map(|changed| changed.occurred_at);
        let gone = self.gone.iter().map(|(_, gone)| gone.occurred_at);
        people.chain(changed).chain(gone).all(|date| date.is_some())
    }
}

/// A row of a delivery.
enum DeliveryRow {
    Person(Mapped),
    /// A leaver of whom only the sender's id is known.
    Gone(Changed),
}

impl DeliveryRow {
    fn occurred_at(&self) -> Option<Timestamp> {
        match self {
            Self::Person(person) => person.occurred_at,
            Self::Gone(gone) => gone.occurred_at,
        }
    }

    /// Returns what the row calls the person: by a name, in whatever case, by an id, or by both.
    fn keys(&self) -> (Option<String>, Option<Box<str>>) {
        match self {
            Self::Person(person) => (person.user.text().map(folded), person.sender_id.clone()),
            Self::Gone(gone) => (None, Some(as_it_reads(&gone.record).into())),
        }
    }
}

impl Mapping {
    /// Returns the names by which the rows call people.
    pub(super) fn names(&self) -> impl Iterator<Item = &UserRef> {
        self.people.iter().map(|person| &person.user)
    }

    /// Returns the sender's ids of the people, normalised.
    pub(super) fn sender_ids(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let ids = self.people.iter().filter_map(|person| person.sender_id.as_deref());
        ids.chain(self.gone.iter().map(|(_, gone)| &*gone.record)).map(as_it_reads)
    }

    /// Takes the people out in parts, within which no name and no id stands twice: in order of date if all rows have one,
    /// else in their own.
    pub(super) fn take_parts(&mut self) -> Vec<Self> {
        let mut gone = std::mem::take(&mut self.gone).into_iter().peekable();
        let mut rows = Vec::with_capacity(self.people.len() + gone.len());
        for (position, person) in std::mem::take(&mut self.people).into_iter().enumerate() {
            while let Some((_, gone)) = gone.next_if(|(before, _)| *before <= position) {
                rows.push(DeliveryRow::Gone(gone));
            }
            rows.push(DeliveryRow::Person(person));
        }
        rows.extend(gone.map(|(_, gone)| DeliveryRow::Gone(gone)));
        if rows.iter().all(|row| row.occurred_at().is_some()) {
            rows.sort_by_key(DeliveryRow::occurred_at);
        }
        let part = || Self { sent_at: self.sent_at, ..Self::default() };
        let (mut parts, mut names, mut ids) = (vec![part()], HashSet::new(), HashSet::new());
        for row in rows {
            let (name, id) = row.keys();
            let is_told = name.as_ref().is_some_and(|name| names.contains(name));
            if is_told || id.as_ref().is_some_and(|id| ids.contains(id)) {
                parts.push(part());
                names.clear();
                ids.clear();
            }
            names.extend(name);
            ids.extend(id);
            let Some(part) = parts.last_mut() else { continue };
            match row {
                DeliveryRow::Person(person) => part.people.push(person),
                DeliveryRow::Gone(gone) => part.gone.push((part.people.len(), gone)),
            }
        }
        parts
    }
}

impl Mapped {
    /// A leaver.
    pub(super) fn leaver(user: UserRef, occurred_at: Option<Timestamp>) -> Self {
        let (presence, assignments, unknown) = (Presence::default(), Arc::default(), Arc::default());
        Self {
            user,
            occurred_at,
            leaver: true,
            was_called_so: false,
            presence,
            called: None,
            sender_id: None,
            assignments,
            unknown,
        }
    }

    /// Returns whether the change says that the name is the person's, or was at the date of the change.
    pub(super) fn is_called_so(&self) -> bool {
        !self.leaver || self.was_called_so
    }

    /// Returns the entry of a job for this person.
    pub(super) fn entry(&self, lists: &mut SharedLists) -> EntryOrder {
        let listed = self.assignments.iter().map(|derived| ListedAssignment {
            name: derived.name.clone(),
            proficiency: derived.proficiency,
            because: Some(derived.because.join(", ").into()),
            left_as_is: derived.left_as_is,
        });
        let (user, assignments) = (self.user.clone(), lists.list(listed.collect()));
        let request = EntryRequest { reference: self.called.clone(), user, assignments, occurred_at: self.occurred_at };
        EntryOrder { presence: self.presence, ..request.into() }
    }
}
