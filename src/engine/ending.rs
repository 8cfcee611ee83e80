//! How a pass ends entries: with what came of them, with a failure, or because they came too late.

use std::sync::Arc;

use super::job::{EntryResult, Job};
use super::pass::{Pass, Round};
use super::port::Observed;
use super::standings::Standing;
use super::ticket::Ticket;
use super::verdict::{self, Failure};
use crate::domain::assignment::Difference;
use crate::domain::conflict::{GaveUp, Settled};
use crate::domain::fold::Folded;
use crate::domain::{EntryState, Reason};

impl Pass<'_> {
    /// Late events do not beat newer ones.
    pub(super) fn end_stale(&mut self, standing: &Standing) {
        let Some(newest) = standing.applied_at else { return };
        let (stale, current) =
            std::mem::take(&mut self.tickets).into_iter().partition(|t| t.dated && t.effective_at < newest);
        self.tickets = current;
        for ticket in stale {
            let message = format!("a change that happened later ({newest}) was carried out already; nothing was done");
            let result = EntryResult {
                reason: Some(Reason::StaleEvent),
                message: Some(message.into()),
                ..EntryResult::default()
            };
            self.end(&ticket, EntryState::Superseded, result);
        }
    }

    /// Dry runs are each held against the state alone; they change nothing that others see.
    pub(super) fn end_dry_runs(&mut self, observed: &Observed, standing: &Standing) {
        let (dry, real) = std::mem::take(&mut self.tickets).into_iter().partition(|t| t.job.spec().dry_run);
        self.tickets = real;
        for ticket in dry {
            let folded = self.fold(std::slice::from_ref(&ticket), observed, standing);
            let Some(outcome) = folded.outcomes.into_iter().next() else { continue };
            let (state, result) = verdict::planned(outcome);
            self.end(&ticket, state, result);
        }
    }

    /// What was planned by a dry run is carried out exactly so or not at all. Not looked at while a write may have been
    /// carried out unseen: the state then holds what was planned, and nothing would be left to do.
    pub(super) fn end_outdated_plans(&mut self, observed: &Observed, standing: &Standing) {
        if self.progress.unsure.is_some() {
            return;
        }
        let fits = |ticket: &Ticket| {
            ticket.job.plan(ticket.index).is_none_or(|plan| {
                let folded = self.fold(std::slice::from_ref(ticket), observed, standing);
                *plan == Difference::between(&observed.assignments, &folded.desired)
            })
        };
        let (fitting, outdated): (Vec<_>, Vec<_>) = self.tickets.iter().cloned().partition(fits);
        self.tickets = fitting;
        for ticket in outdated {
            self.fail(&ticket, &Failure::plan_outdated());
        }
    }

    pub(super) fn give_up(&mut self, gave_up: GaveUp) -> Round {
        // What we remember of this user did not help; the next pass starts from a read.
        self.engine.standings.distrust(self.key);
        let answer = std::mem::take(&mut self.progress.last_refusal);
        self.fail_all(&Failure::gave_up(gave_up, self.progress.writes, &answer))
    }

    /// Gives the refused writes without a cause theirs, and counts them once for each job concerned.
    pub(super) fn settle(&mut self, settled: Settled, found: Option<&Observed>) {
        self.progress.explain(settled.cause, found, &self.engine.clock);
        self.engine.open.ended().count_conflicts(settled.cause, settled.writes);
        for job in self.jobs() {
            job.count_conflicts(settled.cause, settled.writes);
        }
    }

    /// Records a fold that is now the state at Genesys: by a write that passed, or because it was so already.
    pub(super) fn record(&mut self, folded: Folded, now: Option<&Observed>) -> Round {
        if let Some(settled) = self.progress.passed().filter(|settled| settled.writes > 0) {
            self.settle(settled, now);
        }
        let links: Vec<_> = self.tickets.iter().map(|ticket| (ticket.job.id(), ticket.index)).collect();
        let applied_at = self.tickets.iter().map(|ticket| ticket.effective_at).max();
        self.engine.standings.settled(self.key, folded.owned, applied_at);
        for (ticket, outcome) in std::mem::take(&mut self.tickets).into_iter().zip(folded.outcomes) {
            let lost = self.progress.unsure.as_mut().and_then(|attempt| attempt.take_effects_of(&ticket));
            let (state, result) = verdict::carried_out(outcome, lost, &folded.desired, &links);
            self.end(&ticket, state, result);
        }
        Round::Recorded
    }

    pub(super) fn fail_all(&mut self, failure: &Failure) -> Round {
        for ticket in std::mem::take(&mut self.tickets) {
            self.fail(&ticket, failure);
        }
        Round::Recorded
    }

    pub(super) fn fail(&self, ticket: &Ticket, failure: &Failure) {
        let begun = self.progress.unsure.as_ref().is_some_and(|attempt| attempt.is_for(ticket));
        let message = if begun { failure.after_a_part() } else { failure.message.clone() };
        let result = EntryResult { reason: Some(failure.reason), message: Some(message), ..EntryResult::default() };
        self.end(ticket, EntryState::Failed, result);
    }

    fn end(&self, ticket: &Ticket, state: EntryState, result: EntryResult) {
        let result =
            EntryResult { attempts: self.progress.writes, conflicts: self.progress.conflicts.clone(), ..result };
        ticket.job.passed(ticket.work, state, result.reason);
        ticket.job.end(ticket.index, state, result, self.engine.clock.now());
    }

    /// The jobs that this pass works for, each once.
    fn jobs(&self) -> Vec<Arc<Job>> {
        let mut jobs: Vec<_> = self.tickets.iter().map(|ticket| Arc::clone(&ticket.job)).collect();
        jobs.sort_by_key(|job| job.id());
        jobs.dedup_by_key(|job| job.id());
        jobs
    }
}
