//! Merge: an event with the whole record, in Merge's common model.

use serde_json::Value;

use super::text;
use crate::hris::attributes::Attributes;
use crate::hris::dates::DateReader;
use crate::hris::people::{NotUnderstood, Person, Told};

/// The record is in what is told of one employee; `Employee.synced` tells of a run over all of them.
pub(super) fn read(payload: &Value, dates: &mut DateReader<'_>) -> Result<Told, NotUnderstood> {
    let event = text(payload, "/hook/event")?.to_ascii_lowercase();
    let left = match event.split_once('.') {
        Some(("employee", "added" | "created" | "changed" | "updated")) => false,
        Some(("employee", "removed" | "deleted")) => true,
        _ => return Ok(Told::default()),
    };
    let record = payload.get("data").filter(|data| data.is_object());
    let record = record.ok_or_else(|| NotUnderstood::new("/data is not an object, or not there"))?;
    Ok(Told::person(Person {
        attributes: Attributes::of_json(record),
        occurred_at: dates.read(record.get("modified_at")),
        left,
        ..Person::default()
    }))
}

/// What tells deliveries apart: `hook.id` is the subscription, not the delivery.
pub(in crate::hris) fn delivery_key(payload: &Value) -> Option<String> {
    let [event, record, modified_at] = ["/hook/event", "/data/id", "/data/modified_at"]
        .map(|pointer| payload.pointer(pointer).and_then(Value::as_str));
    Some(format!("{}/{}/{}", event?, record?, modified_at?))
}
