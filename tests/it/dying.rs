//! A process that dies at one operation of its journal, or whose journal fails there: operations are numbered, so that
//! tests go through all of them.
//!
//! What nobody waits for is not durable until somebody waits for something later, so that a crash loses as much as it ever
//! could; of what is not durable, none, half or all survives. From the moment of the crash on nothing of the process is
//! written down, and no call leaves it; calls that have left it are carried out by Genesys, and nobody sees the answers.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{BoxFuture, pending, ready};
use skillsync::domain::acceptance::{AcceptanceKey, KeyId};
use skillsync::domain::{JobId, UserKey};
use skillsync::genesys::transport::Transport;
use skillsync::journal::{
    AcceptedJob, CallRecord, EntryOutcome, JobCounters, JobNote, Journal, JournalError, JournalUsage, KeptStanding,
    Memo, MemoryJournal,
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

type Write = Box<dyn FnOnce(&MemoryJournal) + Send>;

pub(crate) struct DyingJournal {
    kept: Arc<MemoryJournal>,
    death: Option<Death>,
    /// Operations that fail, of those that can.
    failing: Range<usize>,
    state: Mutex<State>,
    pub(crate) dead: CancellationToken,
}

#[derive(Default)]
struct State {
    operations: usize,
    unflushed: Vec<Write>,
}

impl std::fmt::Debug for DyingJournal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DyingJournal").field("death", &self.death).finish_non_exhaustive()
    }
}

type Answer<'a> = BoxFuture<'a, Result<(), JournalError>>;

impl DyingJournal {
    pub(crate) fn new(kept: &Arc<MemoryJournal>, death: Option<Death>, failing: Range<usize>) -> Arc<Self> {
        let (state, dead) = (Mutex::default(), CancellationToken::new());
        Arc::new(Self { kept: Arc::clone(kept), death, failing, state, dead })
    }

    /// Operations so far.
    pub(crate) fn operations(&self) -> usize {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).operations
    }

    /// The wire of the process: nothing leaves the dead.
    pub(crate) fn wire(&self, wire: Transport) -> Transport {
        let dead = self.dead.clone();
        BoxCloneSyncService::new(tower::service_fn(move |request| {
            let (wire, dead) = (wire.clone(), dead.clone());
            async move {
                if dead.is_cancelled() {
                    return pending().await;
                }
                #[expect(clippy::disallowed_methods, reason = "the other side goes on when this one is gone")]
                let answer = tokio::spawn(wire.oneshot(request)).await.expect("the simulator does not panic");
                if dead.is_cancelled() { pending().await } else { answer }
            }
        }))
    }

    /// Carries out one operation; whether it was, unless the process is dead.
    fn operate(&self, durable: bool, write: Write) -> Option<Result<(), JournalError>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if self.dead.is_cancelled() {
            return None;
        }
        let operation = state.operations;
        state.operations += 1;
        if let Some(death) = self.death.filter(|death| death.at == operation) {
            self.die(&mut state, death, durable, write);
            return None;
        }
        if durable && self.failing.contains(&operation) {
            return Some(Err(JournalError::CannotWrite("no space left on device".to_owned())));
        }
        state.unflushed.push(write);
        if durable {
            state.unflushed.drain(..).for_each(|write| write(&self.kept));
        }
        Some(Ok(()))
    }

    fn die(&self, state: &mut State, death: Death, durable: bool, write: Write) {
        if death.done {
            state.unflushed.push(write);
        }
        let count = state.unflushed.len();
        let left = match death.left {
            _ if durable && death.done => count,
            Left::Nothing => 0,
            Left::Half => count / 2,
            Left::Everything => count,
        };
        state.unflushed.drain(..).take(left).for_each(|write| write(&self.kept));
        self.dead.cancel();
    }

    fn durably(&self, write: impl FnOnce(&MemoryJournal) + Send + 'static) -> Answer<'_> {
        match self.operate(true, Box::new(write)) {
            Some(answer) => Box::pin(ready(answer)),
            None => Box::pin(pending()),
        }
    }

    fn soon(&self, write: impl FnOnce(&MemoryJournal) + Send + 'static) {
        self.operate(false, Box::new(write));
    }
}

impl Journal for DyingJournal {
    fn accept(&self, job: AcceptedJob, keys: Vec<AcceptanceKey>) -> Answer<'_> {
        self.durably(|kept| drop(kept.accept(job, keys)))
    }

    fn forget_keys(&self, keys: Vec<KeyId>) {
        self.soon(|kept| kept.forget_keys(keys));
    }

    fn intend(&self, user: UserKey, standing: KeptStanding) -> Answer<'_> {
        self.durably(move |kept| kept.stands(user, standing))
    }

    fn ended(&self, job: JobId, position: u32, outcome: EntryOutcome, counters: JobCounters) {
        self.soon(move |kept| kept.ended(job, position, outcome, counters));
    }

    fn stands(&self, user: UserKey, standing: KeptStanding) {
        self.soon(move |kept| kept.stands(user, standing));
    }

    fn note(&self, job: JobId, note: JobNote) -> Answer<'_> {
        self.durably(move |kept| drop(kept.note(job, note)))
    }

    fn remember(&self, memos: Vec<Memo>) -> Answer<'_> {
        self.durably(|kept| drop(kept.remember(memos)))
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
