//! One pass over one user: read, fold all pending changes, write the difference, record what came of it.
//!
//! A reconciliation is a loop of rounds. Each round looks at the newest state, judges an open conflict by it, folds, and writes at
//! most once. A round ends by recording outcomes, by asking for another round at once, or by giving the seat away until
//! later; what has to survive that is in [`Progress`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::assignment::Difference;
use crate::domain::conflict::{Cause, DisputeStep};
use crate::domain::fold::{Change, FoldStart, Folded, fold};
use crate::domain::job::Lane;
use crate::domain::write_intent::WriteIntent;
use crate::domain::{AssignmentId, Assignments, UserKey};
use crate::engine::conclusion::Ending;
use crate::engine::core::{EngineCore, MAX_PANICS};
use crate::engine::job::outcome::Failure;
use crate::engine::port::{AssignmentWrite, CallError, CallOptions, Observed, UpstreamAnswer, WriteError};
use crate::engine::user::memory::UserState;
use crate::engine::user::pending_change::PendingChange;
use crate::engine::user::progress::Progress;
use crate::journal::{JournalError, KeptUserState};

/// How a reconciliation ended.
#[derive(Debug)]
pub(in crate::engine) enum ReconciliationEnd {
    /// Every pending change has ended.
    Done,
    /// The user has to be taken up again at this time.
    Later { at: Instant, pending_changes: Vec<PendingChange>, progress: Box<Progress> },
}

/// How a round ended.
#[derive(Debug)]
pub(in crate::engine) enum AttemptEnd {
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
pub(in crate::engine) struct Reconciliation<'a> {
    pub(in crate::engine) engine: &'a EngineCore,
    pub(in crate::engine) key: UserKey,
    pub(in crate::engine) pending_changes: Vec<PendingChange>,
    /// What came after a write of which it is open whether it was carried out, and waits until that is known.
    pub(in crate::engine) set_aside: Vec<PendingChange>,
    pub(in crate::engine) progress: Box<Progress>,
    /// Entries that this round has ended, and what is remembered of the user since: shown when it is written down.
    pub(in crate::engine) endings: Vec<Ending>,
    pub(in crate::engine) user_state: Option<KeptUserState>,
    /// Whether the next read goes on with a write of the round before.
    continues: bool,
}

impl<'a> Reconciliation<'a> {
    pub(in crate::engine) fn new(
        engine: &'a EngineCore,
        key: UserKey,
        pending_changes: Vec<PendingChange>,
        progress: Box<Progress>,
    ) -> Self {
        let (set_aside, endings) = (Vec::new(), Vec::new());
        let mut pass = Self {
            engine,
            key,
            pending_changes: Vec::new(),
            set_aside,
            progress,
            endings,
            user_state: None,
            continues: false,
        };
        pass.take_up(pending_changes);
        pass
    }

    /// Runs rounds until nothing is pending or the user has to wait.
    pub(in crate::engine) async fn run(mut self) -> ReconciliationEnd {
        loop {
            self.take_up(self.engine.slots.newly_parked(self.key));
            let user_state = self.engine.user_states.recall(self.key);
            if self.give_up_ended_attempt() {
                continue;
            }
            let round = if self.progress.panics >= MAX_PANICS {
                Some(self.fail_all(&Failure::defect(self.progress.panics)))
            } else {
                self.end_stale(&user_state);
                if self.pending_changes.is_empty() { None } else { Some(self.round(&user_state).await) }
            };
            self.conclude(matches!(round, None | Some(AttemptEnd::Recorded))).await;
            match round {
                None => return self.done(),
                Some(AttemptEnd::Again) => {}
                // What comes next for a user whose writes were not answered begins with the pauses, not with a fresh start.
                Some(AttemptEnd::Recorded) => self.progress = Box::new(self.progress.of_what_follows()),
                Some(AttemptEnd::Later(at)) => {
                    let pending_changes = self.pending_changes.into_iter().chain(self.set_aside).collect();
                    return ReconciliationEnd::Later { at, pending_changes, progress: self.progress };
                }
            }
        }
    }

    /// When all entries that a write without a telling answer was made for have ended, what became of it is no question
    /// of this reconciliation any more: what is found counts.
    fn give_up_ended_attempt(&mut self) -> bool {
        let ended = |attempt: &&Arc<WriteIntent>| {
            !self.pending_changes.iter().any(|pending_change| attempt.is_for(pending_change.entry()))
        };
        let Some(attempt) = self.progress.unsure.as_ref().filter(ended) else { return false };
        self.user_state = Some(self.engine.user_states.gave_up(self.key, Some(attempt)));
        self.progress.unsure = None;
        true
    }

    fn done(&self) -> ReconciliationEnd {
        if self.progress.in_dispute() {
            // Cancelled in the middle of it: what the refused write was computed from is not to be used again.
            self.engine.user_states.forget_state(self.key);
        }
        // In this order: what was parked before it was prepared is seen here.
        let oldest = self.engine.order.oldest(self.engine.clock.now());
        if self.engine.slots.oldest_pending(self.key).is_none() {
            let managed = self.engine.catalogues.managed(self.key.target);
            self.engine.user_states.forget_history(self.key, oldest, &managed);
        }
        ReconciliationEnd::Done
    }

    /// Has what the round ended written down, and then shown; `over` if nothing of the reconciliation is left under way.
    async fn conclude(&mut self, over: bool) {
        let endings = std::mem::take(&mut self.endings);
        let gave_up = over && (self.progress.intended || self.progress.unsure.is_some());
        let unsure = self.progress.unsure.as_deref();
        let user_state =
            self.user_state.take().or_else(|| gave_up.then(|| self.engine.user_states.gave_up(self.key, unsure)));
        if endings.is_empty() && user_state.is_none() {
            return;
        }
        self.engine.conclude(endings, user_state.map(|user_state| (self.key, user_state))).shown().await;
    }

    fn take_up(&mut self, pending_changes: Vec<PendingChange>) {
        let now = self.engine.clock.now();
        let begins = |pending_change: &PendingChange| {
            pending_change.indices().filter(|row| pending_change.job.begin(*row, now)).count() > 0
        };
        self.pending_changes.append(&mut self.set_aside);
        self.pending_changes.extend(pending_changes.into_iter().filter(begins));
        self.sort_tickets();
    }

    pub(in crate::engine) fn sort_tickets(&mut self) {
        self.pending_changes.sort_by_key(|pending_change| (pending_change.place, pending_change.entry()));
    }

    async fn round(&mut self, user_state: &UserState) -> AttemptEnd {
        let base = match self.base(user_state).await {
            Ok(base) => base,
            Err(round) => return round,
        };
        match self.judge(&base.observed, user_state) {
            DisputeStep::Write => {}
            DisputeStep::ReadAfter(pause) => return self.wait_out_conflict(pause),
            DisputeStep::GiveUp(gave_up) => return self.give_up(gave_up),
        }
        let refuted =
            |attempt: &Arc<WriteIntent>| attempt.is_refuted(&base.observed.assignments, base.observed.version);
        if self.progress.unsure.as_ref().is_some_and(refuted) {
            self.progress.unsure = None;
        }
        // What was carried out unseen is reported like what is written now: both are held against the state before them.
        let unsure = self.progress.unsure.clone();
        let found = &base.observed.assignments;
        let current = unsure.as_ref().map_or_else(|| Arc::clone(found), |attempt| Arc::new(attempt.undone_in(found)));
        if self.finish_unseen(&base.observed, &current, user_state) {
            return AttemptEnd::Recorded;
        }
        self.end_dry_runs(&current, user_state);
        self.end_outdated_plans(&current, user_state);
        if self.pending_changes.is_empty() {
            return AttemptEnd::Recorded;
        }
        let folded = self.fold(&self.pending_changes, &current, user_state);
        let mut difference = Difference::between(found, &folded.desired);
        let dubious = user_state.contradicted(found, Instant::now()).collect();
        let undecided = unsure.filter(|attempt| attempt.is_undecided(found, base.observed.version, &dubious));
        if let Some(attempt) = undecided {
            attempt.settle(found, &dubious, &folded.desired, &mut difference);
        } else if difference.is_empty() && !base.fresh {
            self.progress.must_read = true;
            return AttemptEnd::Again;
        } else if difference.is_empty() {
            return self.record(&current, user_state, folded, Some(&base.observed));
        }
        if let Some(round) = self.leave_off() {
            return round;
        }
        self.write(base.observed, &current, user_state, folded, difference).await
    }

    /// Before a write: ends what is cancelled, and after writes without a telling answer that a look does not show carried
    /// out, what is not to be tried again.
    fn leave_off(&mut self) -> Option<AttemptEnd> {
        let lost = self.progress.lost_answers;
        if self.pending_changes.iter().any(|pending_change| pending_change.job.is_cancelled()) {
            self.end_cancelled();
            return Some(if self.pending_changes.is_empty() { AttemptEnd::Recorded } else { AttemptEnd::Again });
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
        self.pending_changes = patient;
        for pending_change in &out_of_time {
            self.fail(pending_change, &failure);
        }
        match (out_of_time.is_empty(), self.pending_changes.is_empty()) {
            (true, _) => None,
            (false, true) => Some(AttemptEnd::Recorded),
            (false, false) => Some(AttemptEnd::Again),
        }
    }

    /// Takes the pending changes apart: those that have waited for all the patience there is, and the others.
    fn by_patience(&mut self) -> (Vec<PendingChange>, Vec<PendingChange>) {
        let (now, patience) = (self.engine.clock.now(), self.engine.settings.patience);
        let is_out_of_time = |pending_change: &PendingChange| pending_change.waited(now) >= patience;
        if self.pending_changes.iter().all(is_out_of_time) {
            self.settle_abandoned();
        }
        std::mem::take(&mut self.pending_changes).into_iter().partition(is_out_of_time)
    }

    /// The state to fold on: the remembered one where a version check makes that safe, else the user's own resource.
    async fn base(&mut self, user_state: &UserState) -> Result<Base, AttemptEnd> {
        let remembered = user_state.newest.as_ref().filter(|_| self.key.target.checks_versions());
        let dry = self.pending_changes.iter().any(|pending_change| pending_change.job.spec().dry_run);
        let may_assume = self.engine.settings.write_without_read && !self.progress.must_read && !dry;
        if let Some(newest) = remembered.filter(|_| may_assume) {
            return Ok(Base { observed: newest.clone(), fresh: false });
        }
        if let Some(answer) = self.engine.endpoints.absent(self.key.target) {
            return Err(self.fail_all(&Failure::target_unavailable(&answer)));
        }
        let options = self.options();
        let answer = self.engine.genesys.read(&options, self.key).await;
        self.continues = false;
        self.count_calls(&options);
        let observed = match answer {
            Ok(observed) => observed,
            Err(error) => return Err(self.read_failed(&error).await),
        };
        self.engine.endpoints.answered(self.key.target);
        self.progress.outages = 0;
        let behind = observed.version < user_state.version;
        // After a lost answer, and after a start, what we remember may be older than what we wrote; a replica that is
        // further behind does not tell.
        let of_no_use = behind && (remembered.is_none() || self.progress.unsure.is_some());
        let lost = self.progress.unsure.as_deref();
        if (of_no_use && !self.progress.in_dispute()) || user_state.is_behind(&observed, Instant::now(), lost) {
            return Err(self.look_again());
        }
        self.progress.late_reads = 0;
        match remembered {
            // A lagging replica. What we remember is newer and serves as well, unless a write on it was refused: then
            // only a newer read helps.
            Some(newest) if behind && !self.progress.in_dispute() => Ok(Base { observed: newest.clone(), fresh: true }),
            Some(_) | None => {
                self.engine.user_states.saw(self.key, &observed);
                Ok(Base { observed, fresh: true })
            }
        }
    }

    /// A read was older than what is known: a later one may be good. After too many it is what is known that is wrong.
    fn look_again(&mut self) -> AttemptEnd {
        let pause = self.engine.settings.conflicts.pause(self.progress.late_reads);
        self.progress.late_reads += 1;
        if self.progress.late_reads >= MAX_LATE_READS {
            self.engine.user_states.distrust(self.key);
        }
        self.wait_out_conflict(pause)
    }

    /// Judges a refused write by the state just read.
    fn judge(&mut self, found: &Observed, user_state: &UserState) -> DisputeStep {
        let policy = &self.engine.settings.conflicts;
        let (step, settled) = self.progress.judge(found, user_state, policy);
        if let Some(settled) = settled.filter(|settled| settled.writes > 0) {
            self.settle(settled, Some(found));
            if settled.cause == Cause::WrongVersion {
                self.engine.user_states.distrust(self.key);
                self.engine.user_states.saw(self.key, found);
            }
        }
        step
    }

    pub(in crate::engine) fn fold(
        &self,
        pending_changes: &[PendingChange],
        current: &Assignments,
        user_state: &UserState,
    ) -> Folded {
        let managed = self.engine.catalogues.managed(self.key.target);
        let start = FoldStart { target: self.key.target, current, owned: &user_state.owned, managed: &managed };
        let changes: Vec<Change> = pending_changes.iter().map(PendingChange::change).collect();
        fold(start, user_state.history.as_deref(), &changes)
    }

    async fn write(
        &mut self,
        base: Observed,
        current: &Assignments,
        user_state: &UserState,
        folded: Folded,
        difference: Difference,
    ) -> AttemptEnd {
        let write = AssignmentWrite {
            base: base.version,
            tag: base.tag.clone(),
            desired: folded.desired.clone(),
            difference,
            replaces: folded.replaces,
        };
        let attempt = Arc::new(self.attempt(&base, &write, &write.difference, &folded.owned));
        if let Err(error) = self.engine.user_states.intend(self.key, &attempt).await {
            return self.not_written_down(&error);
        }
        self.progress.intended = true;
        let options = self.options();
        let answer = self.engine.genesys.write(&options, self.key, &write).await;
        self.count_calls(&options);
        self.engine.user_states.touched(self.key);
        self.progress.writes += 1;
        match answer {
            Ok(written) => {
                self.engine.user_states.wrote(self.key, &write, written.after.as_ref());
                self.record_written(current, user_state, folded, &written)
            }
            Err(WriteError { error, done, unsent }) => {
                if !done.is_empty() || may_have_passed(&error) {
                    let sent = write.difference.clone().restricted_to(|id| !unsent.contains(&id));
                    self.progress.unsure = Some(Arc::new(self.attempt(&base, &write, &sent, &folded.owned)));
                    self.engine.user_states.wrote_a_part(self.key, &write, &done);
                    if !done.is_empty() {
                        self.progress.did_a_part(&done, self.pending_changes.iter().map(PendingChange::entry), &folded);
                    }
                } else {
                    self.progress.intended = self.progress.unsure.is_some();
                    self.engine.user_states.refused(self.key, self.progress.unsure.clone());
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
    ) -> WriteIntent {
        let earlier = self.progress.unsure.as_deref().cloned().unwrap_or_default();
        let entries = self.pending_changes.iter().map(PendingChange::attempted);
        earlier.and(base.version, &base.assignments, &write.desired, sent, claimed, entries)
    }

    async fn not_written(&mut self, error: CallError, base: Observed) -> AttemptEnd {
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
    fn refused(&mut self, answer: UpstreamAnswer, base: Observed) -> AttemptEnd {
        let (policy, now) = (&self.engine.settings.conflicts, Instant::now());
        match self.progress.refused(answer, base, policy, now) {
            None => self.read_at_once(),
            Some(pause) => self.wait_out_conflict(pause),
        }
    }

    /// What the next read finds out ages, so it goes ahead of reads that begin something. One that comes after a pause does
    /// not: a user who is busy would only be refused more often for it.
    fn read_at_once(&mut self) -> AttemptEnd {
        self.continues = true;
        AttemptEnd::Again
    }

    /// No telling answer to a write: a look will show whether it was carried out. Never repeated blindly, and not for ever:
    /// the looks come at growing intervals, and what they do not show in the end fails.
    fn answer_lost(&mut self, answer: UpstreamAnswer) -> AttemptEnd {
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
        let left =
            self.pending_changes.iter().map(|pending_change| patience.saturating_sub(pending_change.waited(now))).min();
        pause.min(left.unwrap_or(pause))
    }

    async fn read_failed(&mut self, error: &CallError) -> AttemptEnd {
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
    pub(in crate::engine) fn unavailable(&mut self, answer: &UpstreamAnswer, retry_at: Option<Instant>) -> AttemptEnd {
        self.progress.outages += 1;
        let patience = self.engine.settings.patience;
        let (out_of_time, patient) = self.by_patience();
        self.pending_changes = patient;
        for pending_change in out_of_time {
            self.fail(&pending_change, &Failure::unavailable(answer, patience));
        }
        if self.pending_changes.is_empty() {
            return AttemptEnd::Recorded;
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
    fn not_written_down(&mut self, error: &JournalError) -> AttemptEnd {
        self.progress.outages += 1;
        let at = Instant::now() + self.engine.backoff.pause(self.progress.outages);
        self.later(at, &format!("waiting until the journal can be written: {error}"), None)
    }

    fn wait_out_conflict(&self, pause: Duration) -> AttemptEnd {
        self.later(Instant::now() + pause, "waiting for Genesys to show or take a newer state", None)
    }

    /// Gives the seat away; jobs show the time only if it is Genesys that named it.
    fn later(&self, at: Instant, message: &str, named: Option<Instant>) -> AttemptEnd {
        let clock = &self.engine.clock;
        let (until, parked_until) = (clock.date_of(at), named.map(|named| clock.date_of(named)));
        let unsettled = self.progress.unsure.is_some();
        let pending_changes = self.pending_changes.iter().map(|pending_change| (pending_change, unsettled));
        for (pending_change, unsettled) in
            pending_changes.chain(self.set_aside.iter().map(|pending_change| (pending_change, false)))
        {
            for row in pending_change.indices() {
                pending_change.job.wait(row, message, unsettled, until, parked_until);
            }
        }
        AttemptEnd::Later(at)
    }

    pub(in crate::engine) fn options(&self) -> CallOptions {
        let urgent = self.pending_changes.iter().any(|pending_change| pending_change.lane() == Lane::Interactive);
        let lane = if urgent { Lane::Interactive } else { Lane::Bulk };
        CallOptions { continues: self.continues, ..CallOptions::new(lane) }
    }

    /// A call that serves several jobs is counted for the first of them, so that the jobs' calls add up.
    pub(in crate::engine) fn count_calls(&self, options: &CallOptions) {
        if let Some(first) = self.pending_changes.first() {
            first.job.count_calls(options.meter.take());
        }
    }
}
