//! The end of a user is the fold of the entries in order of place, each change of others where it was seen.
//!
//! No mode looks at one assignment to decide about another, so each assignment is folded by itself.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::super::history::{At, Effect, Entry, Kind, Level, Mode, Subject, Violation, ms};

/// What two clocks and a busy machine may be apart.
pub(super) const NEAR: At = ms(40);

/// From a read to the arrival of the write that was computed from it.
const RACE: At = ms(250);

/// One change: an entry, or all rows of a job that are merged.
#[derive(Debug, Clone)]
struct Step<'a> {
    mode: Mode,
    listed: BTreeMap<Uuid, Option<Level>>,
    /// Whether it may also have had no effect.
    optional: bool,
    first: &'a Entry,
}

/// What one assignment may have come to: its level, and whether it is ours.
type World = (Option<Level>, bool);

pub(super) fn violations(subject: &Subject) -> Vec<Violation> {
    let steps = steps(subject);
    let mut late = steps.clone();
    late.sort_by_key(|step| (step.first.ended, step.first.place));
    let mut found = Vec::new();
    for id in concerned(subject) {
        if explained(subject, &steps, id) {
            continue;
        }
        let kind = if explained(subject, &late, id) { Kind::Order } else { Kind::End };
        let has = subject.end().get(&id);
        let names: Vec<_> = steps.iter().map(|step| (step.first.name, step.mode, step.listed.get(&id))).collect();
        let detail = format!("{}: {id} ends as {has:?}; in order of place: {names:?}", subject.name);
        found.push(Violation { kind, detail });
    }
    found
}

/// The entries that count, in order of place.
fn steps(subject: &Subject) -> Vec<Step<'_>> {
    let mut entries: Vec<&Entry> =
        subject.entries.iter().filter(|entry| entry.took_effect() || entry.may_have_written()).collect();
    entries.sort_by_key(|entry| entry.place);
    let mut steps: Vec<Step<'_>> = Vec::new();
    for entry in entries {
        let together = |step: &&mut Step<'_>| entry.merged && step.first.merged && step.first.name.0 == entry.name.0;
        match steps.last_mut().filter(together) {
            Some(step) => {
                for (id, level) in &entry.listed {
                    let known = step.listed.entry(*id).or_default();
                    *known = (*known).max(*level);
                }
            }
            None => steps.push(Step {
                mode: entry.mode,
                listed: entry.listed.clone(),
                optional: entry.may_have_written(),
                first: entry,
            }),
        }
    }
    steps
}

fn concerned(subject: &Subject) -> BTreeSet<Uuid> {
    let listed = subject.entries.iter().flat_map(|entry| entry.listed.keys());
    let touched = subject.effects.iter().flat_map(|effect| effect.before.keys().chain(effect.after.keys()));
    subject.initial.keys().chain(listed).chain(touched).copied().collect()
}

/// A change of others to one assignment, and how many of the steps may lie below it: at least, and at most.
struct Foreign {
    after: Option<Level>,
    least: usize,
    most: usize,
    /// Whether we wrote over it before a read can have shown it to us: where there are no versions, nothing tells.
    raced: bool,
}

fn foreign(subject: &Subject, steps: &[Step<'_>], id: Uuid) -> Vec<Foreign> {
    let by_others = subject.effects.iter().filter(|effect| !effect.ours);
    let changed = by_others.filter(|effect| effect.before.get(&id) != effect.after.get(&id));
    changed
        .map(|effect| {
            let below = |step: &Step<'_>| !step.optional && step.first.ended + NEAR < effect.at;
            // Who was accepted before the change could be seen may have been carried out without a look at it.
            let unaware = |step: &Step<'_>| step.first.sent <= effect.at + subject.lag + NEAR;
            let up_to = |such: &dyn Fn(&Step<'_>) -> bool| steps.iter().rposition(such).map_or(0, |at| at + 1);
            let (least, reach) = (up_to(&below), up_to(&unaware));
            let written_over = |own: &&Effect| {
                let (before, after) = (own.before.get(&id), own.after.get(&id));
                own.ours && own.at >= effect.at && own.at <= effect.at + subject.lag + RACE && before != after
            };
            let raced = subject.unversioned && subject.effects.iter().any(|own| written_over(&own));
            Foreign { after: effect.after.get(&id).copied(), least, most: reach.max(least), raced }
        })
        .collect()
}

/// Whether some order of steps and changes of others leads to what the user has.
fn explained(subject: &Subject, steps: &[Step<'_>], id: Uuid) -> bool {
    let others = foreign(subject, steps, id);
    let mut worlds: BTreeMap<(usize, usize), BTreeSet<World>> = BTreeMap::new();
    worlds.entry((0, 0)).or_default().insert((subject.initial.get(&id).copied(), false));
    for done in 0..=steps.len() {
        for seen in 0..=others.len() {
            let here = worlds.get(&(done, seen)).cloned().unwrap_or_default();
            for world in here {
                if let Some(step) = steps.get(done) {
                    let next = worlds.entry((done + 1, seen)).or_default();
                    next.insert(stepped(world, step, id));
                    if step.optional {
                        next.insert(world);
                    }
                }
                if let Some(other) = others.get(seen).filter(|other| (other.least..=other.most).contains(&done)) {
                    if other.raced {
                        worlds.entry((done, seen + 1)).or_default().insert(world);
                    }
                    worlds.entry((done, seen + 1)).or_default().extend(overtaken(world, other.after));
                }
            }
        }
    }
    let end = subject.end().get(&id).copied();
    worlds.get(&(steps.len(), others.len())).is_some_and(|worlds| worlds.iter().any(|(has, _)| *has == end))
}

fn stepped((has, ours): World, step: &Step<'_>, id: Uuid) -> World {
    match (step.mode, step.listed.get(&id)) {
        (Mode::Remove, Some(_)) => (None, false),
        (Mode::Add, Some(level)) => (Some(level.or(has).unwrap_or(0)), ours || has.is_none()),
        (Mode::Managed | Mode::Replace, Some(level)) => (Some(level.or(has).unwrap_or(0)), true),
        (Mode::Managed, None) if ours => (None, false),
        (Mode::Replace, None) => (None, false),
        (Mode::Managed | Mode::Add | Mode::Remove, None) => (has, ours),
    }
}

/// What others took away is ours no more, if that was seen before they gave it back.
fn overtaken((_, ours): World, after: Option<Level>) -> Vec<World> {
    if after.is_none() { vec![(None, false), (None, ours)] } else { vec![(after, ours)] }
}

/// The entries above another one that may have done over what it did.
pub(super) fn newer<'a>(subject: &'a Subject, entry: &Entry) -> Vec<&'a Entry> {
    let (place, name, merged) = (entry.place, entry.name, entry.merged);
    // Rows that are taken together are above each other.
    let beside = move |other: &Entry| merged && other.merged && other.name.0 == name.0 && other.name != name;
    let counts =
        |other: &&Entry| (other.place > place || beside(other)) && (other.took_effect() || other.may_have_written());
    subject.entries.iter().filter(counts).collect()
}

/// Whether an entry has a say in whether the user has this assignment.
pub(super) fn decides(entry: &Entry, id: &Uuid) -> bool {
    entry.listed.contains_key(id) || matches!(entry.mode, Mode::Managed | Mode::Replace)
}
