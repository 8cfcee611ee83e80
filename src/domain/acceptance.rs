//! Names under which something is submitted, so that the same thing sent again is accepted once.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

/// Tells submissions under one key apart: a SHA-256 of what was sent.
pub type Fingerprint = [u8; 32];

/// What kind of key it is, which says for how long it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// An `Idempotency-Key` that a caller chose.
    Idempotency,
    /// The name that an HR system gives to a delivery of a webhook.
    Delivery,
}

impl KeyKind {
    pub const ALL: [Self; 2] = [Self::Idempotency, Self::Delivery];

    /// How long a key is kept: callers repeat within a day, HR systems repeat deliveries for several.
    pub fn kept_for(self) -> SignedDuration {
        match self {
            Self::Idempotency => SignedDuration::from_hours(24),
            Self::Delivery => SignedDuration::from_hours(7 * 24),
        }
    }

    /// The word for it in the journal.
    pub fn name(self) -> &'static str {
        match self {
            Self::Idempotency => "idempotency",
            Self::Delivery => "delivery",
        }
    }
}

/// Whose keys these are: two owners may choose the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySpace {
    pub kind: KeyKind,
    /// The caller, or the source of webhooks.
    pub owner: Arc<str>,
}

impl KeySpace {
    /// The space of one caller's `Idempotency-Key`s.
    pub fn of_caller(name: &Arc<str>) -> Self {
        Self { kind: KeyKind::Idempotency, owner: Arc::clone(name) }
    }

    /// The space of one webhook source's deliveries.
    pub fn of_deliveries(source: &Arc<str>) -> Self {
        Self { kind: KeyKind::Delivery, owner: Arc::clone(source) }
    }

    /// What a key of this space is kept as.
    pub fn id(&self, key: &str) -> KeyId {
        let KeyId(mut id) = self.former_id(key);
        let of_owner = self.digest().finalize();
        id.iter_mut().zip(of_owner).take(OwnerId::LENGTH).for_each(|(byte, of_owner)| *byte = of_owner);
        KeyId(id)
    }

    /// What it was kept as when keys did not tell their owner: journals from then are still read.
    pub fn former_id(&self, key: &str) -> KeyId {
        KeyId(beginning(&self.digest().chain_update(key).finalize()))
    }

    fn digest(&self) -> Sha256 {
        // The length keeps ("ab", "c") apart from ("a", "bc").
        let length = u64::try_from(self.owner.len()).unwrap_or(u64::MAX).to_be_bytes();
        Sha256::new().chain_update(self.kind.name()).chain_update(length).chain_update(&*self.owner)
    }
}

/// A key with its space, as half a SHA-256: of one size however long the key is, and nothing personal in it. It begins with its
/// owner's, so that a key tells whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 16]);

impl KeyId {
    /// Whose key it is.
    pub fn owner(self) -> OwnerId {
        OwnerId(beginning(&self.0))
    }
}

/// A caller or a source, as the beginning of a SHA-256. Should two of them have the same, they share what there is for one;
/// their keys are told apart all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OwnerId([u8; Self::LENGTH]);

impl OwnerId {
    const LENGTH: usize = 4;
}

fn beginning<const N: usize>(digest: &[u8]) -> [u8; N] {
    digest.first_chunk().copied().unwrap_or([0; N])
}

/// A key that a job was accepted under.
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
