//! What a payload or an export comes to: people, and what follows for each.

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
use crate::table::TableError;

/// One person, and what follows for them.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapped {
    pub user: UserRef,
    /// The sender's own date of the change; once a delivery is taken, when the change counts from.
    pub occurred_at: Option<Timestamp>,
    /// Gets nothing, and loses what skillsync assigned.
    pub leaver: bool,
    /// What a full export tells by naming them, or by not doing so.
    pub presence: Presence,
    /// What the source called them, where they are named by who that is at Genesys.
    pub called: Option<Box<str>>,
    /// What the sender calls them, as it reads.
    pub sender_id: Option<Box<str>>,
    /// One list for all to whom the same comes.
    pub assignments: Arc<[Derived]>,
    /// Attributes of which nothing is known, and without which something cannot be decided; one list for all who lack the same.
    pub unknown: Arc<[Box<str>]>,
}

/// What several people have in common, as one.
#[derive(Debug, Default)]
pub(super) struct SharedParts {
    pub(super) assignments: Shared<[Derived]>,
    pub(super) unknown: Shared<[Box<str>]>,
}

/// Something is wrong with one person of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonFault {
    pub place: PayloadPlace,
    pub problem: String,
}

impl fmt::Display for PersonFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

/// What a payload or an export comes to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mapping {
    pub people: Vec<Mapped>,
    pub faults: Vec<PersonFault>,
    /// People of whom something is wrong too, but not told.
    pub more_faults: usize,
    /// Records that have to be read first.
    pub changed: Vec<Changed>,
    /// People who have left and of whom only the sender's id was told, each with the number of `people` before them.
    pub gone: Vec<(usize, Changed)>,
    /// Of an export: columns that are spelt in another way than the source does.
    pub loosely: Vec<LooseColumn>,
    /// Dates that were given and cannot be read; their changes count as of now.
    pub dates_not_read: usize,
    /// When the sender says that it sent this: stands for the date of people who have none.
    pub sent_at: Option<Timestamp>,
}

/// Why a body comes to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    #[error(transparent)]
    NotUnderstood(#[from] NotUnderstood),
    #[error(transparent)]
    Filter(#[from] FilterError),
    #[error(transparent)]
    Lacks(#[from] MissingColumns),
    /// It only says who has changed, and the source names no place where records are read.
    #[error(
        "webhooks.{0}: record: is missing, and this delivery only says who has changed: name where their records are read, \
         or have the sender post their fields"
    )]
    NoRecord(Arc<str>),
    /// It takes more than it may.
    #[error("the spreadsheet is too large once it is unpacked")]
    TooLarge,
    /// There is no room for what it comes to.
    #[error("too many large bodies are being read; send it again later")]
    NoRoom,
}

impl MappingError {
    /// What went wrong, without anything that the body or a filter says.
    pub(super) fn for_logs(&self) -> String {
        match self {
            Self::Lacks(_) => "it lacks columns that are needed; `skillsync map` says which".to_owned(),
            Self::NotUnderstood(_) => "it cannot be understood; `skillsync map` says why".to_owned(),
            Self::Filter(FilterError::Failed(_)) => "its filter fails; `skillsync map` says why".to_owned(),
            Self::Filter(fault) => fault.to_string(),
            Self::NoRecord(_) | Self::TooLarge | Self::NoRoom => self.to_string(),
        }
    }

    /// Whether the same body may well pass at another time: the configuration can be mended and read again meanwhile.
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

/// The form of an export; what it says goes before what its source says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportForm {
    Json(Option<Charset>),
    Csv(Option<Charset>),
    Xlsx {
        sheet: Option<String>,
        /// So many bytes may come out of it.
        unpacked: usize,
    },
}

impl Mapping {
    /// Takes what has a date that has not come yet as of now, and answers how many people had one: senders have to be
    /// answered with success, and such a date would beat every change until it has come.
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
        // It is one clock that dates and signs.
        self.sent_at = self.sent_at.filter(|_| !was_sent_ahead && taken == 0);
        taken
    }
}

impl Mapping {
    /// Whether everything that it says has a date of the sender's own.
    pub(super) fn is_dated(&self) -> bool {
        let people = self.people.iter().map(|person| person.occurred_at);
        let changed = self.changed.iter().map(|changed| changed.occurred_at);
        let gone = self.gone.iter().map(|(_, gone)| gone.occurred_at);
        people.chain(changed).chain(gone).all(|date| date.is_some())
    }
}

impl Mapped {
    /// Somebody who has left.
    pub(super) fn leaver(user: UserRef, occurred_at: Option<Timestamp>) -> Self {
        let (presence, assignments, unknown) = (Presence::default(), Arc::default(), Arc::default());
        Self { user, occurred_at, leaver: true, presence, called: None, sender_id: None, assignments, unknown }
    }

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
