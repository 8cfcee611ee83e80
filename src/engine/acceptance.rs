//! Keys under which jobs are accepted: the same submission sent again, at once or after a restart, is the same job.
//!
//! Callers choose an `Idempotency-Key`, HR systems name their deliveries. Both lose answers and send again; here both are
//! told of the job that there is.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::domain::JobId;
use crate::domain::acceptance::{AcceptanceKey, Fingerprint, KeyId, KeyKind, KeySpace};

/// Keys kept at most of each kind, so that callers cannot push out deliveries: some 120 bytes each.
const fn most(kind: KeyKind) -> usize {
    match kind {
        KeyKind::Idempotency => 100_000,
        KeyKind::Delivery => 1_000_000,
    }
}

/// As many keys are kept as there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many keys of submissions are kept")]
pub struct TooManyKeys;

/// The keys that jobs were accepted under, for as long as they are kept.
///
/// Invariant: a key is accepted at most once while it is kept, because it is reserved under one lock before anything is
/// done for it; and a reservation that leads to no job leaves nothing behind, however it ends.
#[derive(Debug, Default)]
pub(super) struct AcceptanceKeys(Mutex<Keys>);

#[derive(Debug, Default)]
struct Keys {
    slots: HashMap<KeyId, Slot>,
    /// Accepted keys, the first to expire on top.
    expiring: BinaryHeap<Reverse<(Timestamp, KeyId)>>,
    kept: [usize; KeyKind::ALL.len()],
}

#[derive(Debug)]
enum Slot {
    /// Whoever holds the other end is accepting a job under it.
    Accepting(watch::Receiver<()>),
    Accepted(AcceptanceKey, JobId),
}

/// What became of a key that was asked for.
#[derive(Debug)]
pub enum Claim {
    /// Who asked has it to himself.
    Reserved(Reservation),
    /// A job was accepted under it.
    Accepted(Fingerprint, JobId),
    /// Somebody else is submitting under it.
    Accepting(OtherClaim),
}

/// A key that nobody else gets; given back when dropped unless a job came of it.
#[derive(Debug)]
pub struct Reservation {
    keys: Arc<AcceptanceKeys>,
    id: KeyId,
    kind: KeyKind,
    /// Dropped after the key was given back: tells those who wait for it.
    _ended: watch::Sender<()>,
}

/// Somebody else's reservation.
#[derive(Debug)]
pub struct OtherClaim(watch::Receiver<()>);

impl OtherClaim {
    /// Waits until it has come to something or nothing.
    pub async fn ended(mut self) {
        // Nothing is ever sent; the sender's end is what is waited for.
        while self.0.changed().await.is_ok() {}
    }
}

impl AcceptanceKeys {
    /// The keys that a process before this one left.
    pub(super) fn recovered(kept: Vec<(AcceptanceKey, JobId)>) -> Self {
        let mut keys = Keys::default();
        for (key, job) in kept {
            keys.accept(key, job);
        }
        Self(Mutex::new(keys))
    }

    /// Claims a key for one submission.
    pub(super) fn claim(self: &Arc<Self>, space: &KeySpace, key: &str) -> Result<Claim, TooManyKeys> {
        let (id, kind) = (space.id(key), space.kind);
        let mut keys = self.lock();
        match keys.slots.get(&id) {
            Some(Slot::Accepting(ended)) => Ok(Claim::Accepting(OtherClaim(ended.clone()))),
            Some(Slot::Accepted(key, job)) => Ok(Claim::Accepted(key.fingerprint, *job)),
            None if keys.kept[kind as usize] >= most(kind) => Err(TooManyKeys),
            None => {
                let (sender, ended) = watch::channel(());
                keys.slots.insert(id, Slot::Accepting(ended));
                keys.kept[kind as usize] += 1;
                Ok(Claim::Reserved(Reservation { keys: Arc::clone(self), id, kind, _ended: sender }))
            }
        }
    }

    /// Forgets the keys whose time is over, at most `limit` of them.
    pub(super) fn expire(&self, now: Timestamp, limit: usize) -> Vec<KeyId> {
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keys {
    fn accept(&mut self, key: AcceptanceKey, job: JobId) {
        if self.slots.insert(key.id, Slot::Accepted(key, job)).is_none() {
            self.kept[key.kind as usize] += 1;
        }
        self.expiring.push(Reverse((key.kept_until, key.id)));
    }

    fn forget(&mut self, id: KeyId) {
        if let Some(Slot::Accepted(key, _)) = self.slots.remove(&id) {
            self.kept[key.kind as usize] -= 1;
        }
    }
}

impl Reservation {
    /// The key as it will be kept with a job that is accepted now.
    pub(super) fn key(&self, fingerprint: Fingerprint, now: Timestamp) -> AcceptanceKey {
        let kept_until = now.checked_add(self.kind.kept_for()).unwrap_or(Timestamp::MAX);
        AcceptanceKey { id: self.id, kind: self.kind, fingerprint, kept_until }
    }

    /// A job came of it.
    pub(super) fn accepted(self, key: AcceptanceKey, job: JobId) {
        self.keys.lock().accept(key, job);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut keys = self.keys.lock();
        if let Some(Slot::Accepting(_)) = keys.slots.get(&self.id) {
            keys.slots.remove(&self.id);
            keys.kept[self.kind as usize] -= 1;
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
        keys.slots.is_empty() && keys.expiring.is_empty() && keys.kept == [0, 0]
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

    #[test]
    fn keys_of_one_kind_do_not_push_out_those_of_another() {
        let keys = Arc::new(AcceptanceKeys::default());
        let space = caller("hr");
        for n in 0..most(KeyKind::Idempotency) {
            let Ok(Claim::Reserved(reservation)) = keys.claim(&space, &n.to_string()) else { panic!("there is room") };
            let key = reservation.key([0; 32], at(0));
            reservation.accepted(key, JOB);
        }
        assert!(matches!(keys.claim(&space, "one more"), Err(TooManyKeys)));
        assert!(reserve(&keys, &KeySpace::of_deliveries(&"hr".into())).is_some());
        assert_eq!(keys.expire(at(24), 10).len(), 10);
        assert!(reserve(&keys, &space).is_some());
    }
}
