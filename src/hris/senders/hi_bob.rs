//! HiBob, version 2: events that name one person by an id of 19 digits, which is a text.

use serde_json::Value;

use super::{Deduplication, Payload, Sender, generic, id, left, text};
use crate::hris::dates::DateReader;
use crate::hris::people::{NotUnderstood, Told};
use crate::hris::signature::{Algorithm, Encoding, Scheme};

pub(super) const SENDER: Sender = Sender {
    name: "hibob",
    scheme: Some(scheme),
    deduplication: Deduplication::Body(&[]),
    read,
    sends_ids_only: true,
    tells_dates: true,
    id_attribute: Some("id"),
    leaver: &[("internal.status", &["inactive"]), ("internal.lifecycleStatus", &["terminated", "left"])],
    is_handshake,
    ..generic::SENDER
};

/// Signs the body with HMAC-SHA512, in base64.
fn scheme() -> Scheme {
    Scheme::of_body("bob-signature", Algorithm::HmacSha512, Encoding::Base64)
}

/// Reads events about employees and about entries of their tables, since HiBob does not always report a change in a
/// table as a change of the employee.
fn read(delivery: &Payload<'_>, dates: &mut DateReader<'_>) -> Result<Told, NotUnderstood> {
    let payload = &delivery.json()?;
    let kind = text(payload, "/type")?;
    if !kind.starts_with("employee.") && !kind.starts_with("table.entry.") {
        return Ok(Told::default());
    }
    let occurred_at = dates.read(payload.get("triggeredAt"));
    let record = id(payload, "/data/employeeId")?;
    if kind != "employee.deleted" {
        return Ok(Told::changed(&record, occurred_at));
    }
    let mut person = left(&record, occurred_at);
    if let Some(email) = email(payload) {
        person.attributes.add("email", email);
    }
    Ok(Told::person(person))
}

/// Returns the work address of a deleted person, whose record can no longer be read.
fn email(payload: &Value) -> Option<&str> {
    let data = payload.get("data")?.as_object()?;
    let is_email = |name: &str| name.to_ascii_lowercase().ends_with("email");
    data.iter().find_map(|(name, value)| value.as_str().filter(|_| is_email(name)))
}

/// Recognises `Ping test`: bare, as a JSON text, or as the member `text`.
fn is_handshake(body: &[u8]) -> bool {
    const PING: &str = "Ping test";
    /// The caller is not verified yet, so only as much is read as a ping needs.
    const MAX_LENGTH: usize = 256;
    if body.len() > MAX_LENGTH {
        return false;
    }
    if body.trim_ascii() == PING.as_bytes() {
        return true;
    }
    match serde_json::from_slice::<Value>(body) {
        Ok(Value::String(text)) => text == PING,
        Ok(Value::Object(members)) => members.len() == 1 && members.get("text").is_some_and(|text| text == PING),
        Ok(_) | Err(_) => false,
    }
}
