//! Detects and describes damage to a journal.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode};

use crate::journal::error::JournalError;
use crate::journal::files::wal_check::{self, LogEnd};
use crate::journal::schema::{self, damaged};
use crate::journal::written::rows::StoredRowError;

/// Maximum number of faults found by `SQLite` that are named.
const NAMED: u32 = 3;

/// Checks the log before the database is opened: reports a transaction that was cut short, and refuses one that is
/// lost.
pub(in crate::journal) fn look_at_log(database: &Path) -> io::Result<Result<(), JournalError>> {
    let log = log_of(database);
    Ok(match wal_check::check(database, &log)? {
        LogEnd::Whole => Ok(()),
        LogEnd::CutShort { offset, bytes } => {
            let file = log.display();
            tracing::warn!(%file, offset, bytes, "the journal ends in a half written record, which was never promised to a caller; it is left out");
            Ok(())
        }
        LogEnd::Damaged { offset } => Err(log_damaged(&log, offset)),
    })
}

/// Returns the error for damage in the middle of the log.
pub(in crate::journal) fn log_damaged(log: &Path, offset: u64) -> JournalError {
    damaged(log, format!("the record at offset {offset} cannot be read, although later records follow it"))
}

/// Returns the path of the log beside a database.
pub(in crate::journal) fn log_of(database: &Path) -> PathBuf {
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

/// Returns the error for a fault that occurred while the database was read, with its location if it can be determined.
pub(in crate::journal) fn found(database: &Path, connection: &Connection, error: &StoredRowError) -> JournalError {
    let StoredRowError::Database(of_database) = error else { return damaged(database, error.to_string()) };
    if of_database.sqlite_error_code() != Some(ErrorCode::DatabaseCorrupt) {
        return schema::failed(database, of_database);
    }
    let named = faults(connection, NAMED).ok().filter(|faults| !faults.is_empty());
    damaged(database, named.map_or_else(|| error.to_string(), |faults| faults.join("; ")))
}

/// Returns what `SQLite` finds wrong with a database, each fault with its offset if it names a page; empty if nothing
/// is wrong.
pub(in crate::journal) fn faults(connection: &Connection, most: u32) -> rusqlite::Result<Vec<String>> {
    let page_size: u32 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let mut check = connection.prepare(&format!("PRAGMA integrity_check({most})"))?;
    let mut lines = Vec::<String>::new();
    for line in check.query_map([], |row| row.get(0))? {
        match line {
            Ok(line) => lines.push(line),
            // The check itself failed on what it had already reported.
            Err(_) if !lines.is_empty() => break,
            Err(error) => return Err(error),
        }
    }
    let faults = lines.iter().flat_map(|line| line.lines()).filter(|line| *line != "ok" && !line.starts_with("***"));
    Ok(faults.map(|fault| with_offset(fault, page_size.into())).collect())
}

fn with_offset(fault: &str, page_size: u64) -> String {
    let page = fault.split_once("page ").and_then(|(_, rest)| {
        rest.split(|letter: char| !letter.is_ascii_digit()).next().and_then(|number| number.parse::<u64>().ok())
    });
    match page.and_then(|page| page.checked_sub(1)) {
        Some(before) => format!("{fault} (offset {})", before * page_size),
        None => fault.to_owned(),
    }
}
