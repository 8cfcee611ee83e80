//! Reads secrets as senders issue them, and verifies signatures with them.

use std::fmt;

use ring::{hmac, signature};
use secrecy::{ExposeSecret, SecretString};

use super::{Encoding, Scheme};

/// The algorithm of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    HmacSha256,
    /// HMAC with SHA-512.
    HmacSha512,
}

/// How a secret is turned into a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyForm {
    /// The text itself is the key.
    Utf8,
    /// The text is base64.
    Base64,
    /// The text is that of Standard Webhooks: base64 after `whsec_`, or the public key of an Ed25519 pair after
    /// `whpk_`.
    StandardWebhooks,
}

/// Why a secret cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The secret is empty.
    #[error("the secret is missing or empty, so anyone could sign with it")]
    Empty,
    /// The secret is not base64.
    #[error("the secret is not base64, as secrets of this sender must be")]
    NotBase64,
    /// The secret has none of the prefixes of Standard Webhooks.
    #[error("the secret must begin with whsec_ or whpk_, as secrets of Standard Webhooks do")]
    UnknownPrefix,
    /// The secret is the private key of a pair.
    #[error("the secret is a private key (whsk_), which only the sender may have; use its public key (whpk_)")]
    Private,
    /// The public key has the wrong length.
    #[error("the public key must have 32 bytes")]
    NotAPublicKey,
}

/// A key that verifies signatures.
pub(super) enum VerifyingKey {
    /// A shared secret.
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
    /// Reads a secret in the form that the scheme uses.
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

    /// Returns whether `given` is the signature of `signed`; takes the same time wherever it differs.
    pub(super) fn verifies(&self, signed: &[u8], given: &[u8]) -> bool {
        match self {
            Self::Shared(key) => hmac::verify(key, signed, given).is_ok(),
            Self::Public(key) => {
                signature::UnparsedPublicKey::new(&signature::ED25519, key).verify(signed, given).is_ok()
            }
        }
    }

    /// Returns the name of the algorithm and the length of its signatures in bytes.
    pub(super) fn makes(&self) -> (&'static str, usize) {
        match self {
            Self::Shared(key) if key.algorithm() == hmac::HMAC_SHA512 => ("HMAC-SHA512", 64),
            Self::Shared(_) => ("HMAC-SHA256", 32),
            Self::Public(_) => ("Ed25519", 64),
        }
    }

    /// Returns whether signatures of this key carry the asymmetric prefix.
    pub(super) fn is_public(&self) -> bool {
        matches!(self, Self::Public(_))
    }
}

/// Returns the public key, if it has the right length.
fn public(bytes: Vec<u8>) -> Result<VerifyingKey, KeyError> {
    const LENGTH: usize = 32;
    if bytes.len() == LENGTH { Ok(VerifyingKey::Public(bytes)) } else { Err(KeyError::NotAPublicKey) }
}
