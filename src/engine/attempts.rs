//! Writes that a process before this one left under way.

use std::collections::HashMap;

use crate::domain::attempt::Attempted;
use crate::domain::{JobId, UserKey};
use crate::journal::{KeptStanding, RecoveredJob};

/// What is remembered of users, with the writes of entries that have not ended: what became of the others is known.
pub(super) fn of_open_entries(
    mut standings: Vec<(UserKey, KeptStanding)>,
    jobs: &[RecoveredJob],
) -> Vec<(UserKey, KeptStanding)> {
    let jobs: HashMap<JobId, _> = jobs.iter().map(|kept| (kept.job.id, &kept.outcomes)).collect();
    let is_open = |entry: &Attempted| {
        let (job, index) = entry.change.by;
        jobs.get(&job).and_then(|outcomes| outcomes.get(index as usize)).is_some_and(Option::is_none)
    };
    for (_, standing) in &mut standings {
        standing.attempt = standing.attempt.take().filter(|attempt| attempt.entries.iter().any(is_open));
    }
    standings
}
