//! Personio: events that name one person. They are not signed, so the record is read before anything is believed.

use super::{Deduplication, Payload, Sender, generic, id, text};
use crate::hris::dates::DateReader;
use crate::hris::people::{NotUnderstood, Told};

pub(super) const SENDER: Sender = Sender {
    name: "personio",
    deduplication: Deduplication::Body(&[]),
    read,
    sends_ids_only: true,
    tells_dates: true,
    id_attribute: Some("id"),
    leaver: &[("status", &["inactive"]), ("attributes.status.value", &["inactive"])],
    ..generic::SENDER
};

/// Reads events about persons and their employments.
fn read(delivery: &Payload<'_>, dates: &mut DateReader<'_>) -> Result<Told, NotUnderstood> {
    let payload = &delivery.json()?;
    let event = text(payload, "/event_name")?;
    if !event.starts_with("person.") && !event.starts_with("employment.") {
        return Ok(Told::default());
    }
    let occurred_at = dates.read(payload.get("occurred_at"));
    Ok(Told::changed(&id(payload, "/payload/person_id")?, occurred_at))
}
