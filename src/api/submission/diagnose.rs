//! Finds out why an entry is refused: the slow path, taken only for entries that the typed parser rejected.
//!
//! Reports every fault of the entry with its place. Enforces the same rules as
//! [`SyncJobEntryRequest::accepted`](super::request::SyncJobEntryRequest::accepted); a property test keeps the two
//! consistent.

use serde_json::value::RawValue;
use uuid::Uuid;

use super::request::Date;
use super::walk::{elements, leaf, members};
use crate::api::shapes::faults::{Faults, Pointer};
use crate::api::shapes::rules::{self, EntryRules, TextError};
use crate::domain::{Proficiency, Target};

const A_UUID: &str = "a UUID";
const A_STRING: &str = "a string";
const A_DATE: &str = "an RFC 3339 date like \"2026-11-22T20:15:00Z\"";

/// Reports all faults of one entry.
pub(super) fn entry(raw: &RawValue, rules: EntryRules, at: &Pointer<'_>, faults: &mut Faults) {
    let known = ["ref", "user", "assignments", "occurredAt"];
    let Some([reference, user_ref, assignments, occurred_at]) = members(raw, known, at, faults) else { return };
    if let Some(raw) = reference {
        text(raw, rules::MAX_REFERENCE_LENGTH, &at.member("ref"), faults);
    }
    match user_ref {
        Some(raw) => user(raw, &at.member("user"), faults),
        None => faults.add(&at.member("user"), "is missing"),
    }
    match assignments {
        Some(raw) => assignment_list(raw, rules.target, &at.member("assignments"), faults),
        None => faults.add(&at.member("assignments"), "is missing; give an empty array for none"),
    }
    if let Some(raw) = occurred_at {
        let at = at.member("occurredAt");
        if let Some(Err(fault)) = leaf(raw, A_DATE, &at, faults).map(|Date(date)| rules.latest.checked(date)) {
            faults.add(&at, fault);
        }
    }
}

fn user(raw: &RawValue, at: &Pointer<'_>, faults: &mut Faults) {
    let known = ["id", "email", "employeeId", "externalId"];
    let Some([id, email, employee_id, external_id]) = members(raw, known, at, faults) else { return };
    exactly_one(&known, &[id, email, employee_id, external_id], at, faults);
    if let Some(raw) = id {
        leaf::<Uuid>(raw, A_UUID, &at.member("id"), faults);
    }
    if let Some(raw) = email {
        text(raw, rules::MAX_USER_KEY_LENGTH, &at.member("email"), faults);
    }
    if let Some(raw) = employee_id {
        text(raw, rules::MAX_USER_KEY_LENGTH, &at.member("employeeId"), faults);
    }
    if let Some(raw) = external_id {
        let check = |text: &str| rules::external_id(text).map(|_| ());
        checked(raw, check, &at.member("externalId"), faults);
    }
}

fn assignment_list(raw: &RawValue, target: Option<Target>, at: &Pointer<'_>, faults: &mut Faults) {
    let most = rules::MAX_ASSIGNMENTS;
    let count = elements(raw, most, at, faults, |index, raw, faults| {
        assignment(raw, target, &at.element(index), faults);
    });
    if let Some(count) = count.filter(|count| *count > most) {
        faults.add(at, format_args!("must have at most {most} elements, not {count}"));
    }
}

fn assignment(raw: &RawValue, target: Option<Target>, at: &Pointer<'_>, faults: &mut Faults) {
    let known = ["id", "name", "proficiency", "leaveAsIs"];
    let Some([id, name, rating, leave_as_is]) = members(raw, known, at, faults) else { return };
    exactly_one(&["id", "name"], &[id, name], at, faults);
    if let Some(raw) = id {
        leaf::<Uuid>(raw, A_UUID, &at.member("id"), faults);
    }
    if let Some(raw) = name {
        text(raw, rules::MAX_NAME_LENGTH, &at.member("name"), faults);
    }
    let left_as_is = leave_as_is.and_then(|raw| leaf::<bool>(raw, "true or false", &at.member("leaveAsIs"), faults));
    match rating {
        Some(_) if left_as_is == Some(true) => {
            faults.add(
                &at.member("proficiency"),
                "must be absent: an assignment that is left as it is keeps its proficiency",
            );
        }
        Some(raw) => proficiency(raw, target, &at.member("proficiency"), faults),
        None => {}
    }
}

fn proficiency(raw: &RawValue, target: Option<Target>, at: &Pointer<'_>, faults: &mut Faults) {
    let (lowest, highest) = rules::PROFICIENCY;
    if target == Some(Target::WfmSkillGroups) {
        faults.add(at, "must be absent: only routingSkills have a proficiency");
    } else if let Some(value) = leaf::<f64>(raw, "a number", at, faults)
        && Proficiency::new(value).is_none()
    {
        faults.add(at, format_args!("must be between {lowest} and {highest}"));
    }
}

fn exactly_one(names: &[&str], values: &[Option<&RawValue>], at: &Pointer<'_>, faults: &mut Faults) {
    let all = names.join(", ");
    let given: Vec<_> = names.iter().zip(values).filter(|(_, value)| value.is_some()).map(|(name, _)| *name).collect();
    match given.as_slice() {
        [_] => {}
        [] => faults.add(at, format_args!("must have exactly one of {all}; it has none")),
        several => faults.add(at, format_args!("must have exactly one of {all}; it has {}", several.join(" and "))),
    }
}

/// Reads a string that satisfies [`rules::text`], or reports why it does not.
pub(super) fn text(raw: &RawValue, longest: usize, at: &Pointer<'_>, faults: &mut Faults) -> Option<String> {
    checked(raw, |text| rules::text(text, longest), at, faults)
}

fn checked(
    raw: &RawValue,
    check: impl Fn(&str) -> Result<(), TextError>,
    at: &Pointer<'_>,
    faults: &mut Faults,
) -> Option<String> {
    let text = leaf::<String>(raw, A_STRING, at, faults)?;
    check(&text).inspect_err(|fault| faults.add(at, fault)).is_ok().then_some(text)
}
