//! Keys under which jobs are accepted, so that a repeated submission or delivery is accepted only once.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

/// SHA-256 of what was sent; tells different submissions under the same key apart.
pub type Fingerprint = [u8; 32];

/// Kind of a key, which determines how long it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// An `Idempotency-Key` that a caller chose.
    Idempotency,
    /// The identity that an HR system gives to a webhook delivery.
    Delivery,
}

impl KeyKind {
    /// All kinds.
    pub const ALL: [Self; 2] = [Self::Idempotency, Self::Delivery];

    /// Returns how long a key is kept: callers retry within a day, HR systems repeat deliveries for several days.
    pub fn kept_for(self) -> SignedDuration {
        match self {
            Self::Idempotency => SignedDuration::from_hours(24),
            Self::Delivery => SignedDuration::from_hours(7 * 24),
        }
    }

    /// Returns the name of the kind in the journal.
    pub fn name(self) -> &'static str {
        match self {
            Self::Idempotency => "idempotency",
            Self::Delivery => "delivery",
        }
    }
}

/// Namespace of keys: two owners may choose the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySpace {
    pub kind: KeyKind,
    /// The caller, or the source of the deliveries.
    pub owner: Arc<str>,
}

impl KeySpace {
    /// Returns the key space of one caller's `Idempotency-Key`s.
    pub fn of_caller(name: &Arc<str>) -> Self {
        Self { kind: KeyKind::Idempotency, owner: Arc::clone(name) }
    }

    /// Returns the key space of one source's deliveries.
    pub fn of_deliveries(source: &Arc<str>) -> Self {
        Self { kind: KeyKind::Delivery, owner: Arc::clone(source) }
    }

    /// Returns the id under which a key of this space is stored.
    pub fn id(&self, key: &str) -> KeyId {
        let KeyId(mut id) = self.former_id(key);
        let of_owner = self.digest().finalize();
        id.iter_mut().zip(of_owner).take(OwnerId::LENGTH).for_each(|(byte, of_owner)| *byte = of_owner);
        KeyId(id)
    }

    /// Returns the id that was used before ids began with their owner; needed for journals written at that time.
    pub fn former_id(&self, key: &str) -> KeyId {
        KeyId(beginning(&self.digest().chain_update(key).finalize()))
    }

    fn digest(&self) -> Sha256 {
        // The length keeps ("ab", "c") distinct from ("a", "bc").
        let length = u64::try_from(self.owner.len()).unwrap_or(u64::MAX).to_be_bytes();
        Sha256::new().chain_update(self.kind.name()).chain_update(length).chain_update(&*self.owner)
    }
}

/// A key with its space, as half a SHA-256: of fixed size however long the key is, and free of personal data. It begins
/// with the id of its owner, so the owner can be told from the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 16]);

impl KeyId {
    /// Returns the owner of the key.
    pub fn owner(self) -> OwnerId {
        OwnerId(beginning(&self.0))
    }
}

/// A caller or a source, as the beginning of a SHA-256. Two owners with the same beginning share what is allotted to
/// one owner; their keys remain distinct.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OwnerId([u8; Self::LENGTH]);

impl OwnerId {
    const LENGTH: usize = 4;
}

fn beginning<const N: usize>(digest: &[u8]) -> [u8; N] {
    digest.first_chunk().copied().unwrap_or([0; N])
}

/// The key that a job was accepted under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcceptanceKey {
    pub id: KeyId,
    pub kind: KeyKind,
    pub fingerprint: Fingerprint,
    pub kept_until: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_different_owners_and_kinds_are_different_keys() {
        let (ab, a): (Arc<str>, Arc<str>) = ("ab".into(), "a".into());
        let ids = [
            KeySpace::of_caller(&ab).id("c"),
            KeySpace::of_caller(&a).id("bc"),
            KeySpace::of_caller(&a).id("b"),
            KeySpace::of_deliveries(&ab).id("c"),
        ];
        for (n, id) in ids.iter().enumerate() {
            assert!(ids[n + 1..].iter().all(|other| other != id));
        }
        assert_eq!(KeySpace::of_caller(&"ab".into()).id("c"), ids[0]);
        let owners = ids.map(KeyId::owner);
        assert_eq!(owners[0], KeySpace::of_caller(&ab).id("d").owner());
        assert_eq!(owners[1], owners[2]);
        assert!(owners[0] != owners[1] && owners[0] != owners[3]);
    }
}
