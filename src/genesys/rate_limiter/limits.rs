//! Limits of a rate limiter, and its initial state.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

/// Longest wait: beyond it, a caller is turned back and releases its seat to work that can proceed.
pub const MAX_WAIT: Duration = Duration::from_secs(180);

/// At most `calls` may reach Genesys within any span of length `period`, wherever the span begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowLimit {
    pub calls: NonZeroU32,
    pub period: Duration,
}

/// Whether the least latency of every call is credited when a place is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credit {
    /// Nothing is credited: no window overflows whatever the delays, but each call costs its round trip.
    None,
    /// The smallest round trip less a margin, so that constant latency costs nothing. `latency_credit.rs` states the
    /// assumptions.
    SmallestRoundTrip,
}

/// All limits of one Genesys org.
#[derive(Debug, Clone)]
pub struct Limits {
    /// All windows apply at all times.
    pub windows: Vec<WindowLimit>,
    /// Maximum number of calls under way at once.
    pub max_in_flight: NonZeroU32,
    pub credit: Credit,
    /// Number of consecutive calls ending in a 5xx or without an answer that opens the breaker.
    pub breaker_after: NonZeroU32,
    /// No caller waits for the end of a pause that is further away than this.
    pub longest_wait: Duration,
}

impl Limits {
    /// Returns the calls per second that can be sustained indefinitely; infinite if there are no windows.
    pub fn sustained_rate(&self) -> f64 {
        let rates = self.windows.iter().map(|window| f64::from(window.calls.get()) / window.period.as_secs_f64());
        rates.fold(f64::INFINITY, f64::min)
    }
}

impl Start {
    /// Returns the number of calls that have to be presumed, and their time.
    pub(super) fn presumed(&self, limits: &Limits, now: Instant) -> Option<(u32, Instant)> {
        match self {
            Self::Empty => None,
            Self::AsIfFull => limits.windows.iter().map(|window| window.calls.get()).max().map(|most| (most, now)),
            Self::Recent { presumed, .. } => presumed.map(|(calls, at)| (calls, at.min(now))),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let window = |calls: u32, secs| WindowLimit {
            calls: NonZeroU32::MIN.saturating_add(calls - 1),
            period: Duration::from_secs(secs),
        };
        let ten = window(10, 1);
        Self {
            windows: vec![ten, window(300, 60)],
            max_in_flight: ten.calls,
            credit: Credit::SmallestRoundTrip,
            breaker_after: NonZeroU32::MIN.saturating_add(4),
            longest_wait: MAX_WAIT,
        }
    }
}

/// What a new rate limiter assumes about calls that Genesys may still be counting.
#[derive(Debug, Clone)]
pub enum Start {
    /// No recent calls.
    Empty,
    /// All limits were used up at this very moment: for a start without any knowledge of the previous process.
    AsIfFull,
    /// What is known of the calls of previous processes. The time of each is that of its answer, or of the end of the
    /// process if unknown: the time of sending would be too early, because a call may arrive later than it is sent.
    Recent {
        /// Calls counted by the usage log.
        counted: Vec<Instant>,
        /// Calls that the log has not counted and that have to be presumed: their maximum number, and the latest time
        /// at which they were under way.
        presumed: Option<(u32, Instant)>,
    },
}
