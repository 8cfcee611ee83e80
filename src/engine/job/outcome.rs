//! How entries end, in words: outcomes of a fold and failures become states, reasons and messages.

use std::time::Duration;

use crate::domain::conflict::GaveUp;
use crate::domain::entry::Effects;
use crate::domain::fold::Outcome;
use crate::domain::text::quoted;
use crate::domain::{EntryId, EntryState, Place, Reason, Target};
use crate::engine::job::EntryResult;
use crate::engine::port::{CatalogueItem, UpstreamAnswer};

/// So many of those that have one name are told.
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

    /// The message for an entry of which a part was carried out, or may have been.
    pub(in crate::engine) fn after_a_part(&self) -> Box<str> {
        format!("{} A part of the entry may have been carried out before: look at the user.", self.message).into()
    }

    pub(in crate::engine) fn user_gone(answer: &UpstreamAnswer) -> Self {
        Self::new(
            Reason::UserNotFound,
            format!("Genesys does not know this user: {answer}. Check the user id, or whether the user was deleted."),
        )
    }

    /// The directory has the user, and the target's endpoint does not.
    pub(in crate::engine) fn target_lacks_user(target: Target, answer: &UpstreamAnswer) -> Self {
        if !target.is_of_a_partner() {
            return Self::user_gone(answer);
        }
        Self::new(
            Reason::TargetUnavailable,
            format!(
                "the directory has this user, and genesys.wfm_path does not: {answer}. It is the endpoint of a Genesys \
                 partner: check that the org has it and the path, and that the user takes part in it; or use the target \
                 routingSkills, which every org has."
            ),
        )
    }

    /// The target's endpoint cannot be used as it is.
    pub(in crate::engine) fn target_unavailable(answer: &UpstreamAnswer) -> Self {
        Self::new(
            Reason::TargetUnavailable,
            format!(
                "the endpoint at genesys.wfm_path cannot be used: {answer}. It is the endpoint of a Genesys partner: check that \
                 the org has it, and the path, then retry; or use the target routingSkills, which every org has."
            ),
        )
    }

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

    pub(in crate::engine) fn assignment_not_found(name: &str, todo: &str) -> Self {
        Self::new(Reason::AssignmentNotFound, format!("Genesys has no assignment {}. {todo}", quoted(name)))
    }

    pub(in crate::engine) fn forbidden(answer: &UpstreamAnswer) -> Self {
        Self::new(
            Reason::Forbidden,
            format!("Genesys does not permit this: {answer}. Grant the OAuth client the missing permission and retry."),
        )
    }

    pub(in crate::engine) fn rejected(answer: &UpstreamAnswer) -> Self {
        Self::new(
            Reason::Rejected,
            format!("Genesys does not take this request: {answer}. Correct the entry; a repetition would not help."),
        )
    }

    /// A listing that every job needs, and that Genesys refuses for good.
    pub(in crate::engine) fn listing_rejected(answer: &UpstreamAnswer) -> Self {
        Self::new(
            Reason::Rejected,
            format!(
                "Genesys does not take the request for a listing of users or assignments: {answer}. No entry is the cause. \
                 Check the address of the region and what stands between, and retry."
            ),
        )
    }

    pub(in crate::engine) fn unavailable(answer: &UpstreamAnswer, patience: Duration) -> Self {
        Self::new(
            Reason::UpstreamUnavailable,
            format!("{} (for {} s): {answer}. {}", answer.hindrance(), patience.as_secs(), answer.cure()),
        )
    }

    pub(in crate::engine) fn no_telling_answer(writes: u32, answer: &UpstreamAnswer) -> Self {
        Self::new(
            Reason::UpstreamUnavailable,
            format!(
                "Genesys gave no telling answer to {writes} writes of this user, and a read does not show them carried out: \
                 {answer}. Look at the user there, give the correlation id to Genesys support, and retry the entry."
            ),
        )
    }

    pub(in crate::engine) fn duplicate_user(rows: &str) -> Self {
        Self::new(
            Reason::DuplicateUser,
            format!(
                "the rows {rows} turn out to be about one user, so which of their lists the user is to have is not known. \
                 Leave one of them, or send the job with sameUser: \"merge\" (one row per skill) or \"inOrder\" (the last \
                 row counts)."
            ),
        )
    }

    /// For a row that repeats one which was not known to belong to others when these were carried out.
    pub(in crate::engine) fn part_of_a_list(rows: &str) -> Self {
        Self::new(
            Reason::DuplicateUser,
            format!(
                "this row is one list with the rows {rows} of the job that it repeats, which were carried out without it: by \
                 itself it would take away what they list. Send all rows of this user as a new job."
            ),
        )
    }

    /// The same for a row that is one list with the row that it is about.
    pub(in crate::engine) fn of_another_row(&self, row: &str) -> Self {
        let message =
            format!("row {row} is about the same user and taken together with this one, and fails: {}", self.message);
        Self::new(self.reason, message)
    }

    pub(in crate::engine) fn gave_up(gave_up: GaveUp, writes: u32, answer: &UpstreamAnswer) -> Self {
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

    pub(in crate::engine) fn defect(panics: u32) -> Self {
        Self::new(
            Reason::InternalError,
            format!(
                "a defect of skillsync ended the work on this entry {panics} times in a row. Report it with the id of the \
                 job and what the log says of the panics; then retry the entry."
            ),
        )
    }

    pub(in crate::engine) fn plan_outdated() -> Self {
        Self::new(
            Reason::PlanOutdated,
            "the user has changed since the dry run: what was planned would no longer come of it. Nothing was written; \
             make a new dry run.",
        )
    }

    pub(in crate::engine) fn too_many(would_be: usize) -> Self {
        Self::new(
            Reason::TooManyAssignments,
            format!(
                "the user would have {would_be} assignments; Genesys takes at most 50. List fewer, or remove some first."
            ),
        )
    }
}

/// How an entry ends whose fold is now the state at Genesys.
pub(in crate::engine) fn carried_out(outcome: Outcome) -> (EntryState, EntryResult) {
    ended(outcome, EntryState::Applied)
}

/// How the entry of a dry run ends.
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

/// How an entry ends that came too late.
pub(in crate::engine) fn stale(newer: Place, by: Option<EntryId>, lateness: Lateness) -> (EntryState, EntryResult) {
    let message = match lateness {
        Lateness::BeforeAcceptance => format!(
            "a change that belongs behind this one ({}) was carried out before this one was accepted; nothing was done",
            newer.at
        ),
        Lateness::BeyondHistory => format!(
            "a change that belongs behind this one ({}) was carried out, and what the user had before it is not kept any \
             more; nothing was done. If it is to count as the newest, submit it in a new job and without a date",
            newer.at
        ),
    };
    let (reason, message) = (Some(Reason::StaleEvent), Some(message.into()));
    (EntryState::Superseded, EntryResult { reason, message, superseded_by: by, ..EntryResult::default() })
}

/// Why an entry comes too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Lateness {
    /// Something newer had been carried out when it was accepted.
    BeforeAcceptance,
    /// It belongs below what is kept of the user's changes.
    BeyondHistory,
}

fn with_effects(effects: Effects) -> EntryResult {
    EntryResult { effects, ..EntryResult::default() }
}
