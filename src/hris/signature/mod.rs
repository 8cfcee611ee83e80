//! Verifies who sent a delivery: one verifier, with parameters that fit every sender.
//!
//! The received bytes are verified before anything is parsed, in constant time. A verifier cannot be created without a
//! secret.

mod altered;
mod encoding;
mod fault;
mod key;
mod scheme;
#[cfg(test)]
mod spelling_tests;
#[cfg(test)]
mod tests;

use http::HeaderMap;
use http::header::HeaderName;
use jiff::Timestamp;
use secrecy::SecretString;

pub use self::altered::Altered;
pub use self::encoding::Encoding;
pub use self::fault::{Mismatch, SignatureError};
use self::key::VerifyingKey;
pub use self::key::{Algorithm, KeyError, KeyForm};
pub use self::scheme::{Headers, Scheme, SignedPart, TemplateError};
use super::dates;

/// The secret with which a delivery was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedWith {
    /// The current secret.
    Current,
    /// The previous secret, while the sender changes to the current one.
    Previous,
}

/// Verifies the deliveries of one source.
///
/// Invariant: it has at least one key, and no key is empty.
#[derive(Debug)]
pub struct Verifier {
    scheme: Scheme,
    keys: Vec<VerifyingKey>,
}

impl Verifier {
    /// Creates a verifier for what any of `secrets` signed: the current one, and a previous one while the sender
    /// changes.
    pub fn new(scheme: Scheme, secrets: &[SecretString]) -> Result<Self, KeyError> {
        let keys: Vec<_> =
            secrets.iter().map(|secret| VerifyingKey::read(&scheme, secret)).collect::<Result<_, _>>()?;
        if keys.is_empty() { Err(KeyError::Empty) } else { Ok(Self { scheme, keys }) }
    }

    /// Verifies that one of the secrets signed this body under these headers, at a time not too far from `now`, and
    /// returns which.
    pub fn verify(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<SignedWith, SignatureError> {
        let (scheme, names) = (&self.scheme, self.scheme.headers(headers));
        let optional = |name: &Option<HeaderName>| name.as_ref().map(|name| only(headers, name)).transpose();
        let given = only(headers, &names.signature).map_err(|refusal| match refusal {
            SignatureError::Missing(header) => SignatureError::NoSignature { header, another: None },
            refusal @ (SignatureError::NoSignature { .. }
            | SignatureError::GivenTwice(_)
            | SignatureError::NotText(_)
            | SignatureError::NotATime(_)
            | SignatureError::OutsideTolerance { .. }
            | SignatureError::Wrong(_)) => refusal,
        })?;
        let (id, stamp) = (optional(&names.id)?, optional(&names.timestamp)?);
        let fits = |body: &[u8]| {
            let signed = scheme.signed_bytes(id.unwrap_or_default(), stamp.unwrap_or_default(), body);
            self.keys.iter().position(|key| self.fits(key, given, &signed))
        };
        let Some(key) = fits(body) else {
            let proven = altered::forms(body).into_iter().find(|(_, form)| fits(form).is_some());
            let proven = proven.map(|(altered, _)| altered);
            let mismatch = Mismatch::new(scheme, &self.keys, &names.signature, given, proven);
            return Err(SignatureError::Wrong(mismatch.into()));
        };
        // Checked last, so that only someone who knows the secret learns anything about our clock.
        self.is_fresh(names.timestamp.as_ref(), stamp, now)?;
        Ok(if key == 0 { SignedWith::Current } else { SignedWith::Previous })
    }

    /// Returns the signed header that tells deliveries apart, if there is one.
    pub(super) fn id_header(&self, headers: &HeaderMap) -> Option<&HeaderName> {
        self.scheme.headers(headers).id.as_ref()
    }

    /// Returns whether one of the given signatures is valid for this key.
    fn fits(&self, key: &VerifyingKey, given: &str, signed: &[u8]) -> bool {
        let signatures = self.scheme.signatures(given, self.scheme.prefix(key.is_public()));
        let decoded = signatures.into_iter().filter_map(|signature| self.scheme.encoding.decode(signature));
        decoded.into_iter().any(|signature| key.verifies(signed, &signature))
    }

    /// Checks that the time of a valid signature is within the tolerance.
    fn is_fresh(&self, header: Option<&HeaderName>, stamp: Option<&str>, now: Timestamp) -> Result<(), SignatureError> {
        let (Some(header), Some(stamp), Some(tolerance)) = (header, stamp, self.scheme.tolerance) else {
            return Ok(());
        };
        // The time is signed, so every notation that senders use may be accepted.
        let signed_at = dates::instant(stamp).ok_or_else(|| SignatureError::NotATime(header.clone()))?;
        if signed_at.duration_since(now).unsigned_abs() > tolerance {
            return Err(SignatureError::OutsideTolerance { signed_at, now, tolerance });
        }
        Ok(())
    }
}

/// Returns the only value of a header. A duplicated header is refused, because a proxy in front could read a different
/// one of its values.
pub(crate) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a str, SignatureError> {
    let mut values = headers.get_all(name).iter();
    match (values.next().map(http::HeaderValue::to_str), values.next()) {
        (Some(Ok(value)), None) => Ok(value),
        (Some(Err(_)), None) => Err(SignatureError::NotText(name.clone())),
        (Some(_), Some(_)) => Err(SignatureError::GivenTwice(name.clone())),
        (None, _) => Err(SignatureError::Missing(name.clone())),
    }
}
