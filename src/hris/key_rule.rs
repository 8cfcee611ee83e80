//! The rule that tells the deliveries of a source apart.

use http::HeaderMap;
use http::header::HeaderName;
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::senders::{Deduplication, Sender};
use super::signature::only;
use crate::config::{ConfigError, WebhookConfig};

/// What tells deliveries of a source apart, so that a repeated one is not carried out again.
#[derive(Debug, Clone)]
pub(super) enum KeyRule {
    /// The id that the sender signs.
    SignedId,
    /// A header that stays the same over all attempts.
    Header(HeaderName),
    /// A JSON pointer into the body.
    Pointer(String),
    /// What this function finds in the payload.
    Payload(fn(&Value) -> Option<String>),
    /// The digest of the body and these headers.
    Digest(Vec<HeaderName>),
    /// The digest of the body, if a filter finds a date for everything in it; otherwise nothing, as with
    /// [`Self::Arrival`].
    DatedDigest,
    /// Nothing. If a person becomes an agent, then a trainee, then an agent again, the first and the last delivery are
    /// identical. Processing a state twice changes nothing, but a state that is mistaken for a repetition is lost.
    Arrival,
}

impl KeyRule {
    /// Compiles the rule of a source.
    pub(super) fn compile(config: &WebhookConfig) -> Result<Self, ConfigError> {
        let by_sender = match Sender::of(config.preset).deduplication {
            Deduplication::SignedId => Some(Self::SignedId),
            Deduplication::Body(headers) => {
                Some(Self::Digest(headers.iter().map(|name| HeaderName::from_static(name)).collect()))
            }
            Deduplication::Payload(find) => Some(Self::Payload(find)),
            Deduplication::Configured => None,
        };
        let dedupe = match (&config.dedupe, by_sender) {
            (None, Some(rule)) => return Ok(rule),
            (None, None) => return Self::of_custom(config),
            (Some(_), Some(_)) => {
                return Err(
                    config.fault("dedupe", "is defined by the preset; use preset = \"generic\" to define another")
                );
            }
            (Some(dedupe), None) => dedupe,
        };
        match (&dedupe.header, &dedupe.pointer) {
            (Some(header), None) => header
                .parse()
                .map(Self::Header)
                .map_err(|_| config.fault("dedupe.header", "is not a valid header name")),
            (None, Some(pointer)) if pointer.starts_with('/') => Ok(Self::Pointer(pointer.clone())),
            (None, Some(_)) => Err(config.fault("dedupe.pointer", "is not a JSON pointer: it must begin with /")),
            _ => Err(config.fault("dedupe", "must have exactly one of header and pointer")),
        }
    }

    /// Uses what is signed besides the body, if anything is.
    fn of_custom(config: &WebhookConfig) -> Result<Self, ConfigError> {
        let signature = config.signature.as_ref();
        let stamp = signature.and_then(|signature| signature.timestamp_header.as_ref()?.parse().ok());
        Ok(match stamp {
            _ if signature.is_some_and(|signature| signature.id_header.is_some()) => Self::SignedId,
            Some(stamp) => Self::Digest(vec![stamp]),
            None if config.filter()?.is_some() => Self::DatedDigest,
            None => Self::Arrival,
        })
    }

    /// Returns the key of a delivery that came `now`, with the signed id in the header `signed_id`. If the part that
    /// the key is made of is missing, the digest of the body is used instead.
    pub(super) fn key(
        &self,
        headers: &HeaderMap,
        signed_id: Option<&HeaderName>,
        body: &[u8],
        payload: Option<&Value>,
        now: Timestamp,
    ) -> String {
        let found = match self {
            Self::SignedId => signed_id.and_then(|name| only(headers, name).ok()).map(str::to_owned),
            Self::Header(name) => only(headers, name).ok().map(str::to_owned),
            Self::Pointer(pointer) => payload.and_then(|payload| match payload.pointer(pointer)? {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
            }),
            Self::Payload(find) => payload.and_then(find),
            Self::Digest(with) => {
                let values = with.iter().filter_map(|name| headers.get(name));
                return digest(body, values.map(http::HeaderValue::as_bytes));
            }
            Self::DatedDigest => None,
            Self::Arrival => return format!("{} at {now}", digest(body, std::iter::empty())),
        };
        found.filter(|key| !key.is_empty()).unwrap_or_else(|| digest(body, std::iter::empty()))
    }
}

/// Returns the SHA-256 digest of the body and the other values.
fn digest<'a>(body: &[u8], others: impl Iterator<Item = &'a [u8]>) -> String {
    let mut digest = Sha256::new();
    digest.update(body);
    others.for_each(|other| digest.update(other));
    digest.finalize().iter().fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}
