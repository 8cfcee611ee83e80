//! Idempotency keys: a submission that is sent again, at once or after a restart, yields the same job.
//!
//! Callers choose an `Idempotency-Key`, and HR systems identify their deliveries. Both may lose an answer and send
//! again; both then receive the job that already exists.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;

use crate::domain::JobId;
use crate::domain::acceptance::{AcceptanceKey, Fingerprint, KeyId, KeyKind, KeySpace, OwnerId};

/// Capacity for the keys of one kind, at about 120 bytes each.
#[derive(Debug, Clone, Copy)]
struct Room {
    /// Keys of all owners together, beyond the minimum of each.
    in_all: usize,
    /// Guaranteed minimum of keys per owner.
    in_any_case: usize,
}

impl Room {
    const fn of(kind: KeyKind) -> Self {
        match kind {
            KeyKind::Idempotency => Self { in_all: 200_000, in_any_case: 1_000 },
            KeyKind::Delivery => Self { in_all: 2_000_000, in_any_case: 10_000 },
        }
    }

    /// Returns a capacity divided by `times`, for machines with little memory.
    fn shrunk(self, times: usize) -> Self {
        let times = times.max(1);
        Self { in_all: self.in_all / times, in_any_case: self.in_any_case / times }
    }

    /// Returns whether an owner with `owned` keys may have one more while all owners together have `of_all`. An owner
    /// may have as many keys as remain free for the others: a single one gets half of the capacity, two get a third
    /// each, and a newcomer always finds some.
    fn has_one_more(self, owned: usize, of_all: usize) -> bool {
        owned < self.in_any_case.max(self.in_all.saturating_sub(of_all))
    }
}

/// An owner has as many keys as there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kept} submission keys are kept for this sender, and there is no room for more")]
pub struct TooManyKeys {
    /// Number of keys of this owner.
    pub kept: usize,
}

/// The keys under which jobs were accepted, until they expire.
///
/// Invariant: a key is accepted at most once while it is kept, because it is reserved under one lock before anything is
/// done for it. A reservation that leads to no job leaves nothing behind, however it ends.
///
/// Invariant: no owner's keys take the room of another owner's. The keys of one owner are bounded by what remains free
/// for all others, but never below a guaranteed minimum. Owners come from the configuration, so the total is bounded as
/// well. A key contains its owner, so this holds across restarts.
#[derive(Debug, Default)]
pub(in crate::engine) struct AcceptanceKeys {
    keys: Mutex<Keys>,
    /// Divisor of the capacities above.
    shrunk: usize,
}

#[derive(Debug, Default)]
struct Keys {
    slots: HashMap<KeyId, KeySlot>,
    /// Accepted keys, the next one to expire on top.
    expiring: BinaryHeap<Reverse<(Timestamp, KeyId)>>,
    kept: [usize; KeyKind::ALL.len()],
    owned: HashMap<OwnerId, usize>,
}

#[derive(Debug)]
enum KeySlot {
    /// The holder of the other end is accepting a job under this key.
    Accepting(watch::Receiver<()>),
    Accepted(AcceptanceKey, JobId),
}

/// The result of claiming a key.
#[derive(Debug)]
pub enum Claim {
    /// The key is reserved for the caller alone.
    Reserved(Reservation),
    /// A job was accepted under the key before.
    Accepted(Fingerprint, JobId),
    /// Another caller is submitting under the key.
    Accepting(OtherClaim),
}

/// An exclusive claim on a key. Dropping it gives the key back unless a job was accepted under it.
#[derive(Debug)]
pub struct Reservation {
    keys: Arc<AcceptanceKeys>,
    id: KeyId,
    kind: KeyKind,
    /// Dropped after the key was given back, which wakes those who wait for it.
    _ended: watch::Sender<()>,
}

/// A reservation held by another caller.
#[derive(Debug)]
pub struct OtherClaim(watch::Receiver<()>);

impl OtherClaim {
    /// Waits until the reservation has ended, with a job or without.
    pub async fn ended(mut self) {
        // Nothing is ever sent; the loop ends when the sender is dropped.
        while self.0.changed().await.is_ok() {}
    }
}

impl AcceptanceKeys {
    /// Restores the keys that an earlier process left.
    pub(in crate::engine) fn recovered(kept: Vec<(AcceptanceKey, JobId)>, shrunk: usize) -> Self {
        let mut keys = Keys::default();
        for (key, job) in kept {
            keys.accept(key, job);
        }
        Self { keys: Mutex::new(keys), shrunk }
    }

    /// Claims a key for one submission.
    pub(in crate::engine) fn claim(self: &Arc<Self>, space: &KeySpace, key: &str) -> Result<Claim, TooManyKeys> {
        let (id, kind) = (space.id(key), space.kind);
        let mut keys = self.lock();
        match keys.slots.get(&id).or_else(|| keys.slots.get(&space.former_id(key))) {
            Some(KeySlot::Accepting(ended)) => Ok(Claim::Accepting(OtherClaim(ended.clone()))),
            Some(KeySlot::Accepted(key, job)) => Ok(Claim::Accepted(key.fingerprint, *job)),
            None => {
                let (kept, of_all) = (keys.owned_by(id), keys.kept[kind as usize]);
                if !Room::of(kind).shrunk(self.shrunk).has_one_more(kept, of_all) {
                    return Err(TooManyKeys { kept });
                }
                let (sender, ended) = watch::channel(());
                keys.slots.insert(id, KeySlot::Accepting(ended));
                keys.count(id, kind);
                Ok(Claim::Reserved(Reservation { keys: Arc::clone(self), id, kind, _ended: sender }))
            }
        }
    }

    /// Removes expired keys, at most `limit` of them, and returns their ids.
    pub(in crate::engine) fn expire(&self, now: Timestamp, limit: usize) -> Vec<KeyId> {
        let mut keys = self.lock();
        let mut expired = Vec::new();
        while expired.len() < limit
            && let Some(Reverse((until, id))) = keys.expiring.peek().copied()
            && until <= now
        {
            keys.expiring.pop();
            keys.forget(id);
            expired.push(id);
        }
        expired
    }

    fn lock(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock()
    }
}

impl Keys {
    fn accept(&mut self, key: AcceptanceKey, job: JobId) {
        if self.slots.insert(key.id, KeySlot::Accepted(key, job)).is_none() {
            self.count(key.id, key.kind);
        }
        self.expiring.push(Reverse((key.kept_until, key.id)));
    }

    fn forget(&mut self, id: KeyId) {
        if let Some(KeySlot::Accepted(key, _)) = self.slots.remove(&id) {
            self.discount(id, key.kind);
        }
    }

    fn owned_by(&self, id: KeyId) -> usize {
        self.owned.get(&id.owner()).copied().unwrap_or_default()
    }

    fn count(&mut self, id: KeyId, kind: KeyKind) {
        self.kept[kind as usize] += 1;
        *self.owned.entry(id.owner()).or_default() += 1;
    }

    fn discount(&mut self, id: KeyId, kind: KeyKind) {
        self.kept[kind as usize] -= 1;
        if let Entry::Occupied(mut owned) = self.owned.entry(id.owner()) {
            *owned.get_mut() -= 1;
            if *owned.get() == 0 {
                owned.remove();
            }
        }
    }
}

impl Reservation {
    /// Returns the key as it is kept with a job that is accepted now.
    pub(in crate::engine) fn key(&self, fingerprint: Fingerprint, now: Timestamp) -> AcceptanceKey {
        let kept_until = now.checked_add(self.kind.kept_for()).unwrap_or(Timestamp::MAX);
        AcceptanceKey { id: self.id, kind: self.kind, fingerprint, kept_until }
    }

    /// Keeps the key with the job that was accepted under it.
    pub(in crate::engine) fn accepted(self, key: AcceptanceKey, job: JobId) {
        self.keys.lock().accept(key, job);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut keys = self.keys.lock();
        if let Some(KeySlot::Accepting(_)) = keys.slots.get(&self.id) {
            keys.slots.remove(&self.id);
            keys.discount(self.id, self.kind);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const JOB: JobId = JobId(Uuid::nil());

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * 3600).unwrap()
    }

    fn caller(name: &str) -> KeySpace {
        KeySpace::of_caller(&name.into())
    }

    fn reserve(keys: &Arc<AcceptanceKeys>, space: &KeySpace) -> Option<Reservation> {
        match keys.claim(space, "key") {
            Ok(Claim::Reserved(reservation)) => Some(reservation),
            Ok(Claim::Accepted(..) | Claim::Accepting(_)) | Err(_) => None,
        }
    }

    fn accept(keys: &Arc<AcceptanceKeys>, space: &KeySpace, hour: i64) -> AcceptanceKey {
        let reservation = reserve(keys, space).unwrap();
        let key = reservation.key([1; 32], at(hour));
        reservation.accepted(key, JOB);
        key
    }

    fn is_empty(keys: &AcceptanceKeys) -> bool {
        let keys = keys.lock();
        keys.slots.is_empty() && keys.expiring.is_empty() && keys.kept == [0, 0] && keys.owned.is_empty()
    }

    #[test]
    fn a_key_is_reserved_for_one_and_given_back_if_nothing_came_of_it() {
        let keys = Arc::new(AcceptanceKeys::default());
        let first = reserve(&keys, &caller("hr")).unwrap();
        assert!(reserve(&keys, &caller("hr")).is_none());
        assert!(reserve(&keys, &caller("ops")).is_some(), "another caller's key is another key");
        drop(first);
        assert!(reserve(&keys, &caller("hr")).is_some());
        assert!(is_empty(&keys));
    }

    #[tokio::test]
    async fn who_waits_for_a_reservation_finds_what_became_of_it() {
        let keys = Arc::new(AcceptanceKeys::default());
        let first = reserve(&keys, &caller("hr")).unwrap();
        let Ok(Claim::Accepting(other)) = keys.claim(&caller("hr"), "key") else { panic!("it is reserved") };
        let key = first.key([2; 32], at(0));
        first.accepted(key, JOB);
        other.ended().await;
        assert!(matches!(keys.claim(&caller("hr"), "key"), Ok(Claim::Accepted(print, JOB)) if print == [2; 32]));
    }

    #[test]
    fn each_kind_is_kept_for_its_own_time() {
        let keys = Arc::new(AcceptanceKeys::default());
        let deliveries = KeySpace::of_deliveries(&"hr".into());
        let (chosen, delivered) = (accept(&keys, &caller("hr"), 0), accept(&keys, &deliveries, 0));
        assert_eq!(keys.expire(at(23), 10), []);
        assert!(reserve(&keys, &caller("hr")).is_none());
        assert_eq!(keys.expire(at(24), 10), [chosen.id]);
        assert!(reserve(&keys, &caller("hr")).is_some());
        assert_eq!(keys.expire(at(7 * 24 - 1), 10), []);
        assert!(reserve(&keys, &deliveries).is_none());
        assert_eq!(keys.expire(at(7 * 24), 10), [delivered.id]);
        assert!(is_empty(&keys));
    }

    /// Claims keys until there is no room for more, at most `most` of them.
    fn fill(keys: &Arc<AcceptanceKeys>, space: &KeySpace, most: usize) -> Vec<(AcceptanceKey, JobId)> {
        let mut taken = Vec::new();
        for n in 0..most {
            match keys.claim(space, &n.to_string()) {
                Ok(Claim::Reserved(reservation)) => {
                    let key = reservation.key([0; 32], at(0));
                    reservation.accepted(key, JOB);
                    taken.push((key, JOB));
                }
                Err(TooManyKeys { kept }) => {
                    assert_eq!(kept, taken.len());
                    break;
                }
                Ok(Claim::Accepted(..) | Claim::Accepting(_)) => panic!("{n} was claimed before"),
            }
        }
        taken
    }

    #[test]
    fn nobody_takes_the_room_of_another_also_not_over_a_restart() {
        let keys = Arc::new(AcceptanceKeys::default());
        let first = fill(&keys, &caller("one"), usize::MAX);
        assert_eq!(first.len(), 100_000);
        let keys = Arc::new(AcceptanceKeys::recovered(first, 1));
        assert!(matches!(keys.claim(&caller("one"), "one more"), Err(TooManyKeys { kept: 100_000 })));
        let deliveries = KeySpace::of_deliveries(&"one".into());
        assert_eq!(fill(&keys, &deliveries, 10).len(), 10, "and each kind has its own");
        assert_eq!(fill(&keys, &caller("two"), usize::MAX).len(), 50_000);
        let least = (0..100).map(|n| fill(&keys, &caller(&format!("other {n}")), usize::MAX).len()).min();
        assert_eq!(least, Some(1_000), "however many there are");
        let kept = keys.lock().kept[KeyKind::Idempotency as usize];
        assert!(kept <= 200_000 + 100 * 1_000, "{kept}");
        assert_eq!(keys.expire(at(24), 10).len(), 10);
    }

    #[test]
    fn a_key_of_a_journal_from_before_is_known() {
        let (kind, fingerprint, kept_until) = (KeyKind::Idempotency, [3; 32], at(24));
        let id = caller("hr").former_id("key");
        let keys =
            Arc::new(AcceptanceKeys::recovered(vec![(AcceptanceKey { id, kind, fingerprint, kept_until }, JOB)], 1));
        assert!(matches!(keys.claim(&caller("hr"), "key"), Ok(Claim::Accepted(print, JOB)) if print == fingerprint));
        assert!(reserve(&keys, &caller("ops")).is_some());
        assert_eq!(keys.expire(at(24), 10), [id]);
        assert!(is_empty(&keys));
    }

    #[test]
    fn room_comes_back() {
        let keys = Arc::new(AcceptanceKeys::default());
        let space = caller("hr");
        assert_eq!(fill(&keys, &space, usize::MAX).len(), 100_000);
        assert_eq!(keys.expire(at(24), 10).len(), 10);
        assert!(reserve(&keys, &space).is_some());
        keys.expire(at(24), usize::MAX);
        assert!(is_empty(&keys));
    }
}
