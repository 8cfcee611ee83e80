//! Personio: events that name one person. They are not signed: what they say is re-read before it is believed.

use serde_json::Value;

use super::{id, text};
use crate::hris::people::{NotUnderstood, Told, date};

pub(super) fn read(payload: &Value) -> Result<Told, NotUnderstood> {
    let event = text(payload, "/event_name")?;
    if !event.starts_with("person.") && !event.starts_with("employment.") {
        return Ok(Told::default());
    }
    let occurred_at = payload.get("occurred_at").and_then(Value::as_str).and_then(date);
    Ok(Told::changed(&id(payload, "/payload/person_id")?, occurred_at))
}
