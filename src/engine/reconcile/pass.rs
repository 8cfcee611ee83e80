//! One pass over one user: read, fold all pending changes, write the difference, record what came of it.
//!
//! A pass is a loop of rounds. Each round looks at the newest state, judges an open conflict by it, folds, and writes at
//! most once. A round ends by recording outcomes, by asking for another round at once, or by giving the seat away until
//! later; what has to survive that is in [`Progress`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::assignment::Difference;
use crate::domain::attempt::Attempt;
use crate::domain::conflict::{Cause, Step};
use crate::domain::fold::{Change, Folded, Start, fold};
use crate::domain::job::Urgency;
use crate::domain::{AssignmentId, Assignments, UserKey};
use crate::engine::conclusion::Ending;
use crate::engine::core::{EngineCore, MOST_PANICS};
use crate::engine::job::outcome::Failure;
use crate::engine::port::{AssignmentWrite, CallError, Errand, Observed, UpstreamAnswer, WriteError};
use crate::engine::user::memory::Standing;
use crate::engine::user::pending_change::Ticket;
use crate::engine::user::progress::Progress;
use crate::journal::{JournalError, KeptStanding};

/// How a pass ended.
#[derive(Debug)]
pub(in crate::engine) enum PassEnd {
    /// Every ticket has ended.
    Done,
    /// The user has to be taken up again at this time.
    Later { at: Instant, tickets: Vec<Ticket>, progress: Box<Progress> },
}

/// How a round ended.
#[derive(Debug)]
pub(in crate::engine) enum Round {
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
const MAX_LATE_READS: u32 = 8;

/// After so many writes without a telling answer the entries fail: after a little more than three minutes of pauses.
const MAX_LOST_ANSWERS: u32 = 8;

/// The pause before the look that follows the second of them; each further one is twice as long, up to a minute. The first
/// is followed by a look at once, because most answers are lost once.
const PAUSE_AFTER_LOST_ANSWER: Duration = Duration::from_secs(5);

/// Whether a write that ended like this may have been carried out all the same. First-party tools see 408 for conflicts,
/// and it is also what a write answers that took too long to tell.
fn may_have_passed(error: &CallError) -> bool {
    match error {
        CallError::Uncertain(_) => true,
        CallError::Conflict(answer) => answer.status == Some(408),
        CallError::NotFound(_)
        | CallError::Forbidden(_)
        | CallError::TargetUnavailable(_)
        | CallError::Rejected(_)
        | CallError::Unavailable { .. } => false,
    }
}

/// The running pass over one user.
pub(in crate::engine) struct Pass<'a> {
    pub(in crate::engine) engine: &'a EngineCore,
    pub(in crate::engine) key: UserKey,
    pub(in crate::engine) tickets: Vec<Ticket>,
    /// What came after a write of which it is open whether it was carried out, and waits until that is known.
    pub(in crate::engine) set_aside: Vec<Ticket>,
    pub(in crate::engine) progress: Box<Progress>,
    /// Entries that this round has ended, and what is remembered of the user since: shown when it is written down.
    pub(in crate::engine) endings: Vec<Ending>,
    pub(in crate::engine) standing: Option<KeptStanding>,
    /// Whether the next read goes on with a write of the round before.
    continues: bool,
}

impl<'a> Pass<'a> {
    pub(in crate::engine) fn new(
        engine: &'a EngineCore,
        key: UserKey,
        tickets: Vec<Ticket>,
        progress: Box<Progress>,
    ) -> Self {
        let (set_aside, endings) = (Vec::new(), Vec::new());
        let mut pass =
            Self { engine, key, tickets: Vec::new(), set_aside, progress, endings, standing: None, continues: false };
        pass.take_up(tickets);
        pass
    }

    /// Runs rounds until nothing is pending or the user has to wait.
    pub(in crate::engine) async fn run(mut self) -> PassEnd {
        loop {
            self.take_up(self.engine.slots.newly_parked(self.key));
            let standing = self.engine.standings.recall(self.key);
            if self.give_up_ended_attempt() {
                continue;
            }
            let round = if self.progress.panics >= MOST_PANICS {
                Some(self.fail_all(&Failure::defect(self.progress.panics)))
            } else {
                self.end_stale(&standing);
                if self.tickets.is_empty() { None } else { Some(self.round(&standing).await) }
            };
            self.conclude(matches!(round, None | Some(Round::Recorded))).await;
            match round {
                None => return self.done(),
                Some(Round::Again) => {}
                // What comes next for a user whose writes were not answered begins with the pauses, not with a fresh start.
                Some(Round::Recorded) => self.progress = Box::new(self.progress.of_what_follows()),
                Some(Round::Later(at)) => {
                    let tickets = self.tickets.into_iter().chain(self.set_aside).collect();
                    return PassEnd::Later { at, tickets, progress: self.progress };
                }
            }
        }
    }

    /// When all entries that a write without a telling answer was made for have ended, what became of it is no question
    /// of this pass any more: what is found counts.
    fn give_up_ended_attempt(&mut self) -> bool {
        let ended = |attempt: &&Arc<Attempt>| !self.tickets.iter().any(|ticket| attempt.is_for(ticket.entry()));
        let Some(attempt) = self.progress.unsure.as_ref().filter(ended) else { return false };
        self.standing = Some(self.engine.standings.gave_up(self.key, Some(attempt)));
        self.progress.unsure = None;
        true
    }

    fn done(&self) -> PassEnd {
        if self.progress.in_dispute() {
            // Cancelled in the middle of it: what the refused write was computed from is not to be used again.
            self.engine.standings.forget_state(self.key);
        }
        // In this order: what was parked before it was prepared is seen here.
        let oldest = self.engine.order.oldest(self.engine.clock.now());
        if self.engine.slots.oldest_pending(self.key).is_none() {
            let managed = self.engine.catalogues.managed(self.key.target);
            self.engine.standings.forget_history(self.key, oldest, &managed);
        }
        PassEnd::Done
    }

    /// Has what the round ended written down, and then shown; `over` if nothing of the pass is left under way.
    async fn conclude(&mut self, over: bool) {
        let endings = std::mem::take(&mut self.endings);
        let gave_up = over && (self.progress.intended || self.progress.unsure.is_some());
        let unsure = self.progress.unsure.as_deref();
        let standing =
            self.standing.take().or_else(|| gave_up.then(|| self.engine.standings.gave_up(self.key, unsure)));
        if endings.is_empty() && standing.is_none() {
            return;
        }
        self.engine.conclude(endings, standing.map(|standing| (self.key, standing))).shown().await;
    }

    fn take_up(&mut self, tickets: Vec<Ticket>) {
        let now = self.engine.clock.now();
        let begins = |ticket: &Ticket| ticket.indices().filter(|row| ticket.job.begin(*row, now)).count() > 0;
        self.tickets.append(&mut self.set_aside);
        self.tickets.extend(tickets.into_iter().filter(begins));
        self.sort_tickets();
    }

    pub(in crate::engine) fn sort_tickets(&mut self) {
        self.tickets.sort_by_key(|ticket| (ticket.place, ticket.entry()));
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
        let refuted = |attempt: &Arc<Attempt>| attempt.is_refuted(&base.observed.assignments, base.observed.version);
        if self.progress.unsure.as_ref().is_some_and(refuted) {
            self.progress.unsure = None;
        }
        // What was carried out unseen is reported like what is written now: both are held against the state before them.
        let unsure = self.progress.unsure.clone();
        let found = &base.observed.assignments;
        let current = unsure.as_ref().map_or_else(|| Arc::clone(found), |attempt| Arc::new(attempt.undone_in(found)));
        if self.finish_unseen(&base.observed, &current, standing) {
            return Round::Recorded;
        }
        self.end_dry_runs(&current, standing);
        self.end_outdated_plans(&current, standing);
        if self.tickets.is_empty() {
            return Round::Recorded;
        }
        let folded = self.fold(&self.tickets, &current, standing);
        let mut difference = Difference::between(found, &folded.desired);
        let dubious = standing.contradicted(found, Instant::now()).collect();
        let undecided = unsure.filter(|attempt| attempt.is_undecided(found, base.observed.version, &dubious));
        if let Some(attempt) = undecided {
            attempt.settle(found, &dubious, &folded.desired, &mut difference);
        } else if difference.is_empty() && !base.fresh {
            self.progress.must_read = true;
            return Round::Again;
        } else if difference.is_empty() {
            return self.record(&current, standing, folded, Some(&base.observed));
        }
        if let Some(round) = self.leave_off() {
            return round;
        }
        self.write(base.observed, &current, standing, folded, difference).await
    }

    /// Before a write: ends what is cancelled, and after writes without a telling answer that a look does not show carried
    /// out, what is not to be tried again.
    fn leave_off(&mut self) -> Option<Round> {
        let lost = self.progress.lost_answers;
        if self.tickets.iter().any(|ticket| ticket.job.is_cancelled()) {
            self.end_cancelled();
            return Some(if self.tickets.is_empty() { Round::Recorded } else { Round::Again });
        }
        if lost == 0 {
            return None;
        }
        let answer = self.progress.last_refusal.clone();
        let failure = Failure::no_telling_answer(lost, &answer);
        if lost >= MAX_LOST_ANSWERS {
            return Some(self.fail_all(&failure));
        }
        let (out_of_time, patient) = self.by_patience();
        self.tickets = patient;
        for ticket in &out_of_time {
            self.fail(ticket, &failure);
        }
        match (out_of_time.is_empty(), self.tickets.is_empty()) {
            (true, _) => None,
            (false, true) => Some(Round::Recorded),
            (false, false) => Some(Round::Again),
        }
    }

    /// Takes the tickets apart: those that have waited for all the patience there is, and the others.
    fn by_patience(&mut self) -> (Vec<Ticket>, Vec<Ticket>) {
        let (now, patience) = (self.engine.clock.now(), self.engine.settings.patience);
        let is_out_of_time = |ticket: &Ticket| ticket.waited(now) >= patience;
        if self.tickets.iter().all(is_out_of_time) {
            self.settle_abandoned();
        }
        std::mem::take(&mut self.tickets).into_iter().partition(is_out_of_time)
    }

    /// The state to fold on: the remembered one where a version check makes that safe, else the user's own resource.
    async fn base(&mut self, standing: &Standing) -> Result<Base, Round> {
        let remembered = standing.newest.as_ref().filter(|_| self.key.target.checks_versions());
        let dry = self.tickets.iter().any(|ticket| ticket.job.spec().dry_run);
        let may_assume = self.engine.settings.write_without_read && !self.progress.must_read && !dry;
        if let Some(newest) = remembered.filter(|_| may_assume) {
            return Ok(Base { observed: newest.clone(), fresh: false });
        }
        if let Some(answer) = self.engine.endpoints.absent(self.key.target) {
            return Err(self.fail_all(&Failure::target_unavailable(&answer)));
        }
        let errand = self.errand();
        let answer = self.engine.genesys.read(&errand, self.key).await;
        self.continues = false;
        self.count_calls(&errand);
        let observed = match answer {
            Ok(observed) => observed,
            Err(error) => return Err(self.read_failed(&error).await),
        };
        self.engine.endpoints.answered(self.key.target);
        self.progress.outages = 0;
        let behind = observed.version < standing.version;
        // After a lost answer, and after a start, what we remember may be older than what we wrote; a replica that is
        // further behind does not tell.
        let of_no_use = behind && (remembered.is_none() || self.progress.unsure.is_some());
        let lost = self.progress.unsure.as_deref();
        if (of_no_use && !self.progress.in_dispute()) || standing.is_behind(&observed, Instant::now(), lost) {
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
        if self.progress.late_reads >= MAX_LATE_READS {
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

    pub(in crate::engine) fn fold(&self, tickets: &[Ticket], current: &Assignments, standing: &Standing) -> Folded {
        let managed = self.engine.catalogues.managed(self.key.target);
        let start = Start { target: self.key.target, current, owned: &standing.owned, managed: &managed };
        let changes: Vec<Change> = tickets.iter().map(Ticket::change).collect();
        fold(start, standing.history.as_deref(), &changes)
    }

    async fn write(
        &mut self,
        base: Observed,
        current: &Assignments,
        standing: &Standing,
        folded: Folded,
        difference: Difference,
    ) -> Round {
        let write = AssignmentWrite {
            base: base.version,
            tag: base.tag.clone(),
            desired: folded.desired.clone(),
            difference,
            replaces: folded.replaces,
        };
        let attempt = Arc::new(self.attempt(&base, &write, &write.difference, &folded.owned));
        if let Err(error) = self.engine.standings.intend(self.key, &attempt).await {
            return self.not_written_down(&error);
        }
        self.progress.intended = true;
        let errand = self.errand();
        let answer = self.engine.genesys.write(&errand, self.key, &write).await;
        self.count_calls(&errand);
        self.engine.standings.touched(self.key);
        self.progress.writes += 1;
        match answer {
            Ok(written) => {
                self.engine.standings.wrote(self.key, &write, written.after.as_ref());
                self.record_written(current, standing, folded, &written)
            }
            Err(WriteError { error, done, unsent }) => {
                if !done.is_empty() || may_have_passed(&error) {
                    let sent = write.difference.clone().restricted_to(|id| !unsent.contains(&id));
                    self.progress.unsure = Some(Arc::new(self.attempt(&base, &write, &sent, &folded.owned)));
                    self.engine.standings.wrote_a_part(self.key, &write, &done);
                    if !done.is_empty() {
                        self.progress.did_a_part(&done, self.tickets.iter().map(Ticket::entry), &folded);
                    }
                } else {
                    self.progress.intended = self.progress.unsure.is_some();
                    self.engine.standings.refused(self.key, self.progress.unsure.clone());
                }
                self.not_written(error, base).await
            }
        }
    }

    /// What may have been written once this write has gone out.
    fn attempt(
        &self,
        base: &Observed,
        write: &AssignmentWrite,
        sent: &Difference,
        claimed: &BTreeSet<AssignmentId>,
    ) -> Attempt {
        let earlier = self.progress.unsure.as_deref().cloned().unwrap_or_default();
        let entries = self.tickets.iter().map(Ticket::attempted);
        earlier.and(base.version, &base.assignments, &write.desired, sent, claimed, entries)
    }

    async fn not_written(&mut self, error: CallError, base: Observed) -> Round {
        match error {
            CallError::Conflict(answer) => self.refused(answer, base),
            CallError::Uncertain(answer) => self.answer_lost(answer),
            CallError::Unavailable { answer, retry_at } => self.unavailable(&answer, retry_at),
            CallError::NotFound(answer) => self.recheck_user(&answer, true).await,
            CallError::Forbidden(answer) => self.fail_all(&Failure::forbidden(&answer)),
            CallError::TargetUnavailable(answer) => self.fail_all(&Failure::target_unavailable(&answer)),
            CallError::Rejected(answer) => self.recheck_assignments(&Failure::rejected(&answer)).await,
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

    /// No telling answer to a write: a look will show whether it was carried out. Never repeated blindly, and not for ever:
    /// the looks come at growing intervals, and what they do not show in the end fails.
    fn answer_lost(&mut self, answer: UpstreamAnswer) -> Round {
        let message = format!("Genesys gave no telling answer to a write, looking again: {answer}");
        self.progress.must_read = true;
        self.progress.last_refusal = answer;
        self.progress.lost_answers += 1;
        if matches!(self.progress.lost_answers, 1 | MAX_LOST_ANSWERS) {
            return self.read_at_once();
        }
        let doublings = self.progress.lost_answers.saturating_sub(2).min(8);
        let pause = PAUSE_AFTER_LOST_ANSWER.saturating_mul(1 << doublings).min(Duration::from_secs(60));
        self.later(Instant::now() + self.within_patience(pause), &message, None)
    }

    /// The pause, or what is left of the patience of the first entry to run out of it.
    fn within_patience(&self, pause: Duration) -> Duration {
        let (now, patience) = (self.engine.clock.now(), self.engine.settings.patience);
        let left = self.tickets.iter().map(|ticket| patience.saturating_sub(ticket.waited(now))).min();
        pause.min(left.unwrap_or(pause))
    }

    async fn read_failed(&mut self, error: &CallError) -> Round {
        match error {
            CallError::Unavailable { answer, retry_at } => self.unavailable(answer, *retry_at),
            CallError::Conflict(answer) | CallError::Uncertain(answer) => self.unavailable(answer, None),
            CallError::NotFound(answer) => self.recheck_user(answer, false).await,
            CallError::Forbidden(answer) => self.fail_all(&Failure::forbidden(answer)),
            CallError::TargetUnavailable(answer) => self.fail_all(&Failure::target_unavailable(answer)),
            CallError::Rejected(answer) => self.fail_all(&Failure::rejected(answer)),
        }
    }

    /// Genesys is out of reach: entries that have waited for all the patience there is end, the others wait on.
    pub(in crate::engine) fn unavailable(&mut self, answer: &UpstreamAnswer, retry_at: Option<Instant>) -> Round {
        self.progress.outages += 1;
        let patience = self.engine.settings.patience;
        let (out_of_time, patient) = self.by_patience();
        self.tickets = patient;
        for ticket in out_of_time {
            self.fail(&ticket, &Failure::unavailable(answer, patience));
        }
        if self.tickets.is_empty() {
            return Round::Recorded;
        }
        let now = Instant::now();
        let pause = match retry_at {
            Some(at) => at.saturating_duration_since(now),
            None => self.engine.backoff.pause(self.progress.outages),
        };
        let at = now + self.within_patience(pause);
        self.later(at, &format!("{}, waiting: {answer}", answer.hindrance()), retry_at.map(|_| at))
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
        let tickets = self.tickets.iter().map(|ticket| (ticket, unsettled));
        for (ticket, unsettled) in tickets.chain(self.set_aside.iter().map(|ticket| (ticket, false))) {
            for row in ticket.indices() {
                ticket.job.wait(row, message, unsettled, until, parked_until);
            }
        }
        Round::Later(at)
    }

    pub(in crate::engine) fn errand(&self) -> Errand {
        let urgent = self.tickets.iter().any(|ticket| ticket.urgency() == Urgency::Interactive);
        let urgency = if urgent { Urgency::Interactive } else { Urgency::Bulk };
        Errand { continues: self.continues, ..Errand::new(urgency) }
    }

    /// A call that serves several jobs is counted for the first of them, so that the jobs' calls add up.
    pub(in crate::engine) fn count_calls(&self, errand: &Errand) {
        if let Some(first) = self.tickets.first() {
            first.job.count_calls(errand.meter.take());
        }
    }
}
