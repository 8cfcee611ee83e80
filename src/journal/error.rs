//! Errors of the journal.

use std::path::PathBuf;

/// Reason why something could not be written or read back.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JournalError {
    /// There is no room, or no permission; the journal continues as soon as there is.
    #[error("the journal cannot write ({0}); check the free space and the permissions of journal.path")]
    CannotWrite(String),
    /// The journal has reached its maximum size: the last of the room is reserved for the outcomes of accepted jobs.
    #[error(
        "the journal has reached journal.max_bytes ({0}); raise it, or wait until journal.retention has removed ended jobs"
    )]
    Full(u64),
    /// There is no journal to look at.
    #[error("there is no journal at {0}")]
    Absent(PathBuf),
    /// Another process uses the journal.
    #[error("the journal at {0} is in use by another process; give each process its own journal.path")]
    InUse(PathBuf),
    /// The journal was written by a newer version of the program.
    #[error(
        "the journal at {path} has version {found}, but this program supports up to {known}; run a newer skillsync"
    )]
    TooNew { path: PathBuf, found: u32, known: u32 },
    /// The journal is of an earlier version and was opened for reading only.
    #[error(
        "the journal at {path} has version {found}, but this program reads {known}; a start of the service migrates it"
    )]
    TooOld { path: PathBuf, found: u32, known: u32 },
    /// The journal cannot be understood.
    #[error(
        "the journal at {path} is damaged: {detail}. Nothing was changed. Restore a backup, or save what can be read with \
         `skillsync journal export` and move the folder away to start with an empty journal"
    )]
    Damaged { path: PathBuf, detail: String },
    /// The journal may belong to a different org than the configured one, so nothing new may be added to it.
    #[error("it is not yet known whether the journal belongs to the configured org, so nothing new is accepted")]
    InDoubt,
    /// Records go to files that a restart would not find.
    #[error("the journal is no longer in its place ({why}); nothing new is accepted until it is back")]
    Gone { why: Box<str> },
    /// The erasure is done, but older bytes in the files still contain what the tables no longer do.
    #[error("what was erased is still in the journal's files: {0}")]
    StillInFiles(Box<str>),
    /// The service is stopping.
    #[error("the journal is closed")]
    Closed,
    /// Nothing can be written until the service is restarted.
    #[error(
        "the thread that writes the journal ended by a panic; this is a defect of skillsync, please report it with the log. \
         Restart the service: it continues with everything that is durable"
    )]
    Broken,
}
