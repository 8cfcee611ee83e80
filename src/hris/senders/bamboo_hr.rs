//! BambooHR: a batch of people with fields, or an event that names one person.

use jiff::Timestamp;
use serde_json::Value;

use super::{id, text};
use crate::hris::attributes::Attributes;
use crate::hris::people::{NotUnderstood, Person, Told, date};

/// Field-based payloads carry no date, so the time of the signature stands for it.
pub(super) fn read(payload: &Value, stamp: Option<Timestamp>) -> Result<Told, NotUnderstood> {
    if let Some(employees) = payload.get("employees").and_then(Value::as_array) {
        let people = employees.iter().map(|employee| person(employee, stamp)).collect::<Result<_, _>>()?;
        return Ok(Told { people, changed: Vec::new() });
    }
    let kind = text(payload, "/type")?;
    if !kind.starts_with("employee.") {
        return Ok(Told::default());
    }
    let occurred_at = payload.get("timestamp").and_then(Value::as_str).and_then(date).or(stamp);
    let record = id(payload, "/data/employeeId")?;
    if kind == "employee.deleted" {
        let mut attributes = Attributes::default();
        attributes.add("id", &record);
        return Ok(Told::person(Person { attributes, occurred_at, left: true, ..Person::default() }));
    }
    Ok(Told::changed(&record, occurred_at))
}

fn person(employee: &Value, occurred_at: Option<Timestamp>) -> Result<Person, NotUnderstood> {
    let mut attributes = Attributes::default();
    attributes.add("id", &id(employee, "/id")?);
    for (name, field) in employee.get("fields").and_then(Value::as_object).into_iter().flatten() {
        attributes.add_json(name, field.get("value").unwrap_or(field));
    }
    let action = employee.get("action").and_then(Value::as_str).unwrap_or_default();
    Ok(Person { attributes, occurred_at, left: action.eq_ignore_ascii_case("deleted"), ..Person::default() })
}
