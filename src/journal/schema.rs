//! The tables, their version, and how a journal of an earlier version becomes one of this.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode};

use super::{JournalError, memos, notes};

/// The version that this program writes; a journal with a higher one is not touched.
pub(super) const VERSION: u32 = 3;

/// What brings a journal from each version to the next, from the empty file on. Never edited once released: a step that
/// turned out wrong is followed by another.
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
];

/// Opens the database, brings its tables up to date, and makes every commit durable.
pub(super) fn prepared(path: &Path) -> Result<Connection, JournalError> {
    let of = |error: &rusqlite::Error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => damaged(path, error),
        Some(_) | None => JournalError::CannotWrite(format!("{}: {error}", path.display())),
    };
    let mut connection = Connection::open(path).map_err(|error| of(&error))?;
    let found: u32 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(|error| of(&error))?;
    if found > VERSION {
        return Err(JournalError::TooNew { path: path.to_owned(), found, known: VERSION });
    }
    prepare(&mut connection, found).map_err(|error| of(&error))?;
    Ok(connection)
}

fn prepare(connection: &mut Connection, found: u32) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    if found < VERSION {
        // All steps or none: a process that ends in between leaves a journal of the version that it found.
        let transaction = connection.transaction()?;
        for step in STEPS.iter().skip(usize::try_from(found).unwrap_or_default()) {
            transaction.execute_batch(step)?;
        }
        transaction.pragma_update(None, "user_version", VERSION)?;
        transaction.commit()?;
    }
    connection.execute_batch(memos::TABLE)
}

pub(super) fn damaged(path: &Path, error: &rusqlite::Error) -> JournalError {
    JournalError::Damaged { path: PathBuf::from(path), detail: error.to_string() }
}
