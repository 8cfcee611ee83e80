//! A journal in memory, which survives the engine but not the process. For tests of restarts, in which the clock is
//! paused and no other thread can be waited for.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};

use crate::domain::acceptance::{AcceptanceKey, KeyId};
use crate::domain::audit::{AuditFilter, AuditRecord};
use crate::domain::{JobId, UserKey};
use crate::journal::content::AcceptedJob;
use crate::journal::content::AuditPage;
use crate::journal::content::CallRecord;
use crate::journal::content::Conclusion;
use crate::journal::content::Erasure;
use crate::journal::content::JobCounters;
use crate::journal::content::JobNote;
use crate::journal::content::JobNotes;
use crate::journal::content::JournalUsage;
use crate::journal::content::KeptUserState;
use crate::journal::content::Memo;
use crate::journal::content::OrgIdentity;
use crate::journal::content::Recovered;
use crate::journal::content::RecoveredJob;
use crate::journal::error::JournalError;
use crate::journal::port::Journal;

/// Keeps everything immediately, as if each record were flushed by itself.
#[derive(Debug, Default)]
pub struct MemoryJournal(Mutex<KeptInMemory>);

#[derive(Debug, Default)]
struct KeptInMemory {
    jobs: BTreeMap<JobId, RecoveredJob>,
    user_states: BTreeMap<UserKey, KeptUserState>,
    keys: BTreeMap<KeyId, (AcceptanceKey, JobId)>,
    memos: BTreeMap<(Box<str>, Box<str>), Memo>,
    calls: Vec<CallRecord>,
    audit: Vec<AuditRecord>,
    belongs_to: Option<OrgIdentity>,
}

impl MemoryJournal {
    /// Returns what a start would read back now.
    pub fn recovered(&self) -> Recovered {
        let kept = self.lock();
        Recovered {
            jobs: kept.jobs.values().cloned().collect(),
            user_states: kept.user_states.iter().map(|(user, user_state)| (*user, user_state.clone())).collect(),
            keys: kept.keys.values().copied().collect(),
            memos: kept.memos.values().cloned().collect(),
            calls: kept.calls.clone(),
            belongs_to: kept.belongs_to.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, KeptInMemory> {
        self.0.lock()
    }
}

fn done() -> BoxFuture<'static, Result<(), JournalError>> {
    Box::pin(std::future::ready(Ok(())))
}

impl Journal for MemoryJournal {
    fn accept_asked(
        &self,
        job: AcceptedJob,
        keys: Vec<AcceptanceKey>,
        asked: Option<AuditRecord>,
    ) -> BoxFuture<'_, Result<(), JournalError>> {
        let outcomes = vec![None; job.entries.len()];
        let recovered = RecoveredJob { job, counters: JobCounters::default(), notes: JobNotes::default(), outcomes };
        let mut kept = self.lock();
        kept.keys.extend(keys.into_iter().map(|key| (key.id, (key, recovered.job.id))));
        kept.jobs.insert(recovered.job.id, recovered);
        kept.audit.extend(asked);
        done()
    }

    fn forget_keys(&self, keys: Vec<KeyId>) {
        let mut kept = self.lock();
        for key in keys {
            kept.keys.remove(&key);
        }
    }

    fn intend(&self, user: UserKey, user_state: KeptUserState) -> BoxFuture<'_, Result<(), JournalError>> {
        self.lock().user_states.insert(user, user_state);
        done()
    }

    fn stands(&self, user: UserKey, user_state: KeptUserState) {
        self.lock().user_states.insert(user, user_state);
    }

    fn conclude(&self, conclusion: Conclusion) -> BoxFuture<'_, Result<(), JournalError>> {
        let mut kept = self.lock();
        for ended in conclusion.ended {
            let Some(job) = kept.jobs.get_mut(&ended.job) else { continue };
            job.counters = ended.counters;
            if let Some(slot) = job.outcomes.get_mut(ended.position as usize) {
                *slot = Some(ended.outcome);
            }
        }
        kept.user_states.extend(conclusion.user_state);
        done()
    }

    fn note_asked(
        &self,
        job: JobId,
        note: JobNote,
        asked: Option<AuditRecord>,
    ) -> BoxFuture<'_, Result<(), JournalError>> {
        let mut kept = self.lock();
        if let Some(kept) = kept.jobs.get_mut(&job) {
            kept.notes.add(note);
        }
        kept.audit.extend(asked);
        done()
    }

    fn audit(&self, record: AuditRecord) -> BoxFuture<'_, Result<(), JournalError>> {
        self.lock().audit.push(record);
        done()
    }

    fn forget_audit(&self, before: Timestamp) {
        self.lock().audit.retain(|record| record.at >= before);
    }

    /// Only the job of the filter is applied.
    fn audited(
        &self,
        filter: AuditFilter,
        older_than: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Option<AuditPage>, JournalError>> {
        let kept = self.lock();
        let passes = |(number, record): &(u64, AuditRecord)| {
            older_than.is_none_or(|than| *number < than) && filter.job.is_none_or(|job| record.job == Some(job))
        };
        let mut records: Vec<_> = (1..).zip(kept.audit.iter().cloned()).filter(passes).collect();
        records.reverse();
        let more = records.len() > limit;
        records.truncate(limit);
        Box::pin(std::future::ready(Ok(Some(AuditPage { records, more }))))
    }

    fn remember(&self, memos: Vec<Memo>) -> BoxFuture<'_, Result<(), JournalError>> {
        let mut kept = self.lock();
        for memo in memos {
            let place = (memo.space.clone(), memo.key.clone());
            match memo.value {
                Some(_) => drop(kept.memos.insert(place, memo)),
                None => drop(kept.memos.remove(&place)),
            }
        }
        done()
    }

    fn erase(&self, erasure: Erasure) -> BoxFuture<'_, Result<(), JournalError>> {
        let Erasure { entries, user, memos, asked } = erasure;
        let mut kept = self.lock();
        for (job, position) in entries {
            let Some(job) = kept.jobs.get_mut(&job) else { continue };
            let order = job.job.entries.get_mut(position as usize);
            let outcome = job.outcomes.get_mut(position as usize).and_then(Option::as_mut);
            if let (Some(order), Some(outcome)) = (order, outcome) {
                (*order, *outcome) = (order.clone().erased(), outcome.clone().erased());
            }
        }
        kept.user_states.retain(|key, _| Some(key.user) != user);
        kept.audit.extend(asked);
        drop(kept);
        self.remember(memos)
    }

    fn forget_jobs(&self, jobs: Vec<JobId>) {
        let mut kept = self.lock();
        for job in jobs {
            kept.jobs.remove(&job);
        }
    }

    fn calls(&self, record: CallRecord) -> BoxFuture<'_, Result<(), JournalError>> {
        let mut kept = self.lock();
        kept.calls.retain(|earlier| earlier.ended_at >= record.forget_before);
        kept.calls.push(record);
        done()
    }

    fn belong_to(&self, org: OrgIdentity, forget_users: bool) -> BoxFuture<'_, Result<(), JournalError>> {
        let mut kept = self.lock();
        if forget_users {
            kept.user_states.clear();
        }
        kept.belongs_to = Some(org);
        done()
    }

    fn usage(&self) -> JournalUsage {
        let count = |count| u64::try_from(count).unwrap_or(u64::MAX);
        let kept = self.lock();
        JournalUsage {
            jobs: count(kept.jobs.len()),
            entries: count(kept.jobs.values().map(|kept| kept.job.entries.len()).sum()),
            keys: count(kept.keys.len()),
            ..JournalUsage::default()
        }
    }

    fn flush(&self) -> BoxFuture<'_, Result<(), JournalError>> {
        done()
    }
}
