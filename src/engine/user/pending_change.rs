//! A resolved entry on its way through a user's slot.

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

/// One entry, with its user and its assignments known by id; or several rows about one user that are taken as one.
#[derive(Debug, Clone)]
pub(in crate::engine) struct PendingChange {
    pub(in crate::engine) job: Arc<Job>,
    /// The entry's place in its job; of several rows, the first one's.
    pub(in crate::engine) index: u32,
    /// All rows with what each of them lists, if there are several.
    pub(in crate::engine) rows: Arc<[(u32, Arc<Listed>)]>,
    pub(in crate::engine) listed: Arc<Listed>,
    pub(in crate::engine) place: Place,
    /// Whether it comes too late if something newer was carried out before it was accepted: it has a date of its own, or
    /// it repeats an entry.
    pub(in crate::engine) can_be_stale: bool,
    /// What its reconciliation takes, for estimates.
    pub(in crate::engine) work: Work,
}

impl PendingChange {
    /// The lane of the pending change's job.
    pub(in crate::engine) fn lane(&self) -> Lane {
        self.job.spec().lane
    }

    /// How long ago the pending change's job was accepted.
    pub(in crate::engine) fn waited(&self, now: Timestamp) -> Duration {
        Duration::try_from(now.duration_since(self.job.created_at())).unwrap_or_default()
    }

    /// The entry that it is reported by.
    pub(in crate::engine) fn entry(&self) -> EntryId {
        (self.job.id(), self.index)
    }

    /// What it asks for.
    pub(in crate::engine) fn change(&self) -> Change {
        let (mode, listed) = (self.job.spec().mode, Arc::clone(&self.listed));
        Change { place: self.place, by: self.entry(), mode, listed }
    }

    /// What it takes to go on with it after another start.
    pub(in crate::engine) fn attempted(&self) -> IntendedChange {
        IntendedChange { change: self.change(), rows: Arc::clone(&self.rows) }
    }

    /// A pending change of a process before this one, which a write was made for: it is past the question if it comes too late.
    pub(in crate::engine) fn of_attempted(attempted: &IntendedChange, job: Arc<Job>, work: Work) -> Self {
        let IntendedChange { change, rows } = attempted;
        let (listed, rows, (_, index)) = (Arc::clone(&change.listed), Arc::clone(rows), change.by);
        Self { job, index, rows, listed, place: change.place, can_be_stale: false, work }
    }

    /// The rows of the job that end with it.
    pub(in crate::engine) fn indices(&self) -> impl Iterator<Item = u32> + '_ {
        let single = self.rows.is_empty().then_some(self.index);
        single.into_iter().chain(self.rows.iter().map(|(index, _)| *index))
    }

    /// What each row gets of the outcome: of what was done, the first row that lists an assignment reports it, and
    /// what was done beside the lists is the first row's. A row is superseded if something that it lists was undone.
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
            let difference = effects.difference.clone().restricted_to(|id| lister(id) == row);
            let kept = |ids: &[_]| ids.iter().copied().filter(|id| lister(*id) == row).collect();
            let share =
                Effects { preserved: kept(&effects.preserved), overwritten: kept(&effects.overwritten), difference };
            if applies && !share.difference.is_empty() {
                return (*index, Outcome::Applies(share));
            }
            let by = undone_by(row, listed).filter(|_| applies);
            (*index, by.map_or_else(|| Outcome::Unchanged(share), Outcome::SupersededBy))
        };
        self.rows.iter().enumerate().map(share).collect()
    }
}
