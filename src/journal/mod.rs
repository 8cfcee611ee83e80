//! Durable record of what must survive the process: accepted jobs with their keys, the outcomes of their entries,
//! ownership, and writes under way.
//!
//! The interface is about jobs and users rather than tables, so that another store can replace this one. Records are of
//! two kinds. Whatever a promise depends on is durable before the call returns: an accepted job before its 202, a write
//! intent before the write, the end of an entry before it is shown. Whatever can be determined again is written soon,
//! no later than [`LATEST`].
//!
//! The submodules, each of which uses only those before it: `error`, `content` (what is recorded, in domain terms),
//! `port` (the interface), `no_journal`, `memory`, `written` (rows and their format), `schema`, `files` (their location
//! and damage), `database` (the embedded journal), `inspect`, `reader`.

mod content;
mod database;
mod error;
mod files;
mod inspect;
mod memory;
mod no_journal;
mod port;
mod reader;
mod schema;
mod written;

pub use self::content::{
    AcceptedJob, AuditPage, CallRecord, Conclusion, EndedEntry, EntryOutcome, Erasure, ForgottenChange, Holdings,
    JobCounters, JobNote, JobNotes, JournalHealth, JournalUsage, KeptUserState, Memo, OrgIdentity, Recovered,
    RecoveredJob, WrittenAssignment,
};
pub use self::database::sqlite::{DEFAULT_MAX_BYTES, SqliteJournal};
pub use self::error::JournalError;
pub use self::inspect::{Inspection, inspect};
pub use self::memory::MemoryJournal;
pub use self::no_journal::NoJournal;
pub use self::port::{Journal, LATEST};
pub use self::reader::{Contents, ExportError, Exported, JournalReader, Verdict};
