//! Who sent this: one verifier whose parameters make it fit every sender.
//!
//! The raw bytes are verified before anything is parsed, in constant time. A verifier without a secret cannot be made.

mod encoding;
mod key;
mod scheme;
#[cfg(test)]
mod tests;

use std::time::Duration;

use http::HeaderMap;
use http::header::HeaderName;
use jiff::Timestamp;
use secrecy::SecretString;

pub use self::encoding::Encoding;
use self::key::Key;
pub use self::key::{Algorithm, KeyFault, KeyForm};
pub use self::scheme::{Part, Scheme, TemplateFault};
use super::dates;

/// Why a delivery is not let in. None of it says how near the signature was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    #[error("the header {0} is missing, given twice, or not text")]
    Header(HeaderName),
    #[error("{0} is neither a time since 1970 nor one with an offset")]
    NotATime(HeaderName),
    #[error("it is signed for {signed_at}, which is further from now than the tolerance of {tolerance:?}")]
    OutsideTolerance { signed_at: Timestamp, tolerance: Duration },
    #[error("no signature in {0} fits the body and the secret")]
    Wrong(HeaderName),
}

/// Verifies the deliveries of one source.
///
/// Invariant: it has at least one key, and no key is empty.
#[derive(Debug)]
pub struct Verifier {
    scheme: Scheme,
    keys: Vec<Key>,
}

impl Verifier {
    /// A verifier that accepts what any of `secrets` signed: the current one, and one before it while the sender moves.
    pub fn new(scheme: Scheme, secrets: &[SecretString]) -> Result<Self, KeyFault> {
        let keys: Vec<_> = secrets.iter().map(|secret| Key::read(&scheme, secret)).collect::<Result<_, _>>()?;
        if keys.is_empty() { Err(KeyFault::Empty) } else { Ok(Self { scheme, keys }) }
    }

    /// Whether one of the secrets signed this body under these headers, at a time that is not too far from `now`.
    pub fn verify(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), SignatureFault> {
        let scheme = &self.scheme;
        let id = scheme.id_header.as_ref().map(|name| only(headers, name)).transpose()?;
        let stamp = scheme.timestamp_header.as_ref().map(|name| only(headers, name)).transpose()?;
        let given = only(headers, &scheme.header)?;
        let signed = scheme.signed_bytes(id.unwrap_or_default(), stamp.unwrap_or_default(), body);
        let fits =
            |key: &Key| scheme.signatures(given, key.is_public()).any(|signature| key.verifies(&signed, &signature));
        if !self.keys.iter().any(fits) {
            return Err(SignatureFault::Wrong(scheme.header.clone()));
        }
        // Last, so that only who knows the secret learns anything about our clock.
        self.is_fresh(stamp, now)
    }

    fn is_fresh(&self, stamp: Option<&str>, now: Timestamp) -> Result<(), SignatureFault> {
        let (Some(header), Some(stamp), Some(tolerance)) =
            (&self.scheme.timestamp_header, stamp, self.scheme.tolerance)
        else {
            return Ok(());
        };
        let signed_at = dates::instant(stamp).ok_or_else(|| SignatureFault::NotATime(header.clone()))?;
        if signed_at.duration_since(now).unsigned_abs() > tolerance {
            return Err(SignatureFault::OutsideTolerance { signed_at, tolerance });
        }
        Ok(())
    }
}

/// The one value of a header. Given twice, it could be one thing here and another to whoever stands in front of us.
pub(crate) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a str, SignatureFault> {
    let mut values = headers.get_all(name).iter();
    match (values.next().and_then(|value| value.to_str().ok()), values.next()) {
        (Some(value), None) => Ok(value),
        _ => Err(SignatureFault::Header(name.clone())),
    }
}
