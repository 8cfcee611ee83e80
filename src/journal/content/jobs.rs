//! Jobs and their entries, as they were accepted and as they ended.

use jiff::Timestamp;

use super::KeptUserState;
use crate::domain::assignment::CatalogueItem;
use crate::domain::audit::Actor;
use crate::domain::callback::CallbackSettled;
use crate::domain::conflict::Cause;
use crate::domain::entry::{Effects, EntryOrder};
use crate::domain::hold::Hold;
use crate::domain::job::{ConflictCounts, JobSpec};
use crate::domain::{EntryState, JobId, Reason, UserId, UserKey};

/// A job as it was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedJob {
    pub id: JobId,
    pub spec: JobSpec,
    pub created_at: Timestamp,
    pub entries: Vec<EntryOrder>,
    /// Who sent it; none for a job from a journal that did not keep that.
    pub submitted_by: Option<Actor>,
}

/// A conflict as it is kept with an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptConflict {
    pub cause: Cause,
    pub status: Option<u16>,
    pub sent: Option<u64>,
    pub found: Option<u64>,
    pub correlation_id: Option<Box<str>>,
    pub at: Timestamp,
}

/// What became of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryOutcome {
    pub state: EntryState,
    /// The user that it turned out to be about.
    pub user: Option<UserId>,
    pub reason: Option<Reason>,
    pub message: Option<Box<str>>,
    pub effects: Effects,
    pub attempts: u32,
    pub conflicts: Vec<KeptConflict>,
    pub superseded_by: Option<(JobId, u32)>,
    pub finished_at: Option<Timestamp>,
    /// The person whom it was about was erased.
    pub erased: bool,
}

impl EntryOutcome {
    /// Without the person, and what points to them.
    #[must_use]
    pub fn erased(self) -> Self {
        let Self { state, reason, finished_at, .. } = self;
        Self {
            state,
            user: None,
            reason,
            message: None,
            effects: Effects::default(),
            attempts: 0,
            conflicts: Vec::new(),
            superseded_by: None,
            finished_at,
            erased: true,
        }
    }
}

/// What a job's counters stood at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JobCounters {
    pub calls_made: u32,
    pub conflicts: ConflictCounts,
    pub cancelled: bool,
    pub started_at: Option<Timestamp>,
}

/// Something that was decided about a job as a whole. Of each kind the newest counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobNote {
    /// It takes too much away to go on by itself.
    Held(Hold),
    /// It may go on all the same.
    Released,
    /// Nothing more will be done about a callback.
    CallbackSettled(CallbackSettled),
    /// All skills that were created for it so far.
    Created(Vec<CatalogueItem>),
    /// Somebody cancelled it while something of it was under way.
    Cancelled,
}

/// The newest notes on a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobNotes {
    /// Why it is held, if it is.
    pub held: Option<Hold>,
    /// It was held, and may go on.
    pub released: bool,
    /// The newest callback that is settled.
    pub callback: Option<CallbackSettled>,
    /// Skills that were created for it.
    pub created: Vec<CatalogueItem>,
    /// It was cancelled.
    pub cancelled: bool,
}

impl JobNotes {
    /// Puts a note in the place of an older one of its kind.
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
    /// What its job's counters stand at.
    pub counters: JobCounters,
}

/// What belongs together at the end of entries: how they ended, and what is remembered of their user since.
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
    /// What became of each entry, in order; `None` for those that have not ended.
    pub outcomes: Vec<Option<EntryOutcome>>,
}
