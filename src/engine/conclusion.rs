//! How entries come to their end: decided once, written down, and shown when that is durable.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::domain::{EntryState, UserKey};
use crate::engine::core::EngineCore;
use crate::engine::job::outcome::Failure;
use crate::engine::job::{EntryResult, Job};
use crate::journal::{Conclusion, JournalError, KeptUserState};

/// An entry that comes to this end.
#[derive(Debug)]
pub(in crate::engine) struct Ending {
    pub(in crate::engine) job: Arc<Job>,
    pub(in crate::engine) index: u32,
    pub(in crate::engine) state: EntryState,
    pub(in crate::engine) result: EntryResult,
}

impl Ending {
    /// An entry that fails before a reconciliation has taken it up.
    pub(in crate::engine) fn failed(job: &Arc<Job>, index: u32, failure: &Failure) -> Self {
        let (reason, message) = (Some(failure.reason), Some(failure.message.clone()));
        let result = EntryResult { reason, message, ..EntryResult::default() };
        Self { job: Arc::clone(job), index, state: EntryState::Failed, result }
    }
}

/// Ends that are decided and handed to the journal.
#[must_use = "what is decided is shown by nobody else"]
pub(in crate::engine) struct Concluding<'a> {
    decided: Vec<(Arc<Job>, Vec<u32>)>,
    durable: BoxFuture<'a, Result<(), JournalError>>,
}

impl Concluding<'_> {
    /// Waits until the ends are durable, and shows them. If the journal is closed before, the service stops and nobody is
    /// shown anything any more.
    pub(in crate::engine) async fn shown(self) {
        if self.durable.await.is_ok() {
            for (job, entries) in self.decided {
                job.show_ends(&entries);
            }
        }
    }
}

impl EngineCore {
    /// Decides ends, and hands them to the journal with what is remembered of their user since. Entries that have ended
    /// already are passed over.
    ///
    /// Invariant: an end that is shown cannot go back, because it is shown when it is durable. An end that is decided is not
    /// changed any more: whoever decides first does so under the job's lock, and hands it over before anybody else can
    /// decide, so the journal has them in the order in which they were decided.
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

    /// Cancels what can be cancelled of a job.
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
