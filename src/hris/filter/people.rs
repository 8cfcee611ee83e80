//! Reads the outputs of a filter as people.

use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;

use crate::domain::UserRef;
use crate::domain::text::as_it_reads;
use crate::hris::attributes::Attributes;
use crate::hris::dates::date;
use crate::hris::numbers;
use crate::hris::people::{Changed, NotUnderstood, Person, Told, checked};

/// A person as a filter yields them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Yielded {
    email: Option<String>,
    employee_id: Option<String>,
    /// Written as `authority:key`.
    external_id: Option<String>,
    #[serde(default)]
    occurred_at: Value,
    #[serde(default)]
    attributes: Value,
    #[serde(default)]
    leaver: bool,
    /// Replaces all other members but the date: the sender's id of a record to read.
    changed: Option<String>,
}

/// Reads the outputs of a filter, which are people or arrays of them. Dates without an offset are in `zone`.
pub fn people(outputs: &[u8], zone: &TimeZone) -> Result<Told, NotUnderstood> {
    let outputs: Vec<Value> = numbers::parsed(outputs)
        .map_err(|error| NotUnderstood::new(format!("the output of the filter is not JSON: {error}")))?;
    let mut told = Told::default();
    let each = outputs.into_iter().flat_map(|output| match output {
        Value::Array(several) => several,
        Value::Null => Vec::new(),
        one @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => vec![one],
    });
    for (at, value) in each.enumerate() {
        let wrong = |what: String| NotUnderstood::new(format!("the output of the filter, at position {at}: {what}"));
        let yielded = Yielded::deserialize(value).map_err(|error| wrong(error.to_string()))?;
        yielded.take(zone, &mut told).map_err(wrong)?;
    }
    Ok(told)
}

impl Yielded {
    /// Adds the person to `told`, or returns what is wrong with them.
    fn take(self, zone: &TimeZone, told: &mut Told) -> Result<(), String> {
        let occurred_at =
            date(&self.occurred_at, zone).map_err(|fault| format!("occurredAt {fault}: {}", self.occurred_at))?;
        let name = |key: &str, text: String| checked(&text).map_err(|problem| format!("{key} {problem}"));
        let user = match (self.email, self.employee_id, self.external_id, self.changed) {
            (None, None, None, Some(record)) => {
                told.changed.push(Changed { record: name("changed", record)?, occurred_at });
                return Ok(());
            }
            (None, None, None, None) => None,
            (Some(email), None, None, None) => Some(UserRef::Email(name("email", email)?)),
            (None, Some(id), None, None) => Some(UserRef::EmployeeId(name("employeeId", id)?)),
            (None, None, Some(id), None) => Some(external(&name("externalId", id)?)?),
            _ => return Err("must have at most one of email, employeeId, externalId and changed".to_owned()),
        };
        if !self.attributes.is_object() && !self.attributes.is_null() {
            return Err("attributes is not an object".to_owned());
        }
        let attributes = Attributes::of_json(&self.attributes);
        told.people.push(Person { user, attributes, occurred_at, left: self.leaver });
        Ok(())
    }
}

/// Splits an external id into authority and key.
fn external(id: &str) -> Result<UserRef, String> {
    match id.split_once(':').map(|(authority, key)| (authority.trim(), key.trim())) {
        Some((authority, key)) if !as_it_reads(authority).is_empty() && !as_it_reads(key).is_empty() => {
            Ok(UserRef::ExternalId { authority: authority.into(), key: key.into() })
        }
        Some(_) | None => Err("externalId must have the form authority:key".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_yields_people_and_records_to_read() {
        let outputs = br#"[[{"email": "a@x", "occurredAt": "2026-01-31T18:42:00Z", "attributes": {"title": "Agent"}},
            {"externalId": "hr:7", "leaver": true}], {"changed": "4711"}, null]"#;
        let told = people(outputs, &TimeZone::UTC).unwrap();
        assert_eq!(told.people.len(), 2);
        assert_eq!(told.people[0].user, Some(UserRef::Email("a@x".into())));
        assert_eq!(told.people[0].attributes.first("title"), Some("Agent"));
        assert!(told.people[1].left);
        assert_eq!(told.changed, [Changed { record: "4711".into(), occurred_at: None }]);
    }

    #[test]
    fn numbers_keep_their_digits() {
        let outputs = br#"[{"email": "a@x", "attributes": {"id": 98765432109876543210001, "level": 1001.0}}]"#;
        let told = people(outputs, &TimeZone::UTC).unwrap();
        let attributes = &told.people[0].attributes;
        assert_eq!(attributes.first("id"), Some("98765432109876543210001"));
        assert_eq!(attributes.first("level"), Some("1001"));
    }

    #[test]
    fn a_date_may_be_a_number_or_local_time() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let dated = |date: &str| {
            let outputs = format!(r#"[{{"email": "a@x", "occurredAt": {date}}}]"#);
            people(outputs.as_bytes(), &berlin).unwrap().people[0].occurred_at.map(|date| date.to_string())
        };
        for date in ["1769884920", "1769884920000", "\"1769884920\"", "\"2026-01-31T19:42:00\""] {
            assert_eq!(dated(date).as_deref(), Some("2026-01-31T18:42:00Z"), "{date}");
        }
        for date in ["null", "0", "\"\"", "\"0001-01-01T00:00:00Z\""] {
            assert_eq!(dated(date), None, "{date}");
        }
    }

    #[test]
    fn what_is_no_person_is_refused() {
        for bad in [
            r#"["a"]"#,
            r#"[{"mail": "a@x"}]"#,
            r#"[{"email": "a@x", "employeeId": "1"}]"#,
            r#"[{"email": " "}]"#,
            r#"[{"email": "a@x", "occurredAt": "yesterday"}]"#,
            r#"[{"email": "a@x", "occurredAt": "2026-01-31T18:42:00+25:00"}]"#,
            r#"[{"email": "a@x", "occurredAt": true}]"#,
            r#"[{"externalId": "7"}]"#,
            "[{\"externalId\": \"hr:\u{200b}\"}]",
            r#"[{"email": 7}]"#,
            r#"[{"email": "a@x", "attributes": ["b"]}]"#,
            "[",
            "{}",
        ] {
            assert!(people(bad.as_bytes(), &TimeZone::UTC).is_err(), "{bad}");
        }
    }
}
