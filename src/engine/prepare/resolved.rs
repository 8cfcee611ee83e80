//! Entries whose names are resolved.

use std::sync::Arc;

use crate::domain::{Listed, Place, Proficiency, UserId};
use crate::engine::estimate::workload::Work;
use crate::engine::job::Job;
use crate::engine::user::pending_change::PendingChange;

/// An entry whose user and assignments are known by id.
#[derive(Debug)]
pub(in crate::engine) struct Resolved {
    /// The index of the entry in its job.
    pub(in crate::engine) index: u32,
    pub(in crate::engine) user: UserId,
    pub(in crate::engine) listed: Arc<Listed>,
    /// Listed skills that Genesys lacks. They are created before the entry goes on.
    pub(in crate::engine) lacking: Arc<[Lacking]>,
    /// Its place in the effective order.
    pub(in crate::engine) place: Place,
    /// Whether its sender dated it.
    pub(in crate::engine) dated: bool,
    /// What each row lists, if several rows about the user form one list; otherwise empty.
    pub(in crate::engine) rows: Arc<[(u32, Arc<Listed>)]>,
}

/// A listed skill that Genesys lacks.
#[derive(Debug)]
pub(in crate::engine) struct Lacking {
    pub(in crate::engine) name: Arc<str>,
    pub(in crate::engine) proficiency: Option<Proficiency>,
}

impl Resolved {
    /// Converts the entry into a pending change.
    pub(in crate::engine) fn pending_change(self, job: &Arc<Job>, work: Work) -> PendingChange {
        let Self { index, listed, place, rows, .. } = self;
        PendingChange { can_be_stale: job.can_be_stale(index), job: Arc::clone(job), index, rows, listed, place, work }
    }
}
