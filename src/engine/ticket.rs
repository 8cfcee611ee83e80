//! A resolved entry on its way through a user's slot.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::job::Job;
use super::workload::Work;
use crate::domain::Assignments;
use crate::domain::job::Urgency;

/// One entry, with its user and its assignments known by id.
#[derive(Debug, Clone)]
pub(super) struct Ticket {
    pub(super) job: Arc<Job>,
    /// The entry's place in its job.
    pub(super) index: u32,
    pub(super) listed: Arc<Assignments>,
    /// When it happened at the sender; else when the job was accepted.
    pub(super) effective_at: Timestamp,
    /// Whether it can come too late: the sender said when it happened, or its job was held meanwhile.
    pub(super) dated: bool,
    /// The order of acceptance over all jobs.
    pub(super) order: u64,
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

    /// Whether both are the same entry.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.order == other.order
    }
}
