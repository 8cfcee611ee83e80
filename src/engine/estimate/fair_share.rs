//! When a job will be done: by the calls that go before its last one, and the pace at which calls go.
//!
//! Bulk jobs take turns user by user, so until a job has ended each other job has come to its turn as often as this one, or
//! has ended as well. Interactive work goes ahead of bulk, but for the floor that bulk is sure of.

use std::time::Duration;

use crate::domain::job::Lane;
use crate::engine::estimate::workload::Load;
use crate::engine::port::Pace;

/// Of the permitted calls, what the rate limiter gives to bulk work at least.
const SURE_OF: f64 = 0.2;

/// The work ahead of all jobs together, so kept that asking for one job's share takes no look at the others.
///
/// Bulk jobs are summed up in classes by their number of users, each twice as wide as the one before. In a class below a
/// job's own, every job ends before it; above, each takes as many turns as it. Within its own class the average stands for
/// all, which is off by less than half of what that class holds.
#[derive(Debug, Default)]
pub(in crate::engine) struct FairShare {
    interactive: FairShareSum,
    bulk: [FairShareSum; CLASSES],
}

/// The last one holds all that are larger still.
const CLASSES: usize = 32;

#[derive(Debug, Clone, Copy, Default)]
struct FairShareSum {
    jobs: u64,
    users: u64,
    calls: u64,
}

/// Calls that are made before a job has ended, its own included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::engine) struct Ahead {
    /// In its own lane.
    pub(in crate::engine) beside: f64,
    /// In the interactive lane, of a bulk job.
    pub(in crate::engine) urgent: f64,
    /// Whether bulk work is open, of an interactive job.
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

    /// Calls of so many turns of each job, as long as it has users for them.
    fn calls_of_turns(&self, turns: u32) -> f64 {
        if self.jobs == 0 {
            // What is left of a job that has moved on since it was looked at.
            return 0.0;
        }
        let wanted = self.jobs.saturating_mul(u64::from(turns));
        if wanted >= self.users { exact(self.calls) } else { exact(self.calls) * exact(wanted) / exact(self.users) }
    }
}

impl FairShare {
    /// The work ahead of one job has changed.
    pub(in crate::engine) fn moved(&mut self, lane: Lane, before: Load, after: Load) {
        if let Some(sum) = self.sum_for(lane, before) {
            sum.take_off(before);
        }
        if let Some(sum) = self.sum_for(lane, after) {
            sum.add(after);
        }
    }

    /// What goes before the end of a job that has so much ahead.
    pub(in crate::engine) fn ahead_of(&self, lane: Lane, own: Load) -> Ahead {
        match lane {
            Lane::Interactive => Ahead {
                // First come first served: the newest one, for which this is asked most, waits for all.
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

/// Jobs of as many users, up to a factor of two.
fn class_of(load: Load) -> usize {
    ((u32::BITS - load.users.leading_zeros()) as usize).min(CLASSES - 1)
}

/// How long so many calls take, from when calls go.
pub(in crate::engine) fn time_for(ahead: Ahead, lane: Lane, pace: &Pace) -> Duration {
    let Ahead { beside, urgent, over_bulk } = ahead;
    let calls = match lane {
        Lane::Interactive if over_bulk => beside / (1.0 - SURE_OF),
        Lane::Interactive => beside,
        Lane::Bulk => (beside / pace.bulk_share).max(beside + urgent).min(beside / SURE_OF),
    };
    Duration::try_from_secs_f64(calls / pace.calls_per_second).unwrap_or(Duration::MAX)
}

/// When the last of so many stuck users is begun with, as a part of the time that the work takes: where they come at random,
/// they split it evenly. None if there will hardly be one.
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
