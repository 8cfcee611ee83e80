//! The progress of the work on one user: what persists from round to round, and while the user waits.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::WallClock;
use crate::domain::conflict::{Cause, ConflictPolicy, Dispute, DisputeStep, Finding, Settled};
use crate::domain::entry::Effects;
use crate::domain::entry_result::ConflictRecord;
use crate::domain::fold::{Folded, Outcome};
use crate::domain::write_intent::WriteIntent;
use crate::domain::{AssignmentId, EntryId};
use crate::engine::port::{Observed, UpstreamAnswer, Version};
use crate::engine::user::memory::UserState;

/// The state of a reconciliation, apart from its pending changes.
#[derive(Debug, Default)]
pub(in crate::engine) struct Progress {
    /// Number of writes made.
    pub(in crate::engine) writes: u32,
    /// Number of calls in a row that Genesys did not answer.
    pub(in crate::engine) outages: u32,
    /// Number of writes without a conclusive answer since a write was last known to be carried out, whatever was read
    /// in between.
    pub(in crate::engine) lost_answers: u32,
    /// Whether the next round must read instead of relying on a remembered state.
    pub(in crate::engine) must_read: bool,
    /// Writes that may have been carried out, as a whole or in part.
    pub(in crate::engine) unsure: Option<Arc<WriteIntent>>,
    /// What the answered calls of writes changed that then failed in a later call.
    confirmed: BTreeSet<AssignmentId>,
    /// The part of each entry's outcome that those calls carried out.
    pub(in crate::engine) parts: Vec<(EntryId, Outcome)>,
    /// Whether the assignments were looked up again after a write was permanently refused.
    pub(in crate::engine) rechecked: bool,
    /// Whether a write has been journaled since the last conclusion.
    pub(in crate::engine) intended: bool,
    /// Conflicts with a known cause.
    pub(in crate::engine) conflicts: Vec<ConflictRecord>,
    /// The answer to the last refused write.
    pub(in crate::engine) last_refusal: UpstreamAnswer,
    /// Number of reads in a row that were older than what we wrote.
    pub(in crate::engine) late_reads: u32,
    /// Number of reconciliations in a row that panicked.
    pub(in crate::engine) panics: u32,
    dispute: Option<Dispute>,
    /// The state from which the refused write was computed, until a read has been compared with it.
    refused_on: Option<Observed>,
    unexplained: Vec<Refusal>,
}

/// A refused write whose cause is not known yet.
#[derive(Debug)]
struct Refusal {
    answer: UpstreamAnswer,
    sent: Option<Version>,
    at: Instant,
}

impl Progress {
    /// Returns an initial progress after this number of panics in a row.
    pub(in crate::engine) fn after_panics(panics: u32) -> Self {
        Self { panics, ..Self::default() }
    }

    /// Returns the progress for continuing with a write of an earlier process that got no conclusive answer.
    pub(in crate::engine) fn after_lost_answer(attempt: Arc<WriteIntent>) -> Self {
        Self { unsure: Some(attempt), must_read: true, ..Self::default() }
    }

    /// Returns the progress for the next pending changes of the user. All that remains is whether the last answer was
    /// lost.
    pub(in crate::engine) fn of_what_follows(&self) -> Self {
        let lost_answers = self.lost_answers.min(1);
        Self { lost_answers, must_read: lost_answers > 0, ..Self::default() }
    }

    /// Records that a write failed after its first calls changed `done`. `folded` is what this write and those before
    /// it were to do for `entries`.
    pub(in crate::engine) fn did_a_part(
        &mut self,
        done: &[AssignmentId],
        entries: impl Iterator<Item = EntryId>,
        folded: &Folded,
    ) {
        self.confirmed.extend(done);
        let part = |outcome: &Outcome| match outcome {
            Outcome::Applies(effects) => {
                let confirmed = effects.restricted_to(|id| self.confirmed.contains(&id));
                Some(Outcome::Applies(Effects { preserved: Vec::new(), ..confirmed }))
            }
            Outcome::Unchanged(_) | Outcome::SupersededBy(_) | Outcome::TooMany { .. } => None,
        };
        let parts = entries.zip(&folded.outcomes).filter_map(|(entry, outcome)| Some((entry, part(outcome)?)));
        self.parts = parts.collect();
    }

    /// Returns whether a refused write waits for a newer state.
    pub(in crate::engine) fn in_dispute(&self) -> bool {
        self.refused_on.is_some()
    }

    /// Records that a write computed from `base` was refused. A read must follow, after the returned pause if there is
    /// one.
    pub(in crate::engine) fn refused(
        &mut self,
        answer: UpstreamAnswer,
        base: Observed,
        policy: &ConflictPolicy,
        now: Instant,
    ) -> Option<Duration> {
        self.last_refusal = answer.clone();
        self.unexplained.push(Refusal { answer, sent: base.version, at: now });
        self.refused_on = Some(base);
        self.must_read = true;
        self.dispute.get_or_insert_default().refused(policy)
    }

    /// Judges a refused write by the state just read. Without a refused write, nothing prevents the next one.
    pub(in crate::engine) fn judge(
        &mut self,
        found: &Observed,
        user_state: &UserState,
        policy: &ConflictPolicy,
    ) -> (DisputeStep, Option<Settled>) {
        let (Some(sent), Some(dispute)) = (&self.refused_on, &mut self.dispute) else {
            return (DisputeStep::Write, None);
        };
        let finding = compare(sent, found, user_state, self.unsure.as_deref());
        let (step, settled) = dispute.reread(finding, policy);
        if step == DisputeStep::Write {
            self.refused_on = None;
        }
        (step, Some(settled))
    }

    /// Settles the dispute after a write was carried out or nothing is left to write: refusals still unexplained came
    /// from a busy Genesys.
    pub(in crate::engine) fn passed(&mut self) -> Option<Settled> {
        self.dispute.as_mut().map(Dispute::passed)
    }

    /// Settles the dispute because the work on the user is abandoned.
    pub(in crate::engine) fn abandoned(&mut self) -> Option<Settled> {
        self.dispute.as_mut().map(Dispute::abandoned)
    }

    /// Assigns a cause to the refused writes that have none.
    pub(in crate::engine) fn explain(&mut self, cause: Cause, found: Option<&Observed>, clock: &WallClock) {
        for refusal in self.unexplained.drain(..) {
            self.conflicts.push(ConflictRecord {
                cause,
                status: refusal.answer.status,
                sent: refusal.sent,
                found: found.and_then(|found| found.version),
                correlation_id: refusal.answer.correlation_id,
                at: clock.date_of(refusal.at),
            });
        }
    }
}

/// Compares a read after a refused write with the state from which that write was computed.
fn compare(sent: &Observed, found: &Observed, user_state: &UserState, unsure: Option<&WriteIntent>) -> Finding {
    if found.version < user_state.version.max(sent.version) {
        return Finding::Behind;
    }
    let moved = match (&sent.version, &sent.tag) {
        (Some(_), _) => found.version != sent.version,
        (None, Some(_)) => found.tag != sent.tag,
        (None, None) => found.assignments != sent.assignments,
    };
    let ours = |attempt: &WriteIntent| attempt.explains_all(&sent.assignments, &found.assignments);
    let done = |attempt: &WriteIntent| ours(attempt) && attempt.is_done(&found.assignments);
    // The calls before the refused one were carried out.
    let begun = |attempt: &WriteIntent| !done(attempt) && sent.version.is_none() && sent.tag.is_none() && ours(attempt);
    if !moved || unsure.is_some_and(begun) {
        Finding::Unmoved
    } else if unsure.is_some_and(done) {
        Finding::MovedByLostAnswer
    } else if found.version.is_some() && found.version == user_state.written {
        Finding::MovedByUs
    } else {
        Finding::MovedByOthers
    }
}
