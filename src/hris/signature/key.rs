//! Secrets as senders hand them out, and what they sign with.

use std::fmt;

use ring::{hmac, signature};
use secrecy::{ExposeSecret, SecretString};

use super::{Encoding, Scheme};

/// What a signature is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    HmacSha256,
    HmacSha512,
}

/// What the bytes of a key are, given the secret as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyForm {
    /// The text itself.
    Utf8,
    /// The text read as base64.
    Base64,
    /// Of Standard Webhooks: base64 after `whsec_`, or the public half of an Ed25519 pair after `whpk_`.
    StandardWebhooks,
}

/// Why a secret is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("the secret is missing or empty: anybody could sign with it")]
    Empty,
    #[error("the secret is not base64, which this sender's secrets are")]
    NotBase64,
    #[error("the secret begins with neither whsec_ nor whpk_, as those of Standard Webhooks do")]
    UnknownPrefix,
    #[error("the secret is a private key (whsk_), which belongs to the sender alone; take its public half (whpk_)")]
    Private,
    #[error("the public key does not have 32 bytes")]
    NotAPublicKey,
}

/// A key, ready to verify with.
pub(super) enum VerifyingKey {
    Shared(hmac::Key),
    /// The public key of an Ed25519 pair.
    Public(Vec<u8>),
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shared(_) => "Shared",
            Self::Public(_) => "Public",
        })
    }
}

impl VerifyingKey {
    pub(super) fn read(scheme: &Scheme, secret: &SecretString) -> Result<Self, KeyError> {
        let secret = secret.expose_secret();
        let base64 = |text: &str| Encoding::Base64.decode(text).ok_or(KeyError::NotBase64);
        let bytes = match scheme.key_form {
            KeyForm::Utf8 => secret.as_bytes().to_vec(),
            KeyForm::Base64 => base64(secret)?,
            KeyForm::StandardWebhooks => match secret.split_once('_') {
                _ if secret.is_empty() => Vec::new(),
                Some(("whsec", text)) => base64(text)?,
                Some(("whpk", text)) => return public(base64(text)?),
                Some(("whsk", _)) => return Err(KeyError::Private),
                Some(_) | None => return Err(KeyError::UnknownPrefix),
            },
        };
        if bytes.is_empty() {
            return Err(KeyError::Empty);
        }
        let algorithm = match scheme.algorithm {
            Algorithm::HmacSha256 => hmac::HMAC_SHA256,
            Algorithm::HmacSha512 => hmac::HMAC_SHA512,
        };
        Ok(Self::Shared(hmac::Key::new(algorithm, &bytes)))
    }

    /// Whether this is the signature of these bytes; takes the same time wherever it differs.
    pub(super) fn verifies(&self, signed: &[u8], given: &[u8]) -> bool {
        match self {
            Self::Shared(key) => hmac::verify(key, signed, given).is_ok(),
            Self::Public(key) => {
                signature::UnparsedPublicKey::new(&signature::ED25519, key).verify(signed, given).is_ok()
            }
        }
    }

    /// What makes the signatures, and their bytes.
    pub(super) fn makes(&self) -> (&'static str, usize) {
        match self {
            Self::Shared(key) if key.algorithm() == hmac::HMAC_SHA512 => ("HMAC-SHA512", 64),
            Self::Shared(_) => ("HMAC-SHA256", 32),
            Self::Public(_) => ("Ed25519", 64),
        }
    }

    /// Whether signatures of this key are marked as asymmetric ones.
    pub(super) fn is_public(&self) -> bool {
        matches!(self, Self::Public(_))
    }
}

fn public(bytes: Vec<u8>) -> Result<VerifyingKey, KeyError> {
    const LENGTH: usize = 32;
    if bytes.len() == LENGTH { Ok(VerifyingKey::Public(bytes)) } else { Err(KeyError::NotAPublicKey) }
}
