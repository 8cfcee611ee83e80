//! BambooHR: a batch of people with fields, or an event that names one person.

use std::time::Duration;

use http::header::HeaderName;
use jiff::Timestamp;
use serde_json::Value;

use super::{Deduplication, Payload, Sender, generic, id, left, text};
use crate::hris::attributes::Attributes;
use crate::hris::dates::DateReader;
use crate::hris::people::{Changed, NotUnderstood, Person, Told};
use crate::hris::signature::{Algorithm, Encoding, Headers, Scheme, SignedPart};

/// The header with the time of the signature, which is signed with the body.
const STAMP: &str = "x-bamboohr-timestamp";

pub(super) const SENDER: Sender = Sender {
    name: "bamboohr",
    scheme: Some(scheme),
    deduplication: Deduplication::Body(&[STAMP]),
    read,
    tells_dates: true,
    id_attribute: Some("id"),
    leaver: &[("status", &["inactive", "terminated"]), ("employmentStatus", &["terminated"])],
    ..generic::SENDER
};

/// The tolerance is three hours: retries go on for 155 minutes, and it is not documented whether they carry a new time.
fn scheme() -> Scheme {
    let scheme = Scheme::of_body("x-bamboohr-signature", Algorithm::HmacSha256, Encoding::Hex);
    let timestamp = Some(HeaderName::from_static(STAMP));
    Scheme {
        headers: Headers { timestamp, ..scheme.headers },
        signed: vec![SignedPart::Body, SignedPart::Timestamp],
        tolerance: Some(Duration::from_secs(3 * 3600)),
        ..scheme
    }
}

/// Each change has a time of its own. Where there is none, the time of the signature stands in for it, which is that of
/// the delivery and matches the change only by chance.
fn read(delivery: &Payload<'_>, dates: &mut DateReader<'_>) -> Result<Told, NotUnderstood> {
    let (payload, stamp) = (&delivery.json()?, delivery.stamp(STAMP));
    if let Some(employees) = payload.get("employees").and_then(Value::as_array) {
        let mut told = Told { sent_at: stamp, ..Told::default() };
        for employee in employees {
            add(employee, dates.read(employee.get("timestamp")), delivery.reads_records, &mut told)?;
        }
        return Ok(told);
    }
    let kind = text(payload, "/type")?;
    if !kind.starts_with("employee.") {
        return Ok(Told::default());
    }
    let occurred_at = dates.read(payload.get("timestamp"));
    let record = id(payload, "/data/employeeId")?;
    if kind == "employee.deleted" {
        return Ok(Told { sent_at: stamp, ..Told::person(left(&record, occurred_at)) });
    }
    Ok(Told::changed(&record, occurred_at.or(stamp)))
}

/// BambooHR reports no fields of a `Created` or `Deleted` person. `Updated` follows `Created` and has them, so
/// `Created` is ignored where records cannot be read.
fn add(
    employee: &Value,
    occurred_at: Option<Timestamp>,
    reads_records: bool,
    told: &mut Told,
) -> Result<(), NotUnderstood> {
    let record = id(employee, "/id")?;
    let action = employee.get("action").and_then(Value::as_str).unwrap_or_default().trim();
    let is = |what: &str| action.eq_ignore_ascii_case(what);
    let fields = employee.get("fields").and_then(Value::as_object).filter(|fields| !fields.is_empty());
    if fields.is_none() && !is("deleted") {
        if reads_records {
            let occurred_at = occurred_at.or(told.sent_at);
            told.changed.push(Changed { record: record.into(), occurred_at });
            return Ok(());
        }
        if is("created") {
            return Ok(());
        }
    }
    let mut attributes = Attributes::default();
    attributes.add("id", &record);
    for (name, field) in fields.into_iter().flatten() {
        attributes.add_json(name, field.get("value").unwrap_or(field));
    }
    told.people.push(Person { attributes, occurred_at, left: is("deleted"), ..Person::default() });
    Ok(())
}
