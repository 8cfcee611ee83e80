//! The known kinds of HR system, one file each: how it signs, what its payloads look like, and what they leave out.

mod bamboo_hr;
mod finch;
mod generic;
mod hi_bob;
mod merge;
mod personio;
mod rows;
mod standard_webhooks;
#[cfg(test)]
mod tests;
mod workday;

use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderName};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::attributes::Attributes;
use super::dates::{self, DateReader};
use super::numbers;
use super::people::{Everybody, NotUnderstood, Person, Told};
use super::signature::{Scheme, SignatureError};
use crate::config::{ConditionConfig, Preset, WhenConfig};

pub(super) use self::rows::each_record;

/// All that is known of one kind of HR system.
#[derive(Debug)]
pub(super) struct Sender {
    /// The preset, as the configuration writes it.
    pub name: &'static str,
    /// How it signs its deliveries; `None` where only the source can say.
    pub scheme: Option<fn() -> Scheme>,
    pub deduplication: Deduplication,
    read: fn(&Payload<'_>, &mut DateReader<'_>) -> Result<Told, NotUnderstood>,
    /// Its deliveries carry ids and nothing else.
    pub sends_ids_only: bool,
    /// It dates its changes.
    pub tells_dates: bool,
    /// The attribute that is its own id of a person, where the source does not say.
    pub id_attribute: Option<&'static str>,
    /// Attributes, each with the values of people who have left, where the source does not say.
    leaver: &'static [(&'static str, &'static [&'static str])],
    /// Recognises the question whether anybody is there: it is not signed, says nothing, and wants a 2xx.
    pub is_handshake: fn(&[u8]) -> bool,
    /// The status of the answer to one of several requests, if it is in the body.
    pub status_of_item: fn(&[u8]) -> Option<u64>,
}

/// What tells the deliveries of a sender apart.
#[derive(Debug, Clone, Copy)]
pub(super) enum Deduplication {
    /// What the source says, or what it signs beside the body.
    Configured,
    /// The id that is signed.
    SignedId,
    /// The body and these headers.
    Body(&'static [&'static str]),
    /// What this finds in the payload.
    Payload(fn(&Value) -> Option<String>),
}

impl Sender {
    const ALL: [&Self; 8] = [
        &standard_webhooks::SENDER,
        &bamboo_hr::SENDER,
        &hi_bob::SENDER,
        &merge::SENDER,
        &finch::SENDER,
        &personio::SENDER,
        &workday::SENDER,
        &generic::SENDER,
    ];

    pub(super) fn of(preset: Preset) -> &'static Self {
        match preset {
            Preset::StandardWebhooks => &standard_webhooks::SENDER,
            Preset::BambooHr => &bamboo_hr::SENDER,
            Preset::HiBob => &hi_bob::SENDER,
            Preset::Merge => &merge::SENDER,
            Preset::Finch => &finch::SENDER,
            Preset::Personio => &personio::SENDER,
            Preset::Workday => &workday::SENDER,
            Preset::Generic => &generic::SENDER,
        }
    }

    /// Who has left, where the operator does not say.
    pub(super) fn leaver(&self) -> Option<WhenConfig> {
        let condition = |(attr, values): &(&str, &[&str])| ConditionConfig {
            attr: (*attr).to_owned(),
            r#in: Some(values.iter().map(|value| (*value).to_owned()).collect()),
            ..ConditionConfig::default()
        };
        let any: Vec<_> = self.leaver.iter().map(condition).collect();
        (!any.is_empty()).then(|| WhenConfig { any: Some(any), ..WhenConfig::default() })
    }
}

/// How this kind of HR system signs; `None` where only the source can say.
pub fn signature_scheme(preset: Preset) -> Option<Scheme> {
    Sender::of(preset).scheme.map(|scheme| scheme())
}

/// A refusal for want of a signature, with the sender whose signature is there instead.
pub(super) fn with_sender_instead(refusal: SignatureError, headers: &HeaderMap) -> SignatureError {
    let SignatureError::NoSignature { header, another: None } = refusal else { return refusal };
    let another = Sender::ALL.into_iter().find_map(|sender| {
        let signed_in = sender.scheme?().headers(headers).signature.clone();
        headers.contains_key(&signed_in).then_some((sender.name, signed_in))
    });
    SignatureError::NoSignature { header, another }
}

/// What the reading of a source's payloads depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading<'s> {
    pub sender: &'static Sender,
    /// Of times without an offset.
    pub zone: &'s TimeZone,
    /// Whether records can be read at the sender.
    pub reads_records: bool,
}

/// A delivery, as senders read it.
struct Payload<'p> {
    bytes: &'p [u8],
    headers: &'p HeaderMap,
    reads_records: bool,
}

impl Payload<'_> {
    fn json(&self) -> Result<Value, NotUnderstood> {
        numbers::parsed::<Value>(self.bytes).map_err(|error| not_json(self.headers, &error))
    }

    /// A time from a header.
    fn stamp(&self, name: &'static str) -> Option<Timestamp> {
        dates::instant(self.headers.get(HeaderName::from_static(name))?.to_str().ok()?)
    }
}

/// What the payload of a delivery tells.
pub(super) fn read(reading: Reading<'_>, payload: &[u8], headers: &HeaderMap) -> Result<Told, NotUnderstood> {
    let mut dates = DateReader::new(reading.zone);
    let payload = Payload { bytes: payload, headers, reads_records: reading.reads_records };
    let told = (reading.sender.read)(&payload, &mut dates)?;
    Ok(Told { dates_not_read: dates.not_read(), ..told })
}

/// Several vendors send a form where nobody has chosen JSON.
fn not_json(headers: &HeaderMap, error: &serde_json::Error) -> NotUnderstood {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.trim_start().to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
        return NotUnderstood::new("the body is a form; choose JSON as the format of the webhook at the sender");
    }
    NotUnderstood::new(format!("the body is not JSON: {error}"))
}

/// A record a person, with all of its attributes.
pub(super) fn records(payload: &[u8]) -> Result<Told, NotUnderstood> {
    let mut everybody = Everybody::default();
    each_record(payload, &mut everybody)?;
    Ok(everybody.told())
}

/// A text that has to be there.
fn text<'a>(value: &'a Value, pointer: &str) -> Result<&'a str, NotUnderstood> {
    let found = value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    found.ok_or_else(|| NotUnderstood::new(format!("{pointer} is not a text, or not there")))
}

/// An id that has to be there; some senders write numbers where they document texts.
fn id(value: &Value, pointer: &str) -> Result<String, NotUnderstood> {
    match value.pointer(pointer) {
        Some(Value::Number(number)) => Ok(number.to_string()),
        _ => text(value, pointer).map(|id| id.trim().to_owned()),
    }
}

/// Somebody of whom only the sender's id is told, and that they have left.
fn left(record: &str, occurred_at: Option<Timestamp>) -> Person {
    let mut attributes = Attributes::default();
    attributes.add("id", record);
    Person { attributes, occurred_at, left: true, ..Person::default() }
}
