//! Merge: an event with the whole record, in Merge's common model.

use serde_json::Value;

use super::{Deduplication, Payload, Sender, generic, text};
use crate::hris::attributes::Attributes;
use crate::hris::dates::DateReader;
use crate::hris::people::{NotUnderstood, Person, Told};
use crate::hris::signature::{Algorithm, Encoding, Scheme};

pub(super) const SENDER: Sender = Sender {
    name: "merge",
    scheme: Some(scheme),
    deduplication: Deduplication::Payload(delivery_key),
    read,
    tells_dates: true,
    id_attribute: Some("id"),
    leaver: &[("employment_status", &["inactive"]), ("remote_was_deleted", &["true"])],
    ..generic::SENDER
};

/// Merge's libraries differ in whether they pad the signature; [`Encoding::Base64Url`] accepts both.
fn scheme() -> Scheme {
    Scheme::of_body("x-merge-webhook-signature", Algorithm::HmacSha256, Encoding::Base64Url)
}

/// Reads events about one employee, which contain the record; `Employee.synced` is about a run over all of them.
fn read(delivery: &Payload<'_>, dates: &mut DateReader<'_>) -> Result<Told, NotUnderstood> {
    let payload = &delivery.json()?;
    let event = text(payload, "/hook/event")?.to_ascii_lowercase();
    let left = match event.split_once('.') {
        Some(("employee", "added" | "created" | "changed" | "updated")) => false,
        Some(("employee", "removed" | "deleted")) => true,
        _ => return Ok(Told::default()),
    };
    let record = payload.get("data").filter(|data| data.is_object());
    let record = record.ok_or_else(|| NotUnderstood::new("/data is missing or not an object"))?;
    Ok(Told::person(Person {
        attributes: Attributes::of_json(record),
        occurred_at: dates.read(record.get("modified_at")),
        left,
        ..Person::default()
    }))
}

/// Returns event, record and its date as the key: `hook.id` identifies the subscription, not the delivery.
pub(super) fn delivery_key(payload: &Value) -> Option<String> {
    let [event, record, modified_at] = ["/hook/event", "/data/id", "/data/modified_at"]
        .map(|pointer| payload.pointer(pointer).and_then(Value::as_str));
    Some(format!("{}/{}/{}", event?, record?, modified_at?))
}
