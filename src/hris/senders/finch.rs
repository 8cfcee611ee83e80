//! Finch: events that name one person, without a date.

use serde_json::Value;

use super::{id, text};
use crate::hris::attributes::Attributes;
use crate::hris::people::{NotUnderstood, Person, Told};

pub(super) fn read(payload: &Value) -> Result<Told, NotUnderstood> {
    // A test delivery has no more than the company in it.
    let Some(kind) = payload.get("event_type").and_then(Value::as_str) else {
        return text(payload, "/company_id").map(|_| Told::default());
    };
    let (model, what) = kind.split_once('.').unwrap_or((kind, ""));
    match (model, what) {
        ("individual", "deleted") => {
            let mut attributes = Attributes::default();
            attributes.add("id", &id(payload, "/data/individual_id")?);
            Ok(Told::person(Person { attributes, left: true, ..Person::default() }))
        }
        ("individual" | "employment", _) => Ok(Told::changed(&id(payload, "/data/individual_id")?, None)),
        _ => Ok(Told::default()),
    }
}
