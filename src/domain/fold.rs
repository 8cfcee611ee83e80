//! Folding: several changes for one user become one desired set, as if they had run one after another in their places.

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

/// What the assignments that a job lists mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Have these too.
    Add,
    /// Have these no more.
    Remove,
    /// Have these, and of the rest lose only what skillsync itself assigned or what is configured as managed.
    Managed,
    /// Have exactly these.
    Replace,
}

/// What one entry asks for a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub place: Place,
    /// The entry that asks for it.
    pub by: EntryId,
    pub mode: Mode,
    pub listed: Arc<Listed>,
}

/// What a fold starts from.
#[derive(Debug, Clone, Copy)]
pub struct FoldStart<'a> {
    pub target: Target,
    /// The set as Genesys has it.
    pub current: &'a Assignments,
    /// What skillsync itself assigned earlier.
    pub owned: &'a BTreeSet<AssignmentId>,
    /// What the configuration lists as managed.
    pub managed: &'a BTreeSet<AssignmentId>,
}

/// What became of one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It has a share in the difference that is to be written.
    Applies(Effects),
    /// The user has what it asks for already.
    Unchanged(Effects),
    /// What it asks for was undone or done over by changes in later places, last by that of this entry.
    SupersededBy(EntryId),
    /// With it the user would have more assignments than the target takes; it was left out.
    TooMany { would_be: usize },
}

/// The result of a fold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded {
    /// What the user shall have.
    pub desired: Assignments,
    /// What skillsync owns of it once it is written.
    pub owned: BTreeSet<AssignmentId>,
    /// One outcome a change, in the same order.
    pub outcomes: Vec<Outcome>,
    /// Whether one of the changes asked for exactly its own set.
    pub replaces: bool,
    /// What changes in later places left otherwise than those that were folded, in order of these places.
    pub undone: Vec<Undone>,
}

/// An assignment that the user does not have as one change left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undone {
    /// The entry of that change.
    pub change: EntryId,
    pub id: AssignmentId,
    /// The entry that last did it over.
    pub by: EntryId,
}

/// Applies `changes`, which are in order of place, each at its place in what was done before.
///
/// Invariant: `desired` and `owned` equal those of applying all changes of `history` and all of `changes` one after another
/// in order of place, with what others changed where it was seen. Each id of the difference between `start.current` and
/// `desired` is reported by exactly one of `changes`: the last that touched it, or else the newest that was taken.
pub fn fold(start: FoldStart<'_>, history: Option<&History>, changes: &[Change]) -> Folded {
    let since = history.and_then(|history| history.changed_by_others(start));
    let timeline = timeline(history, since.as_ref(), changes);
    let mut left_out = BTreeMap::new();
    loop {
        let replay = Replay::run(start, history, &timeline, &left_out);
        let (most, would_be) = (start.target.most_per_user().max(start.current.len()), replay.state.set.len());
        // What was carried out before has its room; the change that comes below it is left out.
        let newest_below = replay.steps.iter().rev().find(|step| would_be > most && step.is_below_older(&timeline));
        match newest_below {
            Some(step) => left_out.insert(step.change, would_be),
            None => return replay.folded(start, &timeline),
        };
    }
}

/// What the first `count` events of a history lead to, and what of it is ours.
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
