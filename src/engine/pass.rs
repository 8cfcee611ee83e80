//! One pass over one user: read, fold all pending changes, write the difference, record what came of it.
//!
//! A pass is a loop of rounds. Each round looks at the newest state, judges an open conflict by it, folds, and writes at
//! most once. A round ends by recording outcomes, by asking for another round at once, or by giving the seat away until
//! later; what has to survive that is in [`Progress`].

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::EngineCore;
use super::job::{EntryResult, Job};
use super::port::{AssignmentWrite, CallError, Errand, Observed, UpstreamAnswer};
use super::progress::{Attempt, Progress};
use super::standings::Standing;
use super::ticket::Ticket;
use super::verdict::{self, Failure};
use crate::domain::assignment::Difference;
use crate::domain::conflict::{Cause, GaveUp, Settled, Step};
use crate::domain::fold::{Change, Folded, Start, fold};
use crate::domain::job::Urgency;
use crate::domain::{EntryState, Reason, UserKey};

/// How a pass ended.
#[derive(Debug)]
pub(super) enum PassEnd {
    /// Every ticket has ended.
    Done,
    /// The user has to be taken up again at this time.
    Later { at: Instant, tickets: Vec<Ticket>, progress: Box<Progress> },
}

enum Round {
    Again,
    Recorded,
    Later(Instant),
}

/// What a round folds on.
struct Base {
    observed: Observed,
    /// Whether a read just showed it; otherwise it is remembered, and only a version check makes a write on it safe.
    fresh: bool,
}

/// The running pass over one user.
pub(super) struct Pass<'a> {
    engine: &'a EngineCore,
    key: UserKey,
    tickets: Vec<Ticket>,
    progress: Box<Progress>,
}

impl<'a> Pass<'a> {
    pub(super) fn new(engine: &'a EngineCore, key: UserKey, tickets: Vec<Ticket>, progress: Box<Progress>) -> Self {
        let mut pass = Self { engine, key, tickets: Vec::new(), progress };
        pass.take_up(tickets);
        pass
    }

    /// Runs rounds until nothing is pending or the user has to wait.
    pub(super) async fn run(mut self) -> PassEnd {
        loop {
            self.take_up(self.engine.slots.newly_parked(self.key));
            let standing = self.engine.standings.recall(self.key);
            self.end_stale(&standing);
            if self.tickets.is_empty() {
                return PassEnd::Done;
            }
            match self.round(&standing).await {
                Round::Again => {}
                Round::Recorded => self.progress = Box::default(),
                Round::Later(at) => return PassEnd::Later { at, tickets: self.tickets, progress: self.progress },
            }
        }
    }

    fn take_up(&mut self, tickets: Vec<Ticket>) {
        let now = self.engine.clock.now();
        self.tickets.extend(tickets.into_iter().filter(|ticket| ticket.job.begin(ticket.index, now)));
        self.tickets.sort_by_key(|ticket| (ticket.effective_at, ticket.order));
    }

    async fn round(&mut self, standing: &Standing) -> Round {
        let base = match self.base(standing).await {
            Ok(base) => base,
            Err(round) => return round,
        };
        match self.judge(&base.observed, standing) {
            Step::Write => {}
            Step::ReadAfter(pause) => return self.wait_out_conflict(pause),
            Step::GiveUp(gave_up) => return self.give_up(gave_up),
        }
        self.end_dry_runs(&base.observed, standing);
        self.end_outdated_plans(&base.observed, standing);
        let folded = self.fold(&self.tickets, &base.observed, standing);
        let difference = Difference::between(&base.observed.assignments, &folded.desired);
        if difference.is_empty() && !base.fresh {
            self.progress.must_read = true;
            return Round::Again;
        }
        if difference.is_empty() {
            return self.record(folded, Some(&base.observed));
        }
        self.write(base.observed, folded, difference).await
    }

    /// The state to fold on: the remembered one where a version check makes that safe, else the user's own resource.
    async fn base(&mut self, standing: &Standing) -> Result<Base, Round> {
        let remembered = standing.newest.as_ref().filter(|_| self.key.target.checks_versions());
        let dry = self.tickets.iter().any(|ticket| ticket.job.spec().dry_run);
        let may_assume = self.engine.settings.write_without_read && !self.progress.must_read && !dry;
        if let Some(newest) = remembered.filter(|_| may_assume) {
            return Ok(Base { observed: newest.clone(), fresh: false });
        }
        let errand = self.errand();
        let answer = self.engine.genesys.read(&errand, self.key).await;
        self.count_calls(&errand);
        let observed = answer.map_err(|error| self.read_failed(&error))?;
        self.progress.outages = 0;
        match remembered {
            // A lagging replica. What we remember is newer and serves as well, unless a write on it was refused: then
            // only a newer read helps.
            Some(newest) if observed.version < newest.version && !self.progress.in_dispute() => {
                Ok(Base { observed: newest.clone(), fresh: true })
            }
            Some(_) | None => {
                self.engine.standings.saw(self.key, &observed);
                Ok(Base { observed, fresh: true })
            }
        }
    }

    /// Judges a refused write by the state just read.
    fn judge(&mut self, found: &Observed, standing: &Standing) -> Step {
        let policy = &self.engine.settings.conflicts;
        let (step, settled) = self.progress.judge(found, standing, policy);
        if let Some(settled) = settled.filter(|settled| settled.writes > 0) {
            self.settle(settled, Some(found));
            if settled.cause == Cause::WrongVersion {
                self.engine.standings.distrust(self.key);
                self.engine.standings.saw(self.key, found);
            }
        }
        step
    }

    /// Late events do not beat newer ones.
    fn end_stale(&mut self, standing: &Standing) {
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
    fn end_dry_runs(&mut self, observed: &Observed, standing: &Standing) {
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
    fn end_outdated_plans(&mut self, observed: &Observed, standing: &Standing) {
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

    fn fold(&self, tickets: &[Ticket], observed: &Observed, standing: &Standing) -> Folded {
        let managed = self.engine.catalogues.managed(self.key.target);
        let start = Start {
            target: self.key.target,
            current: &observed.assignments,
            owned: &standing.owned,
            managed: &managed,
        };
        let changes: Vec<_> = tickets.iter().map(|t| Change { mode: t.job.spec().mode, listed: &t.listed }).collect();
        fold(start, &changes)
    }

    async fn write(&mut self, base: Observed, folded: Folded, difference: Difference) -> Round {
        let write = AssignmentWrite {
            base: base.version,
            desired: folded.desired.clone(),
            difference,
            replaces: folded.replaces,
        };
        if let Err(error) = self.engine.standings.intend(self.key, &folded.owned).await {
            let answer = UpstreamAnswer { message: error.to_string().into(), ..UpstreamAnswer::default() };
            return self.unavailable(&answer, None);
        }
        let errand = self.errand();
        let answer = self.engine.genesys.write(&errand, self.key, &write).await;
        self.count_calls(&errand);
        self.progress.writes += 1;
        match answer {
            Ok(after) => self.record_written(folded, after.as_ref()),
            Err(CallError::Conflict(answer)) => self.refused(answer, base, folded),
            Err(CallError::Uncertain(answer)) => self.answer_lost(&answer, folded),
            Err(CallError::Unavailable { answer, retry_at }) => self.unavailable(&answer, retry_at),
            Err(CallError::NotFound(answer)) => self.fail_all(&Failure::user_gone(&answer)),
            Err(CallError::Forbidden(answer)) => self.fail_all(&Failure::forbidden(&answer)),
            Err(CallError::Rejected(answer)) => self.fail_all(&Failure::rejected(&answer)),
        }
    }

    /// A write was refused: what it was computed from is held against a read in the next round.
    fn refused(&mut self, answer: UpstreamAnswer, base: Observed, folded: Folded) -> Round {
        // First-party tools see 408 for conflicts, and it is also what a write answers that took too long to tell.
        if answer.status == Some(408) {
            self.remember_attempt(folded);
        }
        let (policy, now) = (&self.engine.settings.conflicts, Instant::now());
        match self.progress.refused(answer, base, policy, now) {
            None => Round::Again,
            Some(pause) => self.wait_out_conflict(pause),
        }
    }

    /// No telling answer to a write: a read will show whether it was carried out. Never repeated blindly.
    fn answer_lost(&mut self, answer: &UpstreamAnswer, folded: Folded) -> Round {
        self.remember_attempt(folded);
        self.progress.must_read = true;
        self.progress.outages += 1;
        if self.progress.outages == 1 {
            return Round::Again;
        }
        self.unavailable(answer, None)
    }

    /// A write may have been carried out: what it would assign counts as ours, for as long as it is seen.
    fn remember_attempt(&mut self, folded: Folded) {
        self.engine.standings.claim(self.key, &folded.owned);
        self.progress.unsure = Some(Attempt::new(&self.tickets, folded));
    }

    fn read_failed(&mut self, error: &CallError) -> Round {
        match error {
            CallError::Unavailable { answer, retry_at } => self.unavailable(answer, *retry_at),
            CallError::Conflict(answer) | CallError::Uncertain(answer) => self.unavailable(answer, None),
            CallError::NotFound(answer) => self.fail_all(&Failure::user_gone(answer)),
            CallError::Forbidden(answer) => self.fail_all(&Failure::forbidden(answer)),
            CallError::Rejected(answer) => self.fail_all(&Failure::rejected(answer)),
        }
    }

    /// Genesys is out of reach: entries that have waited for all the patience there is end, the others wait on.
    fn unavailable(&mut self, answer: &UpstreamAnswer, retry_at: Option<Instant>) -> Round {
        self.progress.outages += 1;
        let patience = self.engine.settings.patience;
        let now = self.engine.clock.now();
        let (out_of_time, patient): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.tickets).into_iter().partition(|t| t.waited(now) >= patience);
        self.tickets = patient;
        for ticket in out_of_time {
            self.fail(&ticket, &Failure::unavailable(answer, patience));
        }
        let at = retry_at.unwrap_or_else(|| Instant::now() + self.engine.backoff.pause(self.progress.outages));
        self.later(at, &format!("Genesys is not available, waiting: {answer}"), retry_at)
    }

    fn wait_out_conflict(&self, pause: Duration) -> Round {
        self.later(Instant::now() + pause, "waiting for Genesys to show or take a newer state", None)
    }

    /// Gives the seat away; jobs show the time only if it is Genesys that named it.
    fn later(&self, at: Instant, message: &str, named: Option<Instant>) -> Round {
        let parked_until = named.map(|named| self.engine.clock.date_of(named));
        let unsettled = self.progress.unsure.is_some();
        for ticket in &self.tickets {
            ticket.job.wait(ticket.index, message, unsettled, parked_until);
        }
        Round::Later(at)
    }

    fn give_up(&mut self, gave_up: GaveUp) -> Round {
        // What we remember of this user did not help; the next pass starts from a read.
        self.engine.standings.distrust(self.key);
        let answer = std::mem::take(&mut self.progress.last_refusal);
        self.fail_all(&Failure::gave_up(gave_up, self.progress.writes, &answer))
    }

    /// Gives the refused writes without a cause theirs, and counts them once for each job concerned.
    fn settle(&mut self, settled: Settled, found: Option<&Observed>) {
        self.progress.explain(settled.cause, found, &self.engine.clock);
        for job in self.jobs() {
            job.count_conflicts(settled.cause, settled.writes);
        }
    }

    /// A write passed.
    fn record_written(&mut self, folded: Folded, after: Option<&Observed>) -> Round {
        self.engine.standings.wrote(self.key, after);
        self.record(folded, after)
    }

    /// Records a fold that is now the state at Genesys: by a write that passed, or because it was so already.
    fn record(&mut self, folded: Folded, now: Option<&Observed>) -> Round {
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

    fn fail_all(&mut self, failure: &Failure) -> Round {
        for ticket in std::mem::take(&mut self.tickets) {
            self.fail(&ticket, failure);
        }
        Round::Recorded
    }

    fn fail(&self, ticket: &Ticket, failure: &Failure) {
        let result = EntryResult {
            reason: Some(failure.reason),
            message: Some(failure.message.clone()),
            ..EntryResult::default()
        };
        self.end(ticket, EntryState::Failed, result);
    }

    fn end(&self, ticket: &Ticket, state: EntryState, result: EntryResult) {
        let result =
            EntryResult { attempts: self.progress.writes, conflicts: self.progress.conflicts.clone(), ..result };
        ticket.job.end(ticket.index, state, result, self.engine.clock.now());
    }

    /// The jobs that this pass works for, each once.
    fn jobs(&self) -> Vec<Arc<Job>> {
        let mut jobs: Vec<_> = self.tickets.iter().map(|ticket| Arc::clone(&ticket.job)).collect();
        jobs.sort_by_key(|job| job.id());
        jobs.dedup_by_key(|job| job.id());
        jobs
    }

    fn errand(&self) -> Errand {
        let urgent = self.tickets.iter().any(|ticket| ticket.urgency() == Urgency::Interactive);
        Errand::new(if urgent { Urgency::Interactive } else { Urgency::Bulk })
    }

    /// A call that serves several jobs is counted for the first of them, so that the jobs' calls add up.
    fn count_calls(&self, errand: &Errand) {
        if let Some(first) = self.tickets.first() {
            first.job.count_calls(errand.meter.take());
        }
    }
}
