//! How the known senders write their payloads, and what they tell.

mod bamboo_hr;
mod finch;
mod hi_bob;
mod merge;
mod personio;
mod rows;
#[cfg(test)]
mod tests;

use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderName};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::attributes::Attributes;
use super::dates::{self, DateReader};
use super::numbers;
use super::people::{Everybody, NotUnderstood, Person, Told};
use crate::config::{ConditionConfig, Preset, WhenConfig};

pub(super) use self::rows::each_record;

/// What the reading of a source's payloads depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading<'s> {
    pub preset: Preset,
    /// Of times without an offset.
    pub zone: &'s TimeZone,
    /// Whether records can be read at the sender.
    pub reads_records: bool,
}

/// What the payload of a delivery tells.
pub(super) fn read(reading: Reading<'_>, payload: &[u8], headers: &HeaderMap) -> Result<Told, NotUnderstood> {
    let tree = || numbers::parsed::<Value>(payload).map_err(|error| not_json(headers, &error));
    let mut dates = DateReader::new(reading.zone);
    let told = match reading.preset {
        Preset::BambooHr => {
            let stamp = stamp(headers, "x-bamboohr-timestamp");
            bamboo_hr::read(&tree()?, stamp, &mut dates, reading.reads_records)
        }
        Preset::HiBob => hi_bob::read(&tree()?, &mut dates),
        Preset::Merge => merge::read(&tree()?, &mut dates),
        Preset::Finch => finch::read(&tree()?),
        Preset::Personio => personio::read(&tree()?, &mut dates),
        Preset::Workday | Preset::StandardWebhooks | Preset::Generic => records(payload),
    };
    told.map(|told| Told { dates_not_read: dates.not_read(), ..told })
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

/// Whether deliveries of this sender never carry more than ids.
pub(super) fn names_only(preset: Preset) -> bool {
    matches!(preset, Preset::HiBob | Preset::Finch | Preset::Personio)
}

/// Whether this sender gives changes dates of their own.
pub(super) fn tells_dates(preset: Preset) -> bool {
    match preset {
        Preset::BambooHr | Preset::HiBob | Preset::Merge | Preset::Personio => true,
        Preset::Finch | Preset::Workday | Preset::StandardWebhooks | Preset::Generic => false,
    }
}

/// What tells deliveries of Merge apart.
pub(super) fn merge_key(payload: &Value) -> Option<String> {
    merge::delivery_key(payload)
}

/// Whether this is the sender's question whether anybody is there. It is not signed, says nothing, and wants a 2xx.
pub(super) fn is_handshake(preset: Preset, body: &[u8]) -> bool {
    preset == Preset::HiBob && hi_bob::is_handshake(body)
}

/// The attribute that is the sender's own id of a person, where the operator does not say.
pub(super) fn sender_id(preset: Preset) -> Option<&'static str> {
    match preset {
        Preset::BambooHr | Preset::HiBob | Preset::Merge | Preset::Finch | Preset::Personio => Some("id"),
        Preset::Workday | Preset::StandardWebhooks | Preset::Generic => None,
    }
}

/// Who has left, where the operator does not say.
pub(super) fn leaver(preset: Preset) -> Option<WhenConfig> {
    let words: &[(&str, &[&str])] = match preset {
        Preset::BambooHr => &[("status", &["inactive", "terminated"]), ("employmentStatus", &["terminated"])],
        Preset::HiBob => &[("internal.status", &["inactive"]), ("internal.lifecycleStatus", &["terminated", "left"])],
        Preset::Merge => &[("employment_status", &["inactive"]), ("remote_was_deleted", &["true"])],
        Preset::Finch => &[("is_active", &["false"])],
        Preset::Personio => &[("status", &["inactive"]), ("attributes.status.value", &["inactive"])],
        Preset::Workday | Preset::StandardWebhooks | Preset::Generic => return None,
    };
    let condition = |(attr, words): &(&str, &[&str])| ConditionConfig {
        attr: (*attr).to_owned(),
        r#in: Some(words.iter().map(|word| (*word).to_owned()).collect()),
        ..ConditionConfig::default()
    };
    Some(WhenConfig { any: Some(words.iter().map(condition).collect()), ..WhenConfig::default() })
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

/// A time from a header.
fn stamp(headers: &HeaderMap, name: &'static str) -> Option<Timestamp> {
    dates::instant(headers.get(HeaderName::from_static(name))?.to_str().ok()?)
}
