//! Whether writes whose outcome stays uncertain are repeated with pauses, and not for ever.

use std::time::Duration;

use skillsync::domain::{EntryState, Reason};
use tokio::time::Instant;

use super::checks::Kind;
use super::model::History;
use super::record::Entry;
use super::writes::Write;

/// Writes in a row without an answer after which the entries fail.
const MAX_UNANSWERED: usize = 8;
/// The least pause before the third write in a row.
const PAUSE: Duration = Duration::from_secs(4);

impl History<'_> {
    pub(super) fn check_uncertainty(&mut self) {
        let mut faults = Vec::new();
        let mut row: Vec<&Write<'_>> = Vec::new();
        for write in &self.writes {
            let goes_on = row.last().is_some_and(|last| {
                last.life() == write.life() && !self.anew_between(last.ended_at(), write.sent_at())
            });
            if !goes_on {
                row.clear();
            }
            if !write.unanswered() {
                row.clear();
                continue;
            }
            if row.len() == MAX_UNANSWERED {
                faults.push(format!("more than {MAX_UNANSWERED} writes in a row, {:?}", self.since(write.sent_at())));
            }
            if row.len() >= 2 && write.sent_at() < row[row.len() - 1].ended_at() + PAUSE {
                faults.push(format!("a third write in a row without a pause, {:?}", self.since(write.sent_at())));
            }
            row.push(write);
        }
        faults.truncate(1);
        for fault in faults {
            self.fault(Kind::Unbounded, &fault);
        }
    }

    /// Whether something new was to be done for the user: then a count begins anew.
    fn anew_between(&self, one: Instant, other: Instant) -> bool {
        let gave_up = |reason: Option<Reason>| reason == Some(Reason::UpstreamUnavailable);
        self.entries.iter().any(|entry| {
            let came = one <= entry.accepted_at && entry.accepted_at <= other;
            let gave_up = entry.state == EntryState::Failed && gave_up(entry.result.reason);
            let went =
                gave_up || matches!(entry.state, EntryState::Applied | EntryState::Unchanged | EntryState::Cancelled);
            came || went && one <= entry.finished_at && entry.finished_at <= other
        })
    }

    /// Whether entries that gave up on Genesys had waited for all the patience there is, or for writes that nobody answered.
    pub(super) fn check_patience(&mut self) {
        let gave_up = |entry: &&&Entry| entry.result.reason == Some(Reason::UpstreamUnavailable);
        let patience = self.run.plan.settings.patience.map(Duration::from_secs);
        let rash = |entry: &&&Entry| {
            let waited = entry.finished_at - entry.accepted_at;
            let unanswered = self.unanswered_until(entry.finished_at);
            patience.is_none_or(|patience| waited + Duration::from_secs(1) < patience) && unanswered < MAX_UNANSWERED
        };
        let rash: Vec<_> = self.entries.iter().filter(gave_up).filter(rash).map(|e| (e.job, e.index)).collect();
        if !rash.is_empty() {
            self.fault(Kind::Unexplained, &format!("{rash:?} gave up on Genesys too soon"));
        }
    }

    /// How many writes have got no answer between two instants.
    /// The writes of the user until then that nobody answered, since one was known to be carried out, whatever they were made
    /// for.
    fn unanswered_until(&self, end: Instant) -> usize {
        let before = self.writes.iter().filter(|write| write.ended_at() <= end);
        before.rev().take_while(|write| !write.passed()).filter(|write| write.is_in_doubt()).count()
    }
}
