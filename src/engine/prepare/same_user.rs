//! Rules for several rows of one job that name the same user.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::domain::entry::Presence;
use crate::domain::entry_result::EntryResult;
use crate::domain::job::SameUser;
use crate::domain::{EntryId, EntryState, Listed, Reason, UserId};
use crate::engine::conclusion::Ending;
use crate::engine::core::EngineCore;
use crate::engine::job::Job;
use crate::engine::job::outcome::Failure;
use crate::engine::prepare::resolved::Resolved;

/// Maximum number of rows listed in a message.
const MAX_ROWS_NAMED: usize = 10;

/// Fails the rows of a user if it is unclear which of their lists the user is to have.
pub(in crate::engine) fn refused(job: &Arc<Job>, entries: Vec<Resolved>, failed: &mut Vec<Ending>) -> Vec<Resolved> {
    if !job.spec().refuses_rows_of_one_user() {
        return entries;
    }
    let mut rows = HashMap::<UserId, Vec<(u32, bool)>>::with_capacity(entries.len());
    for entry in &entries {
        rows.entry(entry.user).or_default().push((entry.index, entry.dated));
    }
    rows.retain(|_, rows| rows.len() > 1 && rows.iter().any(|(_, dated)| !dated));
    let (refused, taken): (Vec<_>, _) = entries.into_iter().partition(|entry| rows.contains_key(&entry.user));
    failed.extend(refused.iter().map(|entry| {
        let rows = rows.get(&entry.user).into_iter().flatten().map(|(index, _)| *index).collect::<Vec<_>>();
        Ending::failed(job, entry.index, &Failure::duplicate_user(&named(job, &rows)))
    }));
    taken
}

/// Fails the rows that form one list with a row that cannot be resolved: if the others counted as the whole, what that
/// row lists would be removed from the user.
pub(in crate::engine) fn without_incomplete(
    job: &Arc<Job>,
    entries: Vec<Resolved>,
    incomplete: &HashMap<UserId, (u32, Failure)>,
    failed: &mut Vec<Ending>,
) -> Vec<Resolved> {
    if !job.spec().rows_are_one_whole() || incomplete.is_empty() {
        return entries;
    }
    let (refused, taken): (Vec<_>, _) = entries.into_iter().partition(|entry| incomplete.contains_key(&entry.user));
    failed.extend(refused.iter().filter_map(|entry| {
        let (row, failure) = incomplete.get(&entry.user)?;
        Some(Ending::failed(job, entry.index, &failure.of_another_row(&named(job, &[*row]))))
    }));
    taken
}

/// Fails the rows that repeat only a part of a list, because the other rows were carried out before they were known to
/// be about the same user.
pub(in crate::engine) fn without_parts(
    engine: &EngineCore,
    job: &Arc<Job>,
    entries: Vec<Resolved>,
    failed: &mut Vec<Ending>,
) -> Vec<Resolved> {
    let origin = |index: u32| job.repeats(index).map(|place| place.entry);
    if !job.spec().rows_are_one_whole() || !entries.iter().any(|entry| origin(entry.index).is_some()) {
        return entries;
    }
    let repeated: HashSet<EntryId> = (0..job.len()).filter_map(origin).collect();
    let mut missing = HashMap::<UserId, Option<String>>::new();
    for entry in &entries {
        let Some((of, _)) = origin(entry.index) else { continue };
        let Some(of) = engine.registry.get(of).filter(|_| !missing.contains_key(&entry.user)) else { continue };
        let mut others = of.rows_about(entry.user);
        others.retain(|row| !repeated.contains(&(of.id(), *row)));
        missing.insert(entry.user, (!others.is_empty()).then(|| named(&of, &others)));
    }
    let part_of = |entry: &Resolved| missing.get(&entry.user).and_then(Option::as_ref);
    let (refused, taken): (Vec<_>, _) = entries.into_iter().partition(|entry| part_of(entry).is_some());
    let fails = |entry: &Resolved| Some(Ending::failed(job, entry.index, &Failure::part_of_a_list(part_of(entry)?)));
    failed.extend(refused.iter().filter_map(fails));
    taken
}

/// Ends the rows of people who have left under one name only: someone whom another entry is about has not left, and
/// someone whose new name matches no user keeps what they have under the former name.
pub(in crate::engine) fn without_renamed(
    job: &Arc<Job>,
    entries: Vec<Resolved>,
    ended: &mut Vec<Ending>,
) -> Vec<Resolved> {
    let has_left = |index| matches!(job.presence(index), Presence::Missing | Presence::FormerName);
    if !entries.iter().any(|entry| has_left(entry.index)) {
        return entries;
    }
    let present = entries.iter().filter(|entry| !has_left(entry.index));
    let of_user: HashMap<UserId, u32> = present.clone().map(|entry| (entry.user, entry.index)).collect();
    let user_of: HashMap<u32, UserId> = present.map(|entry| (entry.index, entry.user)).collect();
    let failed: HashMap<u32, Reason> =
        ended.iter().filter_map(|ending| Some((ending.index, ending.result.reason?))).collect();
    let mut taken = Vec::with_capacity(entries.len());
    for entry in entries {
        let (index, presence) = (entry.index, job.presence(entry.index));
        let new_name = (index + 1..job.len()).find(|next| job.presence(*next) != Presence::FormerName);
        let new_name = new_name.filter(|_| presence == Presence::FormerName);
        let other = match presence {
            Presence::Missing => of_user.get(&entry.user).copied(),
            Presence::FormerName => new_name.filter(|next| user_of.get(next) == Some(&entry.user)),
            Presence::Unremarkable | Presence::NamedAgain | Presence::NewName => None,
        };
        if let Some(other) = other {
            let result = EntryResult {
                message: Some("another entry of the job names this user differently and takes precedence".into()),
                superseded_by: Some((job.id(), other)),
                ..EntryResult::default()
            };
            ended.push(Ending { job: Arc::clone(job), index, state: EntryState::Superseded, result });
            continue;
        }
        let reason = new_name.and_then(|next| failed.get(&next).copied().or_else(|| job.reason(next)));
        match (new_name, reason) {
            (Some(new_name), Some(reason)) if reason.leads_to_nobody() => {
                let failure = Failure::new(
                    reason,
                    format!(
                        "the sender now gives this person another name, and entry {new_name}, which uses it, matches no user: nothing is removed under the former name"
                    ),
                );
                ended.push(Ending::failed(job, index, &failure));
            }
            _ => taken.push(entry),
        }
    }
    taken
}

/// Lists rows by index and, where the caller gave one, by reference.
fn named(job: &Job, rows: &[u32]) -> String {
    let name = |index: u32| match job.reference(index) {
        Some(reference) => format!("{index} ({reference:?})"),
        None => index.to_string(),
    };
    let mut names: Vec<_> = rows.iter().take(MAX_ROWS_NAMED).map(|index| name(*index)).collect();
    if rows.len() > MAX_ROWS_NAMED {
        names.push(format!("{} more", rows.len() - MAX_ROWS_NAMED));
    }
    names.join(", ")
}

/// Combines the rows of each user into one if the job says that they form one list. The result takes the newest place,
/// and the highest of several ratings counts.
pub(in crate::engine) fn taken_together(job: &Job, entries: Vec<Resolved>) -> Vec<Resolved> {
    if job.spec().same_user != SameUser::Merge {
        return entries;
    }
    let mut together: Vec<Resolved> = Vec::with_capacity(entries.len());
    let mut first = HashMap::<UserId, usize>::with_capacity(entries.len());
    let mut rows = HashMap::<usize, Vec<_>>::new();
    for entry in entries {
        let at = *first.entry(entry.user).or_insert(together.len());
        match together.get_mut(at) {
            None => together.push(entry),
            Some(known) => {
                let rows = rows.entry(at).or_insert_with(|| vec![(known.index, Arc::clone(&known.listed))]);
                rows.push((entry.index, Arc::clone(&entry.listed)));
                known.listed = Arc::new(Listed::together([&*known.listed, &*entry.listed].into_iter()));
                known.place = known.place.max(entry.place);
            }
        }
    }
    for (at, rows) in rows {
        if let Some(entry) = together.get_mut(at) {
            entry.rows = rows.into();
        }
    }
    together
}
