//! Decides who may write about which people.
//!
//! Each write waits for the disk. Deliveries about different people wait together, those about the same person one
//! after another, and a task that goes through everyone waits alone.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};

use tokio::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Number of locks that people share; more than there are deliveries at a time.
const REMAINDERS: usize = 256;

/// The turns of all people.
#[derive(Debug)]
pub(in crate::hris::intake) struct Turns {
    everybody: RwLock<()>,
    some: Vec<Mutex<()>>,
    hasher: RandomState,
}

/// The right to write about some people.
#[derive(Debug)]
pub(in crate::hris::intake) struct WriteTurn<'t> {
    _not_everybody: RwLockReadGuard<'t, ()>,
    _some: Vec<MutexGuard<'t, ()>>,
}

impl Turns {
    pub(super) fn new() -> Self {
        let some = (0..REMAINDERS).map(|_| Mutex::default()).collect();
        Self { everybody: RwLock::default(), some, hasher: RandomState::new() }
    }

    /// Waits until no one else writes about anyone.
    pub(super) async fn everybody(&self) -> RwLockWriteGuard<'_, ()> {
        self.everybody.write().await
    }

    /// Waits until no one else writes about these people.
    pub(in crate::hris::intake) async fn of(&self, people: impl Iterator<Item = &str>) -> WriteTurn<'_> {
        let not_everybody = self.everybody.read().await;
        // The locks are taken in ascending order to avoid deadlocks.
        let remainders: BTreeSet<_> = people.map(|text| self.remainder(text)).collect();
        let mut some = Vec::with_capacity(remainders.len());
        for turn in remainders.into_iter().filter_map(|at| self.some.get(at)) {
            some.push(turn.lock().await);
        }
        WriteTurn { _not_everybody: not_everybody, _some: some }
    }

    /// Returns the index of the lock that a person shares.
    fn remainder(&self, text: &str) -> usize {
        usize::try_from(self.hasher.hash_one(text)).unwrap_or_default() % REMAINDERS
    }
}
