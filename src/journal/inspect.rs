//! Inspects a journal without opening it for work: nothing is created, migrated or recovered.

use std::fs::{File, TryLockError};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::journal::content::OrgIdentity;
use crate::journal::error::JournalError;
use crate::journal::files::place::{DATABASE, LOCK};
use crate::journal::schema::{self, VERSION, WITH_OWNER};
use crate::journal::written::owner;
use crate::private_file;

/// Result of an inspection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inspection {
    /// There is no journal yet, and one can be created.
    Absent,
    /// Another process uses the journal, so it works.
    InUse,
    /// The journal exists and can be written.
    Ready {
        version: u32,
        /// Version that this program writes.
        known: u32,
        bytes: u64,
        /// The org that the journal belongs to, if recorded.
        belongs_to: Option<OrgIdentity>,
        open_entries: u64,
    },
}

/// Inspects the journal in `folder`.
pub fn inspect(folder: &Path) -> Result<Inspection, JournalError> {
    let cannot = |error: std::io::Error| JournalError::CannotWrite(format!("{}: {error}", folder.display()));
    if !folder.exists() {
        let above = folder.ancestors().skip(1).find(|above| above.exists() && !above.as_os_str().is_empty());
        probe(above.unwrap_or(Path::new("."))).map_err(cannot)?;
        return Ok(Inspection::Absent);
    }
    probe(folder).map_err(cannot)?;
    let database = folder.join(DATABASE);
    if !database.exists() {
        return Ok(Inspection::Absent);
    }
    let lock = File::options().read(true).write(true).open(folder.join(LOCK)).map_err(cannot)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(Inspection::InUse),
        Err(TryLockError::Error(error)) => return Err(cannot(error)),
    }
    let connection = Connection::open_with_flags(&database, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .map_err(|error| schema::failed(&database, &error))?;
    let version = version_of(&connection).map_err(|error| schema::failed(&database, &error))?;
    if version > VERSION {
        return Err(JournalError::TooNew { path: database, found: version, known: VERSION });
    }
    let bytes = std::fs::metadata(&database).map_err(cannot)?.len();
    let told = (version >= WITH_OWNER).then(|| whose(&connection)).transpose();
    let (belongs_to, open_entries) = told.map_err(|error| schema::failed(&database, &error))?.unwrap_or_default();
    Ok(Inspection::Ready { version, known: VERSION, bytes, belongs_to, open_entries })
}

/// Reads the org that the journal belongs to, and the number of open entries.
fn whose(connection: &Connection) -> rusqlite::Result<(Option<OrgIdentity>, u64)> {
    let open = "SELECT count(*) FROM entry WHERE outcome IS NULL AND job IN (SELECT id FROM job)";
    let open: u32 = connection.query_row(open, [], |row| row.get(0))?;
    Ok((owner::read(connection)?, open.into()))
}

/// Writes a file and removes it again: permissions alone do not reveal a disk that is full or read-only.
fn probe(folder: &Path) -> std::io::Result<()> {
    let file = folder.join(format!(".skillsync-probe-{}", uuid::Uuid::new_v4()));
    let written = private_file::write(&file, &[0; 4096]);
    let removed = std::fs::remove_file(&file);
    written.and(removed)
}

/// Returns the version of the tables.
pub(in crate::journal) fn version_of(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::database::sqlite::DEFAULT_MAX_BYTES;
    use crate::journal::database::sqlite::SqliteJournal;

    #[test]
    fn a_journal_is_absent_in_use_or_ready_and_is_left_as_it_is() {
        let folder = std::env::temp_dir().join(format!("skillsync-inspect-{}", uuid::Uuid::new_v4()));
        assert_eq!(inspect(&folder.join("journal")).unwrap(), Inspection::Absent);
        assert!(!folder.exists(), "looking makes nothing");
        let (journal, _) = SqliteJournal::open(&folder, DEFAULT_MAX_BYTES).unwrap();
        assert_eq!(inspect(&folder).unwrap(), Inspection::InUse);
        drop(journal);
        let Inspection::Ready { version, known, bytes, .. } = inspect(&folder).unwrap() else { panic!("not ready") };
        assert!(version == known && bytes > 0);
        std::fs::write(folder.join("journal.sqlite"), "not a database, but long enough to be taken for one").unwrap();
        assert!(matches!(inspect(&folder), Err(JournalError::Damaged { .. })));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
