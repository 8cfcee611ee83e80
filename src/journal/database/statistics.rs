//! Statistics of the journal: how long flushes take, how many fail, and how many records wait.

use crate::journal::content::JournalHealth;
use std::time::Duration;

use crate::metrics::{Counter, Histogram};

/// Bounds in seconds. A flush to a local disk takes milliseconds; a longer one delays callers that submit.
const FLUSH_BOUNDS: [f64; 9] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0];

/// Counters of the writer.
#[derive(Debug)]
pub(in crate::journal) struct JournalStatistics {
    flushes: Histogram,
    failures: Counter,
    taken: Counter,
    written: Counter,
}

impl Default for JournalStatistics {
    fn default() -> Self {
        Self {
            flushes: Histogram::new(&FLUSH_BOUNDS),
            failures: Counter::default(),
            taken: Counter::default(),
            written: Counter::default(),
        }
    }
}

impl JournalStatistics {
    /// Records that a record was handed over.
    pub(in crate::journal) fn taken(&self) {
        self.taken.count();
    }

    /// Counts a flush and whether it worked; `over` records are finished by it, written or given up.
    pub(in crate::journal) fn flushed(&self, took: Duration, worked: bool, over: usize) {
        self.flushes.record(took);
        self.written.add(over as u64);
        if !worked {
            self.failures.count();
        }
    }

    /// Counts a record that was handed over and refused.
    pub(in crate::journal) fn turned_back(&self) {
        self.written.count();
    }

    pub(in crate::journal) fn health(&self) -> JournalHealth {
        JournalHealth {
            flushes: self.flushes.distribution(),
            failures: self.failures.value(),
            unwritten: self.taken.value().saturating_sub(self.written.value()),
        }
    }
}
