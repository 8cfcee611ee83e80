//! Removes expired keys, old audit records and jobs that ended long enough ago, a few at a time.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::engine::core::EngineCore;
use crate::engine::job::Job;
use crate::lifecycle::Lifecycle;

/// Jobs examined, or keys removed, before other tasks get their turn.
const AT_ONCE: usize = 500;

/// Jobs examined before other tasks get their turn, while memory is short.
const FEW: usize = 16;
/// Minimum time for which ended jobs are kept, however short memory is.
const KEPT_IN_ANY_CASE: SignedDuration = SignedDuration::from_hours(24);

/// Starts the retention task.
pub(in crate::engine) fn start(core: &Arc<EngineCore>, lifecycle: &Lifecycle) {
    let core = Arc::clone(core);
    lifecycle.keep_trying_until_stop("retention", move || forget(Arc::clone(&core)));
}

async fn forget(core: Arc<EngineCore>) {
    let pause = (core.settings.retention / 100).clamp(Duration::from_secs(1), Duration::from_secs(600));
    loop {
        tokio::time::sleep(pause).await;
        core.forget_expired_keys().await;
        core.forget_old_jobs().await;
        core.journal.forget_audit(before(core.clock.now(), core.settings.audit_retention));
    }
}

/// Returns the time `ago` before `now`.
fn before(now: Timestamp, ago: Duration) -> Timestamp {
    let ago = SignedDuration::try_from(ago).unwrap_or(SignedDuration::MAX);
    now.checked_sub(ago).unwrap_or(Timestamp::MIN)
}

impl EngineCore {
    /// Removes expired keys, at most `limit` of them, and returns their number.
    pub(in crate::engine) fn expire_keys(&self, limit: usize) -> usize {
        let expired = self.keys.expire(self.clock.now(), limit);
        let count = expired.len();
        if count > 0 {
            self.journal.forget_keys(expired);
        }
        count
    }

    async fn forget_expired_keys(&self) {
        while self.expire_keys(AT_ONCE) > 0 {
            tokio::task::yield_now().await;
        }
    }

    async fn forget_old_jobs(&self) {
        let now = self.clock.now();
        let ended_before = before(now, self.settings.retention);
        let (mut after, mut removed) = (None, 0);
        loop {
            let jobs = self.registry.from(after, AT_ONCE);
            let Some(last) = jobs.last() else { break };
            after = Some(last.id());
            let old: Vec<_> = jobs.into_iter().filter(|job| job.may_go(ended_before, now)).collect();
            removed += old.len();
            self.forget(&old);
            tokio::task::yield_now().await;
        }
        if removed > 0 {
            tracing::info!(jobs = removed, "removed jobs that ended longer ago than journal.retention");
        }
        self.make_room(now).await;
    }

    /// Removes the oldest jobs that ended more than a day ago while jobs take more than three quarters of their memory.
    async fn make_room(&self, now: Timestamp) {
        let ended_before = now.checked_sub(KEPT_IN_ANY_CASE).unwrap_or(Timestamp::MIN);
        let (mut after, mut removed) = (None, 0);
        while self.open.held_bytes() > self.settings.job_room / 4 * 3 {
            let jobs = self.registry.from(after, FEW);
            let Some(last) = jobs.last() else { break };
            after = Some(last.id());
            let old: Vec<_> = jobs.into_iter().filter(|job| job.may_go(ended_before, now)).collect();
            removed += old.len();
            self.forget(&old);
            drop(old);
            tokio::task::yield_now().await;
        }
        if removed > 0 {
            tracing::warn!(
                jobs = removed,
                "removed jobs before journal.retention had elapsed, to stay within server.max_memory_bytes"
            );
        }
    }

    fn forget(&self, jobs: &[Arc<Job>]) {
        if jobs.is_empty() {
            return;
        }
        let ids: Vec<_> = jobs.iter().map(|job| job.id()).collect();
        self.registry.remove(&ids);
        for job in jobs {
            job.users().into_iter().for_each(|user| self.users.forget(user, job.id()));
        }
        self.journal.forget_jobs(ids);
    }
}
