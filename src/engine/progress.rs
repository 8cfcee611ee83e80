//! How far the work on one user has come: what has to survive from round to round, and while the user waits.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::job::ConflictRecord;
use super::port::{AssignmentWrite, Observed, UpstreamAnswer, Version};
use super::standings::Standing;
use super::ticket::Ticket;
use crate::clock::WallClock;
use crate::domain::assignment::Difference;
use crate::domain::conflict::{Cause, ConflictPolicy, Dispute, Finding, Settled, Step};
use crate::domain::entry::Effects;
use crate::domain::fold::{Folded, Outcome};
use crate::domain::{AssignmentId, Assignments};

/// The state of a pass, apart from its tickets.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Writes made.
    pub(super) writes: u32,
    /// Calls in a row that Genesys did not answer.
    pub(super) outages: u32,
    /// A state that is only remembered is not good enough for the next round.
    pub(super) must_read: bool,
    /// A write whose answer was lost.
    pub(super) unsure: Option<Attempt>,
    /// Conflicts whose cause is known.
    pub(super) conflicts: Vec<ConflictRecord>,
    /// What Genesys said when it last refused a write.
    pub(super) last_refusal: UpstreamAnswer,
    /// Reads in a row that were older than what we wrote ourselves.
    pub(super) late_reads: u32,
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

/// A write that may have been carried out, as a whole or in part, and what it would have meant.
#[derive(Debug)]
pub(super) struct Attempt {
    write: AssignmentWrite,
    effects: Vec<(Ticket, Effects)>,
    /// What attempts in a row wanted differently: whatever a replica shows of it may be the state before all of them.
    contested: BTreeSet<AssignmentId>,
}

impl Progress {
    /// Whether a refused write waits for a newer state.
    pub(super) fn in_dispute(&self) -> bool {
        self.refused_on.is_some()
    }

    /// A write computed from `base` was refused; a read has to follow, after this pause if there is one.
    pub(super) fn refused(
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
    pub(super) fn judge(
        &mut self,
        found: &Observed,
        standing: &Standing,
        policy: &ConflictPolicy,
    ) -> (Step, Option<Settled>) {
        let (Some(sent), Some(dispute)) = (&self.refused_on, &mut self.dispute) else { return (Step::Write, None) };
        let finding = compare(sent, found, standing, self.unsure.as_ref());
        let (step, settled) = dispute.reread(finding, policy);
        if step == Step::Write {
            self.refused_on = None;
        }
        (step, Some(settled))
    }

    /// A write passed, or there is nothing to write any more: what is still unexplained was a busy Genesys.
    pub(super) fn passed(&mut self) -> Option<Settled> {
        self.dispute.as_mut().map(Dispute::passed)
    }

    /// Gives the refused writes without a cause theirs.
    pub(super) fn explain(&mut self, cause: Cause, found: Option<&Observed>, clock: &WallClock) {
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

impl Attempt {
    /// An earlier attempt that is not decided either still counts for the entries that it did something for.
    pub(super) fn new(tickets: &[Ticket], folded: Folded, write: AssignmentWrite, earlier: Option<Self>) -> Self {
        let effects = tickets.iter().cloned().zip(folded.outcomes).filter_map(|(ticket, outcome)| match outcome {
            Outcome::Applies(effects) => Some((ticket, effects)),
            Outcome::Unchanged(_) | Outcome::SupersededBy(_) | Outcome::TooMany { .. } => None,
        });
        let mut effects: Vec<_> = effects.collect();
        let mut contested = BTreeSet::new();
        if let Some(earlier) = &earlier {
            contested.clone_from(&earlier.contested);
            let changed = |id: &AssignmentId| earlier.write.desired.get(*id) != write.desired.get(*id);
            contested.extend(earlier.write.difference.ids().filter(changed));
        }
        for (ticket, done) in earlier.into_iter().flat_map(|earlier| earlier.effects) {
            if !effects.iter().any(|(of, _)| of.is(&ticket)) {
                effects.push((ticket, done));
            }
        }
        Self { write, effects, contested }
    }

    /// Whether what was found leaves open if it was carried out: a replica that lags behind shows the state before it.
    /// Then a fold that finds nothing to do on that state proves nothing, and the write has to be made all the same.
    pub(super) fn is_undecided(&self, found: &Observed) -> bool {
        match self.write.base {
            Some(base) => found.version <= Some(base),
            None => self.undecided(found).next().is_some(),
        }
    }

    /// Where there are no versions: what has to be written for `desired` whether or not the attempt was carried out.
    pub(super) fn settle(&self, found: &Observed, desired: &Assignments, difference: &mut Difference) {
        if self.write.base.is_some() {
            return;
        }
        for id in self.undecided(found).filter(|id| desired.get(*id) == found.assignments.get(*id)) {
            match desired.get(id) {
                Some(proficiency) => difference.updated.push((id, proficiency)),
                None => difference.removed.push(id),
            }
        }
    }

    fn undecided(&self, found: &Observed) -> impl Iterator<Item = AssignmentId> {
        let done = |id: AssignmentId| found.assignments.get(id) == self.write.desired.get(id);
        let open = self.write.difference.ids().filter(move |id| !done(*id));
        let open: BTreeSet<_> = open.chain(self.contested.iter().copied()).collect();
        open.into_iter()
    }

    /// Whether everything that is new about `found` is what the attempt would have done.
    fn explains(&self, sent: &Observed, found: &Observed) -> bool {
        let touched = |id| self.write.difference.ids().any(|touched| touched == id);
        let new = Difference::between(&sent.assignments, &found.assignments);
        new.ids().all(|id| touched(id) && found.assignments.get(id) == self.write.desired.get(id))
    }

    /// Whether the write would have done something for `ticket`.
    pub(super) fn is_for(&self, ticket: &Ticket) -> bool {
        self.effects.iter().any(|(of, _)| of.is(ticket))
    }

    /// What the write would have done for `ticket`.
    pub(super) fn take_effects_of(&mut self, ticket: &Ticket) -> Option<Effects> {
        let at = self.effects.iter().position(|(of, _)| of.is(ticket))?;
        Some(self.effects.swap_remove(at).1)
    }
}

/// What a read after a refused write shows, held against what that write was computed from.
fn compare(sent: &Observed, found: &Observed, standing: &Standing, unsure: Option<&Attempt>) -> Finding {
    let newest_seen = standing.newest.as_ref().and_then(|newest| newest.version);
    if found.version < newest_seen.max(sent.version) {
        return Finding::Behind;
    }
    let moved = match sent.version {
        Some(_) => found.version != sent.version,
        None => found.assignments != sent.assignments,
    };
    let done = |attempt: &Attempt| attempt.write.desired == *found.assignments;
    // The calls before the refused one were carried out.
    let begun = |attempt: &Attempt| !done(attempt) && sent.version.is_none() && attempt.explains(sent, found);
    if !moved || unsure.is_some_and(begun) {
        Finding::Unmoved
    } else if unsure.is_some_and(done) {
        Finding::MovedByLostAnswer
    } else if found.version.is_some() && found.version == standing.written {
        Finding::MovedByUs
    } else {
        Finding::MovedByOthers
    }
}
