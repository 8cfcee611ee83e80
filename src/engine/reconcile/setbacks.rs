//! What a reconciliation does when a call has no good answer: the user is read again, at once or later, or entries fail.

use std::time::Duration;

use tokio::time::Instant;

use super::reconciliation::{AttemptEnd, MAX_LOST_ANSWERS, Reconciliation};
use crate::engine::job::outcome::Failure;
use crate::engine::port::{CallError, Observed, UpstreamAnswer};
use crate::journal::JournalError;

/// Pause before the read that follows the second such write. Each further pause is twice as long, up to a minute. The
/// first such write is followed by a read at once, because an answer is rarely lost twice.
const PAUSE_AFTER_LOST_ANSWER: Duration = Duration::from_secs(5);

impl Reconciliation<'_> {
    pub(super) async fn not_written(&mut self, error: CallError, base: Observed) -> AttemptEnd {
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

    /// Handles a refused write: the next round compares its base with a read.
    pub(super) fn refused(&mut self, answer: UpstreamAnswer, base: Observed) -> AttemptEnd {
        let (policy, now) = (&self.engine.settings.conflicts, Instant::now());
        match self.progress.refused(answer, base, policy, now) {
            None => self.read_at_once(),
            Some(pause) => self.wait_out_conflict(pause),
        }
    }

    /// Requests a read that goes ahead of reads that begin something, because what it finds out ages. A read after a
    /// pause does not: for a busy user, it would only lead to more refusals.
    pub(super) fn read_at_once(&mut self) -> AttemptEnd {
        self.continues = true;
        AttemptEnd::Again
    }

    /// Handles a write without a conclusive answer: a read will show whether it was carried out. It is never repeated
    /// blindly, and not forever: the reads come at growing intervals, and what they have not shown in the end fails.
    pub(super) fn answer_lost(&mut self, answer: UpstreamAnswer) -> AttemptEnd {
        let message = format!("Genesys gave no conclusive answer to a write; reading the user again: {answer}");
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

    /// Returns the pause, limited by the patience of the first entry to run out of it.
    pub(super) fn within_patience(&self, pause: Duration) -> Duration {
        let (now, patience) = (self.engine.clock.now(), self.engine.settings.patience);
        let left =
            self.pending_changes.iter().map(|pending_change| patience.saturating_sub(pending_change.waited(now))).min();
        pause.min(left.unwrap_or(pause))
    }

    pub(super) async fn read_failed(&mut self, error: &CallError) -> AttemptEnd {
        match error {
            CallError::Unavailable { answer, retry_at } => self.unavailable(answer, *retry_at),
            CallError::Conflict(answer) | CallError::Uncertain(answer) => self.unavailable(answer, None),
            CallError::NotFound(answer) => self.recheck_user(answer, false).await,
            CallError::Forbidden(answer) => self.fail_all(&Failure::forbidden(answer)),
            CallError::TargetUnavailable(answer) => self.fail_all(&Failure::target_unavailable(answer)),
            CallError::Rejected(answer) => self.fail_all(&Failure::rejected(answer)),
        }
    }

    /// Handles Genesys being out of reach: entries that have used up their patience fail, the others keep waiting.
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

    /// Handles a journal that could not record the write intent, so that the write was not sent. This patience is
    /// unlimited, because the ends of the entries could not be journaled either.
    pub(super) fn not_written_down(&mut self, error: &JournalError) -> AttemptEnd {
        self.progress.outages += 1;
        let at = Instant::now() + self.engine.backoff.pause(self.progress.outages);
        self.later(at, &format!("waiting until the journal can be written: {error}"), None)
    }

    pub(super) fn wait_out_conflict(&self, pause: Duration) -> AttemptEnd {
        self.later(Instant::now() + pause, "waiting for Genesys to show or accept a newer state", None)
    }

    /// Gives the seat up. Jobs show the time only if Genesys named it.
    pub(super) fn later(&self, at: Instant, message: &str, named: Option<Instant>) -> AttemptEnd {
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
}
