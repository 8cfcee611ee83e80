//! Folds several changes to one user into one desired set, as if they had run one after another in their places.

mod replay;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use self::replay::{Replay, timeline};
pub use super::change::{Change, FoldStart, Folded, Mode, Outcome, Undone};
use super::history::History;

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
