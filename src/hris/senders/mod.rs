//! The known kinds of HR system, one file each: how they sign, what their payloads look like, and what they omit.

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

/// Everything that is known of one kind of HR system.
#[derive(Debug)]
pub(super) struct Sender {
    /// The preset, as written in the configuration.
    pub name: &'static str,
    /// How it signs its deliveries; `None` if only the source can say.
    pub scheme: Option<fn() -> Scheme>,
    /// What tells its deliveries apart.
    pub deduplication: Deduplication,
    /// Reads the payload of a delivery.
    read: fn(&Payload<'_>, &mut DateReader<'_>) -> Result<Told, NotUnderstood>,
    /// Whether its deliveries carry ids and nothing else.
    pub sends_ids_only: bool,
    /// Whether it dates its changes.
    pub tells_dates: bool,
    /// Default attribute that holds the sender's id of a person.
    pub id_attribute: Option<&'static str>,
    /// Default attributes of leavers, each with the values that identify them.
    leaver: &'static [(&'static str, &'static [&'static str])],
    /// Recognises a test whether the endpoint exists, which is unsigned, has no content, and expects a 2xx.
    pub is_handshake: fn(&[u8]) -> bool,
    /// Returns the status of the first item, if one answer covers several requests.
    pub status_of_item: fn(&[u8]) -> Option<u64>,
}

/// What tells the deliveries of a sender apart.
#[derive(Debug, Clone, Copy)]
pub(super) enum Deduplication {
    /// What the source configures, or what it signs besides the body.
    Configured,
    /// The signed id.
    SignedId,
    /// The body and these headers.
    Body(&'static [&'static str]),
    /// What this function finds in the payload.
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

    /// Returns the sender of a preset.
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

    /// Returns the default conditions for leavers; `None` if the sender has none.
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

/// Returns how this kind of HR system signs; `None` if only the source can say.
pub fn signature_scheme(preset: Preset) -> Option<Scheme> {
    Sender::of(preset).scheme.map(|scheme| scheme())
}

/// Adds the sender whose signature header is present to an error about a missing signature.
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
    /// The sender.
    pub sender: &'static Sender,
    /// Time zone of dates without an offset.
    pub zone: &'s TimeZone,
    /// Whether the source can read records from the sender.
    pub reads_records: bool,
}

/// A delivery, as senders read it.
struct Payload<'p> {
    bytes: &'p [u8],
    headers: &'p HeaderMap,
    reads_records: bool,
}

impl Payload<'_> {
    /// Parses the body as JSON with exact numbers.
    fn json(&self) -> Result<Value, NotUnderstood> {
        numbers::parsed::<Value>(self.bytes).map_err(|error| not_json(self.headers, &error))
    }

    /// Returns the time in a header.
    fn stamp(&self, name: &'static str) -> Option<Timestamp> {
        dates::instant(self.headers.get(HeaderName::from_static(name))?.to_str().ok()?)
    }
}

/// Reads the payload of a delivery.
pub(super) fn read(reading: Reading<'_>, payload: &[u8], headers: &HeaderMap) -> Result<Told, NotUnderstood> {
    let mut dates = DateReader::new(reading.zone);
    let payload = Payload { bytes: payload, headers, reads_records: reading.reads_records };
    let told = (reading.sender.read)(&payload, &mut dates)?;
    Ok(Told { dates_not_read: dates.not_read(), ..told })
}

/// Explains a form, since several vendors send one unless JSON is selected.
fn not_json(headers: &HeaderMap, error: &serde_json::Error) -> NotUnderstood {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.trim_start().to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
        return NotUnderstood::new("the body is a form; select JSON as the format of the webhook in the HR system");
    }
    NotUnderstood::new(format!("the body is not JSON: {error}"))
}

/// Reads each record as a person, with all of its attributes.
pub(super) fn records(payload: &[u8]) -> Result<Told, NotUnderstood> {
    let mut everybody = Everybody::default();
    each_record(payload, &mut everybody)?;
    Ok(everybody.told())
}

/// Returns a text that must be present.
fn text<'a>(value: &'a Value, pointer: &str) -> Result<&'a str, NotUnderstood> {
    let found = value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    found.ok_or_else(|| NotUnderstood::new(format!("{pointer} is missing or not a text")))
}

/// Returns an id that must be present; some senders write numbers where they document texts.
fn id(value: &Value, pointer: &str) -> Result<String, NotUnderstood> {
    match value.pointer(pointer) {
        Some(Value::Number(number)) => Ok(number.to_string()),
        _ => text(value, pointer).map(|id| id.trim().to_owned()),
    }
}

/// A leaver of whom only the sender's id is reported.
fn left(record: &str, occurred_at: Option<Timestamp>) -> Person {
    let mut attributes = Attributes::default();
    attributes.add("id", record);
    Person { attributes, occurred_at, left: true, ..Person::default() }
}
