//! The request rate of one caller: a sustained number of requests per period, with a burst of one period's worth.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

/// The allowance of one caller. It schedules requests at even intervals; a caller too far ahead of that schedule has to
/// wait.
#[derive(Debug)]
pub(in crate::api) struct Allowance {
    interval: Duration,
    ahead_at_most: Duration,
    /// When the next request is due in the even schedule.
    due: Option<Instant>,
}

impl Allowance {
    /// Returns an allowance of `per_second` requests per second, with a burst of one second's worth.
    pub(in crate::api) fn new(per_second: NonZeroU32) -> Self {
        Self::every(Duration::from_secs(1), per_second)
    }

    /// Returns an allowance of `count` requests per minute, all of which may come at once.
    pub(in crate::api) fn per_minute(count: NonZeroU32) -> Self {
        Self::every(Duration::from_secs(60), count)
    }

    fn every(period: Duration, count: NonZeroU32) -> Self {
        let interval = period / count.get();
        Self { interval, ahead_at_most: period.saturating_sub(interval), due: None }
    }

    /// Takes one request from the allowance, or returns how long to wait for it.
    pub(in crate::api) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let due = self.due.map_or(now, |due| due.max(now));
        let ahead = due - now;
        let too_early = ahead.saturating_sub(self.ahead_at_most);
        if !too_early.is_zero() {
            return Err(too_early);
        }
        self.due = Some(due + self.interval);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_seconds_worth_at_once_then_evenly() {
        let mut allowance = Allowance::new(NonZeroU32::new(4).unwrap());
        let now = Instant::now();
        let at_once = (0..10).filter(|_| allowance.take(now).is_ok()).count();
        assert_eq!(at_once, 4);
        assert_eq!(allowance.take(now), Err(Duration::from_millis(250)));
        let later = now + Duration::from_millis(250);
        assert_eq!((allowance.take(later), allowance.take(later)), (Ok(()), Err(Duration::from_millis(250))));
        let rested = now + Duration::from_secs(60);
        assert_eq!((0..10).filter(|_| allowance.take(rested).is_ok()).count(), 4, "rest is not saved up");
    }
}
