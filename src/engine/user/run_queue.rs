//! The run queue: decides which user gets the next free seat. Users with work already begun come first, then bulk users
//! in turn by job. Each target has seats and a queue of its own.

use std::collections::{HashMap, VecDeque};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::domain::job::Lane;
use crate::domain::{JobId, Target, UserKey};

/// The queues of all targets. They are separate, so that users waiting for one target's routes keep none of the other's
/// from a seat.
#[derive(Debug, Default)]
pub(in crate::engine) struct RunQueues {
    routing_skills: RunQueue,
    skill_groups: RunQueue,
}

impl RunQueues {
    /// Returns the queue of a target.
    pub(in crate::engine) fn of(&self, target: Target) -> &RunQueue {
        match target {
            Target::RoutingSkills => &self.routing_skills,
            Target::WfmSkillGroups => &self.skill_groups,
        }
    }

    /// Appends a user to the queue of its lane, on behalf of `job`.
    pub(in crate::engine) fn push(&self, lane: Lane, job: JobId, user: UserKey) {
        self.of(user.target).push(lane, job, user);
    }

    /// Queues a user that returns from waiting ahead of those that have not begun.
    pub(in crate::engine) fn resume(&self, lane: Lane, user: UserKey) {
        self.of(user.target).resume(lane, user);
    }
}

/// The users of one target that wait for a seat.
///
/// Invariant: a bulk job is in `turns` if and only if it has at least one user in `waiting`. So the users of one job
/// never wait for all of another job's.
#[derive(Debug, Default)]
pub(in crate::engine) struct RunQueue {
    lanes: Mutex<Lanes>,
    interactive_came: Notify,
    bulk_came: Notify,
}

#[derive(Debug, Default)]
struct Lanes {
    interactive: VecDeque<UserKey>,
    /// Bulk users that return from waiting. They are finished before others begin, or else a conflict would last as
    /// long as the job has users left.
    resumed: VecDeque<UserKey>,
    turns: VecDeque<JobId>,
    waiting: HashMap<JobId, VecDeque<UserKey>>,
}

impl RunQueue {
    fn push(&self, lane: Lane, job: JobId, user: UserKey) {
        let mut lanes = self.lock();
        match lane {
            Lane::Interactive => {
                lanes.interactive.push_back(user);
                self.interactive_came.notify_one();
            }
            Lane::Bulk => {
                let users = lanes.waiting.entry(job).or_default();
                users.push_back(user);
                if users.len() == 1 {
                    lanes.turns.push_back(job);
                }
                self.bulk_came.notify_one();
            }
        }
    }

    fn resume(&self, lane: Lane, user: UserKey) {
        match lane {
            Lane::Interactive => {
                self.lock().interactive.push_front(user);
                self.interactive_came.notify_one();
            }
            Lane::Bulk => {
                self.lock().resumed.push_back(user);
                self.bulk_came.notify_one();
            }
        }
    }

    /// Returns the next user of a lane, as soon as there is one. At most one caller per lane.
    pub(in crate::engine) async fn pop(&self, lane: Lane) -> UserKey {
        let came = match lane {
            Lane::Interactive => &self.interactive_came,
            Lane::Bulk => &self.bulk_came,
        };
        loop {
            let next = match lane {
                Lane::Interactive => self.lock().interactive.pop_front(),
                Lane::Bulk => self.lock().next_bulk(),
            };
            match next {
                Some(user) => return user,
                None => came.notified().await,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock()
    }
}

impl Lanes {
    fn next_bulk(&mut self) -> Option<UserKey> {
        if let Some(user) = self.resumed.pop_front() {
            return Some(user);
        }
        let job = self.turns.pop_front()?;
        let users = self.waiting.get_mut(&job)?;
        let user = users.pop_front();
        if users.is_empty() {
            self.waiting.remove(&job);
        } else {
            self.turns.push_back(job);
        }
        user
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use uuid::Uuid;

    use super::*;
    use crate::domain::UserId;

    fn user(n: u128) -> UserKey {
        UserKey { target: Target::WfmSkillGroups, user: UserId(Uuid::from_u128(n)) }
    }

    fn job(n: u128) -> JobId {
        JobId(Uuid::from_u128(n))
    }

    #[test]
    fn bulk_jobs_take_turns() {
        let queue = RunQueue::default();
        for n in 0..3 {
            queue.push(Lane::Bulk, job(1), user(n));
        }
        queue.push(Lane::Bulk, job(2), user(10));
        let order: Vec<_> = std::iter::from_fn(|| queue.pop(Lane::Bulk).now_or_never()).collect();
        assert_eq!(order, [user(0), user(10), user(1), user(2)]);
        assert!(queue.lock().waiting.is_empty() && queue.lock().turns.is_empty());
    }

    #[test]
    fn who_comes_back_from_waiting_is_ahead_of_who_has_not_begun() {
        let queue = RunQueue::default();
        queue.push(Lane::Bulk, job(1), user(1));
        queue.resume(Lane::Bulk, user(2));
        assert_eq!(queue.pop(Lane::Bulk).now_or_never(), Some(user(2)));
    }

    #[test]
    fn the_interactive_lane_is_not_behind_the_bulk_lane() {
        let queue = RunQueue::default();
        queue.push(Lane::Bulk, job(1), user(1));
        queue.push(Lane::Interactive, job(2), user(2));
        assert_eq!(queue.pop(Lane::Interactive).now_or_never(), Some(user(2)));
        assert_eq!(queue.pop(Lane::Interactive).now_or_never(), None);
    }
}
