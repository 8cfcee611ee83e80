//! What has not ended, over all jobs, and how those entries ended that have.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use crate::domain::conflict::Cause;
use crate::domain::job::Lane;
use crate::domain::{EntryState, Reason};
use crate::engine::estimate::fair_share::{Ahead, FairShare};
use crate::engine::estimate::workload::Load;
use crate::metrics::Counter;
use parking_lot::Mutex;

/// The number of open entries, and what became of others; clones are handles to the same one.
///
/// Invariant: number and turns are sums over the jobs, because each job reports every change of its own under the lock
/// that the change is made under.
#[derive(Debug, Clone, Default)]
pub(in crate::engine) struct OpenEntries {
    open: Arc<AtomicU32>,
    turns: Arc<Mutex<FairShare>>,
    /// Bytes that all jobs hold, also those that have ended.
    held: Arc<AtomicUsize>,
    ended: Arc<EndedEntries>,
}

/// How entries ended, and which conflicts were met, since the start of the process.
#[derive(Debug, Default)]
pub struct EndedEntries {
    states: [Counter; EntryState::ALL.len()],
    reasons: [Counter; Reason::ALL.len()],
    conflicts: [Counter; Cause::ALL.len()],
}

impl OpenEntries {
    /// A job had `before` ahead of it and has `after`.
    pub(in crate::engine) fn moved(&self, lane: Lane, before: Load, after: Load) {
        if before != after {
            // Adding the difference modulo 2^32 adds or subtracts.
            self.open.fetch_add(after.entries.wrapping_sub(before.entries), Ordering::Relaxed);
            self.turns.lock().moved(lane, before, after);
        }
    }

    /// What goes before the end of a job that has so much ahead of it.
    pub(in crate::engine) fn ahead_of(&self, lane: Lane, own: Load) -> Ahead {
        self.turns.lock().ahead_of(lane, own)
    }

    /// A job holds so many bytes, until this is dropped.
    pub(in crate::engine) fn hold(&self, bytes: usize) -> HeldMemory {
        let held = HeldMemory { all: Arc::clone(&self.held), bytes: AtomicUsize::new(0) };
        held.set(bytes);
        held
    }

    /// Bytes that all jobs hold.
    pub(in crate::engine) fn held_bytes(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    pub(in crate::engine) fn count(&self) -> u32 {
        self.open.load(Ordering::Relaxed)
    }

    pub(in crate::engine) fn ended(&self) -> &Arc<EndedEntries> {
        &self.ended
    }
}

/// What one job holds of the memory.
#[derive(Debug)]
pub(in crate::engine) struct HeldMemory {
    all: Arc<AtomicUsize>,
    bytes: AtomicUsize,
}

impl HeldMemory {
    /// The job holds so many bytes from here on.
    pub(in crate::engine) fn set(&self, bytes: usize) {
        let before = self.bytes.swap(bytes, Ordering::Relaxed);
        // Adding the difference modulo the size of the type adds or subtracts.
        self.all.fetch_add(bytes.wrapping_sub(before), Ordering::Relaxed);
    }
}

impl Drop for HeldMemory {
    fn drop(&mut self) {
        self.set(0);
    }
}

impl EndedEntries {
    pub(in crate::engine) fn count(&self, state: EntryState, reason: Option<Reason>) {
        self.states[state as usize].count();
        if let Some(reason) = reason {
            self.reasons[reason as usize].count();
        }
    }

    pub(in crate::engine) fn count_conflicts(&self, cause: Cause, writes: u32) {
        self.conflicts[cause as usize].add(u64::from(writes));
    }

    /// Entries that ended in each of the states that are an end.
    pub fn by_state(&self) -> impl Iterator<Item = (EntryState, &Counter)> {
        EntryState::ALL.into_iter().zip(&self.states).filter(|(state, _)| state.is_terminal())
    }

    pub fn by_reason(&self) -> impl Iterator<Item = (Reason, &Counter)> {
        Reason::ALL.into_iter().zip(&self.reasons)
    }

    /// Refused writes, each once, however many jobs were waiting for it.
    pub fn conflicts(&self) -> impl Iterator<Item = (Cause, &Counter)> {
        Cause::ALL.into_iter().zip(&self.conflicts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_jobs_hold_adds_up() {
        let open = OpenEntries::default();
        let (first, second) = (open.hold(1000), open.hold(500));
        first.set(300);
        assert_eq!(open.held_bytes(), 800);
        drop(second);
        first.set(400);
        assert_eq!(open.held_bytes(), 400);
        drop(first);
        assert_eq!(open.held_bytes(), 0);
    }

    #[test]
    fn enums_index_their_arrays_in_the_order_of_their_lists() {
        assert!(EntryState::ALL.iter().enumerate().all(|(at, state)| *state as usize == at));
        assert!(Reason::ALL.iter().enumerate().all(|(at, reason)| *reason as usize == at));
        assert!(Cause::ALL.iter().enumerate().all(|(at, cause)| *cause as usize == at));
    }
}
