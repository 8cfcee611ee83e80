//! What is remembered of users.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::history::{History, Holding};
use crate::domain::write_intent::WriteIntent;
use crate::domain::{AssignmentId, EntryId, Place, Version};

/// What is remembered of a user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptUserState {
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
    pub attempt: Option<Arc<WriteIntent>>,
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
