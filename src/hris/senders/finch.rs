//! Finch: events that name one person, without a date.

use serde_json::Value;

use super::{id, left, text};
use crate::hris::people::{NotUnderstood, Told};

pub(super) fn read(payload: &Value) -> Result<Told, NotUnderstood> {
    // A test delivery has no more than the connection or the company in it.
    let Some(kind) = payload.get("event_type").and_then(Value::as_str) else {
        return text(payload, "/connection_id").or_else(|_| text(payload, "/company_id")).map(|_| Told::default());
    };
    let (model, what) = kind.split_once('.').unwrap_or((kind, ""));
    match (model, what) {
        ("individual", "deleted") => Ok(Told::person(left(&id(payload, "/data/individual_id")?, None))),
        ("individual" | "employment", _) => Ok(Told::changed(&id(payload, "/data/individual_id")?, None)),
        // Of some systems it is told that the directory has changed, and not of whom. Who is not on it any more may still
        // be employed: what can be read of them decides.
        ("directory", _) => {
            Ok(id(payload, "/data/individual_id").map_or_else(|_| Told::default(), |of| Told::changed(&of, None)))
        }
        _ => Ok(Told::default()),
    }
}
