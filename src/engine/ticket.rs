//! A resolved entry on its way through a user's slot.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::job::Job;
use super::workload::Work;
use crate::domain::attempt::Attempted;
use crate::domain::fold::Change;
use crate::domain::job::Urgency;
use crate::domain::{EntryId, Listed, Place};

/// One entry, with its user and its assignments known by id; or several rows about one user that are taken as one.
#[derive(Debug, Clone)]
pub(super) struct Ticket {
    pub(super) job: Arc<Job>,
    /// The entry's place in its job; of several rows, the first one's.
    pub(super) index: u32,
    /// All rows with what each of them lists, if there are several.
    pub(super) rows: Arc<[(u32, Arc<Listed>)]>,
    pub(super) listed: Arc<Listed>,
    pub(super) place: Place,
    /// Whether it comes too late if something newer was carried out before it was accepted: it has a date of its own, or
    /// it repeats an entry.
    pub(super) can_be_stale: bool,
    /// What its pass takes, for estimates.
    pub(super) work: Work,
}

impl Ticket {
    /// The urgency of the ticket's job.
    pub(super) fn urgency(&self) -> Urgency {
        self.job.spec().urgency
    }

    /// How long ago the ticket's job was accepted.
    pub(super) fn waited(&self, now: Timestamp) -> Duration {
        Duration::try_from(now.duration_since(self.job.created_at())).unwrap_or_default()
    }

    /// The entry that it is reported by.
    pub(super) fn entry(&self) -> EntryId {
        (self.job.id(), self.index)
    }

    /// What it asks for.
    pub(super) fn change(&self) -> Change {
        let (mode, listed) = (self.job.spec().mode, Arc::clone(&self.listed));
        Change { place: self.place, by: self.entry(), mode, listed }
    }

    /// What it takes to go on with it after another start.
    pub(super) fn attempted(&self) -> Attempted {
        Attempted { change: self.change(), rows: Arc::clone(&self.rows) }
    }

    /// A ticket of a process before this one, which a write was made for: it is past the question if it comes too late.
    pub(super) fn of_attempted(attempted: &Attempted, job: Arc<Job>, work: Work) -> Self {
        let Attempted { change, rows } = attempted;
        let (listed, rows, (_, index)) = (Arc::clone(&change.listed), Arc::clone(rows), change.by);
        Self { job, index, rows, listed, place: change.place, can_be_stale: false, work }
    }

    /// The rows of the job that end with it.
    pub(super) fn indices(&self) -> impl Iterator<Item = u32> + '_ {
        let single = self.rows.is_empty().then_some(self.index);
        single.into_iter().chain(self.rows.iter().map(|(index, _)| *index))
    }
}
