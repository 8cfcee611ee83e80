//! Housekeeping of the writer between batches: removes expired content a little at a time, and gives room back.
//!
//! A job of 100,000 entries is not removed at once, which would delay callers that wait for their 202. Its row is
//! removed immediately, with a note that its entries are to follow; a process that ends in between leaves the note to
//! the next one.

use rusqlite::{Connection, OptionalExtension};

use crate::journal::database::usage::UsageChange;

/// Maximum number of entries removed in one step.
const ENTRIES: i64 = 500;
/// Maximum number of pages given back to the file system in one step.
const PAGES: i64 = 500;
/// Number of free pages that are not worth giving back.
const FEW: i64 = 256;

/// Whether there is anything left to tidy up.
#[derive(Debug)]
pub(in crate::journal) struct Housekeeping {
    due: bool,
}

impl Housekeeping {
    /// An earlier process may have left something.
    pub(in crate::journal) fn new() -> Self {
        Self { due: true }
    }

    pub(in crate::journal) fn is_due(&self) -> bool {
        self.due
    }

    /// Records that something was removed.
    pub(in crate::journal) fn wake(&mut self) {
        self.due = true;
    }

    /// Performs one step, if there is anything to do.
    pub(in crate::journal) fn step(&mut self, connection: &mut Connection) -> rusqlite::Result<UsageChange> {
        if !self.due {
            return Ok(UsageChange::default());
        }
        if let Some(removed) = remove_some(connection)? {
            return Ok(UsageChange { entries: -removed, ..UsageChange::default() });
        }
        if !shrink(connection)? {
            // Nothing is left to do: the content of the log moves into the database, and the log is emptied.
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            self.due = false;
        }
        Ok(UsageChange::default())
    }
}

/// Removes all entries of forgotten jobs.
pub(in crate::journal) fn remove_all(connection: &mut Connection) -> rusqlite::Result<UsageChange> {
    let mut change = UsageChange::default();
    while let Some(removed) = remove_some(connection)? {
        change.entries -= removed;
    }
    Ok(change)
}

/// Removes some entries of forgotten jobs. Returns how many, or `None` if no forgotten job is left.
fn remove_some(connection: &mut Connection) -> rusqlite::Result<Option<i64>> {
    const ENTRIES_OF: &str = "DELETE FROM entry WHERE job = ?1 AND position >= \
                              (SELECT max(position) FROM entry WHERE job = ?1) - ?2";
    let transaction = connection.transaction()?;
    let mut removed = 0;
    let mut any = false;
    while removed < ENTRIES {
        let next = transaction.prepare_cached("SELECT job FROM forgotten_job LIMIT 1")?;
        let Some(job) = { next }.query_row([], |row| row.get::<_, [u8; 16]>(0)).optional()? else { break };
        any = true;
        let count = transaction.prepare_cached(ENTRIES_OF)?.execute((job, ENTRIES - 1))?;
        removed += i64::try_from(count).unwrap_or(i64::MAX);
        if i64::try_from(count).is_ok_and(|count| count < ENTRIES) {
            transaction.prepare_cached("DELETE FROM forgotten_job WHERE job = ?1")?.execute([job])?;
        }
    }
    transaction.commit()?;
    Ok(any.then_some(removed))
}

/// Gives back free pages if there are many; returns false otherwise.
fn shrink(connection: &Connection) -> rusqlite::Result<bool> {
    let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    let free: i64 = connection.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
    if free <= FEW.max(pages / 4) {
        return Ok(false);
    }
    connection.pragma(None, "incremental_vacuum", PAGES, |_| Ok(()))?;
    Ok(true)
}
