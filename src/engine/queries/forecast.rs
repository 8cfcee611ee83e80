//! Forecasts the end of a job, from the calls ahead of it and of the other jobs and the current pace of calls.

use jiff::{SignedDuration, Timestamp};

use crate::engine::core::Engine;
use crate::engine::estimate::fair_share::{last_stuck_after, time_for};
use crate::engine::job::JobSnapshot;

/// A forecast for one job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forecast {
    /// Number of calls that the job will still take.
    pub calls_ahead: u32,
    /// When it is expected to end; `None` if nothing of it goes on by itself.
    pub ends_at: Option<Timestamp>,
}

impl Engine {
    /// Forecasts the end of a job. The cost does not depend on the number of jobs or entries.
    pub fn forecast(&self, job: &JobSnapshot) -> Forecast {
        Forecast { calls_ahead: job.load.calls, ends_at: self.end_of(job) }
    }

    fn end_of(&self, job: &JobSnapshot) -> Option<Timestamp> {
        if job.counts.ahead() == 0 {
            return None;
        }
        let (lane, pace) = (job.spec.lane, self.core.genesys.pace(job.spec.target));
        let ahead = self.core.open.ahead_of(lane, job.load);
        let begins = Some(self.core.clock.date_of(pace.opens_at)).max(job.parked_until)?;
        let work = time_for(ahead, lane, &pace);
        // Stuck users are waited for, and may be the last to end.
        let patience = self.core.settings.conflicts.patience;
        let stuck = last_stuck_after(job.stuck_ahead).map(|part| work.mul_f64(part).saturating_add(patience));
        let ends =
            begins.checked_add(SignedDuration::try_from(stuck.map_or(work, |stuck| stuck.max(work))).ok()?).ok()?;
        // So may users who wait for a conflict to clear. Rounded to milliseconds, like all dates that callers see.
        job.waits_until.max(Timestamp::from_millisecond(ends.as_millisecond()).ok())
    }
}
