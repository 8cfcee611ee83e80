//! What others ask of a job beside its work: what changed, and which entries could be done again.

use super::{EntrySnapshot, Job, JobSnapshot};
use crate::domain::EntryState;
use crate::domain::assignment::Difference;
use crate::domain::entry::EntryOrder;
use crate::domain::job::{EntryCounts, JobStatus};

/// What a follower of a job has been told: everything up to this change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Followed {
    pub revision: u64,
    /// The last entry told of those that changed with this revision.
    pub entry: u32,
}

impl Followed {
    /// Everything that a revision brought.
    pub fn all_of(revision: u64) -> Self {
        Self { revision, entry: u32::MAX }
    }
}

/// What a job adds up to.
pub(in crate::engine) struct Figures {
    pub(in crate::engine) status: JobStatus,
    pub(in crate::engine) counts: EntryCounts,
}

/// What a follower has not been told.
#[derive(Debug)]
pub struct News {
    /// Entries in the order of their changes.
    pub entries: Vec<(Followed, EntrySnapshot)>,
    /// The job, once all entries have been told.
    pub job: Option<JobSnapshot>,
}

impl Job {
    /// What changed behind `told`, at most `limit` entries of it.
    pub(in crate::engine) fn news(&self, told: Followed, limit: usize) -> News {
        let state = self.lock();
        let mut changed = state.changes.after((told.revision, told.entry));
        let entries = changed
            .by_ref()
            .take(limit)
            .filter_map(|(revision, index)| Some((Followed { revision, entry: index }, state.entry(index)?)));
        let entries = entries.collect();
        let job = changed.next().is_none().then(|| self.snapshot_of(&state));
        News { entries, job }
    }

    /// What the job adds up to.
    pub(in crate::engine) fn figures(&self) -> Figures {
        let state = self.lock();
        Figures { status: state.status(), counts: state.counts }
    }

    /// Where the job stands.
    pub(in crate::engine) fn status(&self) -> JobStatus {
        self.lock().status()
    }

    /// What the entry is to change at most, if that was settled before.
    pub(in crate::engine) fn plan(&self, index: u32) -> Option<Box<Difference>> {
        self.lock().entries.plan(index).cloned().map(Box::new)
    }

    /// The caller's own name for a row.
    pub(in crate::engine) fn reference(&self, index: u32) -> Option<Box<str>> {
        self.lock().entries.request(index)?.reference
    }

    /// The entries in one of these states, to be carried out again in their places.
    pub(in crate::engine) fn orders(&self, states: &[EntryState]) -> Vec<EntryOrder> {
        let state = self.lock();
        let wanted = state.entries.places(0, |state| states.contains(&state));
        let order = wanted.filter_map(|index| {
            let plan = state.entries.plan(index).map(|plan| Box::new(plan.clone()));
            Some(EntryOrder {
                request: state.entries.request(index)?,
                plan,
                repeats: Some(self.place_in(&state, index)),
            })
        });
        order.collect()
    }

    /// The planned entries of a dry run, each held to its plan and in its place.
    pub(in crate::engine) fn planned(&self) -> Vec<EntryOrder> {
        let state = self.lock();
        let planned = state.entries.places(0, |state| state == EntryState::Planned);
        let order = planned.filter_map(|index| {
            let plan = Some(Box::new(state.entries.result(index).effects.difference));
            Some(EntryOrder {
                request: state.entries.request(index)?,
                plan,
                repeats: Some(self.place_in(&state, index)),
            })
        });
        order.collect()
    }
}
