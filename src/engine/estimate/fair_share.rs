//! Estimates when a job will end, from the calls that go before its last one and the pace of calls.
//!
//! Bulk jobs take turns user by user: until a job has ended, each other bulk job has had as many turns or has ended as
//! well. Interactive work goes ahead of bulk work, except for bulk's guaranteed share.

use std::time::Duration;

use crate::domain::job::Lane;
use crate::engine::estimate::workload::Load;
use crate::engine::port::Pace;

/// Guaranteed minimum share of calls for bulk work, as in the rate limiter.
const SURE_OF: f64 = 0.2;

/// The work ahead of all jobs, organised so that the share of one job is found without visiting the others.
///
/// Bulk jobs are summed in classes by number of users, each class twice as wide as the one before. Jobs in a lower
/// class than a given job end before it; jobs in a higher class take as many turns as it does. Within the job's own
/// class, all jobs are taken as average, which is off by less than half of what that class holds.
#[derive(Debug, Default)]
pub(in crate::engine) struct FairShare {
    interactive: FairShareSum,
    bulk: [FairShareSum; CLASSES],
}

/// Number of classes. The last one holds all larger jobs.
const CLASSES: usize = 32;

#[derive(Debug, Clone, Copy, Default)]
struct FairShareSum {
    jobs: u64,
    users: u64,
    calls: u64,
}

/// The calls that are made before a job has ended, including its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::engine) struct Ahead {
    /// Calls in its own lane.
    pub(in crate::engine) beside: f64,
    /// Calls in the interactive lane; for a bulk job only.
    pub(in crate::engine) urgent: f64,
    /// Whether bulk work is open; for an interactive job.
    pub(in crate::engine) over_bulk: bool,
}

impl FairShareSum {
    fn add(&mut self, load: Load) {
        self.jobs += 1;
        self.users += u64::from(load.users);
        self.calls += u64::from(load.calls);
    }

    fn take_off(&mut self, load: Load) {
        self.jobs = self.jobs.saturating_sub(1);
        self.users = self.users.saturating_sub(u64::from(load.users));
        self.calls = self.calls.saturating_sub(u64::from(load.calls));
    }

    /// Returns the calls of `turns` turns of each job, as far as the jobs have users for them.
    fn calls_of_turns(&self, turns: u32) -> f64 {
        if self.jobs == 0 {
            // A job may have moved on since the caller looked at it.
            return 0.0;
        }
        let wanted = self.jobs.saturating_mul(u64::from(turns));
        if wanted >= self.users { exact(self.calls) } else { exact(self.calls) * exact(wanted) / exact(self.users) }
    }
}

impl FairShare {
    /// Records that the work ahead of one job has changed.
    pub(in crate::engine) fn moved(&mut self, lane: Lane, before: Load, after: Load) {
        if let Some(sum) = self.sum_for(lane, before) {
            sum.take_off(before);
        }
        if let Some(sum) = self.sum_for(lane, after) {
            sum.add(after);
        }
    }

    /// Returns the calls before the end of a job that has `own` ahead.
    pub(in crate::engine) fn ahead_of(&self, lane: Lane, own: Load) -> Ahead {
        match lane {
            Lane::Interactive => Ahead {
                // First come, first served. The newest job, for which this is asked most, waits for all.
                beside: exact(self.interactive.calls.max(own.calls.into())),
                urgent: 0.0,
                over_bulk: self.bulk.iter().any(|sum| sum.jobs > 0),
            },
            Lane::Bulk => {
                let others = self.bulk.iter().enumerate().map(|(class, sum)| {
                    let mut sum = *sum;
                    if class == class_of(own) {
                        sum.take_off(own);
                    }
                    sum.calls_of_turns(own.users)
                });
                Ahead {
                    beside: f64::from(own.calls) + others.sum::<f64>(),
                    urgent: exact(self.interactive.calls),
                    over_bulk: true,
                }
            }
        }
    }

    fn sum_for(&mut self, lane: Lane, load: Load) -> Option<&mut FairShareSum> {
        match lane {
            _ if load == Load::default() => None,
            Lane::Interactive => Some(&mut self.interactive),
            Lane::Bulk => self.bulk.get_mut(class_of(load)),
        }
    }
}

/// Returns the class of jobs with a similar number of users, up to a factor of two.
fn class_of(load: Load) -> usize {
    ((u32::BITS - load.users.leading_zeros()) as usize).min(CLASSES - 1)
}

/// Returns how long these calls take once calls may go out.
pub(in crate::engine) fn time_for(ahead: Ahead, lane: Lane, pace: &Pace) -> Duration {
    let Ahead { beside, urgent, over_bulk } = ahead;
    let calls = match lane {
        Lane::Interactive if over_bulk => beside / (1.0 - SURE_OF),
        Lane::Interactive => beside,
        Lane::Bulk => (beside / pace.bulk_share).max(beside + urgent).min(beside / SURE_OF),
    };
    Duration::try_from_secs_f64(calls / pace.calls_per_second).unwrap_or(Duration::MAX)
}

/// Returns when the last of `stuck` stuck users is begun, as a fraction of the time that the work takes. If they come
/// at random, they divide it evenly. Returns `None` if there will hardly be one.
pub(in crate::engine) fn last_stuck_after(stuck: f64) -> Option<f64> {
    (stuck >= 0.5).then(|| stuck / (stuck + 1.0))
}

#[expect(clippy::cast_precision_loss, reason = "calls of all jobs together stay far below 2^52")]
fn exact(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "whole numbers, and ratios computed alike")]
mod tests {
    use tokio::time::Instant;

    use super::*;

    fn load(users: u32) -> Load {
        Load { entries: users, users, calls: 2 * users }
    }

    fn turns(bulk: &[u32]) -> FairShare {
        let mut turns = FairShare::default();
        for users in bulk {
            turns.moved(Lane::Bulk, Load::default(), load(*users));
        }
        turns
    }

    #[test]
    fn a_job_ends_when_it_and_as_many_turns_of_the_others_are_done() {
        for (jobs, of, expected) in [
            (&[500][..], 500, 1000.0),
            (&[500, 10_000], 500, 2000.0),
            (&[500, 10_000], 10_000, 21_000.0),
            (&[500, 500, 500], 500, 3000.0),
            (&[1, 1, 1, 1000], 1, 8.0),
            (&[1, 1, 1, 1000], 1000, 2006.0),
            (&[100, 120, 5000], 100, 600.0),
        ] {
            let ahead = turns(jobs).ahead_of(Lane::Bulk, load(of));
            assert!((ahead.beside - expected).abs() < 1.0, "{of} among {jobs:?}: {ahead:?}, not {expected}");
        }
    }

    #[test]
    fn the_sums_follow_the_jobs_and_end_at_nothing() {
        let mut turns = turns(&[700, 3]);
        turns.moved(Lane::Interactive, Load::default(), load(4));
        for users in (0..700).rev() {
            turns.moved(Lane::Bulk, load(users + 1), load(users));
            if users > 3 {
                assert_eq!(turns.ahead_of(Lane::Bulk, load(users)).beside, f64::from(2 * users + 6));
            }
        }
        turns.moved(Lane::Bulk, load(3), Load::default());
        assert!(turns.bulk.iter().all(|sum| (sum.jobs, sum.users, sum.calls) == (0, 0, 0)));
        assert_eq!(turns.ahead_of(Lane::Bulk, Load::default()).urgent, 8.0);
    }

    #[test]
    fn urgent_work_goes_ahead_of_bulk_but_for_its_floor() {
        let pace = |bulk_share| Pace { calls_per_second: 5.0, bulk_share, opens_at: Instant::now() };
        let bulk = |beside, urgent| Ahead { beside, urgent, over_bulk: true };
        for (ahead, lane, share, seconds) in [
            (bulk(100.0, 0.0), Lane::Bulk, 1.0, 20),
            (bulk(100.0, 50.0), Lane::Bulk, 1.0, 30),
            (bulk(100.0, 5000.0), Lane::Bulk, 1.0, 100),
            (bulk(100.0, 10.0), Lane::Bulk, 0.5, 40),
            (bulk(100.0, 0.0), Lane::Interactive, 0.5, 25),
            (Ahead { beside: 100.0, urgent: 0.0, over_bulk: false }, Lane::Interactive, 0.5, 20),
        ] {
            assert_eq!(time_for(ahead, lane, &pace(share)).as_secs(), seconds, "{ahead:?}");
        }
    }
}
