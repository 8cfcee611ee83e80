//! Recent changes to one user, into which a late change is folded.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::assignment::Difference;
use super::change::{Change, FoldStart, Folded, Outcome};
pub use super::change::{Done, Event, Holding, Others};
use super::fold_state::FoldState;
use super::place::DatesBefore;
use super::{AssignmentId, Assignments, EntryId, Owners, Place, Target};

/// The changes carried out for one user that an older change may still come below, in order of place, interleaved with
/// what others changed.
///
/// Invariant: applied to `base` one after another, the events lead to `left`, which is what the user had when the last
/// of them had been carried out. Changes by others are placed where they were observed: above everything carried out
/// before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// Assignments of the user before the first event.
    pub base: Arc<Assignments>,
    /// Who owned which of them.
    pub owned: Arc<Owners>,
    pub events: Vec<Event>,
    pub left: Arc<Assignments>,
}

/// Maximum number of events kept per user. Beyond it the older half is dropped, and a change that would come below it
/// is superseded.
const MAX_EVENTS: usize = 64;

impl History {
    /// Returns a history without events, which starts from the current assignments.
    pub fn starting_from(start: FoldStart<'_>) -> Self {
        let base = Arc::new(start.current.clone());
        let owned = start.owned.restricted_to(|id| base.contains(id));
        Self { left: Arc::clone(&base), base, owned: Arc::new(owned), events: Vec::new() }
    }

    /// Returns what others changed since the last event, judging by the user's current assignments.
    pub fn changed_by_others(&self, start: FoldStart<'_>) -> Option<Event> {
        let current = start.current;
        let changes: Vec<_> = Difference::between(&self.left, current).ids().map(|id| (id, current.get(id))).collect();
        let (_, owned) = self.replayed(self.events.len(), start.target, start.managed);
        let claimed = start.owned.restricted_to(|id| current.contains(id)).beyond(&owned);
        (!changes.is_empty() || !claimed.is_empty()).then_some(Event::Others(Others { changes, claimed }))
    }

    /// Inserts `changes`, which were folded on `start` and carried out at `at`, in their places.
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

    /// Drops the events that no further change can come below: those before the first change newer than `oldest`, since
    /// no change that may still arrive is older than `oldest`. Returns the newest change that was dropped.
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
        let (base, owned) = self.replayed(forgotten, target, managed);
        let gone: Vec<_> = self.events.drain(..forgotten).collect();
        (self.base, self.owned) = (Arc::new(base), Arc::new(owned));
        gone.iter().filter_map(Event::change).map(|change| (change.place, change.by)).max()
    }

    /// Returns the assignments that the first `count` events lead to, and who owns them.
    fn replayed(&self, count: usize, target: Target, managed: &BTreeSet<AssignmentId>) -> (Assignments, Owners) {
        let mut state = FoldState { set: self.base.as_ref().clone(), owned: self.owned.as_ref().clone() };
        for event in self.events.iter().take(count) {
            state.follow(event, target, managed);
        }
        (state.set, state.owned)
    }

    /// Corrects the dates of changes carried out by earlier processes.
    pub fn redate(&mut self, dates: &DatesBefore) {
        for event in &mut self.events {
            if let Event::Done(done) = event {
                done.change.place = dates.place(done.change.place);
                done.at = dates.date(done.at);
            }
        }
    }

    /// Returns the changes in order of place.
    pub fn done(&self) -> impl Iterator<Item = &Done> {
        self.events.iter().filter_map(|event| match event {
            Event::Done(done) => Some(done),
            Event::Others(_) => None,
        })
    }
}
