//! What a rate limiter permits, and how it begins.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

/// Above that a caller is turned back, and gives its seat to work that can go on.
pub const MAX_WAIT: Duration = Duration::from_secs(180);

/// At most `calls` may reach Genesys in any stretch of time of length `period`, wherever it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowLimit {
    pub calls: NonZeroU32,
    pub period: Duration,
}

/// Whether the way that every call needs at least is credited when a place is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credit {
    /// Nothing is credited: no window overflows whatever the delays, and each call costs its round trip of pace.
    None,
    /// The smallest round trip, less a margin: constant latency costs nothing. `credit.rs` says what it assumes.
    SmallestRoundTrip,
}

/// All limits of one Genesys org.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Every one of them holds at any time.
    pub windows: Vec<WindowLimit>,
    /// Calls that may be under way at once.
    pub max_in_flight: NonZeroU32,
    pub credit: Credit,
    /// Calls in a row that end in a 5xx or without an answer until the breaker opens.
    pub breaker_after: NonZeroU32,
    /// Nobody waits for the end of a pause that lies farther ahead than this.
    pub longest_wait: Duration,
}

impl Limits {
    /// Calls per second that can be kept up for ever; infinite without windows.
    pub fn sustained_rate(&self) -> f64 {
        let rates = self.windows.iter().map(|window| f64::from(window.calls.get()) / window.period.as_secs_f64());
        rates.fold(f64::INFINITY, f64::min)
    }
}

impl Start {
    /// Calls that have to be presumed.
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

/// What a fresh gate believes about calls that Genesys may still be counting.
#[derive(Debug, Clone)]
pub enum Start {
    /// Nothing was called lately.
    Empty,
    /// Everything permitted was used this very moment: for a start without any knowledge of the process before.
    AsIfFull,
    /// What is known of the calls of the processes before. The time of each is that of its answer, or of the process's end
    /// if none is known: the time of sending would be too early, as a call may arrive later than it is sent.
    Recent {
        /// Calls that a book has counted.
        counted: Vec<Instant>,
        /// Calls that no book has counted, and that have to be presumed: so many, under way no later than then.
        presumed: Option<(u32, Instant)>,
    },
}
