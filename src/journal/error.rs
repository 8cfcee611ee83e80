//! Why something could not be written down or read back.

use std::path::PathBuf;

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
