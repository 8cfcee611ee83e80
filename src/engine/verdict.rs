//! How entries end, in words: outcomes of a fold and failures become states, reasons and messages.

use std::time::Duration;

use super::job::EntryResult;
use super::port::UpstreamAnswer;
use crate::domain::conflict::GaveUp;
use crate::domain::entry::Effects;
use crate::domain::fold::Outcome;
use crate::domain::{Assignments, EntryState, JobId, Reason};

/// Why entries fail, and what to do about it.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) reason: Reason,
    pub(super) message: Box<str>,
}

impl Failure {
    pub(super) fn new(reason: Reason, message: impl Into<Box<str>>) -> Self {
        Self { reason, message: message.into() }
    }

    /// The message for an entry of which a part was carried out, or may have been.
    pub(super) fn after_a_part(&self) -> Box<str> {
        format!("{} A part of the entry may have been carried out before: look at the user.", self.message).into()
    }

    pub(super) fn user_gone(answer: &UpstreamAnswer) -> Self {
        Self::new(
            Reason::UserNotFound,
            format!("Genesys does not know this user: {answer}. Check the user id, or whether the user was deleted."),
        )
    }

    pub(super) fn assignment_ambiguous(name: &str, number: usize) -> Self {
        let message = format!("{number} assignments at Genesys are called {name:?}. Name it by id.");
        Self::new(Reason::AssignmentAmbiguous, message)
    }

    pub(super) fn assignment_not_found(name: &str, todo: &str) -> Self {
        Self::new(Reason::AssignmentNotFound, format!("Genesys has no assignment {name:?}. {todo}"))
    }

    pub(super) fn forbidden(answer: &UpstreamAnswer) -> Self {
        Self::new(
            Reason::Forbidden,
            format!("Genesys does not permit this: {answer}. Grant the OAuth client the missing permission and retry."),
        )
    }

    pub(super) fn rejected(answer: &UpstreamAnswer) -> Self {
        Self::new(
            Reason::Rejected,
            format!("Genesys does not take this request: {answer}. Correct the entry; a repetition would not help."),
        )
    }

    pub(super) fn unavailable(answer: &UpstreamAnswer, patience: Duration) -> Self {
        Self::new(
            Reason::UpstreamUnavailable,
            format!(
                "Genesys was not available for {} s: {answer}. Retry the entry when it is back.",
                patience.as_secs()
            ),
        )
    }

    pub(super) fn gave_up(gave_up: GaveUp, writes: u32, answer: &UpstreamAnswer) -> Self {
        match gave_up {
            GaveUp::Blocked { writes } => Self::new(
                Reason::Blocked,
                format!(
                    "Genesys refused {writes} writes although nobody changed the user in between: {answer}. The state \
                     of the user forbids the change (for example a published schedule): lift that in Genesys and \
                     retry, or give the correlation id to Genesys support."
                ),
            ),
            GaveUp::Exhausted => Self::new(
                Reason::ConflictsExhausted,
                format!(
                    "others changed the user before each of {writes} writes: {answer}. Find out which integration \
                     keeps writing this user and retry."
                ),
            ),
        }
    }

    pub(super) fn plan_outdated() -> Self {
        Self::new(
            Reason::PlanOutdated,
            "the user has changed since the dry run: what was planned would no longer come of it. Nothing was written; \
             make a new dry run.",
        )
    }

    pub(super) fn too_many(would_be: usize) -> Self {
        Self::new(
            Reason::TooManyAssignments,
            format!(
                "the user would have {would_be} assignments; Genesys takes at most 50. List fewer, or remove some first."
            ),
        )
    }
}

/// How an entry ends whose fold is now the state at Genesys. `lost` is what an earlier write of it would have brought
/// about whose answer was lost: if the state holds it, it was that write.
pub(super) fn carried_out(
    outcome: Outcome,
    lost: Option<Effects>,
    state: &Assignments,
    links: &[(JobId, u32)],
) -> (EntryState, EntryResult) {
    match outcome {
        Outcome::Applies(effects) => (EntryState::Applied, with_effects(effects)),
        Outcome::Unchanged(effects) => match lost.filter(|lost| holds(lost, state)) {
            Some(lost) => (EntryState::Applied, with_effects(lost)),
            None => (EntryState::Unchanged, with_effects(effects)),
        },
        Outcome::SupersededBy(at) => {
            let result = EntryResult { superseded_by: links.get(at).copied(), ..EntryResult::default() };
            (EntryState::Superseded, result)
        }
        Outcome::TooMany { would_be } => failed(Failure::too_many(would_be)),
    }
}

/// How the entry of a dry run ends.
pub(super) fn planned(outcome: Outcome) -> (EntryState, EntryResult) {
    match outcome {
        Outcome::Applies(effects) => (EntryState::Planned, with_effects(effects)),
        Outcome::Unchanged(effects) => (EntryState::Unchanged, with_effects(effects)),
        Outcome::SupersededBy(_) => (EntryState::Superseded, EntryResult::default()),
        Outcome::TooMany { would_be } => failed(Failure::too_many(would_be)),
    }
}

fn failed(failure: Failure) -> (EntryState, EntryResult) {
    let result = EntryResult { reason: Some(failure.reason), message: Some(failure.message), ..EntryResult::default() };
    (EntryState::Failed, result)
}

fn with_effects(effects: Effects) -> EntryResult {
    EntryResult { effects, ..EntryResult::default() }
}

fn holds(effects: &Effects, state: &Assignments) -> bool {
    let difference = &effects.difference;
    let mut set = difference.added.iter().chain(&difference.updated);
    set.all(|(id, proficiency)| state.get(*id) == Some(*proficiency))
        && difference.removed.iter().all(|id| !state.contains(*id))
}
