//! A job that is held back as a whole, before anything of it has begun, until somebody lets it go on or cancels it.

use super::{Job, State};
use crate::domain::EntryState;
use crate::domain::hold::Hold;

impl Job {
    /// Whether something of it has begun: then it has been weighed before.
    pub(in crate::engine) fn has_begun(&self) -> bool {
        self.lock().started_at.is_some()
    }

    /// Whether it was held, and let go on.
    pub(in crate::engine) fn was_released(&self) -> bool {
        self.lock().released
    }

    /// Whether no entry is open any more.
    pub(in crate::engine) fn is_over(&self) -> bool {
        self.lock().counts.open() == 0
    }

    /// Resolves when no entry is open any more.
    pub(in crate::engine) async fn over(&self) {
        let mut revisions = self.watch();
        while !self.is_over() {
            if revisions.changed().await.is_err() {
                return;
            }
        }
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
            state.released = true;
            state.turn_open(EntryState::Pending);
            true
        })
    }
}

impl State {
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
