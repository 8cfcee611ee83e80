//! Counters and histograms, and the text format in which Prometheus reads them.
//!
//! Each part counts in arrays over its own enums: the number of series is bounded by construction, a count costs one
//! atomic addition, and there is no registry in which a name could be missing. What a snapshot shows anyway is read
//! from it at scrape time and not counted separately.

mod histogram;
mod text;

use std::sync::atomic::{AtomicU64, Ordering};

pub use self::histogram::{Distribution, Histogram};
pub use self::text::{Family, FamilyKind, Labels, MetricsText};

/// A count that only grows during the life of the process.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub fn count(&self) {
        self.add(1);
    }

    /// Adds `more`.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// Returns the current value.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
