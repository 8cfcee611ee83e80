//! How far the work on one user has come: what has to survive from round to round, and while the user waits.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::WallClock;
use crate::domain::conflict::{Cause, ConflictPolicy, Dispute, DisputeStep, Finding, Settled};
use crate::domain::entry::Effects;
use crate::domain::fold::{Folded, Outcome};
use crate::domain::write_intent::WriteIntent;
use crate::domain::{AssignmentId, EntryId};
use crate::engine::job::ConflictRecord;
use crate::engine::port::{Observed, UpstreamAnswer, Version};
use crate::engine::user::memory::UserState;

/// The state of a reconciliation, apart from its pending changes.
#[derive(Debug, Default)]
pub(in crate::engine) struct Progress {
    /// Writes made.
    pub(in crate::engine) writes: u32,
    /// Calls in a row that Genesys did not answer.
    pub(in crate::engine) outages: u32,
    /// Writes of which no telling answer came, whatever reads there were in between, since one was known to be carried out.
    pub(in crate::engine) lost_answers: u32,
    /// A state that is only remembered is not good enough for the next round.
    pub(in crate::engine) must_read: bool,
    /// Writes that may have been carried out, as a whole or in part.
    pub(in crate::engine) unsure: Option<Arc<WriteIntent>>,
    /// What calls have done that were answered, of writes that failed in a later call; and whose doing it was.
    confirmed: BTreeSet<AssignmentId>,
    pub(in crate::engine) parts: Vec<(EntryId, Outcome)>,
    /// Whether the assignments were looked up anew after a write was refused for good.
    pub(in crate::engine) rechecked: bool,
    /// Whether the journal has been told of a write since the last conclusion.
    pub(in crate::engine) intended: bool,
    /// Conflicts whose cause is known.
    pub(in crate::engine) conflicts: Vec<ConflictRecord>,
    /// What Genesys said when it last refused a write.
    pub(in crate::engine) last_refusal: UpstreamAnswer,
    /// Reads in a row that were older than what we wrote ourselves.
    pub(in crate::engine) late_reads: u32,
    /// Passes in a row that ended by a panic.
    pub(in crate::engine) panics: u32,
    dispute: Option<Dispute>,
    /// What the refused write was computed from, until a read has been held against it.
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
    /// Nothing but that so many passes in a row ended by a panic.
    pub(in crate::engine) fn after_panics(panics: u32) -> Self {
        Self { panics, ..Self::default() }
    }

    /// To go on with a write of a process before this one, of which no telling answer has come.
    pub(in crate::engine) fn after_lost_answer(attempt: Arc<WriteIntent>) -> Self {
        Self { unsure: Some(attempt), must_read: true, ..Self::default() }
    }

    /// For what comes next for the user: of what came before, only that the last answer was lost.
    pub(in crate::engine) fn of_what_follows(&self) -> Self {
        let lost_answers = self.lost_answers.min(1);
        Self { lost_answers, must_read: lost_answers > 0, ..Self::default() }
    }

    /// A write failed after calls that have done this; `folded` is what it and those before it were to do for these changes.
    pub(in crate::engine) fn did_a_part(
        &mut self,
        done: &[AssignmentId],
        entries: impl Iterator<Item = EntryId>,
        folded: &Folded,
    ) {
        self.confirmed.extend(done);
        let part = |outcome: &Outcome| match outcome {
            Outcome::Applies(effects) => {
                let difference = effects.difference.clone().restricted_to(|id| self.confirmed.contains(&id));
                let overwritten =
                    effects.overwritten.iter().copied().filter(|id| self.confirmed.contains(id)).collect();
                Some(Outcome::Applies(Effects { difference, preserved: Vec::new(), overwritten }))
            }
            Outcome::Unchanged(_) | Outcome::SupersededBy(_) | Outcome::TooMany { .. } => None,
        };
        let parts = entries.zip(&folded.outcomes).filter_map(|(entry, outcome)| Some((entry, part(outcome)?)));
        self.parts = parts.collect();
    }

    /// Whether a refused write waits for a newer state.
    pub(in crate::engine) fn in_dispute(&self) -> bool {
        self.refused_on.is_some()
    }

    /// A write computed from `base` was refused; a read has to follow, after this pause if there is one.
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

    /// Judges a refused write by the state just read; without one, there is nothing against writing.
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

    /// A write passed, or there is nothing to write any more: what is still unexplained was a busy Genesys.
    pub(in crate::engine) fn passed(&mut self) -> Option<Settled> {
        self.dispute.as_mut().map(Dispute::passed)
    }

    /// Nobody goes on with the user.
    pub(in crate::engine) fn abandoned(&mut self) -> Option<Settled> {
        self.dispute.as_mut().map(Dispute::abandoned)
    }

    /// Gives the refused writes without a cause theirs.
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

/// What a read after a refused write shows, held against what that write was computed from.
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
