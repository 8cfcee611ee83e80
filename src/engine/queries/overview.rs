//! An overview of all jobs, for monitoring.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::EntryState;
use crate::domain::Target;
use crate::domain::job::JobStatus;
use crate::engine::core::Engine;
use crate::engine::estimate::totals::EndedEntries;
use crate::engine::org::known_names::Names;
use crate::journal::JournalUsage;

/// The sums over all jobs in memory.
#[derive(Debug)]
pub struct Overview {
    /// Number of jobs in each status.
    pub jobs: [u64; JobStatus::ALL.len()],
    /// Number of entries in each state.
    pub entries: [u64; EntryState::ALL.len()],
    /// When the oldest job that has not ended was accepted.
    pub oldest_open: Option<Timestamp>,
    /// Number of users with work pending or under way.
    pub occupied_slots: usize,
    /// What has ended since the start of the process.
    pub ended: Arc<EndedEntries>,
}

impl Engine {
    /// Returns the sums over all jobs. Examines every job but no entry, because a job knows its counts.
    pub fn overview(&self) -> Overview {
        let mut overview = Overview {
            jobs: Default::default(),
            entries: Default::default(),
            oldest_open: None,
            occupied_slots: self.occupied_slots(),
            ended: Arc::clone(self.core.open.ended()),
        };
        self.core.registry.for_each(|job| {
            let figures = job.figures();
            overview.jobs[figures.status as usize] += 1;
            for state in EntryState::ALL {
                overview.entries[state as usize] += u64::from(figures.counts.of(state));
            }
            if figures.counts.open() > 0 {
                let accepted = job.created_at();
                overview.oldest_open = Some(overview.oldest_open.map_or(accepted, |oldest| oldest.min(accepted)));
            }
        });
        overview
    }

    /// Returns the known names of a target's assignments.
    pub fn names(&self, target: Target) -> Names<'_> {
        self.core.names.with(self.core.catalogues.known(target))
    }

    /// Returns how much the journal holds.
    pub fn journal_usage(&self) -> JournalUsage {
        self.core.journal.usage()
    }

    /// Returns the number of entries that have not ended, over all jobs.
    pub fn open_entries(&self) -> u32 {
        self.core.open.count()
    }

    /// Returns a name for what Genesys has not listed for at least `time`, although it was asked.
    pub fn unlisted_for(&self, time: Duration) -> Option<&'static str> {
        self.core.directory.unreadable_for(time).or_else(|| self.core.catalogues.unreadable_for(time))
    }

    /// Returns whether jobs take all the memory that they may.
    pub fn lacks_room(&self) -> bool {
        self.core.open.held_bytes() >= self.core.settings.job_room
    }

    /// Returns the bytes that jobs take, including ended ones.
    pub fn held_bytes(&self) -> usize {
        self.core.open.held_bytes()
    }

    /// Returns the number of users with work pending or under way; zero when all work is done.
    pub fn occupied_slots(&self) -> usize {
        self.core.slots.len()
    }
}
