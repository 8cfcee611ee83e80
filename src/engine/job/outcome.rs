//! The wording of outcomes: turns fold outcomes and failures into states, reasons and messages.

use std::time::Duration;

use crate::domain::conflict::GaveUp;
use crate::domain::entry::Effects;
use crate::domain::entry_result::EntryResult;
use crate::domain::fold::Outcome;
use crate::domain::text::quoted;
use crate::domain::{EntryId, EntryState, Place, Reason, Target};
use crate::engine::port::{CatalogueItem, UpstreamAnswer};

/// Maximum number of assignments listed in a message about an ambiguous name.
const MAX_NAMED: usize = 5;

/// Why entries fail, and what to do about it.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Failure {
    pub(in crate::engine) reason: Reason,
    pub(in crate::engine) message: Box<str>,
}

impl Failure {
    pub(in crate::engine) fn new(reason: Reason, message: impl Into<Box<str>>) -> Self {
        Self { reason, message: message.into() }
    }

    /// Returns the message for an entry that was, or may have been, carried out in part.
    pub(in crate::engine) fn after_a_part(&self) -> Box<str> {
        format!("{} Part of the entry may have been carried out already: check the user in Genesys.", self.message)
            .into()
    }

    /// Genesys does not know the user.
    pub(in crate::engine) fn user_gone(answer: &UpstreamAnswer) -> Self {
        Self::new(
            Reason::UserNotFound,
            format!("Genesys does not know this user: {answer}. Check the user id and whether the user was deleted."),
        )
    }

    /// The directory knows the user, but the endpoint of the target does not.
    pub(in crate::engine) fn target_lacks_user(target: Target, answer: &UpstreamAnswer) -> Self {
        if !target.is_of_a_partner() {
            return Self::user_gone(answer);
        }
        Self::new(
            Reason::TargetUnavailable,
            format!(
                "the directory has this user, but genesys.wfm_path does not: {answer}. That endpoint belongs to a Genesys \
                 partner: check that the org has it, that the path is right and that the user takes part in it; or use \
                 the target routingSkills, which every org has."
            ),
        )
    }

    /// The endpoint of the target cannot be used as configured.
    pub(in crate::engine) fn target_unavailable(answer: &UpstreamAnswer) -> Self {
        Self::new(
            Reason::TargetUnavailable,
            format!(
                "the endpoint at genesys.wfm_path cannot be used: {answer}. That endpoint belongs to a Genesys partner: \
                 check that the org has it and that the path is right, then retry; or use the target routingSkills, \
                 which every org has."
            ),
        )
    }

    /// Several assignments have the listed name.
    pub(in crate::engine) fn assignment_ambiguous(name: &str, called: &[CatalogueItem]) -> Self {
        let mut named: Vec<_> =
            called.iter().take(MAX_NAMED).map(|item| format!("{} ({})", quoted(&item.name), item.id)).collect();
        if called.len() > MAX_NAMED {
            named.push(format!("{} more", called.len() - MAX_NAMED));
        }
        let (number, name, named) = (called.len(), quoted(name), named.join(", "));
        let message = format!("{number} assignments at Genesys are called {name}: {named}. Name it by id.");
        Self::new(Reason::AssignmentAmbiguous, message)
    }

    /// No assignment has the listed name; `todo` is the advice.
    pub(in crate::engine) fn assignment_not_found(name: &str, todo: &str) -> Self {
        Self::new(Reason::AssignmentNotFound, format!("Genesys has no assignment {}. {todo}", quoted(name)))
    }

    /// The OAuth client lacks a permission.
    pub(in crate::engine) fn forbidden(answer: &UpstreamAnswer) -> Self {
        Self::new(
            Reason::Forbidden,
            format!("Genesys does not permit this: {answer}. Grant the OAuth client the missing permission and retry."),
        )
    }

    /// Genesys rejects the request and would reject it again.
    pub(in crate::engine) fn rejected(answer: &UpstreamAnswer) -> Self {
        Self::new(
            Reason::Rejected,
            format!(
                "Genesys rejects this request: {answer}. Correct the entry; sending it again unchanged will not help."
            ),
        )
    }

    /// Genesys permanently rejects a listing that every job needs.
    pub(in crate::engine) fn listing_rejected(answer: &UpstreamAnswer) -> Self {
        Self::new(
            Reason::Rejected,
            format!(
                "Genesys rejects the request to list users or assignments: {answer}. No entry is the cause. Check the \
                 address of the region and any proxy in between, then retry."
            ),
        )
    }

    /// Genesys could not be used until the patience had run out.
    pub(in crate::engine) fn unavailable(answer: &UpstreamAnswer, patience: Duration) -> Self {
        Self::new(
            Reason::UpstreamUnavailable,
            format!("{} (for {} s): {answer}. {}", answer.hindrance(), patience.as_secs(), answer.cure()),
        )
    }

    /// Too many writes in a row, or the last one at the end of the patience, got no conclusive answer.
    pub(in crate::engine) fn no_conclusive_answer(writes: u32, answer: &UpstreamAnswer) -> Self {
        Self::new(
            Reason::UpstreamUnavailable,
            format!(
                "Genesys gave no conclusive answer to {writes} writes of this user, and a read does not show them carried \
                 out: {answer}. Check the user in Genesys, give the correlation id to Genesys support, and retry the entry."
            ),
        )
    }

    /// Several rows name the same user with different lists.
    pub(in crate::engine) fn duplicate_user(rows: &str) -> Self {
        Self::new(
            Reason::DuplicateUser,
            format!(
                "the rows {rows} name the same user, so it is unclear which of their lists applies. Keep one of them, or \
                 send the job with sameUser: \"merge\" (one row per skill) or \"inOrder\" (the last row counts)."
            ),
        )
    }

    /// A row is repeated without other rows of the same user that were already carried out. When they were, it was not
    /// known to belong to them.
    pub(in crate::engine) fn part_of_a_list(rows: &str) -> Self {
        Self::new(
            Reason::DuplicateUser,
            format!(
                "this row forms one list with the rows {rows} of the job that it repeats, which were carried out without \
                 it: on its own it would remove what they list. Send all rows of this user as a new job."
            ),
        )
    }

    /// Returns the same failure for a row that is combined with the failed row `row`.
    pub(in crate::engine) fn of_another_row(&self, row: &str) -> Self {
        let message =
            format!("row {row} names the same user and is combined with this one, and it fails: {}", self.message);
        Self::new(self.reason, message)
    }

    /// The writes kept being refused.
    pub(in crate::engine) fn gave_up(gave_up: GaveUp, writes: u32, answer: &UpstreamAnswer) -> Self {
        match gave_up {
            GaveUp::Blocked { writes } => Self::new(
                Reason::Blocked,
                format!(
                    "Genesys refused {writes} writes although nobody changed the user in between: {answer}. The state \
                     of the user forbids the change (for example a published schedule): resolve that in Genesys and \
                     retry, or give the correlation id to Genesys support."
                ),
            ),
            GaveUp::Exhausted => Self::new(
                Reason::ConflictsExhausted,
                format!(
                    "others changed the user before each of {writes} writes: {answer}. Find out which integration \
                     keeps writing to this user, then retry."
                ),
            ),
        }
    }

    /// The work on the entry kept panicking.
    pub(in crate::engine) fn defect(panics: u32) -> Self {
        Self::new(
            Reason::InternalError,
            format!(
                "a defect in skillsync aborted the work on this entry {panics} times in a row. Report it with the job id \
                 and the logged panics, then retry the entry."
            ),
        )
    }

    /// The plan of a dry run no longer fits.
    pub(in crate::engine) fn plan_outdated() -> Self {
        Self::new(
            Reason::PlanOutdated,
            "the user has changed since the dry run, so the plan no longer applies. Nothing was written; make a new dry \
             run.",
        )
    }

    /// The user would have more assignments than Genesys accepts.
    pub(in crate::engine) fn too_many(would_be: usize) -> Self {
        Self::new(
            Reason::TooManyAssignments,
            format!(
                "the user would have {would_be} assignments; Genesys accepts at most 50. List fewer, or remove some first."
            ),
        )
    }
}

/// Returns the state and result of an entry whose fold is the state at Genesys now.
pub(in crate::engine) fn carried_out(outcome: Outcome) -> (EntryState, EntryResult) {
    ended(outcome, EntryState::Applied)
}

/// Returns the state and result of an entry of a dry run.
pub(in crate::engine) fn planned(outcome: Outcome) -> (EntryState, EntryResult) {
    ended(outcome, EntryState::Planned)
}

fn ended(outcome: Outcome, applied: EntryState) -> (EntryState, EntryResult) {
    match outcome {
        Outcome::Applies(effects) => (applied, with_effects(effects)),
        Outcome::Unchanged(effects) => (EntryState::Unchanged, with_effects(effects)),
        Outcome::SupersededBy(by) => {
            (EntryState::Superseded, EntryResult { superseded_by: Some(by), ..EntryResult::default() })
        }
        Outcome::TooMany { would_be } => {
            let Failure { reason, message } = Failure::too_many(would_be);
            let result = EntryResult { reason: Some(reason), message: Some(message), ..EntryResult::default() };
            (EntryState::Failed, result)
        }
    }
}

/// Returns the state and result of an entry that came too late.
pub(in crate::engine) fn stale(newer: Place, by: Option<EntryId>, lateness: Lateness) -> (EntryState, EntryResult) {
    let message = match lateness {
        Lateness::BeforeAcceptance => {
            format!("a newer change ({}) was carried out before this entry was accepted; nothing was done", newer.at)
        }
        Lateness::BeyondHistory => format!(
            "a newer change ({}) was carried out, and what the user had before it is no longer kept; nothing was done. To \
             apply this entry as the newest, submit it in a new job without a date",
            newer.at
        ),
    };
    let (reason, message) = (Some(Reason::StaleEvent), Some(message.into()));
    (EntryState::Superseded, EntryResult { reason, message, superseded_by: by, ..EntryResult::default() })
}

/// Why an entry comes too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Lateness {
    /// A newer change had been carried out before the entry was accepted.
    BeforeAcceptance,
    /// Its place is older than what is kept of the user's history.
    BeyondHistory,
}

fn with_effects(effects: Effects) -> EntryResult {
    EntryResult { effects, ..EntryResult::default() }
}
