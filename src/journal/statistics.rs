//! How the journal gets on: how long flushes take, how many fail, how much waits.

use std::time::Duration;

use crate::metrics::{Counter, Distribution, Histogram};

/// A flush to a local disk takes milliseconds; one that takes longer is felt by whoever submits.
const FLUSH_BOUNDS: [f64; 9] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0];

/// Counted by the writer.
#[derive(Debug)]
pub(super) struct JournalStatistics {
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

/// The journal at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalHealth {
    pub flushes: Distribution,
    pub failures: u64,
    /// Records that were handed over and are not durable.
    pub unwritten: u64,
}

impl JournalStatistics {
    /// A record was handed over.
    pub(super) fn taken(&self) {
        self.taken.count();
    }

    /// A batch was flushed, or could not be, and is `over` by so many records: written, or given up.
    pub(super) fn flushed(&self, took: Duration, worked: bool, over: usize) {
        self.flushes.record(took);
        self.written.add(over as u64);
        if !worked {
            self.failures.count();
        }
    }

    /// A record that was handed over is not taken.
    pub(super) fn turned_back(&self) {
        self.written.count();
    }

    pub(super) fn health(&self) -> JournalHealth {
        JournalHealth {
            flushes: self.flushes.distribution(),
            failures: self.failures.value(),
            unwritten: self.taken.value().saturating_sub(self.written.value()),
        }
    }
}
