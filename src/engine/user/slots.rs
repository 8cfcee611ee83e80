//! The slots of users: one lock per user that no caller ever waits for.

use dashmap::DashMap;
use dashmap::mapref::entry::Entry as MapEntry;

use crate::domain::job::Lane;
use crate::domain::{JobId, Place, UserKey};
use crate::engine::user::pending_change::PendingChange;
use crate::engine::user::progress::Progress;

/// The slots of all users that have work.
///
/// ```text
///            park                 begin
///  no slot -------> Queued -------------------> Running <------- take_idle -- no slot
///                   ^    ^                      |     |
///                   |    '-- end, more pending -+     |
///                   |                           |     +-- end, nothing pending --> no slot
///                   '-- wake -- Waiting <-- defer
/// ```
///
/// Invariant: at most one reconciliation of a user runs at a time. Only [`UserSlots::begin`] makes a slot `Running`,
/// only from `Queued`, and the shard's lock makes that one step. [`UserSlots::take_idle`] creates a running slot under
/// the same lock.
///
/// Invariant: no pending change is lost. It is parked either in an existing slot, and then whoever ends that slot's
/// reconciliation sees it, because `end` checks and removes under the same shard lock; or in a new slot, and then the
/// caller is told to queue the user.
///
/// Invariant: an empty slot does not stay, because `end` removes it when nothing is pending.
#[derive(Debug, Default)]
pub(in crate::engine) struct UserSlots(DashMap<UserKey, UserSlot>);

#[derive(Debug)]
struct UserSlot {
    phase: Phase,
    pending: Vec<PendingChange>,
    /// The pending changes that the running reconciliation has taken up, in case it does not return them.
    taken: Vec<PendingChange>,
    progress: Option<Box<Progress>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The user is in the run queue.
    Queued,
    /// A reconciliation is under way.
    Running,
    /// The user has given up its seat until a later time.
    Waiting,
}

impl UserSlot {
    fn take_up(&mut self) -> Vec<PendingChange> {
        self.taken.extend(self.pending.iter().cloned());
        std::mem::take(&mut self.pending)
    }

    /// Returns the user's position in the run queue, given by the most urgent pending change.
    fn place(&self) -> Option<(Lane, JobId)> {
        self.pending.iter().map(|pending_change| (pending_change.lane(), pending_change.job.id())).min()
    }
}

impl UserSlots {
    /// Parks a pending change in its user's slot. Returns true if the user must be put into the run queue. An
    /// interactive change moves a user ahead that is queued for bulk work only: the user is then in both lanes, and the
    /// second one finds nothing to begin.
    pub(in crate::engine) fn park(&self, key: UserKey, pending_change: PendingChange) -> bool {
        match self.0.entry(key) {
            MapEntry::Occupied(mut slot) => {
                let slot = slot.get_mut();
                let overtakes = slot.phase == Phase::Queued
                    && pending_change.lane() == Lane::Interactive
                    && slot.pending.iter().all(|waiting| waiting.lane() == Lane::Bulk);
                slot.pending.push(pending_change);
                overtakes
            }
            MapEntry::Vacant(vacant) => {
                vacant.insert(UserSlot {
                    phase: Phase::Queued,
                    pending: vec![pending_change],
                    taken: Vec::new(),
                    progress: None,
                });
                true
            }
        }
    }

    /// Parks what an earlier process had under way in a new slot of its user. Returns where to queue the user.
    pub(in crate::engine) fn go_on(
        &self,
        key: UserKey,
        pending: Vec<PendingChange>,
        progress: Progress,
    ) -> Option<(Lane, JobId)> {
        let slot = UserSlot { phase: Phase::Queued, pending, taken: Vec::new(), progress: Some(Box::new(progress)) };
        let place = slot.place();
        self.0.insert(key, slot);
        place
    }

    /// Begins a reconciliation: takes the pending changes and the progress of an earlier round. Returns `None` if the
    /// user is not queued.
    pub(in crate::engine) fn begin(&self, key: UserKey) -> Option<(Vec<PendingChange>, Box<Progress>)> {
        let mut slot = self.0.get_mut(&key).filter(|slot| slot.phase == Phase::Queued)?;
        slot.phase = Phase::Running;
        let progress = slot.progress.take().unwrap_or_default();
        Some((slot.take_up(), progress))
    }

    /// Takes the slot of a user for whom nothing is pending and nothing runs, as a reconciliation does. Returns false
    /// if there is something. The caller must release the slot with [`UserSlots::end`]; nothing else works on the user
    /// until then.
    pub(in crate::engine) fn take_idle(&self, key: UserKey) -> bool {
        match self.0.entry(key) {
            MapEntry::Occupied(_) => false,
            MapEntry::Vacant(vacant) => {
                let phase = Phase::Running;
                vacant.insert(UserSlot { phase, pending: Vec::new(), taken: Vec::new(), progress: None });
                true
            }
        }
    }

    /// Takes what was parked since the running reconciliation began or last asked.
    pub(in crate::engine) fn newly_parked(&self, key: UserKey) -> Vec<PendingChange> {
        self.0.get_mut(&key).map(|mut slot| slot.take_up()).unwrap_or_default()
    }

    /// Returns the oldest place among the parked changes that are not taken up yet.
    pub(in crate::engine) fn oldest_pending(&self, key: UserKey) -> Option<Place> {
        self.0.get(&key).and_then(|slot| slot.pending.iter().map(|pending_change| pending_change.place).min())
    }

    /// Ends a reconciliation that has no work left. If more was parked meanwhile, returns the lane and the job under
    /// which to queue the user again.
    pub(in crate::engine) fn end(&self, key: UserKey) -> Option<(Lane, JobId)> {
        match self.0.entry(key) {
            MapEntry::Occupied(slot) if slot.get().pending.is_empty() => {
                slot.remove();
                None
            }
            MapEntry::Occupied(mut slot) => {
                slot.get_mut().phase = Phase::Queued;
                slot.get_mut().taken.clear();
                slot.get().place()
            }
            MapEntry::Vacant(_) => None,
        }
    }

    /// Suspends a reconciliation. The pending changes that it holds go ahead of those parked meanwhile.
    pub(in crate::engine) fn defer(
        &self,
        key: UserKey,
        mut pending_changes: Vec<PendingChange>,
        progress: Box<Progress>,
    ) {
        if let Some(mut slot) = self.0.get_mut(&key) {
            slot.taken.clear();
            pending_changes.append(&mut slot.pending);
            slot.pending = pending_changes;
            slot.progress = Some(progress);
            slot.phase = Phase::Waiting;
        }
    }

    /// Ends a reconciliation that was aborted by a panic: everything it had taken up is pending again.
    pub(in crate::engine) fn restore(&self, key: UserKey, panics: u32) {
        let taken = self.0.get_mut(&key).map(|mut slot| std::mem::take(&mut slot.taken)).unwrap_or_default();
        self.defer(key, taken, Box::new(Progress::after_panics(panics)));
    }

    /// Queues a deferred user whose time has come. Returns the lane to queue it in, or `None` if the user is not
    /// waiting.
    pub(in crate::engine) fn wake(&self, key: UserKey) -> Option<Lane> {
        let mut slot = self.0.get_mut(&key).filter(|slot| slot.phase == Phase::Waiting)?;
        slot.phase = Phase::Queued;
        slot.place().map(|(lane, _)| lane)
    }

    /// Returns the number of users that have work.
    pub(in crate::engine) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use uuid::Uuid;

    use super::*;
    use crate::domain::job::{JobSpec, SameUser};
    use crate::domain::{Mode, Target, UserId};
    use crate::engine::estimate::totals::OpenEntries;
    use crate::engine::estimate::workload::Work;
    use crate::engine::job::{Dating, Job};
    use crate::journal::AcceptedJob;

    fn pending_change(lane: Lane) -> PendingChange {
        let spec = JobSpec { lane, same_user: SameUser::InOrder, ..JobSpec::new(Target::WfmSkillGroups, Mode::Add) };
        let created_at = jiff::Timestamp::UNIX_EPOCH;
        let job = AcceptedJob { id: JobId(Uuid::nil()), spec, created_at, entries: Vec::new(), submitted_by: None };
        let dating = Dating { tolerance: jiff::SignedDuration::ZERO, before: None };
        PendingChange {
            place: Place { at: created_at, entry: (job.id, 0) },
            job: Arc::new(Job::new(job, dating, OpenEntries::default())),
            index: 0,
            rows: Arc::default(),
            listed: Arc::default(),
            can_be_stale: false,
            work: Work::ReadAndWrite,
        }
    }

    fn key(n: u128) -> UserKey {
        UserKey { target: Target::WfmSkillGroups, user: UserId(Uuid::from_u128(n)) }
    }

    #[test]
    fn a_ticket_for_a_running_user_is_taken_up_by_the_pass_that_runs() {
        let slots = UserSlots::default();
        assert!(slots.park(key(1), pending_change(Lane::Bulk)));
        assert_eq!(slots.begin(key(1)).map(|(pending_changes, _)| pending_changes.len()), Some(1));
        assert!(slots.begin(key(1)).is_none(), "a running user is not begun again");
        assert!(!slots.park(key(1), pending_change(Lane::Interactive)));
        assert_eq!(slots.newly_parked(key(1)).len(), 1);
        assert_eq!(slots.end(key(1)), None);
        assert_eq!(slots.len(), 0);
    }

    #[test]
    fn an_interactive_ticket_moves_a_queued_user_ahead_once() {
        let slots = UserSlots::default();
        assert!(slots.park(key(1), pending_change(Lane::Bulk)));
        assert!(slots.park(key(1), pending_change(Lane::Interactive)));
        assert!(!slots.park(key(1), pending_change(Lane::Interactive)));
    }

    #[test]
    fn a_deferred_user_keeps_tickets_in_order_and_is_woken_once() {
        let slots = UserSlots::default();
        slots.park(key(1), pending_change(Lane::Bulk));
        let Some((pending_changes, progress)) = slots.begin(key(1)) else { panic!("not queued") };
        slots.park(key(1), pending_change(Lane::Interactive));
        slots.defer(key(1), pending_changes, progress);
        assert!(slots.begin(key(1)).is_none(), "a waiting user has no seat");
        assert_eq!(slots.wake(key(1)), Some(Lane::Interactive));
        assert_eq!(slots.wake(key(1)), None);
        let Some((pending_changes, _)) = slots.begin(key(1)) else { panic!("not queued") };
        assert_eq!(
            pending_changes.iter().map(PendingChange::lane).collect::<Vec<_>>(),
            [Lane::Bulk, Lane::Interactive]
        );
    }

    /// Four threads work on eight users in real time: reconciliations never overlap, every pending change is taken up,
    /// and no slot stays.
    #[test]
    fn passes_exclude_each_other_and_lose_nothing_under_contention() {
        const ROUNDS: usize = 5_000;
        let slots = UserSlots::default();
        let busy: [AtomicBool; 8] = Default::default();
        let taken = AtomicUsize::new(0);
        let run = |user: usize| {
            let key = key(user as u128);
            while let Some((pending_changes, _)) = slots.begin(key) {
                assert!(!busy[user].swap(true, Ordering::SeqCst), "two passes over one user");
                taken.fetch_add(pending_changes.len() + slots.newly_parked(key).len(), Ordering::SeqCst);
                busy[user].store(false, Ordering::SeqCst);
                if slots.end(key).is_none() {
                    break;
                }
            }
        };
        std::thread::scope(|threads| {
            for thread in 0..4 {
                let (slots, run) = (&slots, &run);
                threads.spawn(move || {
                    for round in 0..ROUNDS {
                        let user = (round * 7 + thread) % 8;
                        if slots.park(key(user as u128), pending_change(Lane::Bulk)) {
                            run(user);
                        }
                    }
                });
            }
        });
        assert_eq!(taken.load(Ordering::SeqCst), 4 * ROUNDS);
        assert_eq!(slots.len(), 0);
    }
}
