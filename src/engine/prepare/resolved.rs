//! An entry whose names are resolved.

use std::sync::Arc;

use crate::domain::{Listed, Place, Proficiency, UserId};
use crate::engine::estimate::workload::Work;
use crate::engine::job::Job;
use crate::engine::user::pending_change::PendingChange;

/// An entry whose user and assignments are known by id.
#[derive(Debug)]
pub(in crate::engine) struct Resolved {
    /// The entry's place in its job.
    pub(in crate::engine) index: u32,
    pub(in crate::engine) user: UserId,
    pub(in crate::engine) listed: Arc<Listed>,
    /// What it lists beside that and Genesys lacks: to be created before the entry goes on.
    pub(in crate::engine) lacking: Arc<[Lacking]>,
    /// Where it stands in the effective order.
    pub(in crate::engine) place: Place,
    /// Whether its sender said when it happened.
    pub(in crate::engine) dated: bool,
    /// Of several rows about the user that are one list: what each of them lists.
    pub(in crate::engine) rows: Arc<[(u32, Arc<Listed>)]>,
}

/// A skill that Genesys lacks, as an entry lists it.
#[derive(Debug)]
pub(in crate::engine) struct Lacking {
    pub(in crate::engine) name: Arc<str>,
    pub(in crate::engine) proficiency: Option<Proficiency>,
}

impl Resolved {
    pub(in crate::engine) fn pending_change(self, job: &Arc<Job>, work: Work) -> PendingChange {
        let Self { index, listed, place, rows, .. } = self;
        PendingChange { can_be_stale: job.can_be_stale(index), job: Arc::clone(job), index, rows, listed, place, work }
    }
}
