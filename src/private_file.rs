//! Files and folders with personal data or secrets: only their owner may access them, whatever the umask is.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

const OF_FILES: u32 = 0o600;
const OF_FOLDERS: u32 = 0o700;
/// Permissions of users other than the owner.
const OTHERS: u32 = 0o077;

/// Returns options for a file that is private if it is created. Opening alone changes no content.
pub fn options() -> OpenOptions {
    let mut options = File::options();
    options.mode(OF_FILES);
    options
}

/// Creates a new file for writing. Fails if it exists.
pub fn create_new(path: &Path) -> io::Result<File> {
    options().write(true).create_new(true).open(path)
}

/// Opens a file in order to lock it: creates it if it is missing, and never truncates it, because its name may be a
/// link to another file.
pub fn open_or_create(path: &Path) -> io::Result<File> {
    options().read(true).write(true).create(true).truncate(false).open(path)
}

/// Writes a file, replacing the content of an existing one.
pub fn write(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file = options().write(true).create(true).truncate(false).open(path)?;
    // An existing file keeps its permissions when it is opened; it stays empty until they are narrowed.
    file.set_len(0)?;
    narrow(path)?;
    file.write_all(contents)
}

/// Creates a folder and its missing parents.
pub fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(OF_FOLDERS).create(path)
}

/// Removes all permissions of users other than the owner from a file or folder. Returns whether there were any.
pub fn narrow(path: &Path) -> io::Result<bool> {
    let metadata = fs::metadata(path)?;
    let mode = metadata.mode() & 0o7777;
    if !(metadata.is_file() || metadata.is_dir()) || mode & OTHERS == 0 {
        return Ok(false);
    }
    fs::set_permissions(path, Permissions::from_mode(mode & !OTHERS))?;
    Ok(true)
}

/// Returns the permissions of a file that every user can read, or that users other than the owner can change. That its
/// group can read it is intended: secrets are handed to services that way.
pub fn exposed(path: &Path) -> Option<u32> {
    let mode = fs::metadata(path).ok()?.mode() & 0o777;
    (mode & 0o026 != 0).then_some(mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn what_is_made_is_private_and_what_was_wider_is_narrowed() {
        let folder = std::env::temp_dir().join(format!("skillsync-private-{}", uuid::Uuid::new_v4()));
        create_folder(&folder.join("inner")).unwrap();
        assert_eq!((mode(&folder), mode(&folder.join("inner"))), (0o700, 0o700));
        let (new, old) = (folder.join("new"), folder.join("old"));
        create_new(&new).unwrap().write_all(b"kept").unwrap();
        drop(open_or_create(&new).unwrap());
        assert_eq!((mode(&new), fs::read(&new).unwrap().as_slice()), (0o600, b"kept".as_slice()));
        assert!(create_new(&new).is_err());
        fs::write(&old, "longer than what comes").unwrap();
        fs::set_permissions(&old, Permissions::from_mode(0o664)).unwrap();
        assert_eq!(exposed(&old), Some(0o664));
        write(&old, b"short").unwrap();
        assert_eq!((mode(&old), fs::read(&old).unwrap().as_slice()), (0o600, b"short".as_slice()));
        assert!(!narrow(&old).unwrap() && exposed(&old).is_none());
        fs::set_permissions(&old, Permissions::from_mode(0o640)).unwrap();
        assert!(exposed(&old).is_none(), "a group that reads is meant");
        assert!(narrow(&old).unwrap());
        fs::remove_dir_all(&folder).unwrap();
    }
}
