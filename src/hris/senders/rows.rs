//! People as records: one, an array of them, or an array under one of the names that reports and interfaces use.
//!
//! They are read one by one from the text, because a tree of a whole export takes many times its size.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::hris::attributes::members;
use crate::hris::numbers::exact;
use crate::hris::people::{NotUnderstood, TakeRecord};

/// Names of members that hold records: those of Workday's reports, BambooHR's and HiBob's lists, Merge's pages, and
/// others.
const LISTS: [&str; 5] = ["Report_Entry", "employees", "results", "data", "people"];

/// Finch answers several records at once, each in an envelope.
const ENVELOPES: &str = "responses";

/// Passes all records of a payload to `take`, one after the other.
pub(in crate::hris) fn each_record<T: TakeRecord>(payload: &[u8], take: &mut T) -> Result<(), T::Fault> {
    let payload: &RawValue = serde_json::from_slice(payload)
        .map_err(|error| NotUnderstood::new(format!("the body is not JSON: {error}")))?;
    match payload.get().as_bytes().first() {
        Some(b'[') => each(payload, |at, record| one(at, record, take)),
        Some(b'{') => {
            let [envelopes, lists @ ..] = named(payload, NAMES)?;
            let list = lists.into_iter().flatten().next();
            match (envelopes.filter(|raw| is_array(raw)), list) {
                (Some(envelopes), _) => each(envelopes, |at, envelope| one(at, enveloped(envelope)?, take)),
                (None, Some(list)) if is_array(list) => each(list, |at, record| one(at, record, take)),
                (None, Some(record)) if is_object(record) => one(0, record, take),
                (None, _) => one(0, payload, take),
            }
        }
        _ => Err(NotUnderstood::new("the payload is neither an object nor an array of objects").into()),
    }
}

/// The names that are looked up in a payload.
const NAMES: [&str; 6] = [ENVELOPES, LISTS[0], LISTS[1], LISTS[2], LISTS[3], LISTS[4]];

fn is_array(raw: &RawValue) -> bool {
    raw.get().starts_with('[')
}

fn is_object(raw: &RawValue) -> bool {
    raw.get().starts_with('{')
}

/// Passes one record to `take`.
fn one<T: TakeRecord>(at: usize, record: &RawValue, take: &mut T) -> Result<(), T::Fault> {
    if !is_object(record) {
        return Err(NotUnderstood::new(format!("the record at position {at} is not an object")).into());
    }
    let walked =
        members(&mut serde_json::Deserializer::from_slice(&exact(record.get().as_bytes())), &mut |name, value| {
            take.attribute(name, value);
        });
    walked.map_err(|error| NotUnderstood::new(format!("the record at position {at} cannot be read: {error}")))?;
    take.record()
}

/// Returns the record in an envelope, if its code is 200 or missing.
fn enveloped(response: &RawValue) -> Result<&RawValue, NotUnderstood> {
    let fault = || NotUnderstood::new("a response has no record, or a code other than 200");
    if !is_object(response) {
        return Err(fault());
    }
    let [code, body] = named(response, ["code", "body"])?;
    // Anything but a number is ignored.
    let code = code.and_then(|code| code.get().parse::<u64>().ok());
    body.filter(|body| is_object(body) && code.is_none_or(|code| code == 200)).ok_or_else(fault)
}

/// Returns the members of an object by these names; of duplicates the last one.
fn named<'de, const N: usize>(
    object: &'de RawValue,
    names: [&'static str; N],
) -> Result<[Option<&'de RawValue>; N], NotUnderstood> {
    struct Named<const N: usize>([&'static str; N]);

    impl<'de, const N: usize> Visitor<'de> for Named<N> {
        type Value = [Option<&'de RawValue>; N];

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
            let mut found = [None; N];
            while let Some(name) = members.next_key::<Cow<'de, str>>()? {
                let value = members.next_value::<&RawValue>()?;
                if let Some((slot, _)) = found.iter_mut().zip(self.0).find(|(_, known)| *known == name) {
                    *slot = Some(value);
                }
            }
            Ok(found)
        }
    }

    let read = serde_json::Deserializer::from_str(object.get()).deserialize_map(Named(names));
    read.map_err(|error| NotUnderstood::new(format!("the payload cannot be read: {error}")))
}

/// Passes the elements of an array and their positions to `take` until it refuses one.
fn each<F: From<NotUnderstood>>(
    array: &RawValue,
    take: impl FnMut(usize, &RawValue) -> Result<(), F>,
) -> Result<(), F> {
    struct Elements<T>(T);

    impl<'de, F, T: FnMut(usize, &RawValue) -> Result<(), F>> Visitor<'de> for Elements<T> {
        type Value = Result<(), F>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<Self::Value, A::Error> {
            let mut at = 0;
            let mut result = Ok(());
            // After a refusal, the remaining elements are skipped.
            while let Some(element) = elements.next_element::<&RawValue>()? {
                if result.is_ok() {
                    result = (self.0)(at, element);
                }
                at += 1;
            }
            Ok(result)
        }
    }

    let read = serde_json::Deserializer::from_str(array.get()).deserialize_seq(Elements(take));
    read.map_err(|error| NotUnderstood::new(format!("the payload cannot be read: {error}")))?
}
