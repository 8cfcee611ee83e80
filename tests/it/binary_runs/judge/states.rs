//! Whether each entry's state is true.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::super::history::{Effect, Entry, Kind, Mode, Set, State, Subject, Violation};
use super::fold::{NEAR, decides, newer};

pub(super) fn violations(subject: &Subject) -> Vec<Violation> {
    subject.entries.iter().filter_map(|entry| verdict(subject, entry)).collect()
}

fn verdict(subject: &Subject, entry: &Entry) -> Option<Violation> {
    let wrong = match entry.state {
        State::Open => Some((Kind::NotEnded, "has not ended")),
        State::Applied => applied(subject, entry),
        State::Unchanged => unchanged(subject, entry),
        State::Superseded if entry.dry_run => None,
        State::Superseded if entry.is_stale() => stale(subject, entry),
        State::Superseded => superseded(subject, entry),
        State::Failed => failed(subject, entry),
        State::Cancelled if !entry.cancelled => Some((Kind::Incoherent, "was cancelled by nobody")),
        State::Cancelled => (!entry.told.is_empty()).then_some((Kind::Incoherent, "was cancelled and names effects")),
        State::Planned => (!entry.dry_run).then_some((Kind::Incoherent, "was no dry run")),
    };
    let wrong = wrong.or_else(|| due_failure(entry)).or_else(|| overwriting(entry));
    wrong.map(|(kind, what)| Violation { kind, detail: format!("{}: {} {what}", subject.name, told(entry)) })
}

type Wrong = Option<(Kind, &'static str)>;

fn told(entry: &Entry) -> String {
    let Entry { name, mode, listed, state, reason, told, superseded_by, sent, ended, .. } = entry;
    let ids: Vec<_> = listed.iter().map(|(id, level)| (short(*id), *level)).collect();
    format!(
        "entry {name:?} ({mode:?} {ids:?}, {state:?} {reason:?} by {superseded_by:?}, {sent} to {ended} µs, {})",
        told.changes().map(|(id, change)| format!("{} {change:?}", short(id))).collect::<Vec<_>>().join(", ")
    )
}

pub(super) fn short(id: Uuid) -> String {
    id.to_string()[..8].to_owned()
}

fn due_failure(entry: &Entry) -> Wrong {
    let ended = !matches!(entry.state, State::Failed | State::Cancelled | State::Open);
    (entry.must_fail && ended).then_some((Kind::Failure, "was to fail"))
}

fn overwriting(entry: &Entry) -> Wrong {
    let says = entry.mode != Mode::Replace && !entry.told.overwritten.is_empty();
    says.then_some((Kind::Incoherent, "says that it has overwritten something"))
}

fn applied(subject: &Subject, entry: &Entry) -> Wrong {
    if entry.told.is_empty() || entry.dry_run {
        return Some((Kind::Incoherent, "is applied without an effect, or in a dry run"));
    }
    must_be_stale(subject, entry)
}

/// What is placed by its sender and was older than something carried out before it came is not carried out.
fn must_be_stale(subject: &Subject, entry: &Entry) -> Wrong {
    let before =
        |other: &&Entry| other.place > entry.place && other.state == State::Applied && other.ended + NEAR < entry.sent;
    let late = entry.placed && subject.entries.iter().any(|other| before(&other));
    late.then_some((Kind::Stale, "was carried out although something newer had been before it came"))
}

/// There was a moment, between its acceptance and its end, at which the user had what it asks for.
fn unchanged(subject: &Subject, entry: &Entry) -> Wrong {
    if !entry.told.is_empty() {
        return Some((Kind::Incoherent, "is unchanged and names effects"));
    }
    // Only what others did may hide behind a replica: what we wrote ourselves is known.
    let lag = if subject.effects.iter().any(|effect| !effect.ours) { subject.lag } else { 0 };
    let (from, until) = (entry.sent - lag - NEAR, entry.ended + NEAR);
    // A plan's rows are held against each other, and nothing of it is in the ledger.
    let had = entry.dry_run || subject.states_within(from, until).any(|set| satisfied(subject, entry, set));
    if had { must_be_stale(subject, entry) } else { Some((Kind::Unchanged, "and the user never had it")) }
}

/// Whether a state is what an entry asks for, apart from what newer entries have decided.
fn satisfied(subject: &Subject, entry: &Entry, set: &Set) -> bool {
    let above = newer(subject, entry);
    let decided = |id: &Uuid| above.iter().any(|other| other.listed.contains_key(id));
    let present =
        |(id, level): (&Uuid, &Option<u8>)| set.get(id).is_some_and(|has| level.is_none_or(|level| level == *has));
    match entry.mode {
        Mode::Add => entry.listed.iter().all(present),
        Mode::Remove => entry.listed.keys().all(|id| !set.contains_key(id)),
        Mode::Managed => {
            let ours = given_by_us(subject, entry);
            let kept = set.keys().filter(|id| !entry.listed.contains_key(id) && !decided(id));
            entry.listed.iter().all(present) && kept.into_iter().all(|id| !ours.contains_key(id))
        }
        Mode::Replace => {
            let too_many = set.keys().any(|id| !entry.listed.contains_key(id) && !decided(id));
            entry.listed.iter().all(present) && !too_many
        }
    }
}

/// What certainly was ours while an entry was open: we gave it before, and nobody else ever touched it.
fn given_by_us(subject: &Subject, entry: &Entry) -> BTreeMap<Uuid, usize> {
    let mut given = BTreeMap::new();
    let touched = |effect: &Effect, id: &Uuid| effect.before.get(id) != effect.after.get(id);
    for effect in subject.effects.iter().filter(|effect| effect.ours && effect.at < entry.sent) {
        for (id, _) in effect.changes() {
            let others = subject.effects.iter().any(|effect| !effect.ours && touched(effect, &id));
            if !others && !subject.initial.contains_key(&id) {
                *given.entry(id).or_default() += 1;
            }
        }
    }
    given
}

fn superseded(subject: &Subject, entry: &Entry) -> Wrong {
    if !entry.told.is_empty() {
        return Some((Kind::Incoherent, "is superseded and names effects"));
    }
    let Some(by) = entry.superseded_by else { return Some((Kind::Superseded, "and does not say by what")) };
    let Some(by) = subject.entry(by) else { return Some((Kind::Superseded, "by no entry of this user")) };
    if by.place <= entry.place {
        return Some((Kind::Superseded, "by something older"));
    }
    if !by.took_effect() {
        return Some((Kind::Superseded, "by something that was not carried out"));
    }
    let above = newer(subject, entry);
    let had = |id: &Uuid| {
        let wanted = entry.listed.get(id).copied().flatten();
        subject.states_within(entry.sent - subject.lag - NEAR, entry.ended + NEAR).any(|set| match entry.mode {
            Mode::Remove => !set.contains_key(id),
            Mode::Add | Mode::Managed | Mode::Replace => {
                set.get(id).is_some_and(|has| wanted.is_none_or(|wanted| wanted == *has))
            }
        })
    };
    let left = entry.listed.keys().any(|id| !had(id) && !above.iter().any(|other| decides(other, id)));
    left.then_some((Kind::Superseded, "although nothing newer did over all that it asks for"))
}

fn stale(subject: &Subject, entry: &Entry) -> Wrong {
    if !entry.told.is_empty() {
        return Some((Kind::Incoherent, "is stale and names effects"));
    }
    if !entry.placed {
        return Some((Kind::Stale, "although it has no date and repeats nothing"));
    }
    let newer =
        |other: &&Entry| other.place > entry.place && other.took_effect() && other.ended - NEAR <= entry.answered;
    let found = subject.entries.iter().any(|other| newer(&other));
    (!found).then_some((Kind::Stale, "although nothing newer had been carried out when it came"))
}

fn failed(subject: &Subject, entry: &Entry) -> Wrong {
    let reason = entry.reason.as_deref();
    if !entry.told.is_empty() {
        return Some((Kind::Incoherent, "failed and names effects"));
    }
    let true_reason = match reason {
        Some("planOutdated") => {
            let planned = subject.entry(entry.place.entry).map_or(entry.sent, |plan| plan.sent);
            let since = |effect: &Effect| effect.at + subject.lag + NEAR >= planned;
            entry.applies_a_plan && subject.effects.iter().any(since)
        }
        Some(reason) => entry.causes.contains(&reason),
        None => false,
    };
    (!true_reason).then_some((Kind::Failure, "failed without that cause"))
}
