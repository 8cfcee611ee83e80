//! What is remembered of users.

use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::history::{History, Holding};
use crate::domain::write_intent::WriteIntent;
use crate::domain::{AssignmentId, EntryId, Owners, Place, Version};

/// What is remembered of a user for one target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptUserState {
    /// Assignments that skillsync itself made, by owner.
    pub owned: Arc<Owners>,
    /// The newest change that was carried out and is no longer part of a history.
    pub forgotten: Option<ForgottenChange>,
    /// Changes that were carried out and that an older change may still come below.
    pub history: Option<Arc<History>>,
    /// The newest version seen; `None` if the target has no versions.
    pub version: Option<Version>,
    /// For targets without versions: what our latest writes left, and when.
    pub written: Vec<WrittenAssignment>,
    /// A write that is about to be sent, or that got no conclusive answer.
    pub attempt: Option<Arc<WriteIntent>>,
}

/// A change of which only the place is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForgottenChange {
    pub place: Place,
    /// The entry that asked for it; `None` for a change from a journal before version 6.
    pub by: Option<EntryId>,
}

/// What our write left of one assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrittenAssignment {
    pub id: AssignmentId,
    pub left: Holding,
    pub at: Timestamp,
}
