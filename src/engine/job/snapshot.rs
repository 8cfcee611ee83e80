//! Copies of a job and of its entries, as they are shown.

use jiff::Timestamp;

use super::{Job, JobState};
use crate::domain::assignment::CatalogueItem;
use crate::domain::audit::Actor;
use crate::domain::callback::CallbackProgress;
use crate::domain::entry::{EntryRequest, Presence};
use crate::domain::entry_result::EntryResult;
use crate::domain::hold::Hold;
use crate::domain::job::{ConflictCounts, EntryCounts, JobSpec, JobStatus};
use crate::domain::{EntryState, JobId, UserId};
use crate::engine::estimate::workload::Load;

/// A copy of an entry.
#[derive(Debug, Clone)]
pub struct EntrySnapshot {
    pub index: u32,
    pub request: EntryRequest,
    pub user: Option<UserId>,
    pub state: EntryState,
    pub result: EntryResult,
    pub presence: Presence,
    /// Whether the person it was about has been erased. The request then names nobody.
    pub erased: bool,
}

/// A copy of a job without its entries.
#[derive(Debug, Clone)]
pub struct JobSnapshot {
    pub id: JobId,
    pub spec: JobSpec,
    pub status: JobStatus,
    pub created_at: Timestamp,
    /// Who submitted the job, if known.
    pub submitted_by: Option<Actor>,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub parked_until: Option<Timestamp>,
    pub counts: EntryCounts,
    pub conflicts: ConflictCounts,
    pub calls_made: u32,
    /// Skills that Genesys lacked and that were created for the job.
    pub created: Vec<CatalogueItem>,
    /// When the last waiting entry continues, if known.
    pub waits_until: Option<Timestamp>,
    /// The calls that are ahead of the job.
    pub(in crate::engine) load: Load,
    /// How many of its users are expected to get stuck.
    pub(in crate::engine) stuck_ahead: f64,
    /// Why the job is held, if it is.
    pub hold: Option<Hold>,
    /// How far the callback has come, if the job wants one.
    pub callback: CallbackProgress,
    /// Increases with every change.
    pub revision: u64,
}

impl Job {
    /// Returns a copy of the job.
    pub(in crate::engine) fn snapshot(&self) -> JobSnapshot {
        self.snapshot_of(&self.lock())
    }

    pub(super) fn snapshot_of(&self, state: &JobState) -> JobSnapshot {
        JobSnapshot {
            id: self.id,
            spec: self.spec.clone(),
            status: state.status(),
            created_at: self.created_at,
            submitted_by: self.submitted_by.clone(),
            started_at: state.started_at,
            finished_at: state.finished_at,
            parked_until: state.parked_until,
            counts: state.counts,
            conflicts: state.conflicts,
            calls_made: state.calls_made,
            created: state.created.clone(),
            waits_until: state.waits_until,
            load: state.load,
            stuck_ahead: state.work.stuck_ahead(),
            hold: state.hold.as_deref().cloned(),
            callback: state.callback.clone(),
            revision: state.revision,
        }
    }

    /// Returns at most `limit` entries from index `from` on, restricted to the state `wanted` if given, and the index
    /// where the next page starts.
    pub(in crate::engine) fn entries(
        &self,
        wanted: Option<EntryState>,
        from: u32,
        limit: usize,
    ) -> (Vec<EntrySnapshot>, Option<u32>) {
        let state = self.lock();
        let mut matching = state.entries.places(from, |state| wanted.is_none_or(|wanted| wanted == state));
        let page = matching.by_ref().take(limit).filter_map(|index| state.entry(index)).collect();
        (page, matching.next())
    }
}

impl JobState {
    /// Returns a copy of an entry. An entry that is held or waits together with its job shows the job's reason.
    pub(super) fn entry(&self, index: u32) -> Option<EntrySnapshot> {
        let mut entry = self.entries.snapshot(index)?;
        if entry.state == EntryState::Held {
            entry.result.message = Some("held with its job, which gives the reason; apply the job or cancel it".into());
        } else if entry.state == EntryState::Waiting && entry.result.message.is_none() {
            entry.result.message.clone_from(&self.held_up);
        }
        Some(entry)
    }

    /// Returns the state of the job as a whole.
    pub(super) fn status(&self) -> JobStatus {
        if self.counts.open() == 0 {
            match self.counts.of(EntryState::Cancelled) {
                1.. if self.cancelled => JobStatus::Cancelled,
                _ => JobStatus::Completed,
            }
        } else if self.counts.of(EntryState::Held) > 0 {
            JobStatus::Held
        } else if self.parked_until.is_some() && self.counts.of(EntryState::Running) == 0 {
            JobStatus::Parked
        } else if self.started_at.is_some() {
            JobStatus::Running
        } else {
            JobStatus::Queued
        }
    }
}
