//! Everything that was written is named by exactly one entry, and nothing else is.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::super::history::{At, Change, Effect, Entry, Kind, Mode, State, Subject, Violation};
use super::fold::{NEAR, decides};
use super::states::short;

/// A change of one assignment by us.
struct Written<'a> {
    effect: &'a Effect,
    id: Uuid,
    change: Change,
    named: bool,
}

pub(super) fn violations(subject: &Subject) -> Vec<Violation> {
    let mut written = written(subject);
    let mut found = invented(subject, &mut written);
    found.extend(unnamed(subject, &written));
    found.extend(lost(subject));
    found
}

fn written(subject: &Subject) -> Vec<Written<'_>> {
    let ours = subject.effects.iter().filter(|effect| effect.ours);
    ours.flat_map(|effect| {
        effect.changes().into_iter().map(move |(id, change)| Written { effect, id, change, named: false })
    })
    .collect()
}

/// Pairs what entries name with what was written; the rest was never done, or is named twice.
fn invented(subject: &Subject, written: &mut [Written<'_>]) -> Vec<Violation> {
    let mut claims: Vec<(&Entry, Uuid, Change)> = Vec::new();
    for entry in subject.entries.iter().filter(|entry| entry.state == State::Applied && !entry.dry_run) {
        claims.extend(entry.told.changes().map(|(id, change)| (entry, id, change)));
    }
    // The entry that ended first has the fewest writes to choose from.
    claims.sort_by_key(|(entry, ..)| (entry.ended, entry.place));
    let mut found = Vec::new();
    for (entry, id, change) in claims {
        // Between a read and the write, others may have made an update of what was to be added, and the other way round.
        let raced = touched_by_others(subject, id, entry.sent - subject.lag - NEAR, entry.ended + NEAR);
        let fits = |one: &&mut Written<'_>| {
            let open = one.effect.at + NEAR >= entry.sent && one.effect.at <= entry.ended + NEAR;
            let same = one.change == change || raced && one.change.leaves() == change.leaves();
            !one.named && one.id == id && same && open
        };
        match written.iter_mut().find(fits) {
            Some(one) => one.named = true,
            None if done_by_others(subject, entry, id, change) => {}
            None => found.push(Violation {
                kind: Kind::Invented,
                detail: format!(
                    "{}: entry {:?} names {change:?} of {}, which was not written, or others name it",
                    subject.name,
                    entry.name,
                    short(id)
                ),
            }),
        }
    }
    found
}

/// Who sees only the outcome of a lost write cannot tell it from the same change of somebody else at that time.
fn done_by_others(subject: &Subject, entry: &Entry, id: Uuid, change: Change) -> bool {
    let meanwhile = |effect: &&Effect| !effect.ours && effect.at + subject.lag + NEAR >= entry.sent;
    let mut by_others = subject.effects.iter().filter(meanwhile);
    by_others.any(|effect| effect.changes().into_iter().any(|one| one.0 == id && one.1.leaves() == change.leaves()))
}

fn touched_by_others(subject: &Subject, id: Uuid, from: At, until: At) -> bool {
    let theirs = subject.effects.iter().filter(|effect| !effect.ours && effect.at >= from && effect.at <= until);
    theirs.into_iter().any(|effect| effect.before.get(&id) != effect.after.get(&id))
}

fn unnamed(subject: &Subject, written: &[Written<'_>]) -> Vec<Violation> {
    let silent = |one: &&Written<'_>| !one.named && !excused(subject, one, written);
    let found = written.iter().filter(silent);
    found
        .map(|one| Violation {
            kind: Kind::Unnamed,
            detail: format!(
                "{}: {:?} of {} at {} µs{} is named by no entry",
                subject.name,
                one.change,
                short(one.id),
                one.effect.at,
                if one.effect.unanswered { ", unanswered," } else { "" }
            ),
        })
        .collect()
}

/// An entry that did not end as carried out may have made it; or others undid it, so that it was made again, or so that
/// nobody can know any more that it had been made.
fn excused(subject: &Subject, one: &Written<'_>, written: &[Written<'_>]) -> bool {
    let at = one.effect.at;
    let open = |entry: &Entry| entry.sent <= at + NEAR && at <= entry.ended + NEAR;
    let by_ended =
        subject.entries.iter().any(|entry| entry.may_have_written() && open(entry) && decides(entry, &one.id));
    let again = |other: &Written<'_>| {
        let (first, last) = (at.min(other.effect.at), at.max(other.effect.at));
        other.named
            && other.id == one.id
            && other.change == one.change
            && touched_by_others(subject, one.id, first, last)
    };
    let undone = one.effect.unanswered && touched_by_others(subject, one.id, at, At::MAX);
    by_ended || undone || written.iter().any(again)
}

/// What only others assign is taken away by a `replace` alone, which says so.
fn lost(subject: &Subject) -> Vec<Violation> {
    let mut found = Vec::new();
    let said: BTreeSet<Uuid> = subject
        .entries
        .iter()
        .filter(|entry| entry.mode == Mode::Replace && entry.state == State::Applied)
        .flat_map(|entry| entry.told.overwritten.iter().copied())
        .collect();
    for effect in subject.effects.iter().filter(|effect| effect.ours) {
        let gone = effect.before.keys().filter(|id| subject.pool.contains(id) && !effect.after.contains_key(id));
        for id in gone {
            let silently = subject.entries.iter().any(|entry| entry.mode == Mode::Replace && entry.may_have_written());
            if !said.contains(id) && !silently {
                let detail = format!("{}: {} of others is gone and nobody says so", subject.name, short(*id));
                found.push(Violation { kind: Kind::LostForeign, detail });
            }
        }
        if effect.after.keys().any(|id| subject.pool.contains(id) && !effect.before.contains_key(id)) {
            let detail = format!("{}: what others had taken away is back", subject.name);
            found.push(Violation { kind: Kind::LostForeign, detail });
        }
    }
    found
}
