//! Reads a job from one JSON document.
//!
//! First the whole text is checked to be well-formed, so that nothing is built from half a body. Then each entry is
//! parsed into its type and converted to its domain form immediately; no tree of the body is ever built. The other
//! members of the job are read before the first entry, whatever their order in the body.

use serde_json::value::RawValue;

use super::parameters::JobParameters;
use super::request::SyncJobEntryRequest;
use super::rows::{EntryPlaces, EntryRows, ReadEntries};
use super::walk::{elements, leaf, members, word};
use super::{Submission, diagnose, objects};
use crate::api::shapes::faults::{Faults, Pointer};
use crate::api::shapes::problem::Problem;
use crate::api::shapes::rules::{self, EntryRules};
use crate::api::shapes::vocabulary::{SyncLane, SyncMode, SyncSameUser, SyncTarget, Words as _};
use crate::domain::callback::CallbackUrl;
use crate::domain::entry::{EntryRequest, SharedLists};
use crate::domain::job::{Lane, SameUser};
use crate::domain::{Mode, Owner, Target};

/// Reads a job, or returns all its faults.
pub(super) fn read(body: &str, parameters: JobParameters) -> Result<Submission, Problem> {
    let root: &RawValue = serde_json::from_str(body).map_err(|error| malformed(&error))?;
    let mut faults = Faults::default();
    let Some((job, rows)) = job(root, parameters, &mut faults) else { return Err(Problem::invalid(faults)) };
    let ReadEntries { entries, room } = rows.finish(&mut faults)?;
    match job.spec() {
        Some(spec) if faults.is_empty() => Ok(Submission { spec, entries, _room: room }),
        Some(_) | None => Err(Problem::invalid(faults)),
    }
}

fn malformed(error: &serde_json::Error) -> Problem {
    let (line, column) = (error.line(), error.column());
    let what = what(error);
    Problem::malformed_body(format!("the body is not valid JSON: {what}, at line {line}, column {column}"))
}

/// Returns the message of a syntax error without the line and column.
pub(super) fn what(error: &serde_json::Error) -> String {
    let place = format!(" at line {} column {}", error.line(), error.column());
    let message = error.to_string();
    message.strip_suffix(&place).unwrap_or(&message).to_owned()
}

/// Reads the members of the job, with the query parameters as defaults, and the entries.
fn job(root: &RawValue, parameters: JobParameters, faults: &mut Faults) -> Option<(JobParameters, EntryRows)> {
    let at = Pointer::Root;
    let known = ["target", "mode", "owner", "label", "dryRun", "lane", "sameUser", "callbackUrl", "entries"];
    let [target, mode, owner, label, dry_run, lane, same_user, callback, list] = members(root, known, &at, faults)?;
    if target.is_none() && parameters.target.is_none() {
        faults.add(&at.member("target"), format_args!("is missing; give one of {}", SyncTarget::WORDS.join(", ")));
    }
    let target = target.and_then(|raw| word::<SyncTarget>(raw, &at.member("target"), faults)).map(Target::from);
    let before = faults.total();
    let mode = mode.and_then(|raw| word::<SyncMode>(raw, &at.member("mode"), faults)).map(Mode::from);
    let same_user = same_user.and_then(|raw| word::<SyncSameUser>(raw, &at.member("sameUser"), faults));
    // If one of the two is invalid, the job is refused anyway; faults about several entries for one user would mislead.
    let same_user = if faults.total() > before { Some(SameUser::InOrder) } else { same_user.map(SameUser::from) };
    let label =
        label.and_then(|raw| diagnose::text(raw, rules::MAX_LABEL_LENGTH, &at.member("label"), faults)).map(Into::into);
    let owner = owner.and_then(|raw| {
        let at = at.member("owner");
        let name = diagnose::text(raw, Owner::MAX_LENGTH, &at, faults)?;
        let owner = Owner::new(&name);
        if owner.is_none() {
            faults.add(&at, Owner::FORM);
        }
        owner
    });
    let dry_run = dry_run.and_then(|raw| leaf(raw, "true or false", &at.member("dryRun"), faults));
    let lane = lane.and_then(|raw| word::<SyncLane>(raw, &at.member("lane"), faults)).map(Lane::from);
    let callback = callback.and_then(|raw| {
        let (at, longest) = (at.member("callbackUrl"), CallbackUrl::MAX_LENGTH);
        let url = diagnose::text(raw, longest, &at, faults)?;
        CallbackUrl::new(&url, parameters.callbacks).map_err(|error| faults.add(&at, error)).ok()
    });
    let whole = JobParameters {
        target: target.or(parameters.target),
        mode: mode.or(parameters.mode),
        owner: owner.or(parameters.owner),
        label: label.or(parameters.label),
        dry_run: dry_run.or(parameters.dry_run),
        lane: lane.or(parameters.lane),
        callback: callback.or(parameters.callback),
        same_user: same_user.or(parameters.same_user),
        sheet: None,
        callbacks: parameters.callbacks,
        latest: parameters.latest,
        room: parameters.room,
    };
    let rows = entries(list, &whole, faults)?;
    Some((whole, rows))
}

fn entries(list: Option<&RawValue>, job: &JobParameters, faults: &mut Faults) -> Option<EntryRows> {
    let root = Pointer::Root;
    let at = root.member("entries");
    let Some(list) = list else {
        faults.add(&at, "is missing");
        return None;
    };
    let (mut rows, mut lists) = (EntryRows::of(job, EntryPlaces::Elements), SharedLists::default());
    let count = elements(list, rules::MAX_ENTRIES, &at, faults, |index, raw, faults| {
        let entry = entry(raw, job.entry_rules(), &mut lists, &at.element(index), faults);
        rows.add(u64::try_from(index).unwrap_or(u64::MAX), entry, &mut lists);
    })?;
    let most = rules::MAX_ENTRIES;
    if count == 0 {
        faults.add(&at, "must have at least one element");
    } else if count > most {
        faults.add(&at, format_args!("must have at most {most} elements, not {count}; send several jobs"));
    }
    if let Some(detail) = job.too_many_for_lane(count) {
        faults.add(&root.member("lane"), detail);
    }
    Some(rows)
}

/// Reads one entry, or reports all its faults.
pub(super) fn entry(
    raw: &RawValue,
    rules: EntryRules,
    lists: &mut SharedLists,
    at: &Pointer<'_>,
    faults: &mut Faults,
) -> Option<EntryRequest> {
    let parsed: Result<SyncJobEntryRequest, _> = objects::one(&mut serde_json::Deserializer::from_str(raw.get()));
    if let Some(accepted) = parsed.ok().and_then(|entry| entry.accepted(rules, lists)) {
        return Some(accepted);
    }
    let before = faults.total();
    diagnose::entry(raw, rules, at, faults);
    if faults.total() == before {
        // Unreachable as long as both paths agree. Without a fault, the entry would be dropped silently.
        faults.add(at, "cannot be read");
    }
    None
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::Target;
    use crate::domain::dates::LatestDate;

    /// Asserts that the typed parser accepts an entry exactly if the diagnosis finds no fault.
    pub(super) fn assert_paths_agree(text: &str) {
        let Ok(raw) = serde_json::from_str::<&RawValue>(text) else { return };
        for target in [None, Some(Target::RoutingSkills), Some(Target::WfmSkillGroups)] {
            let latest = LatestDate::at("2026-11-22T20:15:00Z".parse().unwrap(), Duration::ZERO);
            let rules = EntryRules { target, latest };
            let parsed: Result<SyncJobEntryRequest, _> =
                objects::one(&mut serde_json::Deserializer::from_str(raw.get()));
            let accepted = parsed.ok().and_then(|entry| entry.accepted(rules, &mut SharedLists::default())).is_some();
            let mut faults = Faults::default();
            diagnose::entry(raw, rules, &Pointer::Root, &mut faults);
            assert_eq!(accepted, faults.is_empty(), "{text} for {target:?}: {faults:?}");
        }
    }

    mod agreement {
        use proptest::prelude::*;

        use super::assert_paths_agree;

        fn any_leaf() -> impl Strategy<Value = String> {
            prop_oneof![
                Just("null".to_owned()),
                Just("true".to_owned()),
                Just("\"\"".to_owned()),
                Just("\"E1001\"".to_owned()),
                Just("\"a\\u0000b\"".to_owned()),
                Just("\"\\ud800\"".to_owned()),
                Just("\"workday:1\"".to_owned()),
                Just("\"0199a3f2-7c55-7d2e-9d3e-1f6a5b1c2d3e\"".to_owned()),
                Just("\"2026-11-22T20:15:00Z\"".to_owned()),
                Just("\"2026-11-22T20:15:01Z\"".to_owned()),
                Just("4.5".to_owned()),
                Just("-1".to_owned()),
                Just("1e999".to_owned()),
            ]
        }

        fn object(names: &'static [&'static str], value: BoxedStrategy<String>) -> BoxedStrategy<String> {
            let member = (proptest::sample::select(names), value);
            let members = proptest::collection::vec(member, 0..4);
            members
                .prop_map(|members| {
                    let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                    format!("{{{}}}", members.join(","))
                })
                .boxed()
        }

        fn any_entry() -> impl Strategy<Value = String> {
            let leaf = any_leaf().boxed();
            let user = object(&["id", "email", "employeeId", "externalId", "x"], leaf.clone());
            let assignment = object(&["id", "name", "proficiency", "leaveAsIs", "x"], leaf.clone());
            let assignments =
                proptest::collection::vec(assignment, 0..3).prop_map(|all| format!("[{}]", all.join(",")));
            let array = leaf.clone().prop_map(|value| format!("[{value}]"));
            (user, assignments, leaf.clone(), leaf, array, 0..8u8).prop_map(|(user, listed, a, b, array, shape)| {
                match shape {
                    0 => array,
                    1 => format!("{{\"user\":{array},\"assignments\":{listed}}}"),
                    2 => format!("{{\"user\":{user},\"assignments\":[{array}]}}"),
                    3 => format!("{{\"user\":{user},\"assignments\":{a},\"ref\":{b}}}"),
                    _ => format!("{{\"ref\":{a},\"user\":{user},\"assignments\":{listed},\"occurredAt\":{b}}}"),
                }
            })
        }

        proptest! {
            #[test]
            fn the_typed_parse_and_the_diagnosis_agree(entry in any_entry()) {
                assert_paths_agree(&entry);
            }
        }
    }
}
