//! A pending change: a resolved entry that waits in its user's slot.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::entry::Effects;
use crate::domain::fold::{Change, Outcome, Undone};
use crate::domain::job::Lane;
use crate::domain::write_intent::IntendedChange;
use crate::domain::{EntryId, Listed, Place};
use crate::engine::estimate::workload::Work;
use crate::engine::job::Job;

/// An entry whose user and assignments are known by id, or several rows about one user that are combined into one.
#[derive(Debug, Clone)]
pub(in crate::engine) struct PendingChange {
    pub(in crate::engine) job: Arc<Job>,
    /// The index of the entry in its job; of several rows, that of the first.
    pub(in crate::engine) index: u32,
    /// All rows with what each of them lists, if there are several; otherwise empty.
    pub(in crate::engine) rows: Arc<[(u32, Arc<Listed>)]>,
    pub(in crate::engine) listed: Arc<Listed>,
    pub(in crate::engine) place: Place,
    /// Whether the change comes too late if a newer one was carried out before it was accepted. True if the entry has a
    /// date of its own or repeats another entry.
    pub(in crate::engine) can_be_stale: bool,
    /// The work that its reconciliation takes, for estimates.
    pub(in crate::engine) work: Work,
}

impl PendingChange {
    /// Returns the lane of the job.
    pub(in crate::engine) fn lane(&self) -> Lane {
        self.job.spec().lane
    }

    /// Returns the time since the job was accepted.
    pub(in crate::engine) fn waited(&self, now: Timestamp) -> Duration {
        Duration::try_from(now.duration_since(self.job.created_at())).unwrap_or_default()
    }

    /// Returns the entry that reports the change.
    pub(in crate::engine) fn entry(&self) -> EntryId {
        (self.job.id(), self.index)
    }

    /// Returns the change to fold.
    pub(in crate::engine) fn change(&self) -> Change {
        let (spec, listed) = (self.job.spec(), Arc::clone(&self.listed));
        Change { place: self.place, by: self.entry(), owner: spec.owner.clone(), mode: spec.mode, listed }
    }

    /// Returns what the journal needs to continue with the change after a restart.
    pub(in crate::engine) fn attempted(&self) -> IntendedChange {
        IntendedChange { change: self.change(), rows: Arc::clone(&self.rows) }
    }

    /// Restores a pending change for which an earlier process made a write. Whether it came too late was settled before
    /// that write.
    pub(in crate::engine) fn of_attempted(attempted: &IntendedChange, job: Arc<Job>, work: Work) -> Self {
        let IntendedChange { change, rows } = attempted;
        let (listed, rows, (_, index)) = (Arc::clone(&change.listed), Arc::clone(rows), change.by);
        Self { job, index, rows, listed, place: change.place, can_be_stale: false, work }
    }

    /// Returns the rows of the job that end with the change.
    pub(in crate::engine) fn indices(&self) -> impl Iterator<Item = u32> + '_ {
        let single = self.rows.is_empty().then_some(self.index);
        single.into_iter().chain(self.rows.iter().map(|(index, _)| *index))
    }

    /// Divides an outcome among the rows. An effect is reported by the first row that lists the assignment, and effects
    /// outside the lists by the first row. A row is superseded if something that it lists was undone.
    pub(in crate::engine) fn shares(&self, outcome: Outcome, undone: &[Undone]) -> Vec<(u32, Outcome)> {
        if self.rows.is_empty() {
            return vec![(self.index, outcome)];
        }
        let lister = |id| self.rows.iter().position(|(_, listed)| listed.contains(id)).unwrap_or_default();
        let undone: Vec<_> = undone.iter().filter(|undone| undone.change == self.entry()).collect();
        let undone_by = |row: usize, listed: &Listed| {
            let of_row = |undone: &&&Undone| listed.contains(undone.id) || lister(undone.id) == row;
            undone.iter().rev().find(of_row).map(|undone| undone.by)
        };
        let (effects, applies) = match outcome {
            Outcome::Applies(effects) => (effects, true),
            Outcome::Unchanged(effects) => (effects, false),
            Outcome::SupersededBy(by) => {
                let of_row = |(row, (index, listed)): (usize, &(u32, Arc<Listed>))| {
                    let by = if undone.is_empty() { Some(by) } else { undone_by(row, listed) };
                    (*index, by.map_or_else(|| Outcome::Unchanged(Effects::default()), Outcome::SupersededBy))
                };
                return self.rows.iter().enumerate().map(of_row).collect();
            }
            Outcome::TooMany { .. } => return self.indices().map(|index| (index, outcome.clone())).collect(),
        };
        let share = |(row, (index, listed)): (usize, &(u32, Arc<Listed>))| {
            let share = effects.restricted_to(|id| lister(id) == row);
            if applies && !share.difference.is_empty() {
                return (*index, Outcome::Applies(share));
            }
            let by = undone_by(row, listed).filter(|_| applies);
            (*index, by.map_or_else(|| Outcome::Unchanged(share), Outcome::SupersededBy))
        };
        self.rows.iter().enumerate().map(share).collect()
    }
}
