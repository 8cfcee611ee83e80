//! Decides who may settle or write about which people.
//!
//! Each write waits for the disk. Deliveries about different people wait together, those about the same person one
//! after another, and a task that goes through everyone waits alone.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// Number of locks that people share; more than there are deliveries at a time.
const REMAINDERS: usize = 256;

/// The turns of all people.
#[derive(Debug)]
pub(in crate::hris::intake) struct Turns {
    everybody: Arc<RwLock<()>>,
    some: Vec<Arc<Mutex<()>>>,
    hasher: RandomState,
}

/// The right to do something about some people, or about everybody, while no one else does. It ends when this is
/// dropped.
#[derive(Debug)]
pub struct Turn {
    _everybody: Option<OwnedRwLockWriteGuard<()>>,
    _not_everybody: Option<OwnedRwLockReadGuard<()>>,
    _some: Vec<OwnedMutexGuard<()>>,
}

impl Turns {
    pub(super) fn new() -> Self {
        let some = (0..REMAINDERS).map(|_| Arc::default()).collect();
        Self { everybody: Arc::default(), some, hasher: RandomState::new() }
    }

    /// Waits until it is no one else's turn.
    pub(in crate::hris::intake) async fn everybody(&self) -> Turn {
        let everybody = Arc::clone(&self.everybody).write_owned().await;
        Turn { _everybody: Some(everybody), _not_everybody: None, _some: Vec::new() }
    }

    /// Waits until it is no one else's turn about these people.
    pub(in crate::hris::intake) async fn of(&self, people: impl Iterator<Item = &str>) -> Turn {
        let not_everybody = Arc::clone(&self.everybody).read_owned().await;
        // The locks are taken in ascending order to avoid deadlocks.
        let remainders: BTreeSet<_> = people.map(|text| self.remainder(text)).collect();
        let mut some = Vec::with_capacity(remainders.len());
        for turn in remainders.into_iter().filter_map(|at| self.some.get(at)) {
            some.push(Arc::clone(turn).lock_owned().await);
        }
        Turn { _everybody: None, _not_everybody: Some(not_everybody), _some: some }
    }

    /// Returns the index of the lock that a person shares.
    fn remainder(&self, text: &str) -> usize {
        usize::try_from(self.hasher.hash_one(text)).unwrap_or_default() % REMAINDERS
    }
}
