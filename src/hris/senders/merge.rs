//! Merge: an event with the whole record, in Merge's common model.

use serde_json::Value;

use super::text;
use crate::hris::attributes::Attributes;
use crate::hris::people::{NotUnderstood, Person, Told, date};

pub(super) fn read(payload: &Value) -> Result<Told, NotUnderstood> {
    let event = text(payload, "/hook/event")?;
    let (model, what) = event.split_once('.').unwrap_or((event, ""));
    if !model.eq_ignore_ascii_case("employee") {
        return Ok(Told::default());
    }
    let record = payload.get("data").filter(|data| data.is_object());
    let record = record.ok_or_else(|| NotUnderstood::new("/data is not an object, or not there"))?;
    Ok(Told::person(Person {
        attributes: Attributes::of_json(record),
        occurred_at: record.get("modified_at").and_then(Value::as_str).and_then(date),
        left: what.eq_ignore_ascii_case("removed"),
        ..Person::default()
    }))
}

/// What tells deliveries apart: `hook.id` is the subscription, not the delivery.
pub(in crate::hris) fn delivery_key(payload: &Value) -> Option<String> {
    let [event, record, modified_at] = ["/hook/event", "/data/id", "/data/modified_at"]
        .map(|pointer| payload.pointer(pointer).and_then(Value::as_str));
    Some(format!("{}/{}/{}", event?, record?, modified_at?))
}
