//! Finch: events that name one person, without a date.

use serde_json::Value;

use super::{Deduplication, Payload, Sender, generic, id, left, text};
use crate::hris::dates::DateReader;
use crate::hris::people::{NotUnderstood, Told};
use crate::hris::signature::{Headers, KeyForm, Scheme};

pub(super) const SENDER: Sender = Sender {
    name: "finch",
    scheme: Some(scheme),
    deduplication: Deduplication::SignedId,
    read,
    sends_ids_only: true,
    id_attribute: Some("id"),
    leaver: &[("is_active", &["false"])],
    status_of_item,
    ..generic::SENDER
};

/// Standard Webhooks with different header names and bare base64 as the secret.
fn scheme() -> Scheme {
    Scheme {
        headers: Headers::of_three("finch-signature", "finch-event-id", "finch-timestamp"),
        also: None,
        key_form: KeyForm::Base64,
        ..Scheme::standard_webhooks()
    }
}

/// Returns the code of the first item: an answer covers several requested records, each with a code of its own.
fn status_of_item(body: &[u8]) -> Option<u64> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    match answer.pointer("/responses/0/code")? {
        Value::Number(code) => code.as_u64(),
        Value::String(code) => code.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Reads events about individuals, their employment and the directory.
fn read(delivery: &Payload<'_>, _: &mut DateReader<'_>) -> Result<Told, NotUnderstood> {
    let payload = &delivery.json()?;
    // A test delivery contains only the connection or the company.
    let Some(kind) = payload.get("event_type").and_then(Value::as_str) else {
        return text(payload, "/connection_id").or_else(|_| text(payload, "/company_id")).map(|_| Told::default());
    };
    let (model, what) = kind.split_once('.').unwrap_or((kind, ""));
    match (model, what) {
        ("individual", "deleted") => Ok(Told::person(left(&id(payload, "/data/individual_id")?, None))),
        ("individual" | "employment", _) => Ok(Told::changed(&id(payload, "/data/individual_id")?, None)),
        // For some systems, Finch reports that the directory has changed but not for whom. A person who is no longer in
        // it may still be employed, so their record decides.
        ("directory", _) => {
            Ok(id(payload, "/data/individual_id").map_or_else(|_| Told::default(), |of| Told::changed(&of, None)))
        }
        _ => Ok(Told::default()),
    }
}
