//! BambooHR: a batch of people with fields, or an event that names one person.

use jiff::Timestamp;
use serde_json::Value;

use super::{id, left, text};
use crate::hris::attributes::Attributes;
use crate::hris::dates::DateReader;
use crate::hris::people::{Changed, NotUnderstood, Person, Told};

/// Each change has a time of its own; where there is none, the time of the signature stands for it, which is that of a change
/// only by chance: a delivery is signed when it is sent.
pub(super) fn read(
    payload: &Value,
    stamp: Option<Timestamp>,
    dates: &mut DateReader<'_>,
    reads_records: bool,
) -> Result<Told, NotUnderstood> {
    if let Some(employees) = payload.get("employees").and_then(Value::as_array) {
        let mut told = Told { sent_at: stamp, ..Told::default() };
        for employee in employees {
            add(employee, dates.read(employee.get("timestamp")), reads_records, &mut told)?;
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

/// Of a `Created` or `Deleted` person BambooHR tells no fields. `Updated` follows `Created` and has them, so there is nothing
/// to do yet where their record cannot be read.
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
