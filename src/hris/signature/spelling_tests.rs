//! Signatures in every notation that senders use, and the messages for those that are not valid.

use std::time::Duration;

use http::HeaderValue;
use ring::hmac;

use super::*;
use crate::config::Preset;
use crate::hris::senders;

const SECRET: &str = "c2VjcmV0IG9mIGEgc2VuZGVy";
const NOW: i64 = 1_769_884_920;

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

/// A scheme as the configuration builds it.
fn custom(prefix: &str, list: bool) -> Scheme {
    let headers = Headers { signature: HeaderName::from_static("x-sig"), id: None, timestamp: None };
    Scheme { headers, prefix: prefix.into(), list, ..bamboo_hr() }.of_the_body()
}

fn bamboo_hr() -> Scheme {
    senders::signature_scheme(Preset::BambooHr).unwrap()
}

impl Scheme {
    fn of_the_body(self) -> Self {
        Self { signed: vec![SignedPart::Body], tolerance: None, ..self }
    }
}

fn hex(secret: &str, body: &[u8]) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), body);
    tag.as_ref().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn given(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())).collect()
}

fn verifier(scheme: Scheme) -> Verifier {
    Verifier::new(scheme, &[SECRET.into()]).unwrap()
}

fn verdict(scheme: Scheme, headers: &HeaderMap, body: &[u8]) -> Result<SignedWith, String> {
    let verified = verifier(scheme).verify(headers, body, now());
    verified.map_err(|fault| senders::with_sender_instead(fault, headers).to_string())
}

#[test]
fn digits_prefixes_and_lists_are_read_in_every_spelling() {
    let body = br#"{"employeeNumber":"E1"}"#;
    let good = hex(SECRET, body);
    let (upper, wrong) = (good.to_uppercase(), hex("another", body));
    for (prefix, list, value) in [
        ("", false, upper.clone()),
        ("", false, format!(" {good} ")),
        ("sha256=", false, format!("sha256={upper}")),
        ("sha256=", false, format!("SHA256={good}")),
        ("SHA256=", false, format!("sha256={good}")),
        ("sha256=", true, format!("sha256={wrong},sha256={good}")),
        ("sha256=", true, format!("sha256={wrong}, sha256={good}")),
        ("sha256=", true, format!("sha256={wrong} sha256={upper}")),
        ("sha256=", true, format!("sha1=00 , SHA256={good},")),
        ("sha256=", true, format!("sha256= {good}")),
        ("sha256=", true, format!("sha256=\t{wrong}, SHA256= {good}")),
        ("sha256=", true, format!("sha256=, sha256={good}")),
        ("sha256=", false, format!("sha256= {good}")),
        ("", true, format!("{wrong},{good}")),
        ("v1=", true, format!("t={NOW},v1={good}")),
        ("v1,", true, format!("v1, {good}")),
        ("v1,", true, format!("v1,{wrong} V1,{good}")),
    ] {
        let headers = given(&[("x-sig", &value)]);
        assert_eq!(verdict(custom(prefix, list), &headers, body), Ok(SignedWith::Current), "{prefix:?}: {value}");
    }
    for (prefix, list, value) in [
        ("sha256=", false, good.clone()),
        ("sha256=", false, format!("sha256={wrong},sha256={good}")),
        ("sha256=", true, format!("sha512={good}")),
        ("sha256=", true, format!("sha256={wrong} {good}")),
        ("sha256=", true, "sha256=".to_owned()),
        ("v1,", true, format!("v2,{good}")),
        ("", false, format!("0x{good}")),
        ("", false, String::new()),
    ] {
        let headers = given(&[("x-sig", &value)]);
        assert!(verdict(custom(prefix, list), &headers, body).is_err(), "{prefix:?}: {value}");
    }
}

#[test]
fn a_signature_may_begin_like_the_label_before_it() {
    for (prefix, header, expected) in [
        ("v1,", "v1,V1x+= v1,v1y/=", ["V1x+=", "v1y/="]),
        ("v1,", "v1, v1, v1z=", ["", "v1z="]),
        ("v1=", "v1=v1x v1= v1y", ["v1x", "v1y"]),
    ] {
        assert_eq!(custom(prefix, true).signatures(header, prefix), expected, "{header}");
    }
}

#[test]
fn standard_webhooks_come_under_either_name() {
    let (body, id) = ("{\"test\": 2432232314}", "msg_p5jXN8AQM9LWM0D4loKWxJek");
    let (stamp, signature) = ("1614265330", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let verifier = Verifier::new(Scheme::standard_webhooks(), &[secret.into()]).unwrap();
    let verify = |headers: &HeaderMap| {
        verifier.verify(headers, body.as_bytes(), stamp.parse().map(|s| Timestamp::from_second(s).unwrap()).unwrap())
    };
    let svix = [("svix-id", id), ("svix-timestamp", stamp), ("svix-signature", signature)];
    let webhook = [("webhook-id", id), ("webhook-timestamp", stamp), ("webhook-signature", signature)];
    for headers in [given(&svix), given(&webhook)] {
        assert_eq!(verify(&headers), Ok(SignedWith::Current));
    }
    // A caller who repeats a delivery cannot give it another id, neither besides the signed one nor in its place.
    let beside = given(&[&svix[..], &[("webhook-id", "msg_other")]].concat());
    assert_eq!(verify(&beside), Ok(SignedWith::Current));
    assert_eq!(verifier.id_header(&beside).map(HeaderName::as_str), Some("svix-id"));
    let mixed = given(&[("webhook-id", "msg_other"), svix[1], svix[2]]);
    assert!(verify(&mixed).unwrap_err().to_string().contains("svix-id is missing"));
    let both = given(
        &[&svix[..], &[("webhook-id", "x"), ("webhook-timestamp", stamp), ("webhook-signature", signature)]].concat(),
    );
    assert!(verify(&both).is_err());
}

#[test]
fn times_of_signatures_may_be_milliseconds_or_have_an_offset() {
    let body = b"{}";
    let told = |stamp: &str| {
        let signature = hex(SECRET, &[&body[..], stamp.as_bytes()].concat());
        let headers = given(&[("x-bamboohr-timestamp", stamp), ("x-bamboohr-signature", &signature)]);
        verdict(bamboo_hr(), &headers, body)
    };
    for stamp in ["1769884920", "1769884920123", "2026-01-31T18:42:00Z", "2026-01-31T19:42:00+01:00"] {
        assert_eq!(told(stamp), Ok(SignedWith::Current), "{stamp}");
    }
    for (stamp, said) in [
        ("1769870000000", "it was made 4h 8m 40s ago, and the tolerance is 3h"),
        ("1769900000", "it was made 4h 11m 20s ahead of this clock, and the tolerance is 3h"),
        ("soon", "x-bamboohr-timestamp is neither a Unix time nor a time with an offset"),
        ("2026-01-31T18:42:00", "x-bamboohr-timestamp is neither"),
    ] {
        let fault = told(stamp).unwrap_err();
        assert!(fault.starts_with("the signature is valid, but ") && fault.contains(said), "{stamp}: {fault}");
    }
}

#[test]
fn the_true_reason_is_said() {
    let body = br#"{"employeeNumber":"E1"}"#;
    let (good, wrong) = (hex(SECRET, body), hex("another", body));
    let said =
        |prefix: &str, pairs: &[(&'static str, &str)]| verdict(custom(prefix, true), &given(pairs), body).unwrap_err();
    for (prefix, pairs, reason) in [
        ("", &[][..], "the header x-sig is missing"),
        (
            "",
            &[("x-bamboohr-signature", "00")],
            "x-sig is missing; x-bamboohr-signature is present, which the sender of preset \"bamboohr\" uses",
        ),
        (
            "",
            &[("svix-signature", "v1,00")],
            "svix-signature is present, which the sender of preset \"standardWebhooks\" uses",
        ),
        ("", &[("x-sig", "00"), ("x-sig", "00")], "the header x-sig is present more than once"),
        (
            "",
            &[("x-sig", &wrong)],
            "no signature in x-sig fits: 1 of HMAC-SHA256 in hex, compared with 1 secret; the secret differs",
        ),
        ("v=", &[("x-sig", &good)], "nothing in x-sig begins with \"v=\""),
        (
            "",
            &[("x-sig", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")],
            "the signature in x-sig is written in base64, but hex is expected",
        ),
        ("", &[("x-sig", "00ff")], "the signature in x-sig has 2 bytes, but one of HMAC-SHA256 has 32"),
        ("", &[("x-sig", "Bearer_x")], "the value of x-sig is not hex"),
    ] {
        let headers = pairs.iter().fold(HeaderMap::new(), |mut headers, (name, value)| {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
            headers
        });
        let fault = verdict(custom(prefix, true), &headers, body).unwrap_err();
        assert!(fault.contains(reason), "{fault}");
        assert!(!fault.contains(SECRET) && !fault.contains(&good) && !fault.contains(&wrong), "{fault}");
    }
    assert!(said("", &[("x-sig", &format!("{wrong},{wrong}"))]).contains("2 of HMAC-SHA256"));
    let two = Verifier::new(custom("", false), &["one".into(), "two".into()]).unwrap();
    let fault = two.verify(&given(&[("x-sig", &good)]), body, now()).unwrap_err().to_string();
    assert!(fault.contains("compared with 2 secrets"), "{fault}");
    let signed_without_a_time = verdict(bamboo_hr(), &given(&[("x-bamboohr-signature", &good)]), body);
    assert_eq!(signed_without_a_time, Err("the header x-bamboohr-timestamp is missing".to_owned()));
}

#[test]
fn a_body_that_was_rewritten_is_named_as_such_and_not_let_in() {
    let body = "{\"a\": [1, 2], \"b\": {\"c\": \"x\"}}\n";
    let told = |signed: &str, came: &str| {
        let headers = given(&[("x-sig", &hex(SECRET, signed.as_bytes()))]);
        verdict(custom("", false), &headers, came.as_bytes()).unwrap_err()
    };
    let compact = "{\"a\":[1,2],\"b\":{\"c\":\"x\"}}";
    let indented = "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {\n    \"c\": \"x\"\n  }\n}";
    for (signed, came, what) in [
        (body, body.trim_end(), "different line break at its end"),
        (body.trim_end(), body, "different line break at its end"),
        (body, &*format!("\u{feff}{body}"), "byte order mark"),
        (&*format!("\u{feff}{body}"), body, "byte order mark"),
        ("{\r\n\"a\":\r\n1}", "{\n\"a\":\n1}", "different line breaks"),
        ("{\n\"a\":\n1}", "{\r\n\"a\":\r\n1}", "different line breaks"),
        (body.trim_end(), compact, "different whitespace in its JSON"),
        (compact, indented, "different whitespace in its JSON"),
        (indented, compact, "different whitespace in its JSON"),
    ] {
        let fault = told(signed, came);
        assert!(fault.contains(what) && fault.contains("rewrites bodies"), "{fault}");
    }
    let fault = told("{\"a\":1}", "{\"a\":2}");
    assert!(fault.contains("the secret differs, or the body was changed"), "{fault}");
}

#[test]
fn a_secret_of_another_length_makes_another_signature() {
    let scheme = Scheme { algorithm: Algorithm::HmacSha512, ..custom("", false) };
    let fault = verdict(scheme, &given(&[("x-sig", &hex(SECRET, b"{}"))]), b"{}").unwrap_err();
    assert!(fault.contains("has 32 bytes, but one of HMAC-SHA512 has 64"), "{fault}");
    assert_eq!(bamboo_hr().tolerance, Some(Duration::from_secs(3 * 3600)));
}
