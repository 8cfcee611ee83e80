//! Statistics of the calls to Genesys: how they ended, how long they took, and how long they waited in the rate
//! limiter.

use std::time::Duration;

use super::call::{CallLane, Route, RouteClass};
use crate::metrics::{Counter, Histogram};

/// Ends of an attempt: statuses that matter one by one, the others by class. The last one stands for no connection and
/// for a missing or incomplete answer.
const ENDS: [&str; 20] = [
    "2xx",
    "3xx",
    "400",
    "401",
    "403",
    "404",
    "408",
    "409",
    "412",
    "413",
    "422",
    "428",
    "429",
    "4xx",
    "500",
    "502",
    "503",
    "504",
    "5xx",
    "no_answer",
];

/// Returns the index in [`ENDS`]; `None` stands for no answer.
fn place_of(status: Option<u16>) -> usize {
    let Some(status) = status else { return ENDS.len() - 1 };
    let named = |name: &str| ENDS.iter().position(|known| *known == name);
    named(&status.to_string()).or_else(|| named(&format!("{}xx", status / 100))).unwrap_or(ENDS.len() - 1)
}

/// Why a call was repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryCause {
    /// Status 429; the rate limiter made the call wait.
    Throttled,
    /// A 5xx, 408, or no answer.
    Trouble,
}

impl RetryCause {
    /// All causes.
    pub const ALL: [Self; 2] = [Self::Throttled, Self::Trouble];

    /// Returns the name used in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Trouble => "trouble",
        }
    }
}

/// Bounds in seconds. Genesys answers within a second or is in trouble; an attempt times out after a minute by default.
const ANSWER_BOUNDS: [f64; 10] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// Bounds in seconds. A delivery waits for moments, a bulk job as long as its rate requires, a paused call for minutes.
const WAIT_BOUNDS: [f64; 8] = [0.01, 0.1, 0.5, 2.0, 10.0, 60.0, 300.0, 1800.0];

/// Counters since the start of the process.
#[derive(Debug)]
pub struct CallStatistics {
    calls: [[Counter; ENDS.len()]; Route::ALL.len()],
    answers: [Histogram; RouteClass::ALL.len()],
    waits: [Histogram; CallLane::ALL.len()],
    retries: [Counter; RetryCause::ALL.len()],
    refused_retries: Counter,
}

impl Default for CallStatistics {
    fn default() -> Self {
        Self {
            calls: Default::default(),
            answers: std::array::from_fn(|_| Histogram::new(&ANSWER_BOUNDS)),
            waits: std::array::from_fn(|_| Histogram::new(&WAIT_BOUNDS)),
            retries: Default::default(),
            refused_retries: Counter::default(),
        }
    }
}

impl CallStatistics {
    /// Records an attempt that ended with this status, or without an answer.
    pub(super) fn ended(&self, route: Route, status: Option<u16>, took: Duration) {
        self.calls[route as usize][place_of(status)].count();
        self.answers[route.class().index()].record(took);
    }

    /// Records how long a caller waited in the rate limiter before it was admitted.
    pub(super) fn waited(&self, lane: CallLane, length: Duration) {
        self.waits[lane as usize].record(length);
    }

    pub(super) fn retried(&self, cause: RetryCause) {
        self.retries[cause as usize].count();
    }

    /// Records a repetition that would have made sense, but exceeded the budget.
    pub(super) fn refused_retry(&self) {
        self.refused_retries.count();
    }

    /// Returns the attempts by route and end, omitting those that never happened.
    pub fn calls(&self) -> impl Iterator<Item = (Route, &'static str, u64)> {
        let counts = Route::ALL.into_iter().zip(&self.calls).flat_map(|(route, counts)| {
            ENDS.into_iter().zip(counts).map(move |(end, count)| (route, end, count.value()))
        });
        counts.filter(|(_, _, count)| *count > 0)
    }

    /// Returns how long attempts took, from sending the request to the last byte of the answer.
    pub fn answers(&self) -> impl Iterator<Item = (RouteClass, &Histogram)> {
        RouteClass::ALL.into_iter().zip(&self.answers)
    }

    /// Returns how long callers waited in the rate limiter before they were admitted, by lane.
    pub fn waits(&self) -> impl Iterator<Item = (CallLane, &Histogram)> {
        CallLane::ALL.into_iter().zip(&self.waits)
    }

    /// Returns the number of repeated calls, by cause.
    pub fn retries(&self) -> impl Iterator<Item = (RetryCause, &Counter)> {
        RetryCause::ALL.into_iter().zip(&self.retries)
    }

    /// Returns the number of repetitions that exceeded the budget.
    pub fn refused_retries(&self) -> &Counter {
        &self.refused_retries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_has_a_place_of_its_own_and_a_route_keeps_to_its_row() {
        let (statistics, took) = (CallStatistics::default(), Duration::from_millis(80));
        let ends = [
            (Some(200), "2xx"),
            (Some(409), "409"),
            (Some(418), "4xx"),
            (Some(504), "504"),
            (Some(599), "5xx"),
            (None, "no_answer"),
        ];
        for (route, (end, _)) in Route::ALL.into_iter().zip(ends) {
            statistics.ended(route, end, took);
        }
        let expected: Vec<_> = Route::ALL.into_iter().zip(ends).map(|(route, (_, name))| (route, name, 1)).collect();
        assert_eq!(statistics.calls().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn enums_index_their_arrays_in_the_order_of_their_lists() {
        assert!(Route::ALL.iter().enumerate().all(|(at, route)| *route as usize == at));
        assert!(CallLane::ALL.iter().enumerate().all(|(at, lane)| *lane as usize == at));
        assert!(RetryCause::ALL.iter().enumerate().all(|(at, cause)| *cause as usize == at));
    }
}
