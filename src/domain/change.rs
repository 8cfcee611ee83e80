//! Changes to one user: what is asked, what came of it, and what has changed so far.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::entry::Effects;
use super::{AssignmentId, Assignments, EntryId, Listed, Owner, Owners, Place, Proficiency, Target};

/// What the list of assignments in a job means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Assign the listed ones in addition.
    Add,
    /// Remove the listed ones, except those that another owner holds.
    Remove,
    /// Assign the listed ones; of the rest, remove what skillsync assigned for the same owner and no other, or what is
    /// configured as managed.
    Managed,
    /// Assign exactly the listed ones.
    Replace,
}

/// What one entry asks for a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub place: Place,
    /// The entry that asks for the change.
    pub by: EntryId,
    /// On whose behalf it is made; `None` for a change accepted before owners were recorded.
    pub owner: Option<Owner>,
    pub mode: Mode,
    pub listed: Arc<Listed>,
}

/// The starting point of a fold.
#[derive(Debug, Clone, Copy)]
pub struct FoldStart<'a> {
    pub target: Target,
    /// The assignments that Genesys shows.
    pub current: &'a Assignments,
    /// What skillsync itself assigned earlier, by owner.
    pub owned: &'a Owners,
    /// What the configuration lists as managed.
    pub managed: &'a BTreeSet<AssignmentId>,
}

/// What became of one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It accounts for part of the difference to be written.
    Applies(Effects),
    /// The user already has what it asks for.
    Unchanged(Effects),
    /// Changes at later places undid or replaced what it asks for; this entry was the last of them.
    SupersededBy(EntryId),
    /// It was left out, because the user would have more assignments than the target permits.
    TooMany { would_be: usize },
}

/// Result of a fold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded {
    /// The assignments that the user is to have.
    pub desired: Assignments,
    /// Who owns which assignments once `desired` is written.
    pub owned: Owners,
    /// One outcome per change, in the same order.
    pub outcomes: Vec<Outcome>,
    /// Whether one of the changes has mode `replace`.
    pub replaces: bool,
    /// Where changes at later places left something other than the folded changes asked for, in order of those places.
    pub undone: Vec<Undone>,
}

/// An assignment that the user does not have as one change left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undone {
    /// The entry of that change.
    pub change: EntryId,
    pub id: AssignmentId,
    /// The entry that last changed the assignment again.
    pub by: EntryId,
}

/// What a user has of one assignment: nothing, or the assignment with its rating.
pub type Holding = Option<Option<Proficiency>>;

/// One step of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Done(Done),
    Others(Others),
}

/// Assignments that others changed, with what the user has of each since then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Others {
    pub changes: Vec<(AssignmentId, Holding)>,
    /// The ownership of those among them that count as owned nonetheless, because a failed write of ours may have
    /// assigned them.
    pub claimed: Owners,
}

/// A change that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    pub change: Change,
    /// When it was carried out.
    pub at: Timestamp,
}

impl Event {
    /// Returns the change, unless the event was caused by others.
    pub fn change(&self) -> Option<&Change> {
        match self {
            Self::Done(done) => Some(&done.change),
            Self::Others(_) => None,
        }
    }

    pub(super) fn place(&self) -> Option<Place> {
        self.change().map(|change| change.place)
    }
}
