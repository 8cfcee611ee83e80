//! One delivery: whether it is admitted, and how it is told apart from others.

use http::HeaderMap;
use jiff::Timestamp;

use super::admission::DeliveryAdmission;
use super::key_rule::KeyRule;
use super::numbers;
use super::senders;
use super::signature::{SignatureError, SignedWith};
use super::source::Source;
use crate::charset::without_mark;

/// The body of a delivery. Some senders sign it before they compress it, others after.
#[derive(Debug, Clone, Copy)]
pub struct DeliveredBody<'b> {
    /// The bytes as received.
    pub sent: &'b [u8],
    /// The same, decompressed.
    pub plain: &'b [u8],
}

/// Why a delivery was not admitted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error(transparent)]
    /// The signature is missing or wrong.
    Signature(#[from] SignatureError),
    #[error("the secret in the path is wrong or missing")]
    /// The source requires a secret in the path.
    Path,
    #[error("the source accepts no deliveries because no secret is configured")]
    /// The source accepts exports only.
    Nobody,
}

impl Source {
    /// Checks whether a delivery is admitted. `body` must hold the received bytes, before anything is parsed.
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
                    tracing::info!(
                        source,
                        "a delivery is signed with previous_secret; the sender does not use the new secret yet"
                    );
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

    /// Like [`Self::admit`], for a body that may have been compressed before or after it was signed.
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

    /// Returns whether this is the sender's test whether the endpoint exists, which needs no secret.
    pub fn is_handshake(&self, body: &[u8]) -> bool {
        (self.sender.is_handshake)(without_mark(body))
    }

    /// Returns the key that tells this delivery, received `now`, apart from others.
    pub fn delivery_key(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> String {
        let needs_payload = matches!(self.key_rule, KeyRule::Pointer(_) | KeyRule::Payload(_));
        let payload = needs_payload.then(|| numbers::parsed(without_mark(body)).ok()).flatten();
        let signed_id = match &self.admission {
            DeliveryAdmission::Signature(verifier) => verifier.id_header(headers),
            DeliveryAdmission::Path(_) | DeliveryAdmission::Nobody => None,
        };
        self.key_rule.key(headers, signed_id, body, payload.as_ref(), now)
    }

    /// Returns the key of a delivery once its content is known; `None` if the first key still applies.
    pub(super) fn key_of_undated(&self, is_dated: bool, body: &[u8], now: Timestamp) -> Option<String> {
        let undated = matches!(self.key_rule, KeyRule::DatedDigest) && !is_dated;
        undated.then(|| KeyRule::Arrival.key(&HeaderMap::new(), None, body, None, now))
    }
}
