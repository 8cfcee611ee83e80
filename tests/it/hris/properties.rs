//! What holds of whatever strangers send. `fuzz.rs` beside this holds it against the same cases each time; the targets in
//! `fuzz/` take this file as well, and hold it against what a coverage-guided fuzzer comes up with.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ring::hmac;
use skillsync::config::{Config, Preset};
use skillsync::domain::UserRef;
use skillsync::domain::job::Lane;
use skillsync::domain::text::as_it_reads;
use skillsync::hris::filter::{self, FilterRunner};
use skillsync::hris::signature::{Algorithm, Encoding, KeyForm, Scheme, SignedPart, SignedWith, Verifier};
use skillsync::hris::{ExportForm, Mapping, Source, Sources, signature_scheme};
use skillsync::table::endless_room;

/// Examples whose payloads are read without a filter, which would be a process of its own.
const WITHOUT_FILTERS: [&str; 7] = ["bamboohr", "bamboohr-events", "finch", "hibob", "merge", "personio", "workday"];

/// A file of the examples.
pub(crate) fn example(name: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = if root.ends_with("fuzz") { root.parent().expect("it lies in the repository") } else { root };
    std::fs::read(root.join("examples/hris").join(name)).expect(name)
}

/// The source of an example.
pub(crate) fn source(name: &str, runner: FilterRunner) -> Arc<Source> {
    let text = String::from_utf8(example(&format!("{name}.toml"))).expect("examples are text");
    let config = Config::from_toml(&text).expect(name);
    Sources::compile(&config.webhooks, runner).expect(name).all().remove(0)
}

/// The sources that need no filter, each with a payload that it understands.
pub(crate) fn sources() -> Vec<(Arc<Source>, Vec<u8>)> {
    let pair = |name: &&str| (source(name, FilterRunner::of_this_program()), example(&format!("{name}.json")));
    WITHOUT_FILTERS.iter().map(pair).collect()
}

/// A body without a signature is not let in, has a key, and is mapped or refused in every way in which it could come.
pub(crate) async fn a_body_is_mapped_or_refused(source: &Arc<Source>, body: &[u8]) {
    let (headers, now) = (HeaderMap::new(), Timestamp::UNIX_EPOCH);
    assert!(source.admit(Some("guess"), &headers, body, now).is_err());
    assert!(!source.delivery_key(&headers, body, now).is_empty());
    let mapped = [source.map_delivery(&headers, body).await.ok(), source.map_record(Some("1"), body, now).await.ok()];
    for mapping in mapped.iter().flatten() {
        can_be_carried_out(source, mapping);
    }
    an_export_is_mapped_or_refused(source, ExportForm::Json(None), body).await;
}

/// The same of an export, in which each user is named once.
pub(crate) async fn an_export_is_mapped_or_refused(source: &Arc<Source>, form: ExportForm, body: &[u8]) {
    // Each takes a byte of it, once it is unpacked.
    let most = if let ExportForm::Xlsx { unpacked, .. } = form { unpacked } else { body.len() };
    let Ok(mapping) = source.map_export(form, Bytes::copy_from_slice(body), endless_room()).await else { return };
    can_be_carried_out(source, &mapping);
    assert!(mapping.people.len() + mapping.faults.len() <= most);
    let named: HashSet<_> = mapping.people.iter().map(|person| written(&person.user)).collect();
    assert_eq!(named.len(), mapping.people.len(), "somebody has two entries");
}

/// Whatever a filter yields is read or refused.
pub(crate) fn outputs_of_a_filter_are_read_or_refused(outputs: &[u8]) {
    let told = filter::people(outputs, &TimeZone::UTC);
    for user in told.iter().flat_map(|told| &told.people).filter_map(|person| person.user.as_ref()) {
        can_name_somebody(user);
    }
}

pub(crate) fn can_be_carried_out(source: &Source, mapping: &Mapping) {
    for person in &mapping.people {
        can_name_somebody(&person.user);
        assert!(!person.leaver || person.assignments.is_empty(), "who has left gets nothing");
        assert!(person.assignments.iter().all(|derived| !derived.because.is_empty()), "each has a reason");
    }
    let (_, entries) = source.job(mapping, "fuzz", Lane::Bulk);
    assert_eq!(entries.len(), mapping.people.len());
}

fn can_name_somebody(user: &UserRef) {
    let name = written(user);
    assert!(!as_it_reads(&name).is_empty() && !name.contains(char::is_control), "{name:?}");
    assert!(name.chars().count() <= 320, "{name:?}");
    if let UserRef::ExternalId { authority, key } = user {
        assert!(!as_it_reads(authority).is_empty() && !as_it_reads(key).is_empty(), "{name:?}");
    }
}

/// Addresses are the same in upper and lower case.
fn written(user: &UserRef) -> String {
    match user {
        UserRef::Id(id) => id.to_string(),
        UserRef::Email(email) => email.to_lowercase(),
        UserRef::EmployeeId(id) => id.to_string(),
        UserRef::ExternalId { authority, key } => format!("{authority}:{key}"),
    }
}

/// What was signed is let in; with one byte of it changed, or under headers that nobody signed, it is not.
pub(crate) fn only_what_was_signed_is_let_in(noise: &[u8]) {
    let [which, place, change, a, b, c, d, rest @ ..] = noise else { return };
    let signing = [Preset::StandardWebhooks, Preset::Finch, Preset::BambooHr, Preset::HiBob, Preset::Merge];
    let schemes = signing.map(|preset| signature_scheme(preset).expect("it signs"));
    let scheme = &schemes[usize::from(*which) % schemes.len()];
    let (key, body) = rest.split_at(rest.len().min(usize::from(*place) % 40));
    let Some(secret) = secret(scheme, key) else { return };
    let verifier = Verifier::new(scheme.clone(), &[secret.into()]).expect("it is a secret");
    let now = Timestamp::from_second(u32::from_be_bytes([*a, *b, *c, *d]).into()).expect("it is a date");

    let headers = signed(scheme, key, body, now);
    assert_eq!(verifier.verify(&headers, body, now), Ok(SignedWith::Current));
    let mut changed = body.to_vec();
    match changed.get_mut(usize::from(*place)) {
        Some(byte) => *byte ^= change | 1,
        None => changed.push(*change),
    }
    assert!(verifier.verify(&headers, &changed, now).is_err(), "changed");
    let forged = headers.keys().filter_map(|name| Some((name.clone(), HeaderValue::from_bytes(body).ok()?)));
    assert!(verifier.verify(&forged.collect(), body, now).is_err(), "forged");
}

/// How this key is handed out, unless it is none.
fn secret(scheme: &Scheme, key: &[u8]) -> Option<String> {
    let secret = match scheme.key_form {
        KeyForm::Utf8 => String::from_utf8(key.to_vec()).ok()?,
        KeyForm::Base64 => STANDARD.encode(key),
        KeyForm::StandardWebhooks => format!("whsec_{}", STANDARD.encode(key)),
    };
    (!key.is_empty()).then_some(secret)
}

fn signed(scheme: &Scheme, key: &[u8], body: &[u8], now: Timestamp) -> HeaderMap {
    let (id, stamp) = ("msg_1", now.as_second().to_string());
    let part = |part: &SignedPart| match part {
        SignedPart::Literal(text) => text.as_bytes().to_vec(),
        SignedPart::Id => id.as_bytes().to_vec(),
        SignedPart::Timestamp => stamp.as_bytes().to_vec(),
        SignedPart::Body => body.to_vec(),
    };
    let algorithm = match scheme.algorithm {
        Algorithm::HmacSha256 => hmac::HMAC_SHA256,
        Algorithm::HmacSha512 => hmac::HMAC_SHA512,
    };
    let signed: Vec<u8> = scheme.signed.iter().flat_map(part).collect();
    let tag = hmac::sign(&hmac::Key::new(algorithm, key), &signed);
    let signature = match scheme.encoding {
        Encoding::Hex => tag.as_ref().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")),
        Encoding::Base64 => STANDARD.encode(tag),
        Encoding::Base64Url => URL_SAFE.encode(tag),
    };
    let signature = format!("{}{signature}", scheme.prefix);
    let named = [
        (Some(&scheme.headers.signature), &*signature),
        (scheme.headers.id.as_ref(), id),
        (scheme.headers.timestamp.as_ref(), &stamp),
    ];
    let pair = |(name, value): (Option<&HeaderName>, &str)| Some((name?.clone(), value.parse().ok()?));
    named.into_iter().filter_map(pair).collect()
}
