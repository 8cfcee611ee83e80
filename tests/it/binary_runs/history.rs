//! What a run leaves behind for the judge: users, effects and entries in plain values, with times from the run's start.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use uuid::Uuid;

/// Microseconds since the simulation began.
pub(super) type At = i64;

/// Milliseconds as a time or a span of the history.
pub(super) const fn ms(millis: i64) -> At {
    millis * 1_000
}

/// A proficiency in tenths; zero for groups, and for skills without one.
pub(super) type Level = u8;

/// What a user has.
pub(super) type Set = BTreeMap<Uuid, Level>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Mode {
    Add,
    Remove,
    Managed,
    Replace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Open,
    Applied,
    Unchanged,
    Superseded,
    Failed,
    Cancelled,
    Planned,
}

/// An entry by its job, counted in order of acceptance, and its row.
pub(super) type Name = (usize, usize);

/// Where an entry stands in the order of effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// `occurredAt`, or the date of acceptance, in microseconds since the simulation began.
    pub(super) effective: At,
    pub(super) entry: Name,
    /// The entry itself, if it repeats `entry` for a `retry` or `apply`.
    pub(super) repeated_by: Option<Name>,
}

/// What an entry says that it did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) added: Set,
    pub(super) removed: BTreeSet<Uuid>,
    pub(super) updated: Set,
    pub(super) overwritten: BTreeSet<Uuid>,
}

impl Told {
    pub(super) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.updated.is_empty()
    }

    /// Each id with what it was made.
    pub(super) fn changes(&self) -> impl Iterator<Item = (Uuid, Change)> + '_ {
        let added = self.added.iter().map(|(id, level)| (*id, Change::Added(*level)));
        let updated = self.updated.iter().map(|(id, level)| (*id, Change::Updated(*level)));
        added.chain(updated).chain(self.removed.iter().map(|id| (*id, Change::Removed)))
    }
}

/// What happened to one assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    Added(Level),
    Updated(Level),
    Removed,
}

impl Change {
    /// What the user has after it.
    pub(super) fn leaves(self) -> Option<Level> {
        match self {
            Self::Added(level) | Self::Updated(level) => Some(level),
            Self::Removed => None,
        }
    }
}

#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each says something else about how it came to be")]
pub(super) struct Entry {
    pub(super) name: Name,
    pub(super) place: Place,
    /// Its place comes from outside: it has `occurredAt`, or repeats an older entry.
    pub(super) placed: bool,
    /// Its job is made of the plans of a dry run.
    pub(super) applies_a_plan: bool,
    /// When its job was sent, and when the answer was there.
    pub(super) sent: At,
    pub(super) answered: At,
    pub(super) ended: At,
    pub(super) mode: Mode,
    /// What it lists; without a level, whatever level the user has is right.
    pub(super) listed: BTreeMap<Uuid, Option<Level>>,
    pub(super) dry_run: bool,
    /// Its job takes all its rows about one user as one change.
    pub(super) merged: bool,
    /// Reasons for which it may fail, and whether it has to.
    pub(super) causes: Vec<&'static str>,
    pub(super) must_fail: bool,
    /// Somebody cancelled its job.
    pub(super) cancelled: bool,
    pub(super) state: State,
    pub(super) reason: Option<String>,
    pub(super) says_that_it_may_have_begun: bool,
    pub(super) told: Told,
    pub(super) superseded_by: Option<Name>,
}

impl Entry {
    pub(super) fn is_stale(&self) -> bool {
        self.state == State::Superseded && self.reason.as_deref() == Some("staleEvent")
    }

    /// Whether it is part of the fold.
    pub(super) fn took_effect(&self) -> bool {
        let carried_out = matches!(self.state, State::Applied | State::Unchanged | State::Superseded);
        carried_out && !self.is_stale() && !self.dry_run
    }

    /// Whether something of it may be there, although it did not end as carried out: if it has not ended, or says so.
    pub(super) fn may_have_written(&self) -> bool {
        let in_doubt = self.says_that_it_may_have_begun || self.state == State::Open;
        matches!(self.state, State::Failed | State::Cancelled | State::Open) && in_doubt && !self.dry_run
    }
}

/// A write that took place.
#[derive(Debug, Clone)]
pub(super) struct Effect {
    pub(super) at: At,
    pub(super) ours: bool,
    /// Nobody was told: the answer was lost, or who waited for it was killed.
    pub(super) unanswered: bool,
    pub(super) before: Set,
    pub(super) after: Set,
}

impl Effect {
    pub(super) fn changes(&self) -> Vec<(Uuid, Change)> {
        let ids: BTreeSet<Uuid> = self.before.keys().chain(self.after.keys()).copied().collect();
        let of = |id: Uuid| match (self.before.get(&id), self.after.get(&id)) {
            (None, Some(level)) => Some((id, Change::Added(*level))),
            (Some(_), None) => Some((id, Change::Removed)),
            (Some(old), Some(new)) if old != new => Some((id, Change::Updated(*new))),
            (Some(_), Some(_)) | (None, None) => None,
        };
        ids.into_iter().filter_map(of).collect()
    }
}

/// All that concerns one user and target.
#[derive(Debug, Clone, Default)]
pub(super) struct Subject {
    /// For people: which user and target.
    pub(super) name: String,
    pub(super) initial: Set,
    /// In order of time.
    pub(super) effects: Vec<Effect>,
    pub(super) entries: Vec<Entry>,
    /// Whether its target has no versions, so that a write cannot be held to what it was computed from.
    pub(super) unversioned: bool,
    /// How long reads may show an older state.
    pub(super) lag: At,
    /// What no job lists: only others assign it.
    pub(super) pool: BTreeSet<Uuid>,
}

impl Subject {
    pub(super) fn end(&self) -> &Set {
        self.effects.last().map_or(&self.initial, |effect| &effect.after)
    }

    /// Each state that the user had at some moment of a span, with the time from which on they had it.
    pub(super) fn states_within(&self, from: At, until: At) -> impl Iterator<Item = &Set> {
        let starts = std::iter::once((At::MIN, &self.initial))
            .chain(self.effects.iter().map(|effect| (effect.at, &effect.after)));
        let ends = self.effects.iter().map(|effect| effect.at).chain([At::MAX]);
        starts.zip(ends).filter(move |((begin, _), end)| *begin <= until && *end >= from).map(|((_, set), _)| set)
    }

    pub(super) fn entry(&self, name: Name) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }
}

/// Something that must not be.
#[derive(Debug, Clone)]
pub(super) struct Violation {
    pub(super) kind: Kind,
    pub(super) detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The end is the fold of the entries in the order in which they ended, not in that of their places.
    Order,
    /// The end is no fold of the entries over what others did.
    End,
    /// `unchanged`, and the user never had what the entry asks for.
    Unchanged,
    /// `superseded` by nothing that is newer and was carried out, or although nothing did over what it asks for.
    Superseded,
    /// `staleEvent` without cause, or something older was carried out after something newer had been.
    Stale,
    /// A write that no entry names.
    Unnamed,
    /// An entry names what was not written, or what another one names.
    Invented,
    /// Something that others had assigned was taken away, and no `overwritten` says so.
    LostForeign,
    /// A failure without its cause, or none where one is due.
    Failure,
    /// A state or effects that cannot be together.
    Incoherent,
    NotEnded,
    /// It ended, but long after everything was quiet.
    Slow,
    /// What was shown as ended is not so any more.
    WentBack,
    /// A name that was shown is gone.
    NameLost,
    /// A key or an answered job that is not known any more.
    Key,
    /// Ids or dates of acceptance that go back.
    Acceptance,
    Rate,
    /// Other counts than entries in that state.
    Counts,
    /// What is to be refused was accepted, or the other way round.
    Refusal,
    /// A dry run wrote, or told another end than the run had.
    DryRun,
    /// The process ended by itself or could not be started or stopped.
    Process,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.detail)
    }
}
