//! Personio: events that name one person. They are not signed: what they say is re-read before it is believed.

use serde_json::Value;

use super::{id, text};
use crate::hris::dates::DateReader;
use crate::hris::people::{NotUnderstood, Told};

pub(super) fn read(payload: &Value, dates: &mut DateReader<'_>) -> Result<Told, NotUnderstood> {
    let event = text(payload, "/event_name")?;
    if !event.starts_with("person.") && !event.starts_with("employment.") {
        return Ok(Told::default());
    }
    let occurred_at = dates.read(payload.get("occurred_at"));
    Ok(Told::changed(&id(payload, "/payload/person_id")?, occurred_at))
}
