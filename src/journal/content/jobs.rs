//! Jobs and their entries, as accepted and as ended.

use jiff::Timestamp;

use super::KeptUserState;
use crate::domain::assignment::CatalogueItem;
use crate::domain::audit::Actor;
use crate::domain::callback::CallbackSettled;
use crate::domain::entry::EntryOrder;
use crate::domain::entry_result::EntryResult;
use crate::domain::hold::Hold;
use crate::domain::job::{ConflictCounts, JobSpec};
use crate::domain::{EntryState, JobId, UserId, UserKey};

/// A job as it was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedJob {
    pub id: JobId,
    pub spec: JobSpec,
    pub created_at: Timestamp,
    pub entries: Vec<EntryOrder>,
    /// Who submitted it; `None` for a job from a journal that did not record that.
    pub submitted_by: Option<Actor>,
}

/// The outcome of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryOutcome {
    pub state: EntryState,
    /// The user that the entry turned out to be about.
    pub user: Option<UserId>,
    pub result: EntryResult,
    /// Whether the person that the entry was about has been erased.
    pub erased: bool,
}

impl EntryOutcome {
    /// Returns the outcome without the person and everything that points to them.
    #[must_use]
    pub fn erased(self) -> Self {
        let EntryResult { reason, finished_at, .. } = self.result;
        let result = EntryResult { reason, finished_at, ..EntryResult::default() };
        Self { state: self.state, user: None, result, erased: true }
    }
}

/// The counters of a job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JobCounters {
    pub calls_made: u32,
    pub conflicts: ConflictCounts,
    pub cancelled: bool,
    pub started_at: Option<Timestamp>,
}

/// A decision about a job as a whole. Of each kind, the newest counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobNote {
    /// The job would remove too much to proceed by itself.
    Held(Hold),
    /// The job may proceed nonetheless.
    Released,
    /// A callback is finished, delivered or not.
    CallbackSettled(CallbackSettled),
    /// All skills created for the job so far.
    Created(Vec<CatalogueItem>),
    /// The job was cancelled while part of it was under way.
    Cancelled,
}

/// The newest notes on a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobNotes {
    /// Why the job is held, if it is.
    pub held: Option<Hold>,
    /// Whether the job was held and then released.
    pub released: bool,
    /// The newest callback that is finished.
    pub callback: Option<CallbackSettled>,
    /// Skills that were created for the job.
    pub created: Vec<CatalogueItem>,
    /// Whether the job was cancelled.
    pub cancelled: bool,
}

impl JobNotes {
    /// Adds a note, which replaces an older one of its kind.
    pub fn add(&mut self, note: JobNote) {
        match note {
            JobNote::Held(hold) => self.held = Some(hold),
            JobNote::Released => (self.held, self.released) = (None, true),
            JobNote::CallbackSettled(settled) => self.callback = Some(settled),
            JobNote::Created(skills) => self.created = skills,
            JobNote::Cancelled => self.cancelled = true,
        }
    }
}

impl From<EndedEntry> for Conclusion {
    fn from(ended: EndedEntry) -> Self {
        Self { ended: vec![ended], user_state: None }
    }
}

/// An entry that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedEntry {
    pub job: JobId,
    pub position: u32,
    pub outcome: EntryOutcome,
    /// The counters of its job at that time.
    pub counters: JobCounters,
}

/// What has to become durable together when entries end: their outcomes, and the user state after them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conclusion {
    pub ended: Vec<EndedEntry>,
    pub user_state: Option<(UserKey, KeptUserState)>,
}

/// A job as it was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveredJob {
    pub job: AcceptedJob,
    pub counters: JobCounters,
    pub notes: JobNotes,
    /// The outcome of each entry, in order; `None` for entries that have not ended.
    pub outcomes: Vec<Option<EntryOutcome>>,
}
