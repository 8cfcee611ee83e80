//! The reconciliation of one user: read, fold all pending changes, write the difference, record the outcome.
//!
//! A reconciliation is a loop of rounds. Each round obtains the newest state, judges an open conflict by it, folds, and
//! writes at most once. A round ends by recording outcomes, by requesting another round at once, or by giving the seat
//! up until later. What has to persist until then is in [`Progress`].

use std::sync::Arc;

use tokio::time::Instant;

use crate::domain::assignment::Difference;
use crate::domain::conflict::{Cause, DisputeStep};
use crate::domain::fold::{Change, FoldStart, Folded, fold};
use crate::domain::job::Lane;
use crate::domain::write_intent::WriteIntent;
use crate::domain::{Assignments, Owners, UserKey};
use crate::engine::conclusion::Ending;
use crate::engine::core::{EngineCore, MAX_PANICS};
use crate::engine::job::outcome::Failure;
use crate::engine::port::{AssignmentWrite, CallError, CallOptions, Observed, WriteError};
use crate::engine::user::memory::UserState;
use crate::engine::user::pending_change::PendingChange;
use crate::engine::user::progress::Progress;
use crate::journal::KeptUserState;

/// Number of writes without a conclusive answer after which the entries fail, with pauses of a little more than three
/// minutes in total.
pub(super) const MAX_LOST_ANSWERS: u32 = 8;

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

/// The state that a round folds on.
struct Base {
    observed: Observed,
    /// Whether a read has just shown the state. Otherwise it is remembered, and only a version check makes it safe to
    /// write on it.
    fresh: bool,
}

/// Number of reads older than what is known after which the read is believed, which takes about a minute.
const MAX_LATE_READS: u32 = 8;

/// Returns whether a write that failed like this may have been carried out all the same. First-party tools see 408 for
/// conflicts, but a write that took too long gives the same answer (see `docs/CONFLICTS.md`).
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

/// The running reconciliation of one user.
pub(in crate::engine) struct Reconciliation<'a> {
    pub(in crate::engine) engine: &'a EngineCore,
    pub(in crate::engine) key: UserKey,
    pub(in crate::engine) pending_changes: Vec<PendingChange>,
    /// Changes parked after a write whose outcome is unknown. They wait until it is known.
    pub(in crate::engine) set_aside: Vec<PendingChange>,
    pub(in crate::engine) progress: Box<Progress>,
    /// Entries that this round has ended. They are shown once they and the user state are durable.
    pub(in crate::engine) endings: Vec<Ending>,
    /// The user state after these ends.
    pub(in crate::engine) user_state: Option<KeptUserState>,
    /// Whether the next read follows up the write of the previous round.
    pub(super) continues: bool,
}

impl<'a> Reconciliation<'a> {
    pub(in crate::engine) fn new(
        engine: &'a EngineCore,
        key: UserKey,
        pending_changes: Vec<PendingChange>,
        progress: Box<Progress>,
    ) -> Self {
        let (set_aside, endings) = (Vec::new(), Vec::new());
        let mut reconciliation = Self {
            engine,
            key,
            pending_changes: Vec::new(),
            set_aside,
            progress,
            endings,
            user_state: None,
            continues: false,
        };
        reconciliation.take_up(pending_changes);
        reconciliation
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
                // The next changes of a user whose writes got no answer begin with the pauses instead of a fresh start.
                Some(AttemptEnd::Recorded) => self.progress = Box::new(self.progress.of_what_follows()),
                Some(AttemptEnd::Later(at)) => {
                    let pending_changes = self.pending_changes.into_iter().chain(self.set_aside).collect();
                    return ReconciliationEnd::Later { at, pending_changes, progress: self.progress };
                }
            }
        }
    }

    /// Gives up a write without a conclusive answer once all entries it was made for have ended: from then on, whatever
    /// is found counts. Returns whether it did.
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
            // Cancelled during a dispute: the state from which the refused write was computed must not be used again.
            self.engine.user_states.forget_state(self.key);
        }
        // The acceptance order is asked first: whatever was parked before leaving it is then seen here.
        let oldest = self.engine.order.oldest(self.engine.clock.now());
        if self.engine.slots.oldest_pending(self.key).is_none() {
            let managed = self.engine.catalogues.managed(self.key.target);
            self.engine.user_states.forget_history(self.key, oldest, &managed);
        }
        ReconciliationEnd::Done
    }

    /// Journals and then shows what the round ended. `over` means that nothing of the reconciliation is left under way.
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
        self.sort_pending_changes();
    }

    /// Sorts the pending changes by place.
    pub(in crate::engine) fn sort_pending_changes(&mut self) {
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
        // What was carried out unseen is reported like what is written now: both are compared with the state before
        // them.
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

    /// Called before a write. Ends what was cancelled and, after writes without a conclusive answer that a read does
    /// not show carried out, what must not be tried again.
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
        let failure = Failure::no_conclusive_answer(lost, &answer);
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

    /// Splits the pending changes into those that have used up their patience and the others.
    pub(super) fn by_patience(&mut self) -> (Vec<PendingChange>, Vec<PendingChange>) {
        let (now, patience) = (self.engine.clock.now(), self.engine.settings.patience);
        let is_out_of_time = |pending_change: &PendingChange| pending_change.waited(now) >= patience;
        if self.pending_changes.iter().all(is_out_of_time) {
            self.settle_abandoned();
        }
        std::mem::take(&mut self.pending_changes).into_iter().partition(is_out_of_time)
    }

    /// Returns the state to fold on: the remembered one where a version check makes that safe, otherwise the user's own
    /// resource.
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
        // After a lost answer and after a start, the remembered state may be older than our last write. A replica that
        // lags even further behind does not tell.
        let of_no_use = behind && (remembered.is_none() || self.progress.unsure.is_some());
        let lost = self.progress.unsure.as_deref();
        if (of_no_use && !self.progress.in_dispute()) || user_state.is_behind(&observed, Instant::now(), lost) {
            return Err(self.look_again());
        }
        self.progress.late_reads = 0;
        match remembered {
            // A lagging replica. The remembered state is newer and serves as well, unless a write based on it was
            // refused: then only a newer read helps.
            Some(newest) if behind && !self.progress.in_dispute() => Ok(Base { observed: newest.clone(), fresh: true }),
            Some(_) | None => {
                self.engine.user_states.saw(self.key, &observed);
                Ok(Base { observed, fresh: true })
            }
        }
    }

    /// Handles a read that is older than what is known. A later read may be newer; after too many, what is known must
    /// be wrong.
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

    /// Folds pending changes on `current`, on top of the history.
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

    /// Returns the intent that covers this write and the earlier ones without a conclusive answer.
    fn attempt(&self, base: &Observed, write: &AssignmentWrite, sent: &Difference, claimed: &Owners) -> WriteIntent {
        let earlier = self.progress.unsure.as_deref().cloned().unwrap_or_default();
        let entries = self.pending_changes.iter().map(PendingChange::attempted);
        earlier.and(base.version, &base.assignments, &write.desired, sent, claimed, entries)
    }

    /// Returns the options for a call: interactive if any pending change is.
    pub(in crate::engine) fn options(&self) -> CallOptions {
        let urgent = self.pending_changes.iter().any(|pending_change| pending_change.lane() == Lane::Interactive);
        let lane = if urgent { Lane::Interactive } else { Lane::Bulk };
        CallOptions { continues: self.continues, ..CallOptions::new(lane) }
    }

    /// Counts calls that serve several jobs for the first of them, so that the jobs' calls add up.
    pub(in crate::engine) fn count_calls(&self, options: &CallOptions) {
        if let Some(first) = self.pending_changes.first() {
            first.job.count_calls(options.meter.take());
        }
    }
}
