//! What must survive: accepted jobs with the keys that they were sent under, what became of their entries, what we own,
//! and which writes were under way.
//!
//! The interface speaks of jobs and users, not of tables, so that another store can take its place. Two kinds of things
//! are written down. What a promise hangs on is durable before the call answers: an accepted job before its 202, a
//! write intent before the write, the end of an entry before it is shown. What can be found out again is written soon, and
//! no later than [`LATEST`].
//!
//! Stations, each of which names only those before it: `error`, `content` (what is written down, in domain words), `port` (what others
//! ask), `no_journal`, `memory`, `written` (rows and their forms), `schema`, `files` (where they are, and what is wrong with them),
//! `database` (the embedded journal), `inspect`, `reader`.

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
    JobCounters, JobNote, JobNotes, JournalHealth, JournalUsage, KeptConflict, KeptUserState, Memo, OrgIdentity,
    Recovered, RecoveredJob, WrittenAssignment,
};
pub use self::database::sqlite::{DEFAULT_MAX_BYTES, SqliteJournal};
pub use self::error::JournalError;
pub use self::inspect::{Inspection, inspect};
pub use self::memory::MemoryJournal;
pub use self::no_journal::NoJournal;
pub use self::port::{Journal, LATEST};
pub use self::reader::{Contents, ExportError, Exported, JournalReader, Verdict};
