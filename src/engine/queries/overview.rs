//! All jobs at one glance, for those who watch over the service.

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

/// What all jobs in memory add up to.
#[derive(Debug)]
pub struct Overview {
    /// Jobs in each status.
    pub jobs: [u64; JobStatus::ALL.len()],
    /// Entries in each state.
    pub entries: [u64; EntryState::ALL.len()],
    /// When the oldest job was accepted that has not ended.
    pub oldest_open: Option<Timestamp>,
    /// Users with something pending or under way.
    pub occupied_slots: usize,
    /// What ended since the start.
    pub ended: Arc<EndedEntries>,
}

impl Engine {
    /// Looks at every job, but at no entry: a job knows its counts.
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

    /// The names of a target's assignments, as far as they are known.
    pub fn names(&self, target: Target) -> Names<'_> {
        self.core.names.with(self.core.catalogues.known(target))
    }

    /// How much the journal holds.
    pub fn journal_usage(&self) -> JournalUsage {
        self.core.journal.usage()
    }

    /// Entries of all jobs that have not ended.
    pub fn open_entries(&self) -> u32 {
        self.core.open.count()
    }

    /// What Genesys has not listed for so long, although it was asked.
    pub fn unlisted_for(&self, time: Duration) -> Option<&'static str> {
        self.core.directory.unreadable_for(time).or_else(|| self.core.catalogues.unreadable_for(time))
    }

    /// Whether jobs hold all the memory that they may.
    pub fn lacks_room(&self) -> bool {
        self.core.open.held_bytes() >= self.core.settings.job_room
    }

    /// Bytes that jobs hold, also those that have ended.
    pub fn held_bytes(&self) -> usize {
        self.core.open.held_bytes()
    }

    /// Users with something pending or under way; zero when all work is done.
    pub fn occupied_slots(&self) -> usize {
        self.core.slots.len()
    }
}
