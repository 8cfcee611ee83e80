//! Writes the Prometheus text format, version 0.0.4, which every scraper supports.

use std::fmt::{Display, Write as _};

use super::{Counter, Distribution};

/// The type of a family of series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FamilyKind {
    Counter,
    Gauge,
    Histogram,
}

impl FamilyKind {
    fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A family: series with one name that differ in their labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    pub name: &'static str,
    pub kind: FamilyKind,
    /// The description, as written after `# HELP`.
    pub help: &'static str,
}

impl Family {
    /// Returns a family of counters.
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: FamilyKind::Counter, help }
    }

    /// Returns a family of gauges.
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: FamilyKind::Gauge, help }
    }

    /// Returns a family of histograms.
    pub const fn histogram(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: FamilyKind::Histogram, help }
    }
}

/// The labels of one series. Names must be valid label names; values are escaped.
pub type Labels<'a> = &'a [(&'static str, &'a str)];

/// Builds the text, family by family.
#[derive(Debug, Default)]
pub struct MetricsText {
    text: String,
    family: &'static str,
}

impl MetricsText {
    /// The `Content-Type` of the text.
    pub const MEDIA_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";

    /// Begins a family. A family without series is written too, so that scrapers see which ones exist.
    pub fn family(&mut self, family: &Family) -> &mut Self {
        self.family = family.name;
        let Family { name, kind, help } = family;
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {}", kind.name()));
        self
    }

    /// Writes one series of the current family.
    pub fn series(&mut self, labels: Labels<'_>, value: impl Display) -> &mut Self {
        self.sample("", labels, None, &value);
        self
    }

    /// Writes one series of the current family with the value of a counter.
    pub fn counter(&mut self, labels: Labels<'_>, counter: &Counter) -> &mut Self {
        self.series(labels, counter.value())
    }

    /// Writes the series of one histogram.
    pub fn distribution(&mut self, labels: Labels<'_>, shown: &Distribution) -> &mut Self {
        for (bound, count) in &shown.up_to {
            self.sample("_bucket", labels, Some(&bound.to_string()), count);
        }
        self.sample("_bucket", labels, Some("+Inf"), &shown.count);
        self.sample("_sum", labels, None, &shown.total_seconds);
        self.sample("_count", labels, None, &shown.count);
        self
    }

    /// Returns the finished text.
    pub fn finish(self) -> String {
        self.text
    }

    fn sample(&mut self, suffix: &str, labels: Labels<'_>, bound: Option<&str>, value: &dyn Display) {
        let own = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value)));
        let all: Vec<_> = own.chain(bound.map(|bound| format!("le=\"{bound}\""))).collect();
        let name = self.family;
        match all.as_slice() {
            [] => self.line(format_args!("{name}{suffix} {value}")),
            all => self.line(format_args!("{name}{suffix}{{{}}} {value}", all.join(","))),
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{line}");
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Histogram;
    use super::*;

    #[test]
    fn families_are_written_as_prometheus_reads_them() {
        let histogram = Histogram::new(&[0.5]);
        histogram.record(Duration::from_secs(1));
        let mut text = MetricsText::default();
        text.family(&Family::counter("a_total", "Things.")).series(&[("of", "x\"\\\ny")], 3);
        text.family(&Family::gauge("b", "Others."));
        text.family(&Family::histogram("c_seconds", "Time."))
            .distribution(&[("lane", "bulk")], &histogram.distribution());
        let expected = "# HELP a_total Things.\n# TYPE a_total counter\na_total{of=\"x\\\"\\\\\\ny\"} 3\n\
                        # HELP b Others.\n# TYPE b gauge\n# HELP c_seconds Time.\n# TYPE c_seconds histogram\n\
                        c_seconds_bucket{lane=\"bulk\",le=\"0.5\"} 0\nc_seconds_bucket{lane=\"bulk\",le=\"+Inf\"} 1\n\
                        c_seconds_sum{lane=\"bulk\"} 1\nc_seconds_count{lane=\"bulk\"} 1\n";
        assert_eq!(text.finish(), expected);
    }
}
