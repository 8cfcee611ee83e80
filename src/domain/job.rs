//! What a job is, and how the states of its entries add up.

use std::fmt;

use uuid::Uuid;

use super::callback::CallbackUrl;
use super::conflict::Cause;
use super::{EntryState, Mode, Owner, Proficiency, Target};

/// Id of a job: a version 7 UUID, so that ids sort by time of acceptance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub Uuid);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Urgency of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Webhook deliveries, and jobs of at most [`Lane::MAX_INTERACTIVE_ENTRIES`] entries that asked for this lane.
    Interactive,
    /// All other jobs.
    Bulk,
}

impl Lane {
    /// Maximum number of entries of a job that asks for the interactive lane.
    pub const MAX_INTERACTIVE_ENTRIES: usize = 20;

    /// Returns the name used in the HTTP API and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Bulk => "bulk",
        }
    }
}

/// How several rows of one job about the same user are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SameUser {
    /// With `managed` and `replace`, such rows are refused unless each of them has a date; with other modes, like
    /// [`Self::InOrder`].
    #[default]
    Refuse,
    /// The lists are merged into one, as in an export with one row per skill.
    Merge,
    /// Each row is a change of its own, ordered by date if it has one, and otherwise by row.
    InOrder,
}

impl SameUser {
    /// Returns the name used in the HTTP API; `None` stands for the absent field, which means [`Self::Refuse`].
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Refuse => None,
            Self::Merge => Some("merge"),
            Self::InOrder => Some("inOrder"),
        }
    }

    /// Returns whether rows about one user are refused in this mode unless each of them has a date.
    ///
    /// In `managed` and `replace`, a list is the complete set of the user's assignments, so one of two undated lists
    /// would be lost.
    pub fn refuses_in(self, mode: Mode) -> bool {
        match mode {
            Mode::Managed | Mode::Replace => self == Self::Refuse,
            Mode::Add | Mode::Remove => false,
        }
    }
}

/// What a caller asks for all entries of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSpec {
    pub target: Target,
    pub mode: Mode,
    pub label: Option<Box<str>>,
    pub dry_run: bool,
    pub lane: Lane,
    /// Receiver of a callback when the job ends or is held.
    pub callback: Option<CallbackUrl>,
    /// How several rows about one user are treated.
    pub same_user: SameUser,
    /// Rating of new assignments that are listed without one, for a target with ratings.
    pub default_proficiency: Option<Proficiency>,
    /// On whose behalf it assigns; `None` for a job accepted before owners were recorded.
    pub owner: Option<Owner>,
}

impl JobSpec {
    /// A job in the lane `bulk` with the defaults of the API.
    pub fn new(target: Target, mode: Mode) -> Self {
        Self {
            target,
            mode,
            label: None,
            dry_run: false,
            lane: Lane::Bulk,
            callback: None,
            same_user: SameUser::default(),
            default_proficiency: None,
            owner: Some(Owner::of_no_name()),
        }
    }

    /// Returns whether rows about one user are refused unless each of them has a date.
    pub fn refuses_rows_of_one_user(&self) -> bool {
        self.same_user.refuses_in(self.mode)
    }

    /// Returns whether all rows about one user together make up the complete set of the user's assignments.
    pub fn rows_are_one_whole(&self) -> bool {
        self.same_user == SameUser::Merge && matches!(self.mode, Mode::Managed | Mode::Replace)
    }
}

/// Status of a job. It follows from the states of its entries: the first matching line counts.
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
    /// All statuses.
    pub const ALL: [Self; 6] =
        [Self::Queued, Self::Running, Self::Parked, Self::Held, Self::Completed, Self::Cancelled];
}

/// Number of entries in each state.
///
/// Invariant: the counts of all states add up to the number of entries, because they change only through
/// [`EntryCounts::moved`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryCounts([u32; EntryState::ALL.len()]);

impl EntryCounts {
    /// Returns the counts for `total` entries, all of them pending.
    pub fn pending(total: u32) -> Self {
        let mut counts = Self([0; EntryState::ALL.len()]);
        counts.0[EntryState::Pending as usize] = total;
        counts
    }

    /// Moves one entry from one state to another.
    pub fn moved(&mut self, from: EntryState, to: EntryState) {
        self.0[from as usize] -= 1;
        self.0[to as usize] += 1;
    }

    /// Returns the number of entries in `state`.
    pub fn of(&self, state: EntryState) -> u32 {
        self.0[state as usize]
    }

    /// Returns the number of all entries.
    pub fn total(&self) -> u32 {
        self.0.iter().sum()
    }

    /// Returns the number of entries that still proceed by themselves: those that have neither ended nor are held.
    pub fn ahead(&self) -> u32 {
        self.open() - self.of(EntryState::Held)
    }

    /// Returns the number of entries that have not ended.
    pub fn open(&self) -> u32 {
        EntryState::ALL.into_iter().filter(|state| !state.is_terminal()).map(|state| self.of(state)).sum()
    }
}

/// Number of conflicts of a job, by cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConflictCounts([u32; Cause::ALL.len()]);

impl ConflictCounts {
    /// Counts one conflict.
    pub fn count(&mut self, cause: Cause) {
        self.0[cause as usize] += 1;
    }

    /// Returns the number of conflicts with this cause.
    pub fn of(&self, cause: Cause) -> u32 {
        self.0[cause as usize]
    }

    /// Returns the number of all conflicts.
    pub fn total(&self) -> u32 {
        self.0.iter().sum()
    }
}
