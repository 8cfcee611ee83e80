//! Standard Webhooks signatures, version 1: HMAC-SHA256 over the id, the timestamp and the body of a message.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

/// The key that signs callbacks.
#[derive(Clone)]
pub struct SigningKey(Hmac<Sha256>);

impl SigningKey {
    /// Minimum length in bytes; shorter keys could be guessed.
    const SHORTEST: usize = 24;

    /// Returns the key for a secret in the notation of the standard, `whsec_` and Base64, or `None` if the secret is
    /// malformed or too short.
    pub fn new(secret: &str) -> Option<Self> {
        let bytes = STANDARD.decode(secret.trim().strip_prefix("whsec_")?).ok()?;
        let key = Some(bytes).filter(|bytes| bytes.len() >= Self::SHORTEST)?;
        Hmac::new_from_slice(&key).ok().map(Self)
    }

    /// Returns the value of `webhook-signature`.
    pub(super) fn sign(&self, id: &str, at: Timestamp, body: &[u8]) -> String {
        let mut mac = self.0.clone();
        mac.update(format!("{id}.{}.", at.as_second()).as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Published with the standard's own libraries.
    #[test]
    fn messages_are_signed_as_the_standard_says() {
        for (secret, id, second, body, signature) in [
            (
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                "{\"test\": 2432232314}",
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
            (
                "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
                "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
                1_649_367_553,
                "{\"email\":\"test@example.com\",\"username\":\"test_user\"}",
                "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
            ),
        ] {
            let at = Timestamp::from_second(second).unwrap();
            assert_eq!(SigningKey::new(secret).unwrap().sign(id, at, body.as_bytes()), signature);
        }
    }

    #[test]
    fn a_secret_that_could_be_guessed_is_no_secret() {
        for bad in ["", "whsec_", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_not base64"] {
            assert!(SigningKey::new(bad).is_none(), "{bad}");
        }
    }
}
