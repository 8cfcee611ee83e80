//! The published test vectors of the senders, and every change of one bit in them.

use http::HeaderValue;
use proptest::prelude::*;
use serde::Deserialize;
use std::collections::BTreeMap;

use super::*;
use crate::config::Preset;
use crate::hris::signature_scheme;

const GOOD: Result<SignedWith, SignatureError> = Ok(SignedWith::Current);

fn of_sender(preset: Preset) -> Scheme {
    signature_scheme(preset).unwrap()
}

#[derive(Debug, Deserialize)]
struct Vector {
    scheme: String,
    secret: String,
    public_key: Option<String>,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Vector {
    fn scheme(&self) -> Scheme {
        match self.scheme.as_str() {
            "standard-webhooks-v1" | "standard-webhooks-v1a" => Scheme::standard_webhooks(),
            "bamboohr" => of_sender(Preset::BambooHr),
            "finch" => of_sender(Preset::Finch),
            "hibob" => of_sender(Preset::HiBob),
            "merge" => of_sender(Preset::Merge),
            other => panic!("{other} has no scheme here"),
        }
    }

    fn secret(&self) -> &str {
        self.public_key.as_ref().unwrap_or(&self.secret)
    }

    /// When the sender signed it; 1970 for senders that do not sign a time.
    fn signed_at(&self) -> Timestamp {
        let header = self.scheme().headers.timestamp;
        let of = |name: HeaderName| self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name.as_str()));
        header.and_then(of).and_then(|(_, value)| dates::instant(value)).unwrap_or_default()
    }

    /// Returns whether this is the same signature: hex digits and prefixes may be in either case.
    fn is_the_same(&self, name: &str, changed: &HeaderValue) -> bool {
        let (scheme, value) = (self.scheme(), self.headers[name].as_bytes());
        let prefix = scheme.prefix(self.public_key.is_some()).len();
        let either_case = if scheme.encoding == Encoding::Hex { value.len() } else { prefix };
        let ((start, end), (new_start, new_end)) =
            (value.split_at(either_case), changed.as_bytes().split_at(either_case));
        scheme.headers.signature.as_str().eq_ignore_ascii_case(name)
            && start.eq_ignore_ascii_case(new_start)
            && end == new_end
    }

    fn headers(&self) -> HeaderMap {
        let pair = |(name, value): (&String, &String)| {
            (HeaderName::try_from(name.as_str()).unwrap(), HeaderValue::try_from(value.as_str()).unwrap())
        };
        self.headers.iter().map(pair).collect()
    }
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("../testdata/signatures.json")).unwrap()
}

fn verifier(scheme: Scheme, secrets: &[&str]) -> Result<Verifier, KeyError> {
    Verifier::new(scheme, &secrets.iter().map(|secret| SecretString::from(*secret)).collect::<Vec<_>>())
}

/// Returns every text that differs from this one in one bit, as bytes.
fn one_bit_off(text: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..text.len() * 8).map(move |bit| {
        let mut changed = text.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        changed
    })
}

#[test]
fn all_vectors_verify() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 8);
    for vector in vectors {
        let verifier = verifier(vector.scheme(), &[vector.secret()]).unwrap();
        let verdict = verifier.verify(&vector.headers(), vector.body.as_bytes(), vector.signed_at());
        assert_eq!(verdict, GOOD, "{vector:?}");
    }
}

#[test]
fn one_bit_of_the_body_is_enough_to_refuse_it() {
    for vector in vectors() {
        let verifier = verifier(vector.scheme(), &[vector.secret()]).unwrap();
        for body in one_bit_off(vector.body.as_bytes()) {
            assert!(verifier.verify(&vector.headers(), &body, vector.signed_at()).is_err(), "{vector:?}");
        }
    }
}

#[test]
fn one_bit_of_any_signed_header_is_enough_to_refuse_it() {
    for vector in vectors() {
        let verifier = verifier(vector.scheme(), &[vector.secret()]).unwrap();
        for (name, value) in &vector.headers {
            for changed in one_bit_off(value.as_bytes()) {
                // Bytes that no header can hold never reach us.
                let Ok(changed) = HeaderValue::from_bytes(&changed) else { continue };
                let mut headers = vector.headers();
                headers.insert(HeaderName::try_from(name.as_str()).unwrap(), changed.clone());
                let verdict = verifier.verify(&headers, vector.body.as_bytes(), vector.signed_at());
                assert_eq!(verdict.is_ok(), vector.is_the_same(name, &changed), "{name}: {changed:?}");
            }
        }
    }
}

#[test]
fn one_bit_of_the_secret_is_enough_to_refuse_it() {
    for vector in vectors() {
        for secret in one_bit_off(vector.secret().as_bytes()) {
            let Ok(secret) = String::from_utf8(secret) else { continue };
            if let Ok(verifier) = verifier(vector.scheme(), &[&secret]) {
                let verdict = verifier.verify(&vector.headers(), vector.body.as_bytes(), vector.signed_at());
                assert!(verdict.is_err(), "{secret} of {vector:?}");
            }
        }
    }
}

#[test]
fn a_time_outside_the_tolerance_is_refused_either_way() {
    for vector in vectors().iter().filter(|vector| vector.scheme().tolerance.is_some()) {
        let verifier = verifier(vector.scheme(), &[vector.secret()]).unwrap();
        let tolerance = jiff::SignedDuration::try_from(vector.scheme().tolerance.unwrap()).unwrap();
        let at = |offset| verifier.verify(&vector.headers(), vector.body.as_bytes(), vector.signed_at() + offset);
        let second = jiff::SignedDuration::from_secs(1);
        assert_eq!((at(tolerance), at(-tolerance)), (GOOD, GOOD));
        for offset in [tolerance + second, -tolerance - second] {
            assert!(matches!(at(offset), Err(SignatureError::OutsideTolerance { .. })));
        }
    }
}

#[test]
fn while_secrets_are_rotated_either_is_good() {
    for vector in vectors().iter().filter(|vector| vector.scheme == "bamboohr") {
        for (secrets, with) in [
            ([vector.secret(), "the one before"], SignedWith::Current),
            (["the one to come", vector.secret()], SignedWith::Previous),
        ] {
            let verifier = verifier(vector.scheme(), &secrets).unwrap();
            assert_eq!(verifier.verify(&vector.headers(), vector.body.as_bytes(), vector.signed_at()), Ok(with));
        }
    }
}

#[test]
fn of_several_signatures_one_is_enough() {
    let vector = vectors().into_iter().find(|vector| vector.scheme == "standard-webhooks-v1").unwrap();
    let verifier = verifier(vector.scheme(), &[vector.secret()]).unwrap();
    let given = &vector.headers["webhook-signature"];
    let with = |value: &str| {
        let mut headers = vector.headers();
        headers.insert("webhook-signature", HeaderValue::from_str(value).unwrap());
        verifier.verify(&headers, vector.body.as_bytes(), vector.signed_at())
    };
    assert_eq!(with(&format!("v2,abc v1,AAAA {given}")), GOOD);
    assert!(with(&given.replace("v1,", "v1a,")).is_err(), "a shared secret makes no asymmetric signature");
    assert!(with(&format!("{}{given}", "v1,AAAA ".repeat(16))).is_err(), "nobody sends that many");
}

#[test]
fn a_header_that_is_given_twice_is_refused() {
    let vector = vectors().into_iter().find(|vector| vector.scheme == "hibob").unwrap();
    let verifier = verifier(vector.scheme(), &[vector.secret()]).unwrap();
    let mut headers = vector.headers();
    headers.append("bob-signature", HeaderValue::from_static("AAAA"));
    assert!(verifier.verify(&headers, vector.body.as_bytes(), vector.signed_at()).is_err());
}

#[test]
fn padding_may_be_left_out_where_libraries_do() {
    let vector = vectors().into_iter().find(|vector| vector.scheme == "merge").unwrap();
    let verifier = verifier(vector.scheme(), &[vector.secret()]).unwrap();
    let unpadded = vector.headers["X-Merge-Webhook-Signature"].trim_end_matches('=').to_owned();
    let mut headers = vector.headers();
    headers.insert("x-merge-webhook-signature", HeaderValue::try_from(unpadded).unwrap());
    assert_eq!(verifier.verify(&headers, vector.body.as_bytes(), vector.signed_at()), GOOD);
}

#[test]
fn a_secret_that_is_none_makes_no_verifier() {
    let fault = |scheme, secrets: &[&str]| verifier(scheme, secrets).err();
    assert_eq!(fault(of_sender(Preset::Merge), &[]), Some(KeyError::Empty));
    assert_eq!(fault(of_sender(Preset::Merge), &["good", ""]), Some(KeyError::Empty));
    assert_eq!(fault(of_sender(Preset::Finch), &[""]), Some(KeyError::Empty));
    assert_eq!(fault(of_sender(Preset::Finch), &["no base64!"]), Some(KeyError::NotBase64));
    assert_eq!(fault(Scheme::standard_webhooks(), &[""]), Some(KeyError::Empty));
    assert_eq!(fault(Scheme::standard_webhooks(), &["whsec_"]), Some(KeyError::Empty));
    assert_eq!(fault(Scheme::standard_webhooks(), &["plain"]), Some(KeyError::UnknownPrefix));
    assert_eq!(fault(Scheme::standard_webhooks(), &["whsk_AAAA"]), Some(KeyError::Private));
    assert_eq!(fault(Scheme::standard_webhooks(), &["whpk_AAAA"]), Some(KeyError::NotAPublicKey));
}

#[test]
fn a_template_says_what_is_signed() {
    let parts = Scheme::template("v0:{ts}:{body}").unwrap();
    assert_eq!(
        parts,
        [SignedPart::Literal("v0:".into()), SignedPart::Timestamp, SignedPart::Literal(":".into()), SignedPart::Body]
    );
    assert_eq!(Scheme::template("{id}.{ts}"), Err(TemplateError::NoBody));
    assert_eq!(Scheme::template("{body}{date}"), Err(TemplateError::UnknownPart("date".into())));
}

proptest! {
    /// Whatever is sent, no caller without the secret is admitted, and nothing panics.
    #[test]
    fn noise_is_refused(body in prop::collection::vec(any::<u8>(), 0..200), header in "[ -~]{0,120}") {
        for scheme in [Scheme::standard_webhooks(), of_sender(Preset::Finch), of_sender(Preset::BambooHr), of_sender(Preset::HiBob), of_sender(Preset::Merge)] {
            let Headers { signature, id, timestamp } = scheme.headers.clone();
            let names = [Some(signature), id, timestamp];
            let value = HeaderValue::from_str(&header).unwrap();
            let headers: HeaderMap = names.into_iter().flatten().map(|name| (name, value.clone())).collect();
            let secret = if scheme.key_form == KeyForm::StandardWebhooks { "whsec_c2VjcmV0" } else { "c2VjcmV0" };
            let verifier = verifier(scheme, &[secret]).unwrap();
            prop_assert!(verifier.verify(&headers, &body, Timestamp::UNIX_EPOCH).is_err());
        }
    }
}
