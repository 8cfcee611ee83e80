//! People as records: one, an array of them, or an array under one of the names that reports and interfaces give it.

use serde_json::Value;

use crate::hris::attributes::Attributes;
use crate::hris::people::{NotUnderstood, Person, Told};

/// Names under which records are found: Workday's reports, BambooHR's and HiBob's lists, Merge's pages, and others.
const LISTS: [&str; 5] = ["Report_Entry", "employees", "results", "data", "people"];

/// A record a person.
pub(in crate::hris) fn rows(payload: &Value) -> Result<Told, NotUnderstood> {
    let people = records(payload)?
        .into_iter()
        .map(|record| Person { attributes: Attributes::of_json(record), ..Person::default() });
    Ok(Told { people: people.collect(), changed: Vec::new() })
}

fn records(payload: &Value) -> Result<Vec<&Value>, NotUnderstood> {
    let list = match payload {
        Value::Array(list) => list,
        Value::Object(members) => {
            if let Some(Value::Array(responses)) = members.get("responses") {
                // Finch answers several records at once, each in an envelope.
                return responses.iter().map(enveloped).collect();
            }
            match LISTS.iter().find_map(|name| members.get(*name)) {
                Some(Value::Array(list)) => list,
                Some(record @ Value::Object(_)) => return Ok(vec![record]),
                Some(_) | None => return Ok(vec![payload]),
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            return Err(NotUnderstood::new("the payload is neither an object nor an array of them"));
        }
    };
    match list.iter().position(|record| !record.is_object()) {
        Some(at) => Err(NotUnderstood::new(format!("the record at position {at} is not an object"))),
        None => Ok(list.iter().collect()),
    }
}

fn enveloped(response: &Value) -> Result<&Value, NotUnderstood> {
    let found = response.get("body").filter(|body| body.is_object());
    let good = response.get("code").and_then(Value::as_u64).is_none_or(|code| code == 200);
    found
        .filter(|_| good)
        .ok_or_else(|| NotUnderstood::new("a response without a record, or with another code than 200"))
}
