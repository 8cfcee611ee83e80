//! How an entry went: what callers see of it, and what the journal keeps.

use jiff::Timestamp;

use super::conflict::Cause;
use super::entry::{Effects, Reason};
use super::{JobId, Version};

/// A conflict that an entry ran into, and its cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictRecord {
    pub cause: Cause,
    pub status: Option<u16>,
    pub sent: Option<Version>,
    pub found: Option<Version>,
    pub correlation_id: Option<Box<str>>,
    pub at: Timestamp,
}

/// What is known of an entry's outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntryResult {
    pub reason: Option<Reason>,
    /// What happened and what to do about it.
    pub message: Option<Box<str>>,
    pub effects: Effects,
    /// Number of writes made for the entry.
    pub attempts: u32,
    pub conflicts: Vec<ConflictRecord>,
    /// The entry in a later place that undid this one or repeated it.
    pub superseded_by: Option<(JobId, u32)>,
    pub finished_at: Option<Timestamp>,
}
