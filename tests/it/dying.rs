//! A process that dies at one operation of its journal, or whose journal fails there: operations are numbered, so that
//! tests go through all of them.
//!
//! What nobody waits for is not durable until somebody waits for something later, so that a crash loses as much as it ever
//! could; of what is not durable, none, half or all survives. From the moment of the crash on nothing of the process is
//! written down, and no call leaves it; calls that have left it are carried out by Genesys, and nobody sees the answers.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, pending, ready};
use jiff::Timestamp;
use skillsync::domain::acceptance::{AcceptanceKey, KeyId};
use skillsync::domain::audit::{AuditFilter, AuditRecord};
use skillsync::domain::{JobId, UserKey};
use skillsync::genesys::transport::Transport;
use skillsync::journal::{
    AcceptedJob, AuditPage, CallRecord, Conclusion, Erasure, JobNote, Journal, JournalError, JournalUsage,
    KeptUserState, Memo, MemoryJournal, OrgIdentity,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

/// What is left of the things that were not durable when the process died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    Nothing,
    Half,
    Everything,
}

/// When the process dies, if it does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Death {
    /// The operation, counted from 0.
    pub(crate) at: usize,
    /// Whether the operation itself is still carried out.
    pub(crate) done: bool,
    pub(crate) left: Left,
}

/// When an operation is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Durable {
    /// Before it is answered.
    Now,
    /// The same, also if the journal lies.
    Accepted,
    /// With the next one that is answered.
    Soon,
}

type Write = Box<dyn FnOnce(&MemoryJournal) + Send>;

pub(crate) struct DyingJournal {
    kept: Arc<MemoryJournal>,
    /// Operations that fail, of those that can.
    failing: Range<usize>,
    /// A bug of the journal: what it says is durable, apart from accepted jobs, is so only with the next accepted job.
    lies: bool,
    state: Mutex<State>,
    in_flight: Arc<AtomicUsize>,
    pub(crate) dead: CancellationToken,
}

#[derive(Default)]
struct State {
    operations: usize,
    death: Option<Death>,
    unflushed: Vec<Write>,
}

impl std::fmt::Debug for DyingJournal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DyingJournal").finish_non_exhaustive()
    }
}

type Answer<'a> = BoxFuture<'a, Result<(), JournalError>>;

impl DyingJournal {
    pub(crate) fn new(kept: &Arc<MemoryJournal>, death: Option<Death>, failing: Range<usize>) -> Arc<Self> {
        Self::with(kept, death, failing, false)
    }

    /// One that says too early that something is durable.
    pub(crate) fn lying(kept: &Arc<MemoryJournal>) -> Arc<Self> {
        Self::with(kept, None, 0..0, true)
    }

    fn with(kept: &Arc<MemoryJournal>, death: Option<Death>, failing: Range<usize>, lies: bool) -> Arc<Self> {
        let (state, dead) = (Mutex::new(State { death, ..State::default() }), CancellationToken::new());
        Arc::new(Self { kept: Arc::clone(kept), failing, lies, state, in_flight: Arc::default(), dead })
    }

    /// Operations so far.
    pub(crate) fn operations(&self) -> usize {
        self.lock().operations
    }

    /// Lets the process die so many operations from now.
    pub(crate) fn doom(&self, after: usize, done: bool, left: Left) {
        let mut state = self.lock();
        state.death = Some(Death { at: state.operations + after, done, left });
    }

    /// The process dies now, between two operations.
    pub(crate) fn kill(&self, left: Left) {
        let mut state = self.lock();
        if !self.dead.is_cancelled() {
            self.lose(&mut state, left);
        }
    }

    /// Waits until Genesys has answered everything that left the process.
    pub(crate) async fn calls_have_ended(&self) {
        while self.in_flight.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The wire of the process: nothing leaves the dead.
    pub(crate) fn wire(&self, wire: Transport) -> Transport {
        let (dead, in_flight) = (self.dead.clone(), Arc::clone(&self.in_flight));
        BoxCloneSyncService::new(tower::service_fn(move |request| {
            let (wire, dead, in_flight) = (wire.clone(), dead.clone(), Arc::clone(&in_flight));
            async move {
                if dead.is_cancelled() {
                    return pending().await;
                }
                in_flight.fetch_add(1, Ordering::Relaxed);
                let call = async move {
                    let answer = wire.oneshot(request).await;
                    in_flight.fetch_sub(1, Ordering::Relaxed);
                    answer
                };
                #[expect(clippy::disallowed_methods, reason = "the other side goes on when this one is gone")]
                let answer = tokio::spawn(call).await.expect("the simulator does not panic");
                if dead.is_cancelled() { pending().await } else { answer }
            }
        }))
    }

    /// Carries out one operation; whether it was, unless the process is dead.
    fn operate(&self, durable: Durable, write: Write) -> Option<Result<(), JournalError>> {
        let mut state = self.lock();
        if self.dead.is_cancelled() {
            return None;
        }
        let operation = state.operations;
        state.operations += 1;
        if let Some(death) = state.death.filter(|death| death.at == operation) {
            self.die(&mut state, death, durable, write);
            return None;
        }
        let acknowledged = durable != Durable::Soon;
        if acknowledged && self.failing.contains(&operation) {
            return Some(Err(JournalError::CannotWrite("no space left on device".to_owned())));
        }
        state.unflushed.push(write);
        if durable == Durable::Accepted || acknowledged && !self.lies {
            state.unflushed.drain(..).for_each(|write| write(&self.kept));
        }
        Some(Ok(()))
    }

    fn die(&self, state: &mut State, death: Death, durable: Durable, write: Write) {
        if death.done {
            state.unflushed.push(write);
        }
        let everything = death.done && (durable == Durable::Accepted || durable == Durable::Now && !self.lies);
        self.lose(state, if everything { Left::Everything } else { death.left });
    }

    fn lose(&self, state: &mut State, left: Left) {
        let count = state.unflushed.len();
        let left = match left {
            Left::Nothing => 0,
            Left::Half => count / 2,
            Left::Everything => count,
        };
        state.unflushed.drain(..).take(left).for_each(|write| write(&self.kept));
        self.dead.cancel();
    }

    fn durably(&self, write: impl FnOnce(&MemoryJournal) + Send + 'static) -> Answer<'_> {
        self.acknowledged(Durable::Now, write)
    }

    fn acknowledged(&self, durable: Durable, write: impl FnOnce(&MemoryJournal) + Send + 'static) -> Answer<'_> {
        match self.operate(durable, Box::new(write)) {
            Some(answer) => Box::pin(ready(answer)),
            None => Box::pin(pending()),
        }
    }

    fn soon(&self, write: impl FnOnce(&MemoryJournal) + Send + 'static) {
        self.operate(Durable::Soon, Box::new(write));
    }
}

impl Journal for DyingJournal {
    fn accept_asked(&self, job: AcceptedJob, keys: Vec<AcceptanceKey>, asked: Option<AuditRecord>) -> Answer<'_> {
        self.acknowledged(Durable::Accepted, |kept| drop(kept.accept_asked(job, keys, asked)))
    }

    fn forget_keys(&self, keys: Vec<KeyId>) {
        self.soon(|kept| kept.forget_keys(keys));
    }

    fn intend(&self, user: UserKey, user_state: KeptUserState) -> Answer<'_> {
        self.durably(move |kept| drop(kept.intend(user, user_state)))
    }

    fn stands(&self, user: UserKey, user_state: KeptUserState) {
        self.soon(move |kept| kept.stands(user, user_state));
    }

    /// Kept over failures until it is durable, as the contract says.
    fn conclude(&self, conclusion: Conclusion) -> Answer<'_> {
        let again = move |conclusion: &Conclusion| {
            let conclusion = conclusion.clone();
            self.durably(move |kept| drop(kept.conclude(conclusion)))
        };
        let mut answer = again(&conclusion);
        Box::pin(async move {
            while let Err(JournalError::CannotWrite(_)) = (&mut answer).await {
                tokio::time::sleep(Duration::from_millis(500)).await;
                answer = again(&conclusion);
            }
            Ok(())
        })
    }

    fn note_asked(&self, job: JobId, note: JobNote, asked: Option<AuditRecord>) -> Answer<'_> {
        self.durably(move |kept| drop(kept.note_asked(job, note, asked)))
    }

    fn audit(&self, record: AuditRecord) -> Answer<'_> {
        self.durably(|kept| drop(kept.audit(record)))
    }

    fn forget_audit(&self, before: Timestamp) {
        self.soon(move |kept| kept.forget_audit(before));
    }

    fn audited(
        &self,
        filter: AuditFilter,
        older_than: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Option<AuditPage>, JournalError>> {
        self.kept.audited(filter, older_than, limit)
    }

    fn belong_to(&self, org: OrgIdentity, forget_users: bool) -> Answer<'_> {
        self.durably(move |kept| drop(kept.belong_to(org, forget_users)))
    }

    fn remember(&self, memos: Vec<Memo>) -> Answer<'_> {
        self.durably(|kept| drop(kept.remember(memos)))
    }

    fn erase(&self, erasure: Erasure) -> Answer<'_> {
        self.durably(|kept| drop(kept.erase(erasure)))
    }

    fn forget_jobs(&self, jobs: Vec<JobId>) {
        self.soon(|kept| kept.forget_jobs(jobs));
    }

    fn calls(&self, record: CallRecord) -> Answer<'_> {
        self.durably(move |kept| drop(kept.calls(record)))
    }

    fn usage(&self) -> JournalUsage {
        self.kept.usage()
    }

    fn flush(&self) -> Answer<'_> {
        self.durably(|_| {})
    }
}
