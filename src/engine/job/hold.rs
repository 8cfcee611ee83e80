//! Holding a job back as a whole before any of it is carried out, until a caller releases or cancels it.

use std::collections::HashSet;

use super::{Job, JobState};
use crate::domain::EntryState;
use crate::domain::hold::Hold;

/// How a job was allowed to go on whatever it would remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Release {
    /// It was held and then released, by this process or an earlier one.
    OfHeld,
    /// It was released before the removal check.
    AtOnce,
}

impl Job {
    /// Returns whether any of the job has been started. The removal check is then behind it.
    pub(in crate::engine) fn has_begun(&self) -> bool {
        self.lock().started_at.is_some()
    }

    /// Returns whether a caller released the job, whatever it would remove.
    pub(in crate::engine) fn was_released(&self) -> bool {
        self.lock().released.is_some()
    }

    /// Returns whether all entries have ended.
    pub(in crate::engine) fn is_over(&self) -> bool {
        self.lock().counts.open() == 0
    }

    /// Returns whether every open entry is parked with its user.
    pub(in crate::engine) fn is_on_its_way(&self, parked: &HashSet<u32>) -> bool {
        let state = self.lock();
        let open = state.entries.places(0, |state| !state.is_terminal());
        open.into_iter().all(|index| parked.contains(&index))
    }

    /// Resolves once every open entry is parked with its user.
    pub(in crate::engine) async fn on_its_way(&self, parked: &HashSet<u32>) {
        let mut revisions = self.watch();
        while !self.is_on_its_way(parked) {
            if revisions.changed().await.is_err() {
                return;
            }
        }
    }

    /// Releases the job before it is held, whatever it would remove.
    pub(in crate::engine) fn release_at_once(&self) {
        self.lock().released = Some(Release::AtOnce);
    }

    /// Returns whether the job was held and then released.
    pub(in crate::engine) fn was_held(&self) -> bool {
        self.lock().released == Some(Release::OfHeld)
    }

    /// Holds all open entries back.
    pub(in crate::engine) fn hold_back(&self, hold: Hold) {
        self.change(|state| state.hold_back(hold));
    }

    /// Releases the held entries. Returns false if there are none.
    pub(in crate::engine) fn release(&self) -> bool {
        self.change(|state| {
            if state.counts.of(EntryState::Held) == 0 {
                return false;
            }
            state.hold = None;
            state.released = Some(Release::OfHeld);
            state.turn_open(EntryState::Pending);
            true
        })
    }
}

impl JobState {
    /// Holds all open entries back; without any, the job is not held.
    pub(super) fn hold_back(&mut self, hold: Hold) {
        self.parked_until = None;
        self.turn_open(EntryState::Held);
        self.hold = (self.counts.open() > 0).then(|| Box::new(hold));
    }

    fn turn_open(&mut self, to: EntryState) {
        for index in 0..self.counts.total() {
            if self.turn(index, to) {
                self.entries.clear_result(index);
            }
        }
    }
}
