//! A job that is held back as a whole, before anything of it has begun, until somebody lets it go on or cancels it.

use std::collections::HashSet;

use super::{Job, JobState};
use crate::domain::EntryState;
use crate::domain::hold::Hold;

/// How a job came to go on whatever it weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Release {
    /// It was held, or a process before this one let it go on.
    OfHeld,
    /// Before it was weighed.
    AtOnce,
}

impl Job {
    /// Whether something of it has begun: then it has been weighed before.
    pub(in crate::engine) fn has_begun(&self) -> bool {
        self.lock().started_at.is_some()
    }

    /// Whether somebody let it go on, whatever it weighs.
    pub(in crate::engine) fn was_released(&self) -> bool {
        self.lock().released.is_some()
    }

    /// Whether no entry is open any more.
    pub(in crate::engine) fn is_over(&self) -> bool {
        self.lock().counts.open() == 0
    }

    /// Whether no entry is open but what is with its user already.
    pub(in crate::engine) fn is_on_its_way(&self, parked: &HashSet<u32>) -> bool {
        let state = self.lock();
        let open = state.entries.places(0, |state| !state.is_terminal());
        open.into_iter().all(|index| parked.contains(&index))
    }

    /// Resolves when no entry is open any more but what is with its user already.
    pub(in crate::engine) async fn on_its_way(&self, parked: &HashSet<u32>) {
        let mut revisions = self.watch();
        while !self.is_on_its_way(parked) {
            if revisions.changed().await.is_err() {
                return;
            }
        }
    }

    /// Lets it go on before it was held, whatever it weighs.
    pub(in crate::engine) fn release_at_once(&self) {
        self.lock().released = Some(Release::AtOnce);
    }

    /// Whether it was held, and let go on.
    pub(in crate::engine) fn was_held(&self) -> bool {
        self.lock().released == Some(Release::OfHeld)
    }

    /// Holds back everything that is open.
    pub(in crate::engine) fn hold_back(&self, hold: Hold) {
        self.change(|state| state.hold_back(hold));
    }

    /// Lets what is held back go on; false if nothing is.
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
