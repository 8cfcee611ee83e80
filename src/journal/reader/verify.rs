//! Verifies that a journal is intact: its files, and every record in it.

use rusqlite::Connection;

use super::JournalReader;
use crate::journal::error::JournalError;
use crate::journal::files::damage::{self, log_damaged, log_of};
use crate::journal::files::wal_check::{self, LogEnd};
use crate::journal::written::memos;
use crate::journal::written::owner;
use crate::journal::written::rows::{self, StoredRowError};

/// Maximum number of faults that are listed.
const MAX_FAULTS: u32 = 100;

/// Result of a verification.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Number of records that were read and understood.
    pub records: u64,
    /// What is wrong; empty if the journal is intact.
    pub faults: Vec<String>,
    /// Observations that are not faults.
    pub remarks: Vec<String>,
}

impl JournalReader {
    /// Reads everything. Fails only if the journal cannot be read at all.
    pub fn verify(&self) -> Result<Verdict, JournalError> {
        let mut verdict = Verdict::default();
        self.look_at_log(&mut verdict)?;
        let view = self.view()?;
        verdict.faults.extend(damage::faults(&view, MAX_FAULTS).map_err(|error| self.fault(&error.into()))?);
        if verdict.faults.is_empty() {
            understand(&view, &mut verdict).map_err(|error| self.fault(&error))?;
        } else {
            verdict.remarks.push("the records were not read, because the database is damaged".to_owned());
        }
        Ok(verdict)
    }

    /// Checks the log, which is at rest only while no process works with the journal.
    fn look_at_log(&self, verdict: &mut Verdict) -> Result<(), JournalError> {
        if self.in_use() {
            verdict.remarks.push(
                "a service is using the journal; the log beside the database was read as the service sees it"
                    .to_owned(),
            );
            return Ok(());
        }
        let log = log_of(&self.database);
        let cannot = |error| JournalError::CannotWrite(format!("{}: {error}", log.display()));
        match wal_check::check(&self.database, &log).map_err(cannot)? {
            LogEnd::Whole => {}
            LogEnd::CutShort { offset, bytes } => verdict.remarks.push(format!(
                "{} ends in {bytes} half written bytes at offset {offset}, which were never promised to a caller",
                log.display()
            )),
            LogEnd::Damaged { offset } => verdict.faults.push(log_damaged(&log, offset).to_string()),
        }
        Ok(())
    }
}

/// Reads every record, and looks for entries without a job.
fn understand(view: &Connection, verdict: &mut Verdict) -> Result<(), StoredRowError> {
    rows::each_job(view, |job| verdict.count(job, |job| 1 + job.outcomes.len() as u64))?;
    rows::each_standing(view, |standing| verdict.count(standing, |_| 1))?;
    rows::each_key(view, |key| verdict.count(key, |_| 1))?;
    rows::each_call(view, |call| verdict.count(call, |_| 1))?;
    verdict.records += memos::recover(view)?.len() as u64;
    verdict.records += u64::from(owner::read(view)?.is_some());
    let orphans =
        "SELECT count(*) FROM entry WHERE job NOT IN (SELECT id FROM job UNION ALL SELECT job FROM forgotten_job)";
    let orphans: u32 = view.query_row(orphans, [], |row| row.get(0))?;
    if orphans > 0 {
        verdict.faults.push(format!("{orphans} entries belong to no job"));
    }
    Ok(())
}

impl Verdict {
    /// Counts a record that was understood, and lists one that was not; a failure of the database ends the
    /// verification.
    fn count<T>(
        &mut self,
        read: Result<T, StoredRowError>,
        records: impl FnOnce(&T) -> u64,
    ) -> Result<(), StoredRowError> {
        match read {
            Ok(read) => self.records += records(&read),
            Err(StoredRowError::Database(error)) => return Err(error.into()),
            Err(fault @ StoredRowError::NotUnderstood(_)) if self.faults.len() < MAX_FAULTS as usize => {
                self.faults.push(fault.to_string());
            }
            Err(StoredRowError::NotUnderstood(_)) => {}
        }
        Ok(())
    }
}
