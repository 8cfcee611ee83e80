//! What was lately done to one user: what a change that comes late is folded into.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::assignment::Difference;
use super::fold::{self, Change, FoldStart, Folded, Outcome};
use super::place::DatesBefore;
use super::{AssignmentId, Assignments, EntryId, Place, Proficiency, Target};

/// What a user has of one assignment: nothing, or the assignment with its rating.
pub type Holding = Option<Option<Proficiency>>;

/// The changes that were carried out for one user and that an older one may still come below, in order of place, and
/// between them what others changed.
///
/// Invariant: applied to `base` one after another, the events lead to `left`, which is what the user had when the last of
/// them had been carried out. What others change stands where it was seen: above everything carried out before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// What the user had before the first event.
    pub base: Arc<Assignments>,
    /// What of it was ours.
    pub owned: Arc<BTreeSet<AssignmentId>>,
    pub events: Vec<Event>,
    pub left: Arc<Assignments>,
}

/// One step of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Done(Done),
    Others(Others),
}

/// What others changed, and what the user has of it since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Others {
    pub changes: Vec<(AssignmentId, Holding)>,
    /// Of that, what counts as ours all the same: a write of ours that failed may have assigned it.
    pub claimed: Vec<AssignmentId>,
}

/// A change that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    pub change: Change,
    /// When it was.
    pub at: Timestamp,
}

/// More events than these are not kept of one user: the older half is forgotten, and what would come below it is superseded.
const MAX_EVENTS: usize = 64;

impl History {
    /// What the user has been left with, before anything was done.
    pub fn starting_from(start: FoldStart<'_>) -> Self {
        let base = Arc::new(start.current.clone());
        let owned = start.owned.iter().copied().filter(|id| base.contains(*id)).collect();
        Self { left: Arc::clone(&base), base, owned: Arc::new(owned), events: Vec::new() }
    }

    /// What others changed since, by what the user has now.
    pub fn changed_by_others(&self, start: FoldStart<'_>) -> Option<Event> {
        let current = start.current;
        let changes: Vec<_> = Difference::between(&self.left, current).ids().map(|id| (id, current.get(id))).collect();
        if changes.is_empty() {
            return None;
        }
        let (_, owned) = fold::replay(self, self.events.len(), start.target, start.managed);
        let claimed = changes
            .iter()
            .map(|(id, _)| *id)
            .filter(|id| current.contains(*id) && start.owned.contains(id) && !owned.contains(id));
        Some(Event::Others(Others { claimed: claimed.collect(), changes }))
    }

    /// Puts `changes` into their places, which were folded on `start` and carried out at `at`.
    pub fn carry_out(&mut self, start: FoldStart<'_>, changes: &[Change], folded: &Folded, at: Timestamp) {
        self.events.extend(self.changed_by_others(start));
        let done =
            changes.iter().zip(&folded.outcomes).filter(|(_, outcome)| !matches!(outcome, Outcome::TooMany { .. }));
        for (change, _) in done {
            let above = self.events.iter().position(|event| event.place().is_some_and(|place| place > change.place));
            let at_place = above.unwrap_or(self.events.len());
            self.events.insert(at_place, Event::Done(Done { change: change.clone(), at }));
        }
        self.left = Arc::new(folded.desired.clone());
    }

    /// Forgets the events that nothing can come below any more: those up to the first change that is newer than `oldest`,
    /// which nothing that may still come is older than. The newest change that is forgotten.
    pub fn forget(
        &mut self,
        oldest: Place,
        target: Target,
        managed: &BTreeSet<AssignmentId>,
    ) -> Option<(Place, EntryId)> {
        let newer = |event: &Event| event.place().is_some_and(|place| place > oldest);
        let mut forgotten = self.events.iter().position(newer).unwrap_or(self.events.len());
        if self.events.len() - forgotten > MAX_EVENTS {
            forgotten = self.events.len() - MAX_EVENTS / 2;
        }
        let (base, owned) = fold::replay(self, forgotten, target, managed);
        let gone: Vec<_> = self.events.drain(..forgotten).collect();
        (self.base, self.owned) = (Arc::new(base), Arc::new(owned));
        gone.iter().filter_map(Event::change).map(|change| (change.place, change.by)).max()
    }

    /// Gives the changes the dates that are believed of a process before this one.
    pub fn redate(&mut self, dates: &DatesBefore) {
        for event in &mut self.events {
            if let Event::Done(done) = event {
                done.change.place = dates.place(done.change.place);
                done.at = dates.date(done.at);
            }
        }
    }

    /// The changes, in order of place.
    pub fn done(&self) -> impl Iterator<Item = &Done> {
        self.events.iter().filter_map(|event| match event {
            Event::Done(done) => Some(done),
            Event::Others(_) => None,
        })
    }
}

impl Event {
    /// The change, if it was ours.
    pub fn change(&self) -> Option<&Change> {
        match self {
            Self::Done(done) => Some(&done.change),
            Self::Others(_) => None,
        }
    }

    fn place(&self) -> Option<Place> {
        self.change().map(|change| change.place)
    }
}
