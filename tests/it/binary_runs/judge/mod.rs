//! Whether what was done to one user on one target, and what was said about it, is what the entries ask for.
//!
//! The judge knows the promise and nothing of the engine: entries are folded in order of place over what others did, and
//! each entry's state and effects are held against the writes that really took place.
//!
//! Where the truth cannot be known, every explanation counts: a read may be as old as the lag that a run has, a change of
//! others may fall before or after an entry that was under way, an entry that failed or was cancelled may have written.
//! Two entries are never excused for their order.

mod effects;
mod fold;
mod states;
mod tests;

use super::history::{Subject, Violation};

/// Everything that is wrong with what one user came to.
pub(super) fn violations(subject: &Subject) -> Vec<Violation> {
    let mut found = fold::violations(subject);
    found.extend(states::violations(subject));
    found.extend(effects::violations(subject));
    found
}
