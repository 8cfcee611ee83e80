//! Reads a journal, even while a service works with it: nothing is locked, created or changed.
//!
//! `SQLite` lets readers see what was durable when they began, while the service continues to write. A reader only
//! delays the truncation of the log beside the database.

mod export;
mod verify;

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, Transaction};

pub use self::export::{ExportError, Exported};
pub use self::verify::Verdict;
use crate::domain::audit::AuditFilter;
use crate::journal::content::AuditPage;
use crate::journal::error::JournalError;
use crate::journal::files::damage::{self, log_of};
use crate::journal::files::place::{self, DATABASE, LOCK};
use crate::journal::inspect;
use crate::journal::schema::{self, VERSION};
use crate::journal::written::audit;
use crate::journal::written::rows::StoredRowError;

/// A journal, or a backup of one, opened for reading only.
#[derive(Debug)]
pub struct JournalReader {
    database: PathBuf,
    connection: Connection,
}

/// Number of records by kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    pub version: u32,
    pub database_bytes: u64,
    pub log_bytes: u64,
    pub jobs: u64,
    pub oldest_job: Option<Timestamp>,
    pub newest_job: Option<Timestamp>,
    /// By the word for their state; `open` for entries that have not ended.
    pub entries: BTreeMap<String, u64>,
    pub standings: u64,
    pub keys: u64,
    pub memos: u64,
}

impl JournalReader {
    /// Opens the journal in a folder, or a database file by itself, which is what a backup is.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let database = if path.is_dir() { path.join(DATABASE) } else { path.to_owned() };
        if !database.exists() {
            return Err(JournalError::Absent(database));
        }
        let connection = Connection::open_with_flags(&database, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .map_err(|error| schema::failed(&database, &error))?;
        Ok(Self { database, connection })
    }

    /// Counts the records by kind.
    pub fn contents(&self) -> Result<Contents, JournalError> {
        let view = self.view()?;
        let contents = || -> rusqlite::Result<Contents> {
            let count = |table: &str| {
                let rows = view.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, u32>(0));
                rows.map(u64::from)
            };
            let (oldest, newest) = view.query_row("SELECT min(created_at), max(created_at) FROM job", [], |row| {
                Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?))
            })?;
            let date = |at: Option<i64>| at.and_then(|at| Timestamp::from_millisecond(at).ok());
            let bytes = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
            Ok(Contents {
                version: inspect::version_of(&view)?,
                database_bytes: bytes(&self.database),
                log_bytes: bytes(&log_of(&self.database)),
                jobs: count("job")?,
                oldest_job: date(oldest),
                newest_job: date(newest),
                entries: entries_by_state(&view)?,
                standings: count("standing")?,
                keys: count("acceptance_key")?,
                memos: count("memo")?,
            })
        };
        contents().map_err(|error| self.fault(&error.into()))
    }

    /// Reads a page of the audit record, newest first.
    pub fn audit(
        &self,
        filter: &AuditFilter,
        older_than: Option<u64>,
        limit: usize,
    ) -> Result<AuditPage, JournalError> {
        let page = || {
            if audit::is_there(&self.connection)? {
                audit::page(&self.connection, filter, older_than, limit)
            } else {
                Ok(AuditPage::default())
            }
        };
        page().map_err(|error: rusqlite::Error| self.fault(&error.into()))
    }

    /// Copies what is durable at this moment into a new file and returns its size in bytes. The file appears complete
    /// or not at all.
    pub fn backup(&self, to: &Path) -> Result<u64, JournalError> {
        let cannot = |error: io::Error| JournalError::CannotWrite(format!("{}: {error}", to.display()));
        if to.exists() {
            return Err(cannot(io::ErrorKind::AlreadyExists.into()));
        }
        let mut partial = to.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        // Left by an earlier attempt.
        let _ = fs::remove_file(&partial);
        let settled = place::copy_into(&self.connection, &partial).and_then(|()| {
            fs::rename(&partial, to).map_err(cannot)?;
            fs::metadata(to).map(|file| file.len()).map_err(cannot)
        });
        if settled.is_err() {
            let _ = fs::remove_file(&partial);
        }
        settled
    }

    /// Begins a consistent view of the journal, whatever is written meanwhile. Fails unless this program knows the
    /// version.
    fn view(&self) -> Result<Transaction<'_>, JournalError> {
        let (path, known) = (self.database.clone(), VERSION);
        let view = self.connection.unchecked_transaction().map_err(|error| self.fault(&error.into()))?;
        match inspect::version_of(&view).map_err(|error| self.fault(&error.into()))? {
            found if found > known => Err(JournalError::TooNew { path, found, known }),
            found if found < known => Err(JournalError::TooOld { path, found, known }),
            _ => Ok(view),
        }
    }

    /// Returns whether a process works with the journal. Tests a lock that is released at once; a service that starts
    /// at that moment tries again.
    fn in_use(&self) -> bool {
        let lock = File::open(self.database.with_file_name(LOCK));
        lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    fn fault(&self, error: &StoredRowError) -> JournalError {
        damage::found(&self.database, &self.connection, error)
    }
}

fn entries_by_state(connection: &Connection) -> rusqlite::Result<BTreeMap<String, u64>> {
    const STATES: &str = "SELECT CASE WHEN outcome IS NULL THEN 'open' WHEN json_valid(outcome) \
                          THEN coalesce(json_extract(outcome, '$.state'), 'unreadable') ELSE 'unreadable' END, count(*) \
                          FROM entry WHERE job IN (SELECT id FROM job) GROUP BY 1";
    connection.prepare(STATES)?.query_map([], |row| Ok((row.get(0)?, row.get::<_, u32>(1)?.into())))?.collect()
}

#[cfg(test)]
mod tests;
