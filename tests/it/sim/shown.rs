//! What was shown of entries while a run went on: an end that was shown never goes back.

use std::collections::BTreeMap;

use skillsync::domain::{EntryState, JobId};
use skillsync::engine::{Engine, EntryResult};
use tokio::time::Instant;

/// The first end that was shown of each entry, and when.
#[derive(Debug, Clone, Default)]
pub(super) struct Taken(BTreeMap<(JobId, u32), Shown>);

/// An end as it was shown.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) at: Instant,
    pub(super) state: EntryState,
    pub(super) result: EntryResult,
}

impl Taken {
    /// Looks at a job.
    pub(super) fn look(&mut self, engine: &Engine, job: JobId) {
        let Some((entries, _)) = engine.entries(job, None, 0, usize::MAX) else { return };
        for entry in entries.into_iter().filter(|entry| entry.state.is_terminal()) {
            let shown = || Shown { at: Instant::now(), state: entry.state, result: entry.result.clone() };
            self.0.entry((job, entry.index)).or_insert_with(shown);
        }
    }

    pub(super) fn first(&self, job: JobId, index: u32) -> Option<&Shown> {
        self.0.get(&(job, index))
    }
}
