//! `Idempotency-Key`: a submission that is sent again is accepted once.
//!
//! A caller who lost the answer to a submission sends it again under the same key and is told of the same job. The key
//! is reserved before the body is read, so that of many requests at once only one can make a job.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

use super::faults::Faults;
use super::problem::Problem;
use super::{query, schemas};
use crate::domain::JobId;

/// The header that carries the key.
pub(super) const HEADER: &str = "idempotency-key";
/// Characters of a key.
pub(super) const LONGEST_KEY: usize = 255;
/// How long a key is kept.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(24);
/// Keys kept at most; about 40 MB of them.
const MOST_KEYS: usize = 100_000;

/// Tells submissions apart: the SHA-256 of body, form and parameters.
pub(super) type Fingerprint = [u8; 32];

/// A key, and whose it is: two callers may choose the same.
type Key = (Arc<str>, Box<str>);

/// The keys of the last 24 hours.
///
/// Invariant: a key is accepted at most once while it is kept, because it is reserved under one lock before anything is
/// done for it; and a reservation that leads to no job leaves nothing behind, however it ends.
#[derive(Debug, Default)]
pub(super) struct IdempotencyKeys(Mutex<Keys>);

#[derive(Debug, Default)]
struct Keys {
    slots: HashMap<Key, Slot>,
    /// Accepted keys in the order of their acceptance.
    by_age: VecDeque<(Timestamp, Key)>,
}

#[derive(Debug, Clone, Copy)]
enum Slot {
    Accepting,
    Accepted(Fingerprint, JobId),
}

/// What became of a key that was asked for.
#[derive(Debug)]
pub(super) enum Claim {
    /// The request has it to itself.
    Reserved(Reservation),
    /// A submission was accepted under it.
    Accepted(Fingerprint, JobId),
}

/// A key that nobody else gets; given back when dropped unless a job came of it.
#[derive(Debug)]
pub(super) struct Reservation {
    keys: Arc<IdempotencyKeys>,
    key: Key,
}

impl IdempotencyKeys {
    /// Claims a key for one request.
    pub(super) fn claim(self: &Arc<Self>, caller: &Arc<str>, key: &str, now: Timestamp) -> Result<Claim, Problem> {
        let key: Key = (Arc::clone(caller), key.into());
        let mut keys = self.lock();
        keys.expire(now);
        match keys.slots.get(&key) {
            Some(Slot::Accepting) => Err(Problem::still_accepting()),
            Some(Slot::Accepted(fingerprint, job)) => Ok(Claim::Accepted(*fingerprint, *job)),
            None if keys.slots.len() >= MOST_KEYS => {
                let detail = "too many idempotency keys of the last 24 hours are kept; send it without one, or later";
                Err(Problem::full(detail, Duration::from_secs(600)))
            }
            None => {
                keys.slots.insert(key.clone(), Slot::Accepting);
                Ok(Claim::Reserved(Reservation { keys: Arc::clone(self), key }))
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Keys> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keys {
    fn expire(&mut self, now: Timestamp) {
        while let Some((_, key)) = self.by_age.pop_front_if(|(at, _)| now.duration_since(*at) >= KEPT_FOR) {
            self.slots.remove(&key);
        }
    }
}

impl Reservation {
    /// A job came of it.
    pub(super) fn accepted(self, fingerprint: Fingerprint, job: JobId, now: Timestamp) {
        let mut keys = self.keys.lock();
        keys.slots.insert(self.key.clone(), Slot::Accepted(fingerprint, job));
        keys.by_age.push_back((now, self.key.clone()));
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut keys = self.keys.lock();
        if let Some(Slot::Accepting) = keys.slots.get(&self.key) {
            keys.slots.remove(&self.key);
        }
    }
}

/// The header as the document describes it.
pub(super) struct IdempotencyHeader;

impl IntoParams for IdempotencyHeader {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let what = "The caller's own name for this submission; sent again with it, it is accepted once.";
        vec![query::header("Idempotency-Key", what, schemas::idempotency_key())]
    }
}

/// The key that a request carries.
pub(super) fn key_of(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut given = headers.get_all(HEADER).iter();
    let Some(first) = given.next() else { return Ok(None) };
    let text = first.to_str().unwrap_or_default();
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    if given.next().is_some() || text.is_empty() || !visible || text.len() > LONGEST_KEY {
        let mut faults = Faults::default();
        let detail = format_args!("must be given once, with 1 to {LONGEST_KEY} visible ASCII characters");
        faults.add_parameter("Idempotency-Key", detail);
        return Err(Problem::invalid(faults));
    }
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * 3600).unwrap()
    }

    fn reserve(keys: &Arc<IdempotencyKeys>, caller: &str, hour: i64) -> Option<Reservation> {
        match keys.claim(&caller.into(), "key", at(hour)) {
            Ok(Claim::Reserved(reservation)) => Some(reservation),
            Ok(Claim::Accepted(..)) | Err(_) => None,
        }
    }

    #[test]
    fn a_key_is_reserved_for_one_and_given_back_if_nothing_came_of_it() {
        let keys = Arc::new(IdempotencyKeys::default());
        let first = reserve(&keys, "hr", 0).unwrap();
        assert!(reserve(&keys, "hr", 0).is_none());
        assert!(reserve(&keys, "ops", 0).is_some(), "another caller's key is another key");
        drop(first);
        assert!(reserve(&keys, "hr", 0).is_some());
        assert!(keys.lock().slots.is_empty());
    }

    #[test]
    fn a_key_is_kept_for_a_day() {
        let keys = Arc::new(IdempotencyKeys::default());
        reserve(&keys, "hr", 0).unwrap().accepted([1; 32], JobId(Uuid::nil()), at(0));
        assert!(matches!(keys.claim(&"hr".into(), "key", at(23)), Ok(Claim::Accepted(print, _)) if print == [1; 32]));
        assert!(reserve(&keys, "hr", 24).is_some());
        assert!(keys.lock().slots.is_empty() && keys.lock().by_age.is_empty());
    }
}
