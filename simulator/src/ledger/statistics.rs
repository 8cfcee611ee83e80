//! Statistics of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::super::route::Route;
use super::super::scenario::ConflictCause;
use super::{Ledger, Outcome, Writer};

/// The ledger, counted.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Statistics {
    /// Time since the start of the simulation, in seconds.
    pub elapsed_seconds: f64,
    /// Number of API requests, without logins.
    pub api_requests: usize,
    /// Number of requests to the token endpoint.
    pub logins: usize,
    /// Number of answers by route and status.
    pub answers: BTreeMap<Route, BTreeMap<u16, usize>>,
    /// Number of API requests that were answered with 429.
    pub rate_limited: usize,
    /// Number of connections that were closed without an answer.
    pub resets: usize,
    /// Number of requests whose client stopped waiting.
    pub abandoned: usize,
    /// Number of conflicts that reached the client.
    pub conflicts_total: usize,
    /// The same by cause.
    pub conflicts: BTreeMap<ConflictCause, usize>,
    /// Number of writes by the client that took effect.
    pub client_writes: usize,
    /// Number of writes by foreign writers that took effect.
    pub foreign_writes: usize,
    /// Maximum number of API requests in any second, wherever it begins.
    pub peak_per_second: usize,
    /// Maximum number of API requests in any minute, wherever it begins.
    pub peak_per_minute: usize,
    /// Number of pairs of writes to one user's resource that were in flight together.
    pub overlapping_writes: usize,
    /// Number of foreign changes that the client undid and no later write restored.
    pub lost_foreign_changes: usize,
}

impl Ledger {
    /// Returns the statistics of the run up to `now`.
    pub fn statistics(&self, now: Instant) -> Statistics {
        let conflicts = self.conflicts();
        let ended_as = |outcome| self.requests.iter().filter(|record| record.outcome == outcome).count();
        let written_by = |writer| self.effects.iter().filter(|effect| effect.writer == writer).count();
        let api_requests = self.api_requests().count();
        Statistics {
            elapsed_seconds: now.saturating_duration_since(self.started).as_secs_f64(),
            api_requests,
            logins: self.requests.len() - api_requests,
            answers: self.answers(),
            rate_limited: self.rate_limited(),
            resets: ended_as(Outcome::Reset),
            abandoned: ended_as(Outcome::Abandoned),
            conflicts_total: conflicts.values().sum(),
            conflicts,
            client_writes: written_by(Writer::Client),
            foreign_writes: written_by(Writer::Foreign),
            peak_per_second: self.peak_in_any(Duration::from_secs(1)),
            peak_per_minute: self.peak_in_any(Duration::from_secs(60)),
            overlapping_writes: self.overlapping_writes().len(),
            lost_foreign_changes: self.lost_foreign_changes().len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{effect, empty, request};
    use super::*;

    #[test]
    fn statistics_are_written_in_camel_case_with_routes_by_name() {
        let mut ledger = empty(Instant::now());
        request(&mut ledger, Route::WfmWrite, 1, 0, 10);
        effect(&mut ledger, Writer::Client, &[], &[1]);
        let json = serde_json::to_value(ledger.statistics(ledger.started())).unwrap();
        assert_eq!(json["apiRequests"], 1);
        assert_eq!(json["answers"]["wfm_write"]["200"], 1);
        assert_eq!(json["clientWrites"], 1);
        assert_eq!(json["peakPerMinute"], 1);
    }
}
