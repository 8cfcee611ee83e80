//! What is written down, in domain words.

mod jobs;
mod org;
mod users;

use jiff::Timestamp;

pub use self::jobs::{
    AcceptedJob, Conclusion, EndedEntry, EntryOutcome, JobCounters, JobNote, JobNotes, KeptConflict, RecoveredJob,
};
pub use self::org::{Holdings, OrgIdentity};
pub use self::users::{ForgottenChange, KeptUserState, WrittenAssignment};
use crate::domain::acceptance::AcceptanceKey;
use crate::domain::audit::AuditRecord;
use crate::domain::{JobId, UserId, UserKey};
use crate::metrics::Distribution;

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
    pub user_states: Vec<(UserKey, KeptUserState)>,
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

/// A page of records, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// Each with its number, which grows with every record.
    pub records: Vec<(u64, AuditRecord)>,
    /// Whether older ones follow.
    pub more: bool,
}

/// What is to be erased of a person, and the record of who asked for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Erasure {
    /// Entries that have ended: what becomes of them stays, but not whom they were about.
    pub entries: Vec<(JobId, u32)>,
    /// Of this user nothing is remembered any more.
    pub user: Option<UserId>,
    /// Memos that are taken back.
    pub memos: Vec<Memo>,
    pub asked: Option<AuditRecord>,
}

/// How much the journal holds at the moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JournalUsage {
    /// Of the database.
    pub database_bytes: u64,
    /// Of the log beside it, which holds what was written last.
    pub log_bytes: u64,
    pub jobs: u64,
    pub entries: u64,
    pub keys: u64,
    /// Whether the last thing that was to be written could not be.
    pub failing: bool,
}

/// The journal at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalHealth {
    pub flushes: Distribution,
    pub failures: u64,
    /// Records that were handed over and are not durable.
    pub unwritten: u64,
}
