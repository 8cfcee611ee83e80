//! The content of the journal, in domain terms.

mod jobs;
mod org;
mod users;

use jiff::Timestamp;

pub use self::jobs::{AcceptedJob, Conclusion, EndedEntry, EntryOutcome, JobCounters, JobNote, JobNotes, RecoveredJob};
pub use self::org::{Holdings, OrgIdentity};
pub use self::users::{ForgottenChange, KeptUserState, WrittenAssignment};
use crate::domain::acceptance::AcceptanceKey;
use crate::domain::audit::AuditRecord;
use crate::domain::{JobId, UserId, UserKey};
use crate::metrics::Distribution;

/// What a later process has to know of the calls to Genesys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallRecord {
    /// Calls that ended since the previous record, and when the last of them ended.
    pub ended: u32,
    pub ended_at: Timestamp,
    /// Until when calls may be under way.
    pub lease_until: Timestamp,
    /// Maximum number of calls that no record counts as ended.
    pub at_most: u32,
    /// Records of calls that ended earlier are no longer needed.
    pub forget_before: Timestamp,
}

/// Everything that was read back at the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// In order of acceptance.
    pub jobs: Vec<RecoveredJob>,
    pub user_states: Vec<(UserKey, KeptUserState)>,
    /// Keys that jobs were accepted under, including expired ones.
    pub keys: Vec<(AcceptanceKey, JobId)>,
    /// Calls that may still count at Genesys, oldest first; the last record has the lease. Empty if none was ever
    /// recorded.
    pub calls: Vec<CallRecord>,
    pub memos: Vec<Memo>,
    /// The org that all of it belongs to, if that was ever recorded.
    pub belongs_to: Option<OrgIdentity>,
}

/// A note that another part of the program keeps here, in words of its own, until it takes it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memo {
    /// The part that the memo belongs to.
    pub space: Box<str>,
    pub key: Box<str>,
    /// Content of the memo; `None` takes it back.
    pub value: Option<Box<str>>,
}

/// A page of audit records, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// The records, each with its number; numbers increase with every record.
    pub records: Vec<(u64, AuditRecord)>,
    /// Whether older records follow.
    pub more: bool,
}

/// What is to be erased of a person, and the record of who asked for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Erasure {
    /// Entries that have ended: their outcomes stay, but not whom they were about.
    pub entries: Vec<(JobId, u32)>,
    /// The user whose states are removed.
    pub user: Option<UserId>,
    /// Memos that are taken back.
    pub memos: Vec<Memo>,
    pub asked: Option<AuditRecord>,
}

/// Current size of the journal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JournalUsage {
    /// Size of the database in bytes.
    pub database_bytes: u64,
    /// Size in bytes of the log beside the database, which holds the latest writes.
    pub log_bytes: u64,
    pub jobs: u64,
    pub entries: u64,
    pub keys: u64,
    /// Whether the last attempt to write failed.
    pub failing: bool,
}

/// Performance of the journal at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalHealth {
    pub flushes: Distribution,
    pub failures: u64,
    /// Records that were handed over and are not yet durable.
    pub unwritten: u64,
}
