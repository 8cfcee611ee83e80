//! Continues with the writes that an earlier process left without an answer.
//!
//! The outcome of such a write is known only after its user has been read. Its entries are therefore parked with their
//! users before anything is looked up and before they can be cancelled, whatever happened to the names of users and
//! skills meanwhile: they continue with the ids that the write had.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::domain::place::DatesBefore;
use crate::domain::write_intent::WriteIntent;
use crate::domain::{JobId, UserKey};
use crate::engine::core::EngineCore;
use crate::engine::estimate::workload::Work;
use crate::engine::job::Job;
use crate::engine::user::pending_change::PendingChange;
use crate::engine::user::progress::Progress;
use crate::journal::KeptUserState;

/// The rows of each job that are parked with their users already.
pub(in crate::engine) type Parked = HashMap<JobId, HashSet<u32>>;

/// Takes the interrupted writes out of the user states.
pub(in crate::engine) fn taken_from(user_states: &mut [(UserKey, KeptUserState)]) -> Vec<(UserKey, Arc<WriteIntent>)> {
    user_states.iter_mut().filter_map(|(key, user_state)| Some((*key, user_state.attempt.take()?))).collect()
}

/// Continues with the writes whose entries have not all ended: the outcome of the others is known.
///
/// Invariant: an entry that a write was made for ends only after its user was read, or with a message that this was not
/// possible. Once it is parked here, no other end is open to it, and it is parked before its job can be queried.
pub(in crate::engine) fn go_on(
    engine: &EngineCore,
    attempts: Vec<(UserKey, Arc<WriteIntent>)>,
    jobs: &[Arc<Job>],
    dates: &DatesBefore,
) -> Parked {
    let jobs: HashMap<JobId, &Arc<Job>> = jobs.iter().map(|job| (job.id(), job)).collect();
    let mut parked = Parked::default();
    for (key, mut attempt) in attempts {
        for attempted in &mut Arc::make_mut(&mut attempt).entries {
            attempted.change.place = dates.place(attempted.change.place);
        }
        let mut work = Work::ReadAndWrite;
        let mut pending_changes = Vec::new();
        for attempted in &attempt.entries {
            let Some(job) = jobs.get(&attempted.change.by.0) else { continue };
            let pending_change = PendingChange::of_attempted(attempted, Arc::clone(job), work);
            let open: Vec<_> = pending_change.indices().filter_map(|row| Some((row, job.open_request(row)?))).collect();
            if open.is_empty() {
                continue;
            }
            for (row, request) in open {
                job.goes_on(row, key.user);
                engine.users.note(&request.user, key.user, job.id(), row);
                parked.entry(job.id()).or_default().insert(row);
            }
            work = Work::Shared;
            pending_changes.push(pending_change);
        }
        if pending_changes.is_empty() {
            continue;
        }
        for pending_change in &pending_changes {
            pending_change.job.parked(pending_change.work);
        }
        if let Some((lane, job)) = engine.slots.go_on(key, pending_changes, Progress::after_lost_answer(attempt)) {
            engine.queues.push(lane, job, key);
        }
    }
    parked
}
