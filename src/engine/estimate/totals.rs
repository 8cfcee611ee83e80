//! Totals over all jobs: what is open, and how entries ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use crate::domain::conflict::Cause;
use crate::domain::job::Lane;
use crate::domain::{EntryState, Reason};
use crate::engine::estimate::fair_share::{Ahead, FairShare};
use crate::engine::estimate::workload::Load;
use crate::metrics::Counter;
use parking_lot::Mutex;

/// The totals over all jobs. Clones share the same totals.
///
/// Invariant: the totals are sums over the jobs, because each job reports every change under the lock under which it
/// makes the change.
#[derive(Debug, Clone, Default)]
pub(in crate::engine) struct OpenEntries {
    open: Arc<AtomicU32>,
    turns: Arc<Mutex<FairShare>>,
    /// Bytes that all jobs take, including ended ones.
    held: Arc<AtomicUsize>,
    ended: Arc<EndedEntries>,
}

/// How entries ended and which conflicts occurred, since the start of the process.
#[derive(Debug, Default)]
pub struct EndedEntries {
    states: [Counter; EntryState::ALL.len()],
    reasons: [Counter; Reason::ALL.len()],
    conflicts: [Counter; Cause::ALL.len()],
}

impl OpenEntries {
    /// Records that what is ahead of a job changed from `before` to `after`.
    pub(in crate::engine) fn moved(&self, lane: Lane, before: Load, after: Load) {
        if before != after {
            // Adding the difference modulo 2^32 adds or subtracts.
            self.open.fetch_add(after.entries.wrapping_sub(before.entries), Ordering::Relaxed);
            self.turns.lock().moved(lane, before, after);
        }
    }

    /// Returns the calls before the end of a job that has `own` ahead.
    pub(in crate::engine) fn ahead_of(&self, lane: Lane, own: Load) -> Ahead {
        self.turns.lock().ahead_of(lane, own)
    }

    /// Counts bytes that a job takes until the result is dropped.
    pub(in crate::engine) fn hold(&self, bytes: usize) -> HeldMemory {
        let held = HeldMemory { all: Arc::clone(&self.held), bytes: AtomicUsize::new(0) };
        held.set(bytes);
        held
    }

    /// Returns the bytes that all jobs take.
    pub(in crate::engine) fn held_bytes(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Returns the number of open entries.
    pub(in crate::engine) fn count(&self) -> u32 {
        self.open.load(Ordering::Relaxed)
    }

    /// Returns how entries ended.
    pub(in crate::engine) fn ended(&self) -> &Arc<EndedEntries> {
        &self.ended
    }
}

/// The memory that one job takes.
#[derive(Debug)]
pub(in crate::engine) struct HeldMemory {
    all: Arc<AtomicUsize>,
    bytes: AtomicUsize,
}

impl HeldMemory {
    /// Changes the number of bytes that the job takes.
    pub(in crate::engine) fn set(&self, bytes: usize) {
        let before = self.bytes.swap(bytes, Ordering::Relaxed);
        // Adding the difference modulo the range of the type adds or subtracts.
        self.all.fetch_add(bytes.wrapping_sub(before), Ordering::Relaxed);
    }
}

impl Drop for HeldMemory {
    fn drop(&mut self) {
        self.set(0);
    }
}

impl EndedEntries {
    /// Counts an entry that ended.
    pub(in crate::engine) fn count(&self, state: EntryState, reason: Option<Reason>) {
        self.states[state as usize].count();
        if let Some(reason) = reason {
            self.reasons[reason as usize].count();
        }
    }

    /// Counts `writes` refused writes with the given cause.
    pub(in crate::engine) fn count_conflicts(&self, cause: Cause, writes: u32) {
        self.conflicts[cause as usize].add(u64::from(writes));
    }

    /// Returns the number of entries that ended in each terminal state.
    pub fn by_state(&self) -> impl Iterator<Item = (EntryState, &Counter)> {
        EntryState::ALL.into_iter().zip(&self.states).filter(|(state, _)| state.is_terminal())
    }

    /// Returns the number of ended entries for each reason.
    pub fn by_reason(&self) -> impl Iterator<Item = (Reason, &Counter)> {
        Reason::ALL.into_iter().zip(&self.reasons)
    }

    /// Returns the number of refused writes by cause. Each write counts once, however many jobs waited for it.
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
