//! Erases a person from the tables, and from remains of earlier rows in the files.
//!
//! `SQLite` leaves updated or deleted content in place until it needs the room, and copies of rows in the free part of
//! pages that were split. `secure_delete` does not reach the latter, nor what was left by a program that did not use
//! it. The database is therefore rewritten, as `VACUUM` does, and its log is emptied: what is not in a table is then in
//! no file. `VACUUM` itself would write its copy to a folder for temporary files, which does not exist in a read-only
//! container.

use crate::journal::content::Erasure;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};

use crate::domain::JobId;
use crate::journal::content::EntryOutcome;
use crate::journal::database::housekeeping;
use crate::journal::database::usage::UsageChange;
use crate::journal::error::JournalError;
use crate::journal::files::copies::{self, COPY};
use crate::journal::files::place::{self, JournalPlace};
use crate::journal::schema;
use crate::journal::written::audit;
use crate::journal::written::entry;
use crate::journal::written::memos;
use crate::journal::written::record::OutcomeRecord;

/// Longest wait for readers, during which nothing else is written.
const MAX_WAIT: Duration = Duration::from_secs(1);
/// The default of rusqlite.
const USUAL_WAIT: Duration = Duration::from_secs(5);

pub(in crate::journal) fn write(connection: &Connection, erasure: &Erasure) -> rusqlite::Result<()> {
    let Erasure { entries, user, memos, asked } = erasure;
    entries.iter().try_for_each(|(job, position)| erase_entry(connection, *job, *position))?;
    if let Some(user) = user {
        connection.prepare_cached("DELETE FROM standing WHERE user = ?1")?.execute([user.0.as_bytes()])?;
    }
    memos::write(connection, memos)?;
    asked.iter().try_for_each(|record| audit::write(connection, record))
}

fn erase_entry(connection: &Connection, job: JobId, position: u32) -> rusqlite::Result<()> {
    const SELECT: &str = "SELECT request, outcome FROM entry WHERE job = ?1 AND position = ?2 AND outcome IS NOT NULL";
    let mut select = connection.prepare_cached(SELECT)?;
    let texts = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
    let found = select.query_row(params![job.0.as_bytes(), position], texts).optional()?;
    let Some((request, outcome)) = found else { return Ok(()) };
    let unwritable = |error: serde_json::Error| rusqlite::Error::ToSqlConversionFailure(error.into());
    let request = entry::erased(&request).map_err(unwritable)?;
    let outcome: OutcomeRecord = serde_json::from_str(&outcome).map_err(unwritable)?;
    let outcome = OutcomeRecord::from(EntryOutcome::from(outcome).erased());
    let outcome = serde_json::to_string(&outcome).map_err(unwritable)?;
    connection
        .prepare_cached("UPDATE entry SET request = ?3, outcome = ?4 WHERE job = ?1 AND position = ?2")?
        .execute(params![job.0.as_bytes(), position, request, outcome])?;
    Ok(())
}

/// Removes everything from the files that is not in the tables. Returns the entries of forgotten jobs that were removed
/// on the way.
pub(in crate::journal) fn clean(
    connection: &mut Connection,
    place: &JournalPlace,
) -> Result<UsageChange, JournalError> {
    let database = place.database();
    let of = |error: &rusqlite::Error| schema::failed(&database, error);
    connection.busy_timeout(MAX_WAIT).map_err(|error| of(&error))?;
    let cleaned = clean_files(connection, place);
    connection.busy_timeout(USUAL_WAIT).map_err(|error| of(&error))?;
    cleaned
}

fn clean_files(connection: &mut Connection, place: &JournalPlace) -> Result<UsageChange, JournalError> {
    let database = place.database();
    let of = |error: &rusqlite::Error| schema::failed(&database, error);
    // First, because the copy would be pointless while someone reads.
    place.empty_log(connection)?;
    let change = housekeeping::remove_all(connection).map_err(|error| of(&error))?;
    let copy = place.folder().join(COPY);
    copies::remove_copies(place.folder())?;
    let written = place::copy_into(connection, &copy).and_then(|()| {
        let clean = Connection::open_with_flags(&copy, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(|error| of(&error))?;
        let done = take_over(&clean, connection).map_err(|error| of(&error))?;
        if done { Ok(()) } else { Err(JournalError::CannotWrite("the database is locked".to_owned())) }
    });
    copies::remove_copies(place.folder()).and(written)?;
    place.empty_log(connection)?;
    Ok(change)
}

/// Rewrites each page of the database in one transaction.
fn take_over(clean: &Connection, connection: &mut Connection) -> rusqlite::Result<bool> {
    const ALL: i32 = -1;
    Ok(Backup::new(clean, connection)?.step(ALL)? == StepResult::Done)
}

#[cfg(test)]
mod tests;
