//! The tables, their version, and the migration of a journal from an earlier version.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode};

use crate::journal::error::JournalError;
use crate::journal::written::audit;
use crate::journal::written::memos;
use crate::journal::written::notes;
use crate::journal::written::owner;

/// Version that this program writes; a journal with a higher one is not touched.
pub(in crate::journal) const VERSION: u32 = 9;
/// First version that records which org the journal belongs to.
pub(in crate::journal) const WITH_OWNER: u32 = 7;

/// Migrations from each version to the next, starting with the empty file. Never edited once released: a faulty step is
/// followed by another one.
const STEPS: [&str; VERSION as usize] = [
    "CREATE TABLE job (id BLOB PRIMARY KEY, created_at INTEGER NOT NULL, spec TEXT NOT NULL, counters TEXT) WITHOUT ROWID;
     CREATE TABLE entry (
         job BLOB NOT NULL, position INTEGER NOT NULL, request TEXT NOT NULL, outcome TEXT,
         PRIMARY KEY (job, position)
     ) WITHOUT ROWID;
     CREATE TABLE standing (
         target TEXT NOT NULL, user BLOB NOT NULL, standing TEXT NOT NULL, PRIMARY KEY (target, user)
     ) WITHOUT ROWID;",
    "CREATE TABLE acceptance_key (
         id BLOB PRIMARY KEY, kind TEXT NOT NULL, fingerprint BLOB NOT NULL, job BLOB NOT NULL, kept_until INTEGER NOT NULL
     ) WITHOUT ROWID;",
    notes::TABLE,
    "CREATE TABLE forgotten_job (job BLOB PRIMARY KEY) WITHOUT ROWID;
     CREATE TABLE call_record (
         number INTEGER PRIMARY KEY, ended INTEGER NOT NULL, ended_at INTEGER NOT NULL, lease_until INTEGER NOT NULL,
         at_most INTEGER NOT NULL
     );",
    // Entries refer to the first one with the same list, and jobs may have a note of the skills created for them.
    "",
    // User states contain the place of the newest change, histories, versions and writes under way; entries refer to
    // the place of the entry that they repeat.
    "",
    owner::TABLE,
    // Entries may leave assignments as they are; an earlier program would assign them.
    "",
    // Assignments have owners; an earlier program would remove what other owners assigned.
    "",
];

const INCREMENTAL: i64 = 2;
/// Size that the log beside the database is truncated to.
const LOG_BYTES: i64 = 64 * 1024 * 1024;
/// More than the writer uses, so that no statement is compiled twice.
const STATEMENTS: usize = 64;

/// Opens the database, migrates its tables, and makes every commit durable.
pub(in crate::journal) fn prepared(path: &Path, max_bytes: u64) -> Result<Connection, JournalError> {
    let of = |error: &rusqlite::Error| failed(path, error);
    let mut connection = Connection::open(path).map_err(|error| of(&error))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    let found: u32 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(|error| of(&error))?;
    if found > VERSION {
        return Err(JournalError::TooNew { path: path.to_owned(), found, known: VERSION });
    }
    prepare(&mut connection, found).map_err(|error| of(&error))?;
    limit(&connection, max_bytes).map_err(|error| of(&error))?;
    Ok(connection)
}

fn prepare(connection: &mut Connection, found: u32) -> rusqlite::Result<()> {
    // Only a file created for it can give back free pages; an older file is rewritten once.
    let gives_back: i64 = connection.pragma_query_value(None, "auto_vacuum", |row| row.get(0))?;
    if gives_back != INCREMENTAL {
        connection.pragma_update(None, "auto_vacuum", INCREMENTAL)?;
        connection.execute_batch("VACUUM")?;
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
    if found < VERSION {
        // All steps or none: a process that ends in between leaves a journal of the version that it found.
        let transaction = connection.transaction()?;
        for step in STEPS.iter().skip(usize::try_from(found).unwrap_or_default()) {
            transaction.execute_batch(step)?;
        }
        transaction.pragma_update(None, "user_version", VERSION)?;
        transaction.commit()?;
    }
    connection.execute_batch(memos::TABLE)?;
    connection.execute_batch(audit::TABLE)
}

/// Limits the size of the database; beyond it, the database fails as if the disk were full.
fn limit(connection: &Connection, max_bytes: u64) -> rusqlite::Result<()> {
    let page: u32 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let pages = max_bytes.div_ceil(u64::from(page.max(1)));
    connection.pragma(None, "max_page_count", u32::try_from(pages).unwrap_or(u32::MAX - 1), |_| Ok(()))
}

/// Classifies a failure of the database: damage, or a temporary problem.
pub(in crate::journal) fn failed(path: &Path, error: &rusqlite::Error) -> JournalError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => damaged(path, error.to_string()),
        Some(_) | None => JournalError::CannotWrite(format!("{}: {error}", path.display())),
    }
}

pub(in crate::journal) fn damaged(path: &Path, detail: String) -> JournalError {
    JournalError::Damaged { path: PathBuf::from(path), detail }
}
