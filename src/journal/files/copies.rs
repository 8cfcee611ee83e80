//! Copies of the database beside it: while it is written anew, and while it is put back.

use std::path::Path;
use std::{fs, io};

use crate::journal::error::JournalError;

/// The copy of the database, beside it while it is made.
pub(in crate::journal) const COPY: &str = "journal.sqlite.clean";

/// The database while it is put back.
pub(in crate::journal) const PARTIAL: &str = "journal.sqlite.partial";

/// Removes copies of the database that a process before this one had no time to remove, and the one that was just used.
pub(in crate::journal) fn remove_copies(folder: &Path) -> Result<(), JournalError> {
    for copy in [folder.join(COPY), folder.join(PARTIAL)] {
        removed(&copy).map_err(|error| JournalError::CannotWrite(format!("{}: {error}", copy.display())))?;
    }
    Ok(())
}

pub(in crate::journal) fn removed(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
