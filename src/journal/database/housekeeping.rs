//! What the writer does between batches: removes what is not kept any more, a little at a time, and gives room back.
//!
//! A job of 100,000 entries is not removed in one go, which would hold up those who wait for their 202. Its row goes at
//! once, with a note that its entries are to follow; a process that ends in between leaves the note to the next one.

use rusqlite::{Connection, OptionalExtension};

use crate::journal::database::usage::UsageChange;

/// Entries removed in one step.
const ENTRIES: i64 = 500;
/// Pages given back to the file system in one step.
const PAGES: i64 = 500;
/// Free pages that are worth nobody's time.
const FEW: i64 = 256;

/// What is left to be tidied up.
#[derive(Debug)]
pub(in crate::journal) struct Housekeeping {
    due: bool,
}

impl Housekeeping {
    /// A process before this one may have left something.
    pub(in crate::journal) fn new() -> Self {
        Self { due: true }
    }

    pub(in crate::journal) fn is_due(&self) -> bool {
        self.due
    }

    /// Something was removed.
    pub(in crate::journal) fn wake(&mut self) {
        self.due = true;
    }

    /// One step, if there is anything to do.
    pub(in crate::journal) fn step(&mut self, connection: &mut Connection) -> rusqlite::Result<UsageChange> {
        if !self.due {
            return Ok(UsageChange::default());
        }
        if let Some(removed) = remove_some(connection)? {
            return Ok(UsageChange { entries: -removed, ..UsageChange::default() });
        }
        if !shrink(connection)? {
            // Nothing is left: what the log holds is put in its place, and the log is emptied.
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

/// Removes entries of forgotten jobs; how many, or none if no such job is left.
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

/// Gives free pages back if they are many; false if they are not.
fn shrink(connection: &Connection) -> rusqlite::Result<bool> {
    let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    let free: i64 = connection.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
    if free <= FEW.max(pages / 4) {
        return Ok(false);
    }
    connection.pragma(None, "incremental_vacuum", PAGES, |_| Ok(()))?;
    Ok(true)
}
