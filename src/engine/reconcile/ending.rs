//! How a pass ends entries: with what came of them, with a failure, or because they came too late.

use std::sync::Arc;

use tokio::time::Instant;

use crate::domain::assignment::Difference;
use crate::domain::conflict::{GaveUp, Settled};
use crate::domain::entry::Effects;
use crate::domain::fold::{Change, Folded, Outcome, Start, Undone};
use crate::domain::{AssignmentId, Assignments, EntryState, Place};
use crate::engine::conclusion::Ending;
use crate::engine::job::outcome::{self, Failure};
use crate::engine::job::{EntryResult, Job};
use crate::engine::port::{Observed, Written};
use crate::engine::reconcile::pass::{Pass, Round};
use crate::engine::user::memory::{CarriedOut, Standing};
use crate::engine::user::pending_change::Ticket;

impl Pass<'_> {
    /// Ends what comes too late. Without a date of its own, and if it repeats nothing, an entry is folded into its place,
    /// as far back as what was carried out is known.
    pub(in crate::engine) fn end_stale(&mut self, standing: &Standing) {
        for ticket in std::mem::take(&mut self.tickets) {
            match standing.too_late(ticket.place, ticket.job.created_at(), ticket.can_be_stale) {
                Some(((newer, by), lateness)) => {
                    let (state, result) = outcome::stale(newer, by, lateness);
                    self.end(&ticket, state, &result);
                }
                None => self.tickets.push(ticket),
            }
        }
    }

    /// Dry runs are each held against the state alone; they change nothing that others see. What one of them asks for one
    /// user is taken together, as the run would take it.
    pub(in crate::engine) fn end_dry_runs(&mut self, current: &Assignments, standing: &Standing) {
        let (mut dry, real): (Vec<_>, _) =
            std::mem::take(&mut self.tickets).into_iter().partition(|t| t.job.spec().dry_run);
        self.tickets = real;
        while let Some(of) = dry.first().map(|ticket| ticket.job.id()) {
            let (run, others): (Vec<_>, _) = dry.into_iter().partition(|ticket| ticket.job.id() == of);
            dry = others;
            let folded = self.fold(&run, current, standing);
            for (ticket, outcome) in run.iter().zip(folded.outcomes) {
                for (index, outcome) in ticket.shares(outcome, &folded.undone) {
                    let (state, result) = outcome::planned(outcome);
                    self.end_row(ticket, index, state, result);
                }
                ticket.job.passed(ticket.work, EntryState::Planned, None);
            }
        }
    }

    /// What was planned by a dry run is carried out exactly so or not at all.
    pub(in crate::engine) fn end_outdated_plans(&mut self, current: &Assignments, standing: &Standing) {
        let planned = |ticket: &Ticket| ticket.indices().any(|index| ticket.job.plan(index).is_some());
        let (mut planned, free): (Vec<_>, _) = std::mem::take(&mut self.tickets).into_iter().partition(planned);
        self.tickets = free;
        let mut outdated = Vec::new();
        while let Some(of) = planned.first().map(|ticket| ticket.job.id()) {
            let (run, others): (Vec<_>, _) = planned.into_iter().partition(|ticket| ticket.job.id() == of);
            planned = others;
            let folded = self.fold(&run, current, standing);
            for (ticket, outcome) in run.into_iter().zip(folded.outcomes) {
                if fits_plan(&ticket, outcome, &folded.undone) {
                    self.tickets.push(ticket);
                } else {
                    outdated.push(ticket);
                }
            }
        }
        if self.tickets.is_empty() {
            self.tickets = outdated;
            self.fail_all(&Failure::plan_outdated());
        } else {
            for ticket in &outdated {
                self.fail(ticket, &Failure::plan_outdated());
            }
        }
        self.sort_tickets();
    }

    pub(in crate::engine) fn give_up(&mut self, gave_up: GaveUp) -> Round {
        // What we remember of this user did not help; the next pass starts from a read.
        self.engine.standings.forget_state(self.key);
        let answer = std::mem::take(&mut self.progress.last_refusal);
        self.fail_all(&Failure::gave_up(gave_up, self.progress.writes, &answer))
    }

    /// Gives the refused writes without a cause theirs, and counts them once for each job concerned.
    pub(in crate::engine) fn settle(&mut self, settled: Settled, found: Option<&Observed>) {
        self.progress.explain(settled.cause, found, &self.engine.clock);
        self.engine.open.ended().count_conflicts(settled.cause, settled.writes);
        for job in self.jobs() {
            job.count_conflicts(settled.cause, settled.writes);
        }
    }

    /// Records a fold on `current` that is now the state at Genesys: by a write that passed, or because it was so already.
    pub(in crate::engine) fn record(
        &mut self,
        current: &Assignments,
        standing: &Standing,
        folded: Folded,
        now: Option<&Observed>,
    ) -> Round {
        self.progress.lost_answers = 0;
        if let Some(settled) = self.progress.passed().filter(|settled| settled.writes > 0) {
            self.settle(settled, now);
        }
        let managed = self.engine.catalogues.managed(self.key.target);
        let start = Start { target: self.key.target, current, owned: &standing.owned, managed: &managed };
        let changes: Vec<Change> = self.tickets.iter().map(Ticket::change).collect();
        // In this order: what was parked before it was prepared is seen here.
        let unparked = self.engine.order.oldest(self.engine.clock.now());
        let parked = self.engine.slots.oldest_pending(self.key);
        let set_aside = self.set_aside.iter().map(|ticket| ticket.place);
        let oldest = parked.into_iter().chain(set_aside).fold(unparked, Place::min);
        let done = CarriedOut {
            start,
            changes: &changes,
            folded: &folded,
            oldest,
            at: self.engine.order.date(self.engine.clock.now()),
            unsure: self.progress.unsure.as_deref(),
        };
        self.standing = Some(self.engine.standings.carried_out(self.key, &done));
        for (ticket, outcome) in std::mem::take(&mut self.tickets).iter().zip(folded.outcomes) {
            let (end, reason) = {
                let (state, result) = outcome::carried_out(outcome.clone());
                (state, result.reason)
            };
            for (index, outcome) in ticket.shares(outcome, &folded.undone) {
                let (state, result) = outcome::carried_out(outcome);
                self.end_row(ticket, index, state, result);
            }
            ticket.job.passed(ticket.work, end, reason);
        }
        Round::Recorded
    }

    /// Records a fold that was just written. What somebody else had taken away meanwhile was not taken away by it.
    pub(in crate::engine) fn record_written(
        &mut self,
        current: &Assignments,
        standing: &Standing,
        folded: Folded,
        written: &Written,
    ) -> Round {
        let unsure = self.progress.unsure.as_deref();
        let by_others = |id: &AssignmentId| !unsure.is_some_and(|attempt| attempt.explains(*id, None));
        let mut found = current.clone();
        for id in written.gone.iter().filter(|id| by_others(id)) {
            found.remove(*id);
        }
        if found != *current {
            let folded = self.fold(&self.tickets, &found, standing);
            return self.record(&found, standing, folded, written.after.as_ref());
        }
        self.record(current, standing, folded, written.after.as_ref())
    }

    /// After writes without an answer: if more came since, that waits until it is known what became of them, as it was not
    /// part of them and its own write would hide it. Whether a look has told, and they are recorded; else what they were made
    /// for is written again by itself, because nothing but a later look or an answer tells a replica that lags behind from
    /// a write that was not carried out.
    pub(in crate::engine) fn finish_unseen(
        &mut self,
        found: &Observed,
        current: &Assignments,
        standing: &Standing,
    ) -> bool {
        let Some(attempt) = self.progress.unsure.clone() else { return false };
        let is_part = |ticket: &Ticket| attempt.is_for(ticket.entry());
        let (written, later): (Vec<_>, Vec<_>) = self.tickets.iter().cloned().partition(is_part);
        if written.is_empty() || later.is_empty() {
            return false;
        }
        let folded = self.fold(&written, current, standing);
        let dubious = standing.contradicted(&found.assignments, Instant::now()).collect();
        let undecided = attempt.is_undecided(&found.assignments, found.version, &dubious);
        let is_done = !undecided && attempt.is_done(&found.assignments) && folded.desired == *found.assignments;
        if is_done || undecided {
            (self.tickets, self.set_aside) = (written, later);
        }
        if is_done {
            self.record(current, standing, folded, Some(found));
        }
        is_done
    }

    /// Before the last entries of a pass end without having been carried out: no write without a cause is left behind.
    pub(in crate::engine) fn settle_abandoned(&mut self) {
        if let Some(settled) = self.progress.abandoned().filter(|settled| settled.writes > 0) {
            self.settle(settled, None);
        }
    }

    pub(in crate::engine) fn fail_all(&mut self, failure: &Failure) -> Round {
        self.settle_abandoned();
        for ticket in std::mem::take(&mut self.tickets) {
            self.fail(&ticket, failure);
        }
        Round::Recorded
    }

    pub(in crate::engine) fn fail(&mut self, ticket: &Ticket, failure: &Failure) {
        let begun = self.may_have_begun(ticket);
        let message = if begun { failure.after_a_part() } else { failure.message.clone() };
        let result = EntryResult { reason: Some(failure.reason), message: Some(message), ..EntryResult::default() };
        let part = self.progress.parts.iter().find(|(entry, _)| *entry == ticket.entry()).map(|(_, part)| part.clone());
        match part {
            None => self.end(ticket, EntryState::Failed, &result),
            // What was done is named all the same.
            Some(part) => {
                for (row, share) in ticket.shares(part, &[]) {
                    let effects = match share {
                        Outcome::Applies(effects) => effects,
                        Outcome::Unchanged(_) | Outcome::SupersededBy(_) | Outcome::TooMany { .. } => {
                            Effects::default()
                        }
                    };
                    self.end_row(ticket, row, EntryState::Failed, EntryResult { effects, ..result.clone() });
                }
                ticket.job.passed(ticket.work, EntryState::Failed, result.reason);
            }
        }
    }

    /// Ends the entries of cancelled jobs, which a look has just not shown carried out.
    pub(in crate::engine) fn end_cancelled(&mut self) {
        if self.tickets.iter().all(|ticket| ticket.job.is_cancelled()) {
            self.settle_abandoned();
        }
        let (cancelled, others) = std::mem::take(&mut self.tickets).into_iter().partition(|t| t.job.is_cancelled());
        self.tickets = others;
        let cancelled: Vec<Ticket> = cancelled;
        for ticket in cancelled {
            let message = if self.may_have_begun(&ticket) {
                "cancelled; a write of it got no telling answer, and a read does not show it carried out: look at the user"
            } else {
                "cancelled before it was carried out"
            };
            let result = EntryResult { message: Some(message.into()), ..EntryResult::default() };
            self.end(&ticket, EntryState::Cancelled, &result);
        }
    }

    pub(in crate::engine) fn may_have_begun(&self, ticket: &Ticket) -> bool {
        self.progress.unsure.as_ref().is_some_and(|attempt| attempt.is_for(ticket.entry()))
    }

    fn end(&mut self, ticket: &Ticket, state: EntryState, result: &EntryResult) {
        for index in ticket.indices() {
            self.end_row(ticket, index, state, result.clone());
        }
        ticket.job.passed(ticket.work, state, result.reason);
    }

    fn end_row(&mut self, ticket: &Ticket, index: u32, state: EntryState, result: EntryResult) {
        let (attempts, conflicts) = (self.progress.writes, self.progress.conflicts.clone());
        let result = EntryResult { attempts, conflicts, ..result };
        self.endings.push(Ending { job: Arc::clone(&ticket.job), index, state, result });
    }

    /// The jobs that this pass works for, each once.
    fn jobs(&self) -> Vec<Arc<Job>> {
        let mut jobs: Vec<_> = self.tickets.iter().map(|ticket| Arc::clone(&ticket.job)).collect();
        jobs.sort_by_key(|job| job.id());
        jobs.dedup_by_key(|job| job.id());
        jobs
    }
}

fn fits_plan(ticket: &Ticket, outcome: Outcome, undone: &[Undone]) -> bool {
    ticket.shares(outcome, undone).into_iter().all(|(index, outcome)| {
        let would_do = match outcome {
            Outcome::Applies(effects) => effects.difference,
            // A row that another one of its job undoes was planned as nothing.
            Outcome::Unchanged(_) | Outcome::SupersededBy(_) => Difference::default(),
            Outcome::TooMany { .. } => return false,
        };
        ticket.job.plan(index).is_none_or(|plan| *plan == would_do)
    })
}
