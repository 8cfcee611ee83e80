//! What a job is, and what its entries' states add up to.

use std::fmt;

use uuid::Uuid;

use super::callback::CallbackUrl;
use super::conflict::Cause;
use super::{EntryState, Mode, Target};

/// The id of a job: a UUID of version 7, so that ids sort by the time of acceptance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub Uuid);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How urgent a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Webhooks, and jobs of at most [`Lane::MAX_INTERACTIVE_ENTRIES`] entries that asked for it.
    Interactive,
    /// Everything else.
    Bulk,
}

impl Lane {
    /// The largest job that may ask for the interactive lane.
    pub const MAX_INTERACTIVE_ENTRIES: usize = 20;

    /// The name in the HTTP API and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Bulk => "bulk",
        }
    }
}

/// What it means that several rows of one job are about the same user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SameUser {
    /// In `managed` and `replace`, such rows are refused unless each of them has a date; in all else as [`Self::InOrder`].
    #[default]
    Refuse,
    /// Their lists are one list, as in an export with one row per skill.
    Merge,
    /// Each row is a change of its own: by date where there is one, else row after row.
    InOrder,
}

impl SameUser {
    /// The name in the HTTP API, where the absent field means [`Self::Refuse`].
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Refuse => None,
            Self::Merge => Some("merge"),
            Self::InOrder => Some("inOrder"),
        }
    }

    /// Whether rows about one user are refused in this mode unless each of them has a date.
    ///
    /// A list of `managed` or `replace` is the whole of what a user is to have, so of two undated lists one would be lost.
    pub fn refuses_in(self, mode: Mode) -> bool {
        match mode {
            Mode::Managed | Mode::Replace => self == Self::Refuse,
            Mode::Add | Mode::Remove => false,
        }
    }
}

/// What a caller asks of all entries of a job alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSpec {
    pub target: Target,
    pub mode: Mode,
    pub label: Option<Box<str>>,
    pub dry_run: bool,
    pub lane: Lane,
    /// Who is told when it ends or is held.
    pub callback: Option<CallbackUrl>,
    /// How several rows about one user are meant.
    pub same_user: SameUser,
}

impl JobSpec {
    /// Whether rows about one user are refused unless each of them has a date.
    pub fn refuses_rows_of_one_user(&self) -> bool {
        self.same_user.refuses_in(self.mode)
    }

    /// Whether all rows about one user together are the whole of what the user is to have.
    pub fn rows_are_one_whole(&self) -> bool {
        self.same_user == SameUser::Merge && matches!(self.mode, Mode::Managed | Mode::Replace)
    }
}

/// Where a job stands: it follows from its entries, the first line that fits.
///
/// ```text
///  no entry is open, and it was cancelled   Cancelled
///  no entry is open                         Completed
///  entries are held                         Held
///  Genesys is out of reach, nothing runs    Parked
///  an entry has begun                       Running
///  none has                                 Queued
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobStatus {
    Queued,
    Running,
    Parked,
    Held,
    Completed,
    Cancelled,
}

impl JobStatus {
    pub const ALL: [Self; 6] =
        [Self::Queued, Self::Running, Self::Parked, Self::Held, Self::Completed, Self::Cancelled];
}

/// How many entries are in each state.
///
/// Invariant: the counts of all states add up to the number of entries, because they change only by
/// [`EntryCounts::moved`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryCounts([u32; EntryState::ALL.len()]);

impl EntryCounts {
    /// `total` entries, all pending.
    pub fn pending(total: u32) -> Self {
        let mut counts = Self([0; EntryState::ALL.len()]);
        counts.0[EntryState::Pending as usize] = total;
        counts
    }

    /// One entry went from one state into another.
    pub fn moved(&mut self, from: EntryState, to: EntryState) {
        self.0[from as usize] -= 1;
        self.0[to as usize] += 1;
    }

    /// Entries in `state`.
    pub fn of(&self, state: EntryState) -> u32 {
        self.0[state as usize]
    }

    /// All entries.
    pub fn total(&self) -> u32 {
        self.0.iter().sum()
    }

    /// Entries that go on by themselves: those that have not ended and are not held.
    pub fn ahead(&self) -> u32 {
        self.open() - self.of(EntryState::Held)
    }

    /// Entries that have not ended.
    pub fn open(&self) -> u32 {
        EntryState::ALL.into_iter().filter(|state| !state.is_terminal()).map(|state| self.of(state)).sum()
    }
}

/// How many conflicts a job met, by cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConflictCounts([u32; Cause::ALL.len()]);

impl ConflictCounts {
    /// Counts one conflict.
    pub fn count(&mut self, cause: Cause) {
        self.0[cause as usize] += 1;
    }

    /// Conflicts of `cause`.
    pub fn of(&self, cause: Cause) -> u32 {
        self.0[cause as usize]
    }

    /// All conflicts.
    pub fn total(&self) -> u32 {
        self.0.iter().sum()
    }
}
