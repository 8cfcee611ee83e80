//! Folds several changes to one user into one desired set, as if they had run one after another in their places.

mod replay;
mod state;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::replay::{Replay, timeline};
use self::state::FoldState;
use super::entry::Effects;
use super::history::History;
use super::{AssignmentId, Assignments, EntryId, Listed, Place, Target};

/// What the list of assignments in a job means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Assign the listed ones in addition.
    Add,
    /// Remove the listed ones.
    Remove,
    /// Assign the listed ones; of the rest, remove only what skillsync assigned or what is configured as managed.
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
    pub mode: Mode,
    pub listed: Arc<Listed>,
}

/// The starting point of a fold.
#[derive(Debug, Clone, Copy)]
pub struct FoldStart<'a> {
    pub target: Target,
    /// The assignments that Genesys shows.
    pub current: &'a Assignments,
    /// What skillsync itself assigned earlier.
    pub owned: &'a BTreeSet<AssignmentId>,
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
    /// The assignments that skillsync owns once `desired` is written.
    pub owned: BTreeSet<AssignmentId>,
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

/// Applies `changes`, which are in order of place, each at its place among the changes made before.
///
/// Invariant: `desired` and `owned` equal the result of applying all changes of `history` and all of `changes` one
/// after another in order of place, with changes by others applied where they were observed. Each id in the difference
/// between `start.current` and `desired` is reported by exactly one of `changes`: the last one that touched it, or else
/// the newest one that was not left out.
pub fn fold(start: FoldStart<'_>, history: Option<&History>, changes: &[Change]) -> Folded {
    let since = history.and_then(|history| history.changed_by_others(start));
    let timeline = timeline(history, since.as_ref(), changes);
    let mut left_out = BTreeMap::new();
    loop {
        let replay = Replay::run(start, history, &timeline, &left_out);
        let (most, would_be) = (start.target.most_per_user().max(start.current.len()), replay.state.set.len());
        // Changes that were carried out before keep their room; a new change that comes below them is left out.
        let newest_below = replay.steps.iter().rev().find(|step| would_be > most && step.is_below_older(&timeline));
        match newest_below {
            Some(step) => left_out.insert(step.change, would_be),
            None => return replay.folded(start, &timeline),
        };
    }
}

/// Returns the assignments that the first `count` events of a history lead to, and which of them are owned.
pub fn replay(
    history: &History,
    count: usize,
    target: Target,
    managed: &BTreeSet<AssignmentId>,
) -> (Assignments, BTreeSet<AssignmentId>) {
    let mut state = FoldState { set: history.base.as_ref().clone(), owned: history.owned.as_ref().clone() };
    for event in history.events.iter().take(count) {
        state.follow(event, target, managed);
    }
    (state.set, state.owned)
}
