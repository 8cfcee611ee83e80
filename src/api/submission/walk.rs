//! Walks a JSON text level by level without building a tree: a container is returned as the raw texts of its members,
//! which the next step reads in turn.
//!
//! The text is known to be well-formed. Nothing here recurses, so any nesting depth is safe, and only members with
//! known names are kept, so any number of members is safe.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeOwned, Deserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::api::shapes::faults::{Faults, Pointer, shortened};
use crate::api::shapes::vocabulary::Words;

/// Returns the members of an object by their known names. Reports unknown and repeated names as faults; treats `null`
/// as absent. Returns `None` if the value is not an object.
pub(super) fn members<'de, const N: usize>(
    raw: &'de RawValue,
    known: [&'static str; N],
    at: &Pointer<'_>,
    faults: &mut Faults,
) -> Option<[Option<&'de RawValue>; N]> {
    if !raw.get().starts_with('{') {
        faults.add(at, format_args!("must be an object, not {}", shown(raw)));
        return None;
    }
    let visitor = MembersVisitor { known, at, faults: &mut *faults };
    let read = serde_json::Deserializer::from_str(raw.get()).deserialize_map(visitor);
    read.inspect_err(|_| faults.add(at, "must have names that are valid Unicode")).ok()
}

struct MembersVisitor<'v, const N: usize> {
    known: [&'static str; N],
    at: &'v Pointer<'v>,
    faults: &'v mut Faults,
}

impl<'de, const N: usize> Visitor<'de> for MembersVisitor<'_, N> {
    type Value = [Option<&'de RawValue>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = self.known.map(|name| (name, None));
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            let value = map.next_value::<&RawValue>()?;
            match found.iter_mut().find(|(known, _)| *known == name) {
                Some((_, slot @ None)) => *slot = Some(value),
                Some((known, Some(_))) => self.faults.add(&self.at.member(known), "must be given only once"),
                None => self.unknown(&name),
            }
        }
        Ok(found.map(|(_, value)| value.filter(|value| value.get() != "null")))
    }
}

impl<const N: usize> MembersVisitor<'_, N> {
    fn unknown(&mut self, name: &str) {
        let known = self.known.join(", ");
        let short = shortened(name);
        if short == name {
            self.faults.add(&self.at.member(name), format_args!("is unknown; valid are {known}"));
        } else {
            self.faults.add(self.at, format_args!("has an unknown member `{short}`; valid are {known}"));
        }
    }
}

/// Calls `each` for the elements of an array with their positions, at most `most` of them, and returns the total number
/// of elements. Returns `None` if the value is not an array.
pub(super) fn elements<'de>(
    raw: &'de RawValue,
    most: usize,
    at: &Pointer<'_>,
    faults: &mut Faults,
    each: impl FnMut(usize, &'de RawValue, &mut Faults),
) -> Option<usize> {
    if !raw.get().starts_with('[') {
        faults.add(at, format_args!("must be an array, not {}", shown(raw)));
        return None;
    }
    let visitor = ElementsVisitor { most, faults: &mut *faults, each };
    let read = serde_json::Deserializer::from_str(raw.get()).deserialize_seq(visitor);
    read.inspect_err(|_| faults.add(at, "cannot be read")).ok()
}

struct ElementsVisitor<'v, F> {
    most: usize,
    faults: &'v mut Faults,
    each: F,
}

impl<'de, F: FnMut(usize, &'de RawValue, &mut Faults)> Visitor<'de> for ElementsVisitor<'_, F> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<usize, A::Error> {
        let mut count = 0;
        while let Some(element) = seq.next_element::<&RawValue>()? {
            if count < self.most {
                (self.each)(count, element, self.faults);
            }
            count += 1;
        }
        Ok(count)
    }
}

/// Reads a value without members, as the same type as the typed parser does.
pub(super) fn leaf<T: DeserializeOwned>(
    raw: &RawValue,
    expected: &str,
    at: &Pointer<'_>,
    faults: &mut Faults,
) -> Option<T> {
    let read = serde_json::from_str(raw.get());
    read.inspect_err(|_| faults.add(at, format_args!("must be {expected}, not {}", shown(raw)))).ok()
}

/// Reads one of a closed set of words.
pub(super) fn word<T: Words + DeserializeOwned>(raw: &RawValue, at: &Pointer<'_>, faults: &mut Faults) -> Option<T> {
    leaf(raw, &format!("one of {}", T::WORDS.join(", ")), at, faults)
}

/// Returns a value for quoting in a fault: containers by their kind, other values shortened.
fn shown(raw: &RawValue) -> Cow<'_, str> {
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'{') => "an object".into(),
        Some(b'[') => "an array".into(),
        _ => shortened(text).into(),
    }
}
