//! Replays past events and the changes to fold in order of place.

use std::collections::BTreeMap;

use crate::domain::assignment::Difference;
use crate::domain::change::{Change, Event, FoldStart, Folded, Holding, Mode, Outcome, Undone};
use crate::domain::entry::Effects;
use crate::domain::fold_state::{FoldState, Stepped};
use crate::domain::history::History;
use crate::domain::{AssignmentId, EntryId, Owner};

/// One step of a replay.
#[derive(Debug, Clone, Copy)]
pub(super) enum Item<'a> {
    /// An event that happened before.
    Past(&'a Event),
    /// A change to fold, with its position among the changes.
    New(usize, &'a Change),
}

impl Item<'_> {
    fn entry(&self) -> Option<EntryId> {
        match self {
            Self::New(_, change) => Some(change.by),
            Self::Past(event) => event.change().map(|change| change.by),
        }
    }
}

/// Merges the changes to fold into the past events, each ahead of the first change with a later place.
pub(super) fn timeline<'a>(
    history: Option<&'a History>,
    since: Option<&'a Event>,
    changes: &'a [Change],
) -> Vec<Item<'a>> {
    let mut new = changes.iter().enumerate().peekable();
    let mut items = Vec::with_capacity(changes.len());
    for event in history.into_iter().flat_map(|history| &history.events).chain(since) {
        if let Some(past) = event.change() {
            while let Some((position, change)) = new.next_if(|(_, change)| change.place < past.place) {
                items.push(Item::New(position, change));
            }
        }
        items.push(Item::Past(event));
    }
    items.extend(new.map(|(position, change)| Item::New(position, change)));
    items
}

/// One of the changes to fold, as it was applied.
pub(super) struct ReplayStep {
    /// Position among the changes.
    pub(super) change: usize,
    /// Position in the timeline.
    at: usize,
    taken: Option<TakenChange>,
    /// Number of assignments that the user would have had; only meaningful if the change was left out.
    would_be: usize,
}

struct TakenChange {
    /// Ids that the change altered.
    touched: Vec<AssignmentId>,
    replaces: bool,
    /// For each id that the change decides, how it was to be left, and whether any rating satisfies the change.
    decided: Vec<(AssignmentId, Holding, bool)>,
    /// Whether the user really had everything that the change asks for, and not only in an intermediate state of the
    /// replay.
    had_it: bool,
    preserved: Vec<AssignmentId>,
    overwritten: Vec<AssignmentId>,
    other_owners: Vec<(AssignmentId, Owner)>,
}

impl ReplayStep {
    pub(super) fn is_below_older(&self, timeline: &[Item<'_>]) -> bool {
        let later = timeline.get(self.at..).unwrap_or_default();
        let past = |item: &Item<'_>| matches!(item, Item::Past(event) if event.change().is_some());
        self.taken.is_some() && later.iter().any(past)
    }
}

/// A timeline that has been replayed.
pub(super) struct Replay {
    /// Whether the replay started from a history, rather than from the user's current assignments.
    in_history: bool,
    pub(super) state: FoldState,
    pub(super) steps: Vec<ReplayStep>,
    /// For each id, the position in the timeline of its last change, and of its last change by an entry.
    last_touch: BTreeMap<AssignmentId, usize>,
    last_done: BTreeMap<AssignmentId, usize>,
    /// For each id, which of the changes to fold last altered it, or claimed its ownership.
    last_new: BTreeMap<AssignmentId, usize>,
}

impl Replay {
    pub(super) fn run(
        start: FoldStart<'_>,
        history: Option<&History>,
        timeline: &[Item<'_>],
        left_out: &BTreeMap<usize, usize>,
    ) -> Self {
        let state = if let Some(history) = history {
            FoldState { set: history.base.as_ref().clone(), owned: history.owned.as_ref().clone() }
        } else {
            // An assignment that is gone is no longer owned: whoever assigns it next owns it.
            let owned = start.owned.restricted_to(|id| start.current.contains(id));
            FoldState { set: start.current.clone(), owned }
        };
        let (last_touch, last_done, last_new) = Default::default();
        let mut replay =
            Self { in_history: history.is_some(), state, steps: Vec::new(), last_touch, last_done, last_new };
        for (at, item) in timeline.iter().enumerate() {
            match item {
                Item::Past(event) => {
                    let touched = replay.state.follow(event, start.target, start.managed);
                    if event.change().is_some() {
                        replay.last_done.extend(touched.iter().map(|id| (*id, at)));
                    }
                    replay.last_touch.extend(touched.into_iter().map(|id| (id, at)));
                }
                Item::New(position, change) => {
                    let left_out = left_out.get(position).copied();
                    replay.take(start, at, *position, change, left_out);
                }
            }
        }
        replay
    }

    fn take(&mut self, start: FoldStart<'_>, at: usize, position: usize, change: &Change, left_out: Option<usize>) {
        let before = self.state.set.len();
        let stepped = self.state.step(start.target, start.managed, change);
        // A user who already exceeds the limit may still lose assignments.
        let too_many = stepped.state.set.len() > start.target.most_per_user().max(before);
        let would_be = left_out.unwrap_or(stepped.state.set.len());
        if too_many || left_out.is_some() {
            self.steps.push(ReplayStep { change: position, at, taken: None, would_be });
            return;
        }
        let ids = self.state.decided_by(start.managed, change);
        // Neither the base of a history nor the states between its changes need ever have existed in Genesys: several
        // changes may have been written together.
        let really = |id: &AssignmentId| !self.in_history || self.state.set.get(*id) == start.current.get(*id);
        let had_listed = ids.iter().all(|id| !self.last_new.contains_key(id) && really(id));
        let had_it = stepped.touched.is_empty() && had_listed && !self.really_had_more(start, change);
        let any_rating = |id: AssignmentId| change.mode != Mode::Remove && change.listed.takes_any_rating(id);
        let decided = ids.into_iter().map(|id| (id, stepped.state.set.get(id), any_rating(id))).collect();
        let claimed =
            change.listed.ids().filter(|id| !self.state.owned.contains(*id) && stepped.state.owned.contains(*id));
        for id in claimed {
            self.last_new.entry(id).or_insert(position);
        }
        self.last_touch.extend(stepped.touched.iter().map(|id| (*id, at)));
        self.last_done.extend(stepped.touched.iter().map(|id| (*id, at)));
        self.last_new.extend(stepped.touched.iter().map(|id| (*id, position)));
        let Stepped { state, touched, preserved, overwritten, other_owners } = stepped;
        self.state = state;
        let replaces = change.mode == Mode::Replace;
        let taken = Some(TakenChange { touched, replaces, decided, had_it, preserved, overwritten, other_owners });
        self.steps.push(ReplayStep { change: position, at, taken, would_be });
    }

    /// Returns whether the user still has assignments that the change is to remove and that only the history lacks.
    /// Applies to modes whose list is complete.
    fn really_had_more(&self, start: FoldStart<'_>, change: &Change) -> bool {
        let is_to_go = |id: &AssignmentId| match change.mode {
            Mode::Add | Mode::Remove => false,
            Mode::Managed => start.owned.is_removable(change.owner.as_ref(), change.mode, start.managed, *id),
            Mode::Replace => true,
        };
        self.in_history
            && start
                .current
                .ids()
                .any(|id| !self.state.set.contains(id) && !change.listed.leaves_as_is(id) && is_to_go(&id))
    }

    pub(super) fn folded(self, start: FoldStart<'_>, timeline: &[Item<'_>]) -> Folded {
        let net = Difference::between(start.current, &self.state.set);
        let newest = self.steps.iter().rev().find(|step| step.taken.is_some()).map(|step| step.change);
        let reports = |id: AssignmentId| self.last_new.get(&id).copied().or(newest);
        let outcomes = self.steps.iter().map(|step| self.outcome(step, start, timeline, &net, reports)).collect();
        let replaces = self.steps.iter().any(|step| step.taken.as_ref().is_some_and(|taken| taken.replaces));
        let undone = self.undone(timeline);
        Folded { outcomes, replaces, undone, desired: self.state.set, owned: self.state.owned }
    }

    fn undone(&self, timeline: &[Item<'_>]) -> Vec<Undone> {
        let mut undone = Vec::new();
        for step in &self.steps {
            let Some(change) = timeline.get(step.at).and_then(Item::entry) else { continue };
            let decided = step.taken.iter().flat_map(|taken| &taken.decided).filter(|decided| !self.holds(decided));
            for (id, ..) in decided {
                let later = self.last_done.get(id).filter(|at| **at > step.at);
                let by = later.and_then(|at| Some((*at, timeline.get(*at)?.entry()?)));
                undone.extend(by.map(|(at, by)| (at, Undone { change, id: *id, by })));
            }
        }
        undone.sort_by_key(|(at, _)| *at);
        undone.into_iter().map(|(_, undone)| undone).collect()
    }

    fn outcome(
        &self,
        step: &ReplayStep,
        start: FoldStart<'_>,
        timeline: &[Item<'_>],
        net: &Difference,
        reports: impl Fn(AssignmentId) -> Option<usize>,
    ) -> Outcome {
        let Some(taken) = &step.taken else { return Outcome::TooMany { would_be: step.would_be } };
        let difference = net.clone().restricted_to(|id| reports(id) == Some(step.change));
        if difference.is_empty()
            && let Some(by) = self.undone_by(step, taken, start, timeline)
        {
            return Outcome::SupersededBy(by);
        }
        // An assignment that only another change of the same fold claimed was never really owned.
        let foreign = |id: &AssignmentId| {
            let ours = start.owned.contains(*id) || start.managed.contains(id);
            taken.overwritten.contains(id) || (taken.replaces && !ours && start.current.contains(*id))
        };
        let lost = difference.removed.iter().chain(difference.updated.iter().map(|(id, _)| id)).copied();
        let mut overwritten: Vec<_> = lost.filter(foreign).collect();
        overwritten.sort_unstable();
        let untouched = |id: &AssignmentId| self.last_touch.get(id).is_none_or(|at| *at < step.at);
        let preserved = taken.preserved.iter().copied().filter(untouched).collect();
        let not_later = |(id, _): &&(AssignmentId, Owner)| self.last_touch.get(id).is_none_or(|at| *at <= step.at);
        let other_owners = taken.other_owners.iter().filter(not_later).cloned().collect();
        let nothing = difference.is_empty();
        let effects = Effects { difference, preserved, overwritten, other_owners };
        if nothing { Outcome::Unchanged(effects) } else { Outcome::Applies(effects) }
    }

    /// Returns whether the user ends up with what a change left for this id.
    fn holds(&self, (id, left, any_rating): &(AssignmentId, Holding, bool)) -> bool {
        let ends = self.state.set.get(*id);
        ends == *left || (*any_rating && ends.is_some() && left.is_some())
    }

    /// For a change without a share in the difference, returns the entry that last replaced what it did or undid what
    /// it asks for. If only others did, returns the next entry after it. Returns `None` if the user has, and had, what
    /// the change asks for.
    fn undone_by(
        &self,
        step: &ReplayStep,
        taken: &TakenChange,
        start: FoldStart<'_>,
        timeline: &[Item<'_>],
    ) -> Option<EntryId> {
        if taken.touched.is_empty() && taken.had_it {
            return None;
        }
        let later = |touches: &BTreeMap<AssignmentId, usize>, id: &AssignmentId| {
            touches.get(id).copied().filter(|at| *at > step.at)
        };
        let is_later = |id: &AssignmentId| later(&self.last_touch, id).is_some();
        let all = taken.touched.iter().all(is_later);
        let ends_otherwise = |id: &&AssignmentId| all || self.state.set.get(**id) != start.current.get(**id);
        let undone: Vec<_> = taken.touched.iter().filter(ends_otherwise).filter(|id| is_later(id)).copied().collect();
        let not_held = taken.decided.iter().filter(|decided| !self.holds(decided)).map(|(id, ..)| *id);
        let mut not_held: Vec<_> = not_held.filter(is_later).collect();
        if undone.is_empty() && not_held.is_empty() {
            not_held = self.lacks(step, start, timeline);
            not_held.retain(is_later);
        }
        if undone.is_empty() && not_held.is_empty() {
            return None;
        }
        let last_done = |ids: Vec<AssignmentId>| ids.iter().filter_map(|id| later(&self.last_done, id)).max();
        let last = last_done(undone).or_else(|| last_done(not_held));
        let last = last.and_then(|at| timeline.get(at)).and_then(Item::entry);
        last.or_else(|| timeline.get(step.at + 1..)?.iter().find_map(Item::entry))
    }

    /// Returns the ids that the change would still alter in the final state.
    fn lacks(&self, step: &ReplayStep, start: FoldStart<'_>, timeline: &[Item<'_>]) -> Vec<AssignmentId> {
        match timeline.get(step.at) {
            Some(Item::New(_, change)) => self.state.step(start.target, start.managed, change).touched,
            Some(Item::Past(_)) | None => Vec::new(),
        }
    }
}
