//! How many entries have not ended, over all jobs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The number of open entries; clones are handles to the same one.
///
/// Invariant: it is the sum of the open entries of all jobs, because each job reports every change of its own under the
/// lock that the change is made under.
#[derive(Debug, Clone, Default)]
pub(super) struct OpenEntries(Arc<AtomicU32>);

impl OpenEntries {
    /// A job had `before` open entries and has `after`.
    pub(super) fn moved(&self, before: u32, after: u32) {
        // Adding the difference modulo 2^32 adds or subtracts.
        self.0.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
    }

    pub(super) fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}
