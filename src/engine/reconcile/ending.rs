//! How a reconciliation ends entries: as carried out, as failed, or as too late.

use std::sync::Arc;

use tokio::time::Instant;

use crate::domain::assignment::Difference;
use crate::domain::conflict::{GaveUp, Settled};
use crate::domain::entry::Effects;
use crate::domain::entry_result::EntryResult;
use crate::domain::fold::{Change, FoldStart, Folded, Outcome, Undone};
use crate::domain::{AssignmentId, Assignments, EntryState, Place};
use crate::engine::conclusion::Ending;
use crate::engine::job::Job;
use crate::engine::job::outcome::{self, Failure};
use crate::engine::port::{Observed, Written};
use crate::engine::reconcile::reconciliation::{AttemptEnd, Reconciliation};
use crate::engine::user::memory::{CarriedOut, UserState};
use crate::engine::user::pending_change::PendingChange;

impl Reconciliation<'_> {
    /// Ends the pending changes that come too late. An entry that has no date of its own and repeats nothing is folded
    /// in at its place, as far back as the history reaches.
    pub(in crate::engine) fn end_stale(&mut self, user_state: &UserState) {
        for pending_change in std::mem::take(&mut self.pending_changes) {
            match user_state.too_late(
                pending_change.place,
                pending_change.job.created_at(),
                pending_change.can_be_stale,
            ) {
                Some(((newer, by), lateness)) => {
                    let (state, result) = outcome::stale(newer, by, lateness);
                    self.end(&pending_change, state, &result);
                }
                None => self.pending_changes.push(pending_change),
            }
        }
    }

    /// Ends the dry runs. Each is folded on the current state alone, because it changes nothing that others see. The
    /// entries of one dry run about the user are folded together, as the run would fold them.
    pub(in crate::engine) fn end_dry_runs(&mut self, current: &Assignments, user_state: &UserState) {
        let (mut dry, real): (Vec<_>, _) =
            std::mem::take(&mut self.pending_changes).into_iter().partition(|t| t.job.spec().dry_run);
        self.pending_changes = real;
        while let Some(of) = dry.first().map(|pending_change| pending_change.job.id()) {
            let (run, others): (Vec<_>, _) = dry.into_iter().partition(|pending_change| pending_change.job.id() == of);
            dry = others;
            let folded = self.fold(&run, current, user_state);
            for (pending_change, outcome) in run.iter().zip(folded.outcomes) {
                for (index, outcome) in pending_change.shares(outcome, &folded.undone) {
                    let (state, result) = outcome::planned(outcome);
                    self.end_row(pending_change, index, state, result);
                }
                pending_change.job.passed(pending_change.work, EntryState::Planned, None);
            }
        }
    }

    /// Ends the entries whose plan from a dry run no longer fits. A plan is carried out exactly or not at all.
    pub(in crate::engine) fn end_outdated_plans(&mut self, current: &Assignments, user_state: &UserState) {
        let planned = |pending_change: &PendingChange| {
            pending_change.indices().any(|index| pending_change.job.plan(index).is_some())
        };
        let (mut planned, free): (Vec<_>, _) = std::mem::take(&mut self.pending_changes).into_iter().partition(planned);
        self.pending_changes = free;
        let mut outdated = Vec::new();
        while let Some(of) = planned.first().map(|pending_change| pending_change.job.id()) {
            let (run, others): (Vec<_>, _) =
                planned.into_iter().partition(|pending_change| pending_change.job.id() == of);
            planned = others;
            let folded = self.fold(&run, current, user_state);
            for (pending_change, outcome) in run.into_iter().zip(folded.outcomes) {
                if fits_plan(&pending_change, outcome, &folded.undone) {
                    self.pending_changes.push(pending_change);
                } else {
                    outdated.push(pending_change);
                }
            }
        }
        if self.pending_changes.is_empty() {
            self.pending_changes = outdated;
            self.fail_all(&Failure::plan_outdated());
        } else {
            for pending_change in &outdated {
                self.fail(pending_change, &Failure::plan_outdated());
            }
        }
        self.sort_pending_changes();
    }

    /// Fails the pending changes because their writes keep being refused.
    pub(in crate::engine) fn give_up(&mut self, gave_up: GaveUp) -> AttemptEnd {
        // What we remember of this user did not help. The next reconciliation begins with a read.
        self.engine.user_states.forget_state(self.key);
        let answer = std::mem::take(&mut self.progress.last_refusal);
        self.fail_all(&Failure::gave_up(gave_up, self.progress.writes, &answer))
    }

    /// Assigns the cause to the unexplained refused writes and counts them once per job concerned.
    pub(in crate::engine) fn settle(&mut self, settled: Settled, found: Option<&Observed>) {
        self.progress.explain(settled.cause, found, &self.engine.clock);
        self.engine.open.ended().count_conflicts(settled.cause, settled.writes);
        for job in self.jobs() {
            job.count_conflicts(settled.cause, settled.writes);
        }
    }

    /// Records a fold on `current` that is now the state at Genesys, whether by a write or because it was so already.
    pub(in crate::engine) fn record(
        &mut self,
        current: &Assignments,
        user_state: &UserState,
        folded: Folded,
        now: Option<&Observed>,
    ) -> AttemptEnd {
        self.progress.lost_answers = 0;
        if let Some(settled) = self.progress.passed().filter(|settled| settled.writes > 0) {
            self.settle(settled, now);
        }
        let managed = self.engine.catalogues.managed(self.key.target);
        let start = FoldStart { target: self.key.target, current, owned: &user_state.owned, managed: &managed };
        let changes: Vec<Change> = self.pending_changes.iter().map(PendingChange::change).collect();
        // The acceptance order is asked first: whatever was parked before leaving it is then seen here.
        let unparked = self.engine.order.oldest(self.engine.clock.now());
        let parked = self.engine.slots.oldest_pending(self.key);
        let set_aside = self.set_aside.iter().map(|pending_change| pending_change.place);
        let oldest = parked.into_iter().chain(set_aside).fold(unparked, Place::min);
        let done = CarriedOut {
            start,
            changes: &changes,
            folded: &folded,
            oldest,
            at: self.engine.order.date(self.engine.clock.now()),
            unsure: self.progress.unsure.as_deref(),
        };
        self.user_state = Some(self.engine.user_states.carried_out(self.key, &done));
        for (pending_change, outcome) in std::mem::take(&mut self.pending_changes).iter().zip(folded.outcomes) {
            let (end, reason) = {
                let (state, result) = outcome::carried_out(outcome.clone());
                (state, result.reason)
            };
            for (index, outcome) in pending_change.shares(outcome, &folded.undone) {
                let (state, result) = outcome::carried_out(outcome);
                self.end_row(pending_change, index, state, result);
            }
            pending_change.job.passed(pending_change.work, end, reason);
        }
        AttemptEnd::Recorded
    }

    /// Records a fold that was just written. Removals that somebody else made meanwhile are not attributed to it.
    pub(in crate::engine) fn record_written(
        &mut self,
        current: &Assignments,
        user_state: &UserState,
        folded: Folded,
        written: &Written,
    ) -> AttemptEnd {
        let unsure = self.progress.unsure.as_deref();
        let by_others = |id: &AssignmentId| !unsure.is_some_and(|attempt| attempt.explains(*id, None));
        let mut found = current.clone();
        for id in written.gone.iter().filter(|id| by_others(id)) {
            found.remove(*id);
        }
        if found != *current {
            let folded = self.fold(&self.pending_changes, &found, user_state);
            return self.record(&found, user_state, folded, written.after.as_ref());
        }
        self.record(current, user_state, folded, written.after.as_ref())
    }

    /// Handles changes that were parked after a write without a conclusive answer. They wait until the outcome of that
    /// write is known: they were not part of it, and writing them would hide its outcome. Returns true if the read
    /// shows the write carried out; its entries are then recorded. Otherwise the write is repeated by itself, because
    /// only a later read or an answer can tell a stale read from a write that was not carried out.
    pub(in crate::engine) fn finish_unseen(
        &mut self,
        found: &Observed,
        current: &Assignments,
        user_state: &UserState,
    ) -> bool {
        let Some(attempt) = self.progress.unsure.clone() else { return false };
        let is_part = |pending_change: &PendingChange| attempt.is_for(pending_change.entry());
        let (written, later): (Vec<_>, Vec<_>) = self.pending_changes.iter().cloned().partition(is_part);
        if written.is_empty() || later.is_empty() {
            return false;
        }
        let folded = self.fold(&written, current, user_state);
        let dubious = user_state.contradicted(&found.assignments, Instant::now()).collect();
        let undecided = attempt.is_undecided(&found.assignments, found.version, &dubious);
        let is_done = !undecided && attempt.is_done(&found.assignments) && folded.desired == *found.assignments;
        if is_done || undecided {
            (self.pending_changes, self.set_aside) = (written, later);
        }
        if is_done {
            self.record(current, user_state, folded, Some(found));
        }
        is_done
    }

    /// Settles refused writes without a cause before the last entries end without having been carried out.
    pub(in crate::engine) fn settle_abandoned(&mut self) {
        if let Some(settled) = self.progress.abandoned().filter(|settled| settled.writes > 0) {
            self.settle(settled, None);
        }
    }

    /// Fails all pending changes.
    pub(in crate::engine) fn fail_all(&mut self, failure: &Failure) -> AttemptEnd {
        self.settle_abandoned();
        for pending_change in std::mem::take(&mut self.pending_changes) {
            self.fail(&pending_change, failure);
        }
        AttemptEnd::Recorded
    }

    /// Fails one pending change. Reports the part of it that was, or may have been, carried out.
    pub(in crate::engine) fn fail(&mut self, pending_change: &PendingChange, failure: &Failure) {
        let begun = self.may_have_begun(pending_change);
        let message = if begun { failure.after_a_part() } else { failure.message.clone() };
        let result = EntryResult { reason: Some(failure.reason), message: Some(message), ..EntryResult::default() };
        let part = self
            .progress
            .parts
            .iter()
            .find(|(entry, _)| *entry == pending_change.entry())
            .map(|(_, part)| part.clone());
        match part {
            None => self.end(pending_change, EntryState::Failed, &result),
            // The part that was carried out is reported all the same.
            Some(part) => {
                for (row, share) in pending_change.shares(part, &[]) {
                    let effects = match share {
                        Outcome::Applies(effects) => effects,
                        Outcome::Unchanged(_) | Outcome::SupersededBy(_) | Outcome::TooMany { .. } => {
                            Effects::default()
                        }
                    };
                    self.end_row(pending_change, row, EntryState::Failed, EntryResult { effects, ..result.clone() });
                }
                pending_change.job.passed(pending_change.work, EntryState::Failed, result.reason);
            }
        }
    }

    /// Ends the entries of cancelled jobs, after a read has not shown them carried out.
    pub(in crate::engine) fn end_cancelled(&mut self) {
        if self.pending_changes.iter().all(|pending_change| pending_change.job.is_cancelled()) {
            self.settle_abandoned();
        }
        let (cancelled, others) =
            std::mem::take(&mut self.pending_changes).into_iter().partition(|t| t.job.is_cancelled());
        self.pending_changes = others;
        let cancelled: Vec<PendingChange> = cancelled;
        for pending_change in cancelled {
            let message = if self.may_have_begun(&pending_change) {
                "cancelled; one of its writes got no conclusive answer, and a read does not show it carried out: check the user"
            } else {
                "cancelled before it was carried out"
            };
            let result = EntryResult { message: Some(message.into()), ..EntryResult::default() };
            self.end(&pending_change, EntryState::Cancelled, &result);
        }
    }

    /// Returns whether a write whose outcome is unknown was made for the pending change.
    pub(in crate::engine) fn may_have_begun(&self, pending_change: &PendingChange) -> bool {
        self.progress.unsure.as_ref().is_some_and(|attempt| attempt.is_for(pending_change.entry()))
    }

    fn end(&mut self, pending_change: &PendingChange, state: EntryState, result: &EntryResult) {
        for index in pending_change.indices() {
            self.end_row(pending_change, index, state, result.clone());
        }
        pending_change.job.passed(pending_change.work, state, result.reason);
    }

    fn end_row(&mut self, pending_change: &PendingChange, index: u32, state: EntryState, result: EntryResult) {
        let (attempts, conflicts) = (self.progress.writes, self.progress.conflicts.clone());
        let result = EntryResult { attempts, conflicts, ..result };
        self.endings.push(Ending { job: Arc::clone(&pending_change.job), index, state, result });
    }

    /// Returns the jobs that this reconciliation works for, each once.
    fn jobs(&self) -> Vec<Arc<Job>> {
        let mut jobs: Vec<_> =
            self.pending_changes.iter().map(|pending_change| Arc::clone(&pending_change.job)).collect();
        jobs.sort_by_key(|job| job.id());
        jobs.dedup_by_key(|job| job.id());
        jobs
    }
}

fn fits_plan(pending_change: &PendingChange, outcome: Outcome, undone: &[Undone]) -> bool {
    pending_change.shares(outcome, undone).into_iter().all(|(index, outcome)| {
        let would_do = match outcome {
            Outcome::Applies(effects) => effects.difference,
            // A row that another row of its job undoes was planned as no change.
            Outcome::Unchanged(_) | Outcome::SupersededBy(_) => Difference::default(),
            Outcome::TooMany { .. } => return false,
        };
        pending_change.job.plan(index).is_none_or(|plan| *plan == would_do)
    })
}
