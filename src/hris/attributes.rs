//! What is known of a person, as names and texts: the common form of all payloads, records and exports.

use std::collections::BTreeMap;

use serde_json::Value;

/// Attributes of one person. A name may have several values, and names are found without regard to case.
///
/// Invariant: no value is blank; what is empty is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes(BTreeMap<String, Attribute>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Attribute {
    /// As the sender writes it.
    name: String,
    values: Vec<String>,
}

/// Nothing nests deeper that means anything for skills.
const DEEPEST: usize = 8;

impl Attributes {
    /// The members of a JSON object; those of nested objects under `outer.inner`, the elements of arrays as several
    /// values. Anything but an object has no attributes.
    pub fn of_json(value: &Value) -> Self {
        let mut attributes = Self::default();
        if let Value::Object(members) = value {
            members.iter().for_each(|(name, value)| attributes.add_json(name, value, DEEPEST));
        }
        attributes
    }

    /// Adds a value.
    pub fn add(&mut self, name: &str, value: &str) {
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty() || value.is_empty() {
            return;
        }
        let attribute = self.0.entry(folded(name));
        let attribute = attribute.or_insert_with(|| Attribute { name: name.to_owned(), values: Vec::new() });
        attribute.values.push(value.to_owned());
    }

    /// Adds what a JSON value holds.
    pub fn add_json(&mut self, name: &str, value: &Value, depth: usize) {
        match value {
            Value::Null => {}
            Value::Bool(flag) => self.add(name, if *flag { "true" } else { "false" }),
            Value::Number(number) => self.add(name, &number.to_string()),
            Value::String(text) => self.add(name, text),
            Value::Array(_) | Value::Object(_) if depth == 0 => {}
            Value::Array(elements) => elements.iter().for_each(|element| self.add_json(name, element, depth - 1)),
            Value::Object(members) => {
                members.iter().for_each(|(inner, value)| self.add_json(&format!("{name}.{inner}"), value, depth - 1));
            }
        }
    }

    /// The values of an attribute; none if it is not there.
    pub fn values(&self, name: &str) -> &[String] {
        self.0.get(&folded(name.trim())).map(|attribute| attribute.values.as_slice()).unwrap_or_default()
    }

    /// The one value that an attribute is expected to have.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.values(name).first().map(String::as_str)
    }

    /// Names and values, in order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.values().map(|attribute| (attribute.name.as_str(), attribute.values.as_slice()))
    }
}

/// How texts are compared: trimmed, and without regard to case.
pub(super) fn folded(text: &str) -> String {
    text.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_becomes_names_and_texts() {
        let attributes = Attributes::of_json(&serde_json::json!({
            "Title": " Agent ", "level": 3, "active": true, "left": null, "blank": " ",
            "languages": ["German", "French"], "work": {"site": {"name": "Berlin"}}, "teams": [{"id": 1}, {"id": 2}],
        }));
        assert_eq!(attributes.values("title"), ["Agent"]);
        assert_eq!(attributes.first("LEVEL"), Some("3"));
        assert_eq!(attributes.values("languages"), ["German", "French"]);
        assert_eq!(attributes.values("work.site.name"), ["Berlin"]);
        assert_eq!(attributes.values("teams.id"), ["1", "2"]);
        assert!(attributes.values("left").is_empty() && attributes.values("blank").is_empty());
    }

    #[test]
    fn what_nests_without_end_is_left_out() {
        let mut value = Value::from("deep");
        (0..100).for_each(|_| value = serde_json::json!({"a": value.clone()}));
        assert_eq!(Attributes::of_json(&value).iter().count(), 0);
    }
}
