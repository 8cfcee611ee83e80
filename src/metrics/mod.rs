//! What is counted, and the text in which Prometheus reads it.
//!
//! A part counts in its own words, in arrays over its own enums: the number of series is bounded by construction, a count
//! costs one atomic addition, and there is no registry that a name could be missing from. What a snapshot shows anyway is
//! read from that when somebody asks, not counted a second time.

mod histogram;
mod text;

use std::sync::atomic::{AtomicU64, Ordering};

pub use self::histogram::{Distribution, Histogram};
pub use self::text::{Family, FamilyKind, Labels, MetricsText};

/// A number that only grows while the process lives.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn count(&self) {
        self.add(1);
    }

    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
