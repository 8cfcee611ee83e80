//! Receiver for tests: records when calls arrive, and counts by brute force.

use std::time::Duration;

use tokio::time::Instant;

use super::limits::WindowLimit;

#[derive(Debug, Default)]
pub(super) struct Receiver {
    arrivals: Vec<Instant>,
}

impl Receiver {
    pub(super) fn arrived(&mut self, at: Instant) {
        self.arrivals.push(at);
    }

    pub(super) fn arrivals(&self) -> &[Instant] {
        &self.arrivals
    }

    /// Returns the maximum number of calls in any span of this length, excluding its end.
    pub(super) fn peak(&self, period: Duration) -> usize {
        let mut sorted = self.arrivals.clone();
        sorted.sort_unstable();
        let within = |first: usize| sorted[first..].partition_point(|at| *at < sorted[first] + period);
        (0..sorted.len()).map(within).max().unwrap_or(0)
    }

    pub(super) fn assert_never_exceeded(&self, windows: &[WindowLimit], context: &str) {
        for window in windows {
            let peak = self.peak(window.period);
            assert!(peak <= window.calls.get() as usize, "{peak} calls within {window:?}; {context}");
        }
    }

    /// Returns the number of calls that arrived between two instants, excluding the later one.
    pub(super) fn between(&self, from: Instant, to: Instant) -> usize {
        self.arrivals.iter().filter(|at| **at >= from && **at < to).count()
    }
}
