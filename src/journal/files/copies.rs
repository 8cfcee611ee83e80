//! Copies of the database beside it, made while it is rewritten or restored.

use std::path::Path;
use std::{fs, io};

use crate::journal::error::JournalError;

/// Name of the copy while the database is rewritten.
pub(in crate::journal) const COPY: &str = "journal.sqlite.clean";

/// Name of the database while it is restored.
pub(in crate::journal) const PARTIAL: &str = "journal.sqlite.partial";

/// Removes copies of the database that an earlier process had no time to remove, and the one that was just used.
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
