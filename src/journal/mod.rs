//! What must survive: accepted jobs with the keys that they were sent under, what became of their entries, what we own,
//! and which writes were under way.
//!
//! The interface speaks of jobs and users, not of tables, so that another store can take its place. Two kinds of things
//! are written down. What a promise hangs on is durable before the call answers: an accepted job before its 202, a
//! write intent before the write, the end of an entry before it is shown. What can be found out again is written soon, and
//! no later than [`LATEST`].

mod audit;
mod damage;
mod erasure;
mod housekeeping;
mod inspect;
mod log_check;
mod memory;
mod memos;
mod notes;
mod order;
mod owner;
mod place;
mod reader;
mod record;
mod recovery;
mod rows;
mod schema;
mod sqlite;
mod standing;
mod statements;
mod statistics;
mod usage;
mod writer;

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::watch;

pub use self::audit::AuditPage;
pub use self::erasure::Erasure;
pub use self::inspect::{Inspection, inspect};
pub use self::memory::MemoryJournal;
pub use self::owner::{Holdings, OrgIdentity};
pub use self::reader::{Contents, ExportError, Exported, JournalReader, Verdict};
pub use self::sqlite::{DEFAULT_MAX_BYTES, SqliteJournal};
pub use self::statistics::JournalHealth;
pub use self::usage::JournalUsage;
use crate::domain::acceptance::{AcceptanceKey, KeyId};
use crate::domain::assignment::CatalogueItem;
use crate::domain::attempt::Attempt;
use crate::domain::audit::{Actor, AuditFilter, AuditRecord};
use crate::domain::callback::CallbackSettled;
use crate::domain::conflict::Cause;
use crate::domain::entry::{Effects, EntryOrder};
use crate::domain::history::{History, Holding};
use crate::domain::hold::Hold;
use crate::domain::job::{ConflictCounts, JobSpec};
use crate::domain::{AssignmentId, EntryId, EntryState, JobId, Place, Reason, UserId, UserKey, Version};

/// The longest time that what nobody waits for waits for its flush.
pub const LATEST: Duration = Duration::from_millis(50);

/// Why something could not be written down or read back.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JournalError {
    /// No room, or no permission: the journal goes on as soon as there is.
    #[error("the journal cannot write ({0}); check the room and the permissions of journal.path")]
    CannotWrite(String),
    /// As large as it may get: the last of the room is for what becomes of what was accepted.
    #[error("the journal has reached journal.max_bytes ({0}); jobs that end make room when journal.retention is over")]
    Full(u64),
    /// There is nothing to look at.
    #[error("there is no journal at {0}")]
    Absent(PathBuf),
    /// Another process has it.
    #[error("the journal at {0} is in use by another process; give each its own journal.path")]
    InUse(PathBuf),
    /// Written by a newer version of the program.
    #[error("the journal at {path} has version {found}, this program knows {known}; run a newer skillsync")]
    TooNew { path: PathBuf, found: u32, known: u32 },
    /// Of an earlier version, and only looked at.
    #[error("the journal at {path} has version {found}, this program reads {known}; the service brings it up to date")]
    TooOld { path: PathBuf, found: u32, known: u32 },
    /// Cannot be understood.
    #[error(
        "the journal at {path} is damaged: {detail}. Nothing was changed. Restore a backup; or save what can be read with \
         `skillsync journal export`, and move the folder away to start afresh"
    )]
    Damaged { path: PathBuf, detail: String },
    /// It may belong to another org than the configured one, so that nothing new may come into it.
    #[error("it is not known yet whether the journal belongs to the configured org, so nothing new is taken")]
    InDoubt,
    /// What is written goes to files that a restart does not find.
    #[error("the journal is not in its place any more ({why}), and nothing new is taken until it is back")]
    Gone { why: Box<str> },
    /// It is done, but older bytes of the files say still what is not to be found in them.
    #[error("what was erased is still in the journal's files: {0}")]
    StillInFiles(Box<str>),
    /// The service is stopping.
    #[error("the journal is closed")]
    Closed,
    /// Nothing can be written any more until the service is started anew.
    #[error(
        "the thread that writes the journal ended by a panic; this is a defect of skillsync, please report it with the log. \
         A restart goes on with what is durable"
    )]
    Broken,
}

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

/// What is remembered of a user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptStanding {
    /// What skillsync itself assigned.
    pub owned: Arc<BTreeSet<AssignmentId>>,
    /// The newest change that was carried out and is in no history any more.
    pub forgotten: Option<ForgottenChange>,
    /// What was carried out and an older change may still come below.
    pub history: Option<Arc<History>>,
    /// The newest version that was seen, where there are versions.
    pub version: Option<Version>,
    /// Where there are none: what our latest writes left, and when.
    pub written: Vec<WrittenAssignment>,
    /// A write that is about to go out, or of which no telling answer has come.
    pub attempt: Option<Arc<Attempt>>,
}

/// A change of which only its place is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForgottenChange {
    pub place: Place,
    /// The entry that asked for it; none for one from a journal before version 6.
    pub by: Option<EntryId>,
}

/// What a write of ours left of one assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrittenAssignment {
    pub id: AssignmentId,
    pub left: Holding,
    pub at: Timestamp,
}

impl From<EndedEntry> for Conclusion {
    fn from(ended: EndedEntry) -> Self {
        Self { ended: vec![ended], standing: None }
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
    pub standing: Option<(UserKey, KeptStanding)>,
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

/// What has to be known of the calls to Genesys by a process that comes after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallRecord {
    /// Calls that ended since the record before, and when the last of them did.
    pub ended: u32,
    pub ended_at: Timestamp,
    /// Calls may be under way until then.
    pub lease_until: Timestamp,
    /// How many at most that no record counts as ended.
    pub at_most: u32,
    /// Records of calls that ended before are of no interest any more.
    pub forget_before: Timestamp,
}

/// Everything that was read back at the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// In the order of acceptance.
    pub jobs: Vec<RecoveredJob>,
    pub standings: Vec<(UserKey, KeptStanding)>,
    /// The keys that jobs were accepted under, also those whose time is over.
    pub keys: Vec<(AcceptanceKey, JobId)>,
    /// The calls that may still count at Genesys, oldest first; the last one has the lease. Empty if none was ever recorded.
    pub calls: Vec<CallRecord>,
    pub memos: Vec<Memo>,
    /// The org that all of it is about, if that was ever written down.
    pub belongs_to: Option<OrgIdentity>,
}

/// A note that another part keeps here, in words of its own, until it takes it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memo {
    /// Whose it is.
    pub space: Box<str>,
    pub key: Box<str>,
    /// What it says; without it, it is taken back.
    pub value: Option<Box<str>>,
}

/// Where things are written down.
pub trait Journal: fmt::Debug + Send + Sync {
    /// Takes a job, the keys that it was sent under, and the record of who asked for it. Durable when it answers; nothing of
    /// them is kept if it fails.
    fn accept_asked(
        &self,
        job: AcceptedJob,
        keys: Vec<AcceptanceKey>,
        asked: Option<AuditRecord>,
    ) -> BoxFuture<'_, Result<(), JournalError>>;

    /// The same without a record, for a job that nobody asked for.
    fn accept(&self, job: AcceptedJob, keys: Vec<AcceptanceKey>) -> BoxFuture<'_, Result<(), JournalError>> {
        self.accept_asked(job, keys, None)
    }

    /// The time of these keys is over.
    fn forget_keys(&self, keys: Vec<KeyId>);

    /// A write is about to go out, as `standing.attempt` says. Durable when it answers.
    fn intend(&self, user: UserKey, standing: KeptStanding) -> BoxFuture<'_, Result<(), JournalError>>;

    /// A write did not go through, so `standing` is what is remembered of the user.
    fn stands(&self, user: UserKey, standing: KeptStanding);

    /// Entries have ended. Taken when this is called, in the order of the calls, and kept over any number of failures until
    /// it is durable, all of it at once: then it answers. Fails only if the journal is closed before.
    fn conclude(&self, conclusion: Conclusion) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Something was decided about a job, by whom the record tells. Durable when it answers, both or neither.
    fn note_asked(
        &self,
        job: JobId,
        note: JobNote,
        asked: Option<AuditRecord>,
    ) -> BoxFuture<'_, Result<(), JournalError>>;

    /// The same where the service decided by itself.
    fn note(&self, job: JobId, note: JobNote) -> BoxFuture<'_, Result<(), JournalError>> {
        self.note_asked(job, note, None)
    }

    /// Adds to the audit record. Durable when it answers.
    fn audit(&self, record: AuditRecord) -> BoxFuture<'_, Result<(), JournalError>>;

    /// The records from before then are not kept any more.
    fn forget_audit(&self, before: Timestamp);

    /// Reads a page of the audit record, of what is older than the record of this number; `None` where nothing is kept.
    fn audited(
        &self,
        filter: AuditFilter,
        older_than: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Option<AuditPage>, JournalError>>;

    /// Keeps memos, or takes them back. Durable when it answers; all of them or none.
    fn remember(&self, memos: Vec<Memo>) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Erases a person, all of it or nothing. When it answers, it is durable, and nothing of them is left in the journal's
    /// files; [`JournalError::StillInFiles`] says that the latter is not so yet, and that asking again helps.
    fn erase(&self, erasure: Erasure) -> BoxFuture<'_, Result<(), JournalError>>;

    /// These jobs have ended so long ago that they are not kept any more.
    fn forget_jobs(&self, jobs: Vec<JobId>);

    /// Calls may be under way to Genesys as the record says. Durable when it answers.
    fn calls(&self, record: CallRecord) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Everything in here is about this org from now on. Durable when it answers. With `forget_users`, what is remembered of
    /// users goes: it names ids of another one.
    fn belong_to(&self, org: OrgIdentity, forget_users: bool) -> BoxFuture<'_, Result<(), JournalError>>;

    /// As long as there is a reason, no job and no memo is taken.
    fn doubt(&self, _why: Option<JournalError>) {}

    /// How much is kept.
    fn usage(&self) -> JournalUsage;

    /// Why nothing new can be taken at the moment, as far as that lies with the journal's files.
    fn trouble(&self) -> watch::Receiver<Option<JournalError>> {
        watch::channel(None).1
    }

    /// How it gets on; `None` where nothing is written.
    fn health(&self) -> Option<JournalHealth> {
        None
    }

    /// Waits until everything handed over so far is durable.
    fn flush(&self) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Waits until nothing can be written any more, and not because the journal was closed; mostly for ever. Tells why.
    fn broken(&self) -> BoxFuture<'_, JournalError> {
        Box::pin(std::future::pending())
    }
}

/// Keeps nothing: for `journal.enabled = false`, and for tests of what does not survive.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoJournal;

impl Journal for NoJournal {
    fn accept_asked(
        &self,
        _: AcceptedJob,
        _: Vec<AcceptanceKey>,
        _: Option<AuditRecord>,
    ) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn forget_keys(&self, _: Vec<KeyId>) {}

    fn forget_jobs(&self, _: Vec<JobId>) {}

    fn calls(&self, _: CallRecord) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn usage(&self) -> JournalUsage {
        JournalUsage::default()
    }

    fn intend(&self, _: UserKey, _: KeptStanding) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn stands(&self, _: UserKey, _: KeptStanding) {}

    fn conclude(&self, _: Conclusion) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn note_asked(&self, _: JobId, _: JobNote, _: Option<AuditRecord>) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn audit(&self, _: AuditRecord) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn forget_audit(&self, _: Timestamp) {}

    fn audited(
        &self,
        _: AuditFilter,
        _: Option<u64>,
        _: usize,
    ) -> BoxFuture<'_, Result<Option<AuditPage>, JournalError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn remember(&self, _: Vec<Memo>) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn erase(&self, _: Erasure) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn belong_to(&self, _: OrgIdentity, _: bool) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn flush(&self) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
