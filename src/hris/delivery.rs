//! One delivery: whether it may come in, and what it is told apart by.

use http::HeaderMap;
use jiff::Timestamp;

use super::admission::DeliveryAdmission;
use super::key_rule::KeyRule;
use super::numbers;
use super::senders;
use super::signature::{SignatureError, SignedWith};
use super::source::Source;
use crate::charset::without_mark;

/// The body of a delivery. Some senders sign what they compress, others what they send.
#[derive(Debug, Clone, Copy)]
pub struct DeliveredBody<'b> {
    /// The bytes as they came.
    pub sent: &'b [u8],
    /// The same, not compressed.
    pub plain: &'b [u8],
}

/// Why a delivery is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error("the secret of the path is wrong or missing")]
    Path,
    #[error("the source takes no deliveries: it has no secret")]
    Nobody,
}

impl Source {
    /// Lets a delivery in, or not. The bytes are those that came, before anything has been parsed.
    pub fn admit(
        &self,
        path_secret: Option<&str>,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), Refused> {
        match &self.admission {
            DeliveryAdmission::Signature(verifier) => {
                let signed_with = verifier.verify(headers, body, now);
                let signed_with = signed_with.map_err(|refusal| senders::with_sender_instead(refusal, headers))?;
                if signed_with == SignedWith::Previous {
                    let source = &*self.name;
                    tracing::info!(source, "a delivery is signed with previous_secret; the sender has not moved yet");
                }
                Ok(())
            }
            DeliveryAdmission::Path(_) => {
                if path_secret.is_some_and(|given| self.is_path_secret(given)) {
                    Ok(())
                } else {
                    Err(Refused::Path)
                }
            }
            DeliveryAdmission::Nobody => Err(Refused::Nobody),
        }
    }

    /// The same of a body that may have been compressed, before or after it was signed.
    pub(super) fn admit_either(
        &self,
        path_secret: Option<&str>,
        headers: &HeaderMap,
        body: DeliveredBody<'_>,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let sent = self.admit(path_secret, headers, body.sent, now);
        if body.sent == body.plain { sent } else { sent.or_else(|_| self.admit(path_secret, headers, body.plain, now)) }
    }

    /// Whether this is a sender's question whether anybody is there, which no secret is needed for.
    pub fn is_handshake(&self, body: &[u8]) -> bool {
        (self.sender.is_handshake)(without_mark(body))
    }

    /// What the delivery is told apart by, if it came `now`.
    pub fn delivery_key(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> String {
        let needs_payload = matches!(self.key_rule, KeyRule::Pointer(_) | KeyRule::Payload(_));
        let payload = needs_payload.then(|| numbers::parsed(without_mark(body)).ok()).flatten();
        let signed_id = match &self.admission {
            DeliveryAdmission::Signature(verifier) => verifier.id_header(headers),
            DeliveryAdmission::Path(_) | DeliveryAdmission::Nobody => None,
        };
        self.key_rule.key(headers, signed_id, body, payload.as_ref(), now)
    }

    /// What a delivery is told apart by once it is known what it says: `None` if that is still its key.
    pub(super) fn key_of_undated(&self, is_dated: bool, body: &[u8], now: Timestamp) -> Option<String> {
        let undated = matches!(self.key_rule, KeyRule::DatedDigest) && !is_dated;
        undated.then(|| KeyRule::Arrival.key(&HeaderMap::new(), None, body, None, now))
    }
}
