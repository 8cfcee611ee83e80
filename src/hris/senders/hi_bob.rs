//! HiBob, version 2: events that name one person by an id of 19 digits, which is a text.

use serde_json::Value;

use super::{id, text};
use crate::hris::attributes::Attributes;
use crate::hris::people::{NotUnderstood, Person, Told, date};

pub(super) fn read(payload: &Value) -> Result<Told, NotUnderstood> {
    let kind = text(payload, "/type")?;
    if !kind.starts_with("employee.") {
        return Ok(Told::default());
    }
    let occurred_at = payload.get("triggeredAt").and_then(Value::as_str).and_then(date);
    let record = id(payload, "/data/employeeId")?;
    if kind == "employee.deleted" {
        let mut attributes = Attributes::default();
        attributes.add("id", &record);
        return Ok(Told::person(Person { attributes, occurred_at, left: true, ..Person::default() }));
    }
    Ok(Told::changed(&record, occurred_at))
}

/// `Ping test`, bare, as a JSON text, or as the member `text`.
pub(super) fn is_handshake(body: &[u8]) -> bool {
    const PING: &str = "Ping test";
    /// Nothing is known of its sender yet, so no more of it is looked at than it needs.
    const LONGEST: usize = 256;
    if body.len() > LONGEST {
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
