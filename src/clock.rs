//! The wall clock: the source of dates in answers and records.
//!
//! Durations are measured with `tokio::time::Instant`, which tests can pause. Dates have to follow it in tests;
//! otherwise, a test that runs an hour in a second would give everything the same date.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// Returns the current date, either from the machine or following tokio's clock from a given origin.
#[derive(Debug, Clone, Copy)]
pub enum WallClock {
    /// Clock of the machine.
    System,
    /// Starts at `origin` and advances with tokio's clock, paused or not.
    Following { origin: Timestamp, since: Instant },
}

impl WallClock {
    /// Creates a clock for tests and simulations, which starts at `origin` now.
    pub fn following(origin: Timestamp) -> Self {
        Self::Following { origin, since: Instant::now() }
    }

    /// Returns the current date in whole milliseconds: finer ones confuse the date parsers of some callers.
    pub fn now(&self) -> Timestamp {
        let now = match self {
            #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the machine for the date")]
            Self::System => Timestamp::now(),
            Self::Following { origin, since } => after(*origin, since.elapsed()),
        };
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    /// Returns the date of an instant of tokio's clock, in the past or the future.
    pub fn date_of(&self, instant: Instant) -> Timestamp {
        let (now, date) = (Instant::now(), self.now());
        let exact = if instant >= now { after(date, instant - now) } else { before(date, now - instant) };
        Timestamp::from_millisecond(exact.as_millisecond()).unwrap_or(exact)
    }
}

fn after(date: Timestamp, elapsed: Duration) -> Timestamp {
    jiff::SignedDuration::try_from(elapsed).ok().and_then(|d| date.checked_add(d).ok()).unwrap_or(Timestamp::MAX)
}

fn before(date: Timestamp, elapsed: Duration) -> Timestamp {
    jiff::SignedDuration::try_from(elapsed).ok().and_then(|d| date.checked_sub(d).ok()).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_following_clock_advances_with_paused_time() {
        let origin: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let clock = WallClock::following(origin);
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(clock.now().to_string(), "2026-01-01T01:00:00Z");
        assert_eq!(clock.date_of(Instant::now() + Duration::from_secs(60)).to_string(), "2026-01-01T01:01:00Z");
        assert_eq!(clock.date_of(Instant::now() - Duration::from_secs(60)).to_string(), "2026-01-01T00:59:00Z");
    }
}
