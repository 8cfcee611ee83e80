//! All jobs at one glance, for those who watch over the service.

use std::sync::Arc;

use jiff::Timestamp;

use super::{EndedEntries, Engine};
use crate::domain::EntryState;
use crate::domain::job::JobStatus;

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
}
