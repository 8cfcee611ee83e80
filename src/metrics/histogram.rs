//! Histograms of durations, with fixed buckets.

use std::time::Duration;

use super::Counter;

/// A histogram of durations.
#[derive(Debug)]
pub struct Histogram {
    /// Upper bounds in seconds, in ascending order.
    bounds: &'static [f64],
    /// One bucket per bound, and one for longer durations.
    buckets: Box<[Counter]>,
    total_micros: Counter,
}

/// A snapshot of a histogram.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// Each bound in seconds, with the number of durations up to that bound.
    pub up_to: Vec<(f64, u64)>,
    /// The number of all durations.
    pub count: u64,
    /// The sum of all durations, in seconds.
    pub total_seconds: f64,
}

impl Histogram {
    /// Creates an empty histogram with these upper bounds, in seconds and ascending.
    pub fn new(bounds: &'static [f64]) -> Self {
        let buckets = (0..=bounds.len()).map(|_| Counter::default()).collect();
        Self { bounds, buckets, total_micros: Counter::default() }
    }

    /// Counts one duration.
    pub fn record(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let place = self.bounds.partition_point(|bound| *bound < seconds);
        if let Some(bucket) = self.buckets.get(place) {
            bucket.count();
        }
        self.total_micros.add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// Returns a snapshot.
    pub fn distribution(&self) -> Distribution {
        let mut count = 0;
        let mut so_far = |bucket: &Counter| {
            count += bucket.value();
            count
        };
        let up_to = self.bounds.iter().zip(&self.buckets).map(|(bound, bucket)| (*bound, so_far(bucket))).collect();
        let count = self.buckets.last().map(so_far).unwrap_or_default();
        let total_seconds = Duration::from_micros(self.total_micros.value()).as_secs_f64();
        Distribution { up_to, count, total_seconds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_in_every_bucket_that_it_fits() {
        let histogram = Histogram::new(&[0.1, 1.0]);
        for millis in [50, 100, 101, 999, 5000] {
            histogram.record(Duration::from_millis(millis));
        }
        let shown = histogram.distribution();
        assert_eq!(shown.up_to, [(0.1, 2), (1.0, 4)]);
        assert_eq!(shown.count, 5);
        assert!((shown.total_seconds - 6.25).abs() < 1e-9, "{shown:?}");
    }
}
