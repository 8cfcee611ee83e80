//! Files and folders that hold personal data or secrets: nobody but their owner may read them, whatever the umask is.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

const OF_FILES: u32 = 0o600;
const OF_FOLDERS: u32 = 0o700;
/// What others than the owner may do.
const OTHERS: u32 = 0o077;

/// For a file that is made private if it is not there yet. Nothing in it is changed by opening it.
pub fn options() -> OpenOptions {
    let mut options = File::options();
    options.mode(OF_FILES);
    options
}

/// A new file, for writing.
pub fn create_new(path: &Path) -> io::Result<File> {
    options().write(true).create_new(true).open(path)
}

/// Opens a file for a lock on it: made if it is not there, and never emptied, as its name may lead to another one.
pub fn open_or_create(path: &Path) -> io::Result<File> {
    options().read(true).write(true).create(true).truncate(false).open(path)
}

/// Writes a file, in the place of one of that name.
pub fn write(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file = options().write(true).create(true).truncate(false).open(path)?;
    // One that was there before keeps its permissions when it is opened; nothing is in it while they are too wide.
    file.set_len(0)?;
    narrow(path)?;
    file.write_all(contents)
}

/// Makes a folder, and those above it that are not there.
pub fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(OF_FOLDERS).create(path)
}

/// Takes from everybody but the owner what they may do with a file or folder; true if that was anything.
pub fn narrow(path: &Path) -> io::Result<bool> {
    let metadata = fs::metadata(path)?;
    let mode = metadata.mode() & 0o7777;
    if !(metadata.is_file() || metadata.is_dir()) || mode & OTHERS == 0 {
        return Ok(false);
    }
    fs::set_permissions(path, Permissions::from_mode(mode & !OTHERS))?;
    Ok(true)
}

/// The permissions of a file that everybody on the machine may read, or others than its owner may change. That its group
/// may read it is how secrets are handed to a service.
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
