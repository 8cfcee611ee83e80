//! Conclusions: ends of entries are decided once, journaled together with the user state, and shown once durable.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::domain::entry_result::EntryResult;
use crate::domain::{EntryState, UserKey};
use crate::engine::core::EngineCore;
use crate::engine::job::Job;
use crate::engine::job::outcome::Failure;
use crate::journal::{Conclusion, JournalError, KeptUserState};

/// An entry, and how it ends.
#[derive(Debug)]
pub(in crate::engine) struct Ending {
    pub(in crate::engine) job: Arc<Job>,
    pub(in crate::engine) index: u32,
    pub(in crate::engine) state: EntryState,
    pub(in crate::engine) result: EntryResult,
}

impl Ending {
    /// Returns the failure of an entry that no reconciliation has taken up yet.
    pub(in crate::engine) fn failed(job: &Arc<Job>, index: u32, failure: &Failure) -> Self {
        let (reason, message) = (Some(failure.reason), Some(failure.message.clone()));
        let result = EntryResult { reason, message, ..EntryResult::default() };
        Self { job: Arc::clone(job), index, state: EntryState::Failed, result }
    }
}

/// Ends that are decided and handed to the journal, but not shown yet.
#[must_use = "decided ends are shown only by `shown`"]
pub(in crate::engine) struct Concluding<'a> {
    decided: Vec<(Arc<Job>, Vec<u32>)>,
    durable: BoxFuture<'a, Result<(), JournalError>>,
}

impl Concluding<'_> {
    /// Waits until the ends are durable, then shows them. If the journal closes first, the service is stopping and
    /// nothing is shown any more.
    pub(in crate::engine) async fn shown(self) {
        if self.durable.await.is_ok() {
            for (job, entries) in self.decided {
                job.show_ends(&entries);
            }
        }
    }
}

impl EngineCore {
    /// Decides ends and hands them to the journal together with the user state that results. Skips entries whose end is
    /// decided already.
    ///
    /// Invariant: an end that is shown cannot be taken back, because it is shown only once durable. An end that is
    /// decided does not change any more: it is decided under the job's lock and handed over before anyone else can
    /// decide, so the journal has the ends in the order in which they were decided.
    pub(in crate::engine) fn conclude(
        &self,
        endings: Vec<Ending>,
        user_state: Option<(UserKey, KeptUserState)>,
    ) -> Concluding<'_> {
        let now = self.clock.now();
        let _order = self.deciding.lock();
        let mut ended = Vec::with_capacity(endings.len());
        let mut decided: Vec<(Arc<Job>, Vec<u32>)> = Vec::new();
        for Ending { job, index, state, result } in endings {
            if let Some((user, _)) = user_state.as_ref().filter(|_| state != EntryState::Planned) {
                self.holders.lost(*user, &result.effects.difference.removed);
            }
            let Some(end) = job.decide(index, state, result, now) else { continue };
            ended.push(end);
            match decided.iter_mut().rev().find(|(known, _)| Arc::ptr_eq(known, &job)) {
                Some((_, entries)) => entries.push(index),
                None => decided.push((job, vec![index])),
            }
        }
        self.hand_over(decided, Conclusion { ended, user_state })
    }

    /// Cancels what can still be cancelled of a job.
    pub(in crate::engine) fn cancel(&self, job: &Arc<Job>) -> Concluding<'_> {
        let _order = self.deciding.lock();
        let ended = job.decide_to_cancel(self.clock.now());
        let entries = ended.iter().map(|end| end.position).collect();
        self.hand_over(vec![(Arc::clone(job), entries)], Conclusion { ended, user_state: None })
    }

    fn hand_over(&self, decided: Vec<(Arc<Job>, Vec<u32>)>, conclusion: Conclusion) -> Concluding<'_> {
        let nothing = conclusion.ended.is_empty() && conclusion.user_state.is_none();
        let durable = if nothing { Box::pin(std::future::ready(Ok(()))) } else { self.journal.conclude(conclusion) };
        Concluding { decided, durable }
    }
}
