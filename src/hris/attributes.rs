//! The attributes of a person as names and texts: the common form of all payloads, records and exports.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::domain::shared::Shared;
use crate::domain::text::folded;

/// Attributes of one person. A name may have several values, and lookups ignore case.
///
/// Names and values are texts that may be shared, which saves memory: an export may have a hundred thousand people.
///
/// An attribute that was not reported is unknown; one that was reported as empty is not. A person has not lost a job
/// title just because a sender left it out.
///
/// Invariant: names are folded. An empty value stands for an attribute that was reported to have none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes(Vec<(Arc<str>, Arc<str>)>);

/// Maximum depth of nested values; nothing deeper is relevant to skills.
const MAX_DEPTH: usize = 8;

impl Attributes {
    /// Reads the members of a JSON object. Members of nested objects are named `outer.inner`, and the elements of an
    /// array become several values. Anything but an object has no attributes.
    pub fn of_json(value: &Value) -> Self {
        let mut attributes = Self::default();
        if value.is_object() {
            // Walking a value that is already parsed cannot fail.
            let _ = members(value, &mut |name, value| attributes.add(name, value));
        }
        attributes
    }

    /// Adds a value; a blank one states that there is none.
    pub fn add(&mut self, name: &str, value: &str) {
        let name = folded(name);
        if !name.is_empty() {
            self.0.push((name.into(), value.trim().into()));
        }
    }

    /// Adds a value under a name that is already folded, both shared with other people.
    pub(super) fn add_shared(&mut self, name: &Arc<str>, value: &str, texts: &mut Shared<str>) {
        self.0.push((Arc::clone(name), texts.one(value.trim())));
    }

    /// Adds what a JSON value holds.
    pub fn add_json(&mut self, name: &str, value: &Value) {
        let add = &mut |name: &str, value: &str| self.add(name, value);
        // Walking a value that is already parsed cannot fail.
        let _ = Walk { name: Some(name), depth: MAX_DEPTH, add }.deserialize(value);
    }

    /// Returns the values of an attribute; none if it is unknown or empty.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> + use<'_> {
        let name = folded(name);
        self.0.iter().filter(move |(known, value)| **known == *name && !value.is_empty()).map(|(_, value)| &**value)
    }

    /// Returns whether it was reported which values this attribute has, or that it has none: directly, or as part of
    /// something that was reported as empty.
    pub fn tell_of(&self, name: &str) -> bool {
        let name = folded(name);
        self.0.iter().any(|(known, value)| {
            let inner = name.strip_prefix(&**known);
            inner.is_some_and(|inner| inner.is_empty() || (value.is_empty() && inner.starts_with('.')))
        })
    }

    /// Returns whether this attribute has a value.
    pub fn has(&self, name: &str) -> bool {
        self.first(name).is_some()
    }

    /// Returns the first value of an attribute.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }

    /// Returns the number of values of all attributes, including empty ones.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns names and values.
    pub(super) fn into_pairs(self) -> impl Iterator<Item = (Arc<str>, Arc<str>)> {
        self.0.into_iter()
    }

    /// Releases unused capacity.
    pub(super) fn shrink_to_fit(&mut self) {
        self.0.shrink_to_fit();
    }

    /// Returns whether there are no attributes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds those values of another row about the same person that are not present yet.
    pub(super) fn unite(&mut self, other: Self) {
        let known: BTreeSet<_> = self.0.iter().cloned().collect();
        self.0.extend(other.0.into_iter().filter(|pair| !known.contains(pair)));
    }
}

/// Walks over a JSON object and calls `add` with the name and text of each value, without building a tree.
pub(super) fn members<'de, D: Deserializer<'de>>(object: D, add: &mut dyn FnMut(&str, &str)) -> Result<(), D::Error> {
    Walk { name: None, depth: MAX_DEPTH + 1, add }.deserialize(object)
}

/// One step of the walk.
struct Walk<'w> {
    /// Name of the value; `None` for the outermost object.
    name: Option<&'w str>,
    /// Number of levels that are still read.
    depth: usize,
    add: &'w mut dyn FnMut(&str, &str),
}

impl Walk<'_> {
    /// Passes a value to `add`, under the name of this step.
    fn tell(&mut self, value: &str) {
        (self.add)(self.name.unwrap_or_default(), value);
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(mut self) -> Result<(), E> {
        self.tell("");
        Ok(())
    }

    fn visit_bool<E>(mut self, flag: bool) -> Result<(), E> {
        self.tell(if flag { "true" } else { "false" });
        Ok(())
    }

    fn visit_u64<E>(mut self, number: u64) -> Result<(), E> {
        self.tell(&number.to_string());
        Ok(())
    }

    fn visit_i64<E>(mut self, number: i64) -> Result<(), E> {
        self.tell(&number.to_string());
        Ok(())
    }

    fn visit_f64<E>(mut self, number: f64) -> Result<(), E> {
        // In the notation of JSON.
        self.tell(&Value::from(number).to_string());
        Ok(())
    }

    fn visit_str<E>(mut self, text: &str) -> Result<(), E> {
        self.tell(text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        if self.depth == 0 {
            while elements.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        let (name, depth) = (self.name, self.depth - 1);
        let mut is_empty = true;
        while elements.next_element_seed(Walk { name, depth, add: &mut *self.add })?.is_some() {
            is_empty = false;
        }
        if is_empty {
            self.tell("");
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(inner) = members.next_key::<Cow<'de, str>>()? {
            if self.depth == 0 {
                members.next_value::<IgnoredAny>()?;
                continue;
            }
            let name = self.name.map_or(Cow::Borrowed(&*inner), |outer| format!("{outer}.{inner}").into());
            members.next_value_seed(Walk { name: Some(&name), depth: self.depth - 1, add: &mut *self.add })?;
        }
        Ok(())
    }
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
        let values = |name: &str| attributes.values(name).collect::<Vec<_>>();
        assert_eq!(values("title"), ["Agent"]);
        assert_eq!(attributes.first("LEVEL"), Some("3"));
        assert_eq!(values("languages"), ["German", "French"]);
        assert_eq!(values("work.site.name"), ["Berlin"]);
        assert_eq!(values("teams.id"), ["1", "2"]);
        assert!(!attributes.has("left") && !attributes.has("blank"));
    }

    #[test]
    fn what_is_empty_was_told_and_what_is_missing_was_not() {
        let attributes = Attributes::of_json(&serde_json::json!({
            "Job\u{a0}Title": null, "work": null, "teams": [], "site": {}, "address": {"city": " "}, "manager": {"id": "7"},
        }));
        for told in ["job title", "work", "work.title", "teams.name", "address.city", "MANAGER.ID"] {
            assert!(attributes.tell_of(told), "{told}");
        }
        for unknown in
            ["title", "workplace", "site", "site.name", "address", "address.zip", "manager", "manager.name", ""]
        {
            assert!(!attributes.tell_of(unknown), "{unknown}");
        }
        assert!(attributes.values("job title").next().is_none());
    }

    #[test]
    fn what_nests_without_end_is_left_out() {
        let mut value = Value::from("deep");
        (0..100).for_each(|_| value = serde_json::json!({"a": value.clone()}));
        assert!(Attributes::of_json(&value).is_empty());
    }
}
