//! One pass over one user: read, fold all pending changes, write the difference, record what came of it.
//!
//! A pass is a loop of rounds. Each round looks at the newest state, judges an open conflict by it, folds, and writes at
//! most once. A round ends by recording outcomes, by asking for another round at once, or by giving the seat away until
//! later; what has to survive that is in [`Progress`].

use std::time::Duration;

use tokio::time::Instant;

use super::EngineCore;
use super::port::{AssignmentWrite, CallError, Errand, Observed, UpstreamAnswer, WriteError};
use super::progress::{Attempt, Progress};
use super::standings::Standing;
use super::ticket::Ticket;
use super::verdict::Failure;
use crate::domain::UserKey;
use crate::domain::assignment::Difference;
use crate::domain::conflict::{Cause, Step};
use crate::domain::fold::{Change, Folded, Start, fold};
use crate::domain::job::Urgency;
use crate::journal::JournalError;

/// How a pass ended.
#[derive(Debug)]
pub(super) enum PassEnd {
    /// Every ticket has ended.
    Done,
    /// The user has to be taken up again at this time.
    Later { at: Instant, tickets: Vec<Ticket>, progress: Box<Progress> },
}

/// How a round ended.
#[derive(Debug)]
pub(super) enum Round {
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

/// After so many looks, about a minute, at a state that is older than what is known, the look is believed.
const MOST_LATE_READS: u32 = 8;

/// Whether a write that ended like this may have been carried out all the same. First-party tools see 408 for conflicts,
/// and it is also what a write answers that took too long to tell.
fn may_have_passed(error: &CallError) -> bool {
    match error {
        CallError::Uncertain(_) => true,
        CallError::Conflict(answer) => answer.status == Some(408),
        CallError::NotFound(_) | CallError::Forbidden(_) | CallError::Rejected(_) | CallError::Unavailable { .. } => {
            false
        }
    }
}

/// The running pass over one user.
pub(super) struct Pass<'a> {
    pub(super) engine: &'a EngineCore,
    pub(super) key: UserKey,
    pub(super) tickets: Vec<Ticket>,
    pub(super) progress: Box<Progress>,
    /// Whether the next read goes on with a write of the round before.
    continues: bool,
}

impl<'a> Pass<'a> {
    pub(super) fn new(engine: &'a EngineCore, key: UserKey, tickets: Vec<Ticket>, progress: Box<Progress>) -> Self {
        let mut pass = Self { engine, key, tickets: Vec::new(), progress, continues: false };
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
                if self.progress.in_dispute() {
                    // Cancelled in the middle of it: what the refused write was computed from is not to be used again.
                    self.engine.standings.distrust(self.key);
                }
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
        let mut difference = Difference::between(&base.observed.assignments, &folded.desired);
        let unsure = self.progress.unsure.as_ref().filter(|attempt| attempt.is_undecided(&base.observed));
        if let Some(attempt) = unsure {
            attempt.settle(&base.observed, &folded.desired, &mut difference);
        } else if difference.is_empty() && !base.fresh {
            self.progress.must_read = true;
            return Round::Again;
        } else if difference.is_empty() {
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
        self.continues = false;
        self.count_calls(&errand);
        let observed = answer.map_err(|error| self.read_failed(&error))?;
        self.progress.outages = 0;
        let behind = remembered.is_some_and(|newest| observed.version < newest.version);
        // After a lost answer, what we remember may be older than what we wrote; a replica that is further behind does
        // not tell.
        let useless = behind && self.progress.unsure.is_some() && !self.progress.in_dispute();
        if useless || standing.is_behind(&observed, Instant::now()) {
            return Err(self.look_again());
        }
        self.progress.late_reads = 0;
        match remembered {
            // A lagging replica. What we remember is newer and serves as well, unless a write on it was refused: then
            // only a newer read helps.
            Some(newest) if behind && !self.progress.in_dispute() => Ok(Base { observed: newest.clone(), fresh: true }),
            Some(_) | None => {
                self.engine.standings.saw(self.key, &observed);
                Ok(Base { observed, fresh: true })
            }
        }
    }

    /// A read was older than what is known: a later one may be good. After too many it is what is known that is wrong.
    fn look_again(&mut self) -> Round {
        let pause = self.engine.settings.conflicts.pause(self.progress.late_reads);
        self.progress.late_reads += 1;
        if self.progress.late_reads >= MOST_LATE_READS {
            self.engine.standings.distrust(self.key);
        }
        self.wait_out_conflict(pause)
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

    pub(super) fn fold(&self, tickets: &[Ticket], observed: &Observed, standing: &Standing) -> Folded {
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
            return self.not_written_down(&error);
        }
        let errand = self.errand();
        let answer = self.engine.genesys.write(&errand, self.key, &write).await;
        self.count_calls(&errand);
        self.engine.standings.touched(self.key);
        self.progress.writes += 1;
        match answer {
            Ok(after) => {
                self.engine.standings.wrote(self.key, &write, after.as_ref());
                self.record(folded, after.as_ref())
            }
            Err(WriteError { error, begun }) => {
                if begun || may_have_passed(&error) {
                    self.remember_attempt(folded, write);
                }
                self.not_written(error, base)
            }
        }
    }

    fn not_written(&mut self, error: CallError, base: Observed) -> Round {
        match error {
            CallError::Conflict(answer) => self.refused(answer, base),
            CallError::Uncertain(answer) => self.answer_lost(&answer),
            CallError::Unavailable { answer, retry_at } => self.unavailable(&answer, retry_at),
            CallError::NotFound(answer) => self.fail_all(&Failure::user_gone(&answer)),
            CallError::Forbidden(answer) => self.fail_all(&Failure::forbidden(&answer)),
            CallError::Rejected(answer) => self.fail_all(&Failure::rejected(&answer)),
        }
    }

    /// A write was refused: what it was computed from is held against a read in the next round.
    fn refused(&mut self, answer: UpstreamAnswer, base: Observed) -> Round {
        let (policy, now) = (&self.engine.settings.conflicts, Instant::now());
        match self.progress.refused(answer, base, policy, now) {
            None => self.read_at_once(),
            Some(pause) => self.wait_out_conflict(pause),
        }
    }

    /// What the next read finds out ages, so it goes ahead of reads that begin something. One that comes after a pause does
    /// not: a user who is busy would only be refused more often for it.
    fn read_at_once(&mut self) -> Round {
        self.continues = true;
        Round::Again
    }

    /// No telling answer to a write: a read will show whether it was carried out. Never repeated blindly.
    fn answer_lost(&mut self, answer: &UpstreamAnswer) -> Round {
        self.progress.must_read = true;
        self.progress.outages += 1;
        if self.progress.outages == 1 {
            return self.read_at_once();
        }
        self.unavailable(answer, None)
    }

    /// A write may have been carried out: what it would assign counts as ours, for as long as it is seen.
    fn remember_attempt(&mut self, folded: Folded, write: AssignmentWrite) {
        self.engine.standings.claim(self.key, &folded.owned);
        let earlier = self.progress.unsure.take();
        self.progress.unsure = Some(Attempt::new(&self.tickets, folded, write, earlier));
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

    /// The journal could not take what the write makes ours, so the write did not go out. There is no end to this patience:
    /// what became of the entries could not be written down either.
    fn not_written_down(&mut self, error: &JournalError) -> Round {
        self.progress.outages += 1;
        let at = Instant::now() + self.engine.backoff.pause(self.progress.outages);
        self.later(at, &format!("waiting until the journal can be written: {error}"), None)
    }

    fn wait_out_conflict(&self, pause: Duration) -> Round {
        self.later(Instant::now() + pause, "waiting for Genesys to show or take a newer state", None)
    }

    /// Gives the seat away; jobs show the time only if it is Genesys that named it.
    fn later(&self, at: Instant, message: &str, named: Option<Instant>) -> Round {
        let clock = &self.engine.clock;
        let (until, parked_until) = (clock.date_of(at), named.map(|named| clock.date_of(named)));
        let unsettled = self.progress.unsure.is_some();
        for ticket in &self.tickets {
            ticket.job.wait(ticket.index, message, unsettled, until, parked_until);
        }
        Round::Later(at)
    }

    fn errand(&self) -> Errand {
        let urgent = self.tickets.iter().any(|ticket| ticket.urgency() == Urgency::Interactive);
        let urgency = if urgent { Urgency::Interactive } else { Urgency::Bulk };
        Errand { continues: self.continues, ..Errand::new(urgency) }
    }

    /// A call that serves several jobs is counted for the first of them, so that the jobs' calls add up.
    fn count_calls(&self, errand: &Errand) {
        if let Some(first) = self.tickets.first() {
            first.job.count_calls(errand.meter.take());
        }
    }
}
