//! Reads back at the start what earlier processes recorded.

use std::time::Duration;

use rusqlite::Connection;
use tokio::time::Instant;

use crate::journal::content::Recovered;
use crate::journal::content::RecoveredJob;
use crate::journal::written::memos;
use crate::journal::written::owner;
use crate::journal::written::rows::{self, StoredRowError};

/// Interval between progress messages.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Reads everything that the journal contains.
pub(in crate::journal) fn recover(connection: &Connection) -> Result<Recovered, StoredRowError> {
    let mut recovered = Recovered::default();
    let mut progress = RecoveryProgress::new(connection.query_row("SELECT count(*) FROM job", [], |row| row.get(0))?);
    rows::each_job(connection, |job| {
        let job = job?;
        progress.read(&job);
        recovered.jobs.push(job);
        Ok(())
    })?;
    rows::each_standing(connection, |user_state| {
        recovered.user_states.push(user_state?);
        Ok(())
    })?;
    rows::each_key(connection, |key| {
        recovered.keys.push(key?);
        Ok(())
    })?;
    rows::each_call(connection, |call| {
        recovered.calls.push(call?);
        Ok(())
    })?;
    recovered.memos = memos::recover(connection)?;
    recovered.belongs_to = owner::read(connection)?;
    Ok(recovered)
}

/// Logs the progress of a recovery that takes longer.
struct RecoveryProgress {
    of_jobs: u32,
    jobs: u32,
    entries: usize,
    told_at: Instant,
}

impl RecoveryProgress {
    fn new(of_jobs: u32) -> Self {
        Self { of_jobs, jobs: 0, entries: 0, told_at: Instant::now() }
    }

    fn read(&mut self, job: &RecoveredJob) {
        self.jobs += 1;
        self.entries += job.outcomes.len();
        if self.told_at.elapsed() >= TELL_EVERY {
            self.told_at = Instant::now();
            let Self { jobs, of_jobs, entries, .. } = *self;
            tracing::info!(jobs, of_jobs, entries, "reading the journal");
        }
    }
}
