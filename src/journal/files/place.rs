//! Checks that the files of an open journal are still where its path leads: a restart would not find what is written to
//! other files.
//!
//! A process keeps a removed or renamed file open and continues to write without noticing. The writer therefore
//! compares device and inode before each batch and once a second. It restores files that were removed, because it still
//! has everything. If they were moved away, or other files took their place, someone intended that: then nothing new is
//! accepted until they are back.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::Connection;

use crate::journal::error::JournalError;
use crate::journal::files::copies::{self, PARTIAL, removed};
use crate::journal::files::damage::log_of;
use crate::journal::schema;
use crate::private_file;

/// Name of the database in the folder.
pub(in crate::journal) const DATABASE: &str = "journal.sqlite";
/// Name of the file whose lock says that a process works with the journal.
pub(in crate::journal) const LOCK: &str = "lock";
/// How often the files are checked while nothing is written.
pub(in crate::journal) const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long to wait for a lock. A reader holds it only for a moment, which must not prevent a start.
const LOOKED_AT: Duration = Duration::from_millis(20);

/// Locks that are held until the journal is closed, including those of files that are no longer in their place. None is
/// closed earlier, because that would release the locks that `SQLite` has on the same file.
pub(in crate::journal) type Locks = Arc<Mutex<Vec<File>>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileIdentity {
    device: u64,
    inode: u64,
}

impl FileIdentity {
    fn of(file: &fs::Metadata) -> Self {
        Self { device: file.dev(), inode: file.ino() }
    }

    /// Returns the identity of the file at a path, if there is one.
    fn at(path: &Path) -> io::Result<Option<Self>> {
        match fs::metadata(path) {
            Ok(file) => Ok(Some(Self::of(&file))),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A change to the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileChange {
    /// The database was removed, and nothing is in its place.
    DatabaseRemoved,
    /// The log beside the database, or its index, is not the one being written.
    LogRemoved,
    LockRemoved,
    /// The database has another name now.
    Moved,
    /// Another file has the name of the database.
    Replaced,
}

/// Location of the files of an open journal.
#[derive(Debug)]
pub(in crate::journal) struct JournalPlace {
    folder: PathBuf,
    max_bytes: u64,
    locks: Locks,
    database: FileIdentity,
    lock: FileIdentity,
    log: Option<FileIdentity>,
    index: Option<FileIdentity>,
    /// The database was closed to be restored, and could not be opened again yet.
    closed: bool,
}

impl JournalPlace {
    /// Takes the journal in `folder`, which is created if necessary, for this process alone: with a lock file, and with
    /// a lock on the database, because the lock file may be removed.
    pub(in crate::journal) fn take(folder: &Path, max_bytes: u64) -> Result<Self, JournalError> {
        private_file::create_folder(folder).map_err(|error| cannot(folder, &error))?;
        let lock = locked(folder, LOCK)?;
        let database = locked(folder, DATABASE)?;
        let identity =
            |file: &File| file.metadata().map(|file| FileIdentity::of(&file)).map_err(|error| cannot(folder, &error));
        let place = Self {
            folder: folder.to_owned(),
            max_bytes,
            database: identity(&database)?,
            lock: identity(&lock)?,
            locks: Arc::new(Mutex::new(vec![lock, database])),
            log: None,
            index: None,
            closed: false,
        };
        place.narrow();
        copies::remove_copies(folder)?;
        Ok(place)
    }

    pub(in crate::journal) fn locks(&self) -> Locks {
        Arc::clone(&self.locks)
    }

    pub(in crate::journal) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(in crate::journal) fn database(&self) -> PathBuf {
        self.folder.join(DATABASE)
    }

    /// Restricts permissions: journals of earlier versions were created with those of the umask.
    fn narrow(&self) {
        let database = self.database();
        let files = [database.clone(), log_of(&database), index_of(&database), self.folder.join(LOCK)];
        for path in files.iter().filter(|path| path.exists()) {
            if let Err(error) = private_file::narrow(path) {
                tracing::warn!(path = %path.display(), %error, "other users can read the journal, and its permissions cannot be changed");
            }
        }
        // The folder of a volume may belong to another user. Seeing the names of the files does not mean reading them.
        if let Err(error) = private_file::narrow(&self.folder) {
            tracing::info!(folder = %self.folder.display(), %error, "other users can see which files the journal has");
        }
    }

    /// Checks the files and restores those that were removed. Fails if something cannot be restored.
    pub(in crate::journal) fn look(&mut self, connection: &mut Connection) -> Result<(), JournalError> {
        if self.closed {
            self.open(connection).map_err(|error| Self::gone(&error.to_string()))?;
        }
        match self.change().map_err(|error| Self::gone(&format!("its files cannot be checked: {error}")))? {
            None => Ok(()),
            Some(FileChange::Moved) => Err(Self::gone("it was moved away")),
            Some(FileChange::Replaced) => Err(Self::gone("another file has its name")),
            Some(change) => {
                self.put_back(change, connection).map_err(|error| Self::gone(&error.to_string()))?;
                let folder = self.folder.display();
                tracing::warn!(%folder, ?change, "files of the journal were removed while the service was running; they have been restored and nothing is lost");
                Ok(())
            }
        }
    }

    fn change(&mut self) -> io::Result<Option<FileChange>> {
        let database = self.database();
        match FileIdentity::at(&database)? {
            Some(found) if found == self.database => {}
            Some(_) => return Ok(Some(FileChange::Replaced)),
            None if self.is_unlinked() => return Ok(Some(FileChange::DatabaseRemoved)),
            None => return Ok(Some(FileChange::Moved)),
        }
        if FileIdentity::at(&self.folder.join(LOCK))? != Some(self.lock) {
            return Ok(Some(FileChange::LockRemoved));
        }
        let beside = [(log_of(&database), &mut self.log), (index_of(&database), &mut self.index)];
        for (path, known) in beside {
            let found = FileIdentity::at(&path)?;
            match *known {
                // Created with the first write.
                None => *known = found,
                Some(_) if found == *known => {}
                Some(_) => return Ok(Some(FileChange::LogRemoved)),
            }
        }
        Ok(None)
    }

    /// Returns whether the open database no longer has a name.
    fn is_unlinked(&self) -> bool {
        let locks = self.locks.lock();
        let mut open = locks.iter().filter_map(|file| file.metadata().ok());
        open.find(|file| FileIdentity::of(file) == self.database).is_none_or(|file| file.nlink() == 0)
    }

    fn put_back(&mut self, change: FileChange, connection: &mut Connection) -> Result<(), JournalError> {
        let folder = self.folder.clone();
        match change {
            FileChange::LockRemoved => self.lock = self.keep(locked(&folder, LOCK)?)?,
            FileChange::LogRemoved => {
                self.empty_log(connection)?;
                self.close(connection)?;
                for stranger in [log_of(&self.database()), index_of(&self.database())] {
                    removed(&stranger).map_err(|error| cannot(&stranger, &error))?;
                }
                self.open(connection)?;
            }
            FileChange::DatabaseRemoved => {
                private_file::create_folder(&folder).map_err(|error| cannot(&folder, &error))?;
                if FileIdentity::at(&folder.join(LOCK)).map_err(|error| cannot(&folder, &error))? != Some(self.lock) {
                    self.lock = self.keep(locked(&folder, LOCK)?)?;
                }
                self.copy_back(connection)?;
                self.database = self.keep(locked(&folder, DATABASE)?)?;
                // From here on nothing is lost, whatever fails.
                self.close(connection)?;
                self.open(connection)?;
            }
            FileChange::Moved | FileChange::Replaced => {}
        }
        Ok(())
    }

    /// Moves the content of the log into the database, durably, and empties the log.
    pub(in crate::journal) fn empty_log(&self, connection: &Connection) -> Result<(), JournalError> {
        let of = |error: &rusqlite::Error| schema::failed(&self.database(), error);
        let busy: bool = connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .map_err(|error| of(&error))?;
        if busy {
            Err(JournalError::CannotWrite(
                "another process is reading the journal, such as an export or a backup".to_owned(),
            ))
        } else {
            Ok(())
        }
    }

    /// Rewrites the database in its place: the file without a name still has all its content.
    fn copy_back(&self, connection: &Connection) -> Result<(), JournalError> {
        let database = self.database();
        let copy = self.folder.join(PARTIAL);
        for left in [&copy, &log_of(&database), &index_of(&database)] {
            removed(left).map_err(|error| cannot(left, &error))?;
        }
        copy_into(connection, &copy)?;
        // Unlike a rename, a link cannot replace another file.
        let linked = fs::hard_link(&copy, &database).and_then(|()| File::open(&self.folder)?.sync_all());
        linked.and_then(|()| removed(&copy)).map_err(|error| cannot(&database, &error))
    }

    /// Closes the old database first: it removes the log's name when it ends, whichever file that is by then.
    fn close(&mut self, connection: &mut Connection) -> Result<(), JournalError> {
        let none = Connection::open_in_memory().map_err(|error| schema::failed(&self.database(), &error))?;
        drop(std::mem::replace(connection, none));
        self.closed = true;
        Ok(())
    }

    fn open(&mut self, connection: &mut Connection) -> Result<(), JournalError> {
        let database = self.database();
        // Otherwise, an empty database would be created and mistaken for it.
        if FileIdentity::at(&database).map_err(|error| cannot(&database, &error))? != Some(self.database) {
            return Err(JournalError::Absent(database));
        }
        *connection = schema::prepared(&database, self.max_bytes)?;
        self.closed = false;
        self.opened();
        Ok(())
    }

    /// Records the identity of the log, which exists once the database has been read: this is the one being written
    /// from now on.
    pub(in crate::journal) fn opened(&mut self) {
        let database = self.database();
        (self.log, self.index) = (seen(&log_of(&database)), seen(&index_of(&database)));
    }

    fn keep(&self, lock: File) -> Result<FileIdentity, JournalError> {
        let identity =
            lock.metadata().map(|file| FileIdentity::of(&file)).map_err(|error| cannot(&self.folder, &error))?;
        self.locks.lock().push(lock);
        Ok(identity)
    }

    fn gone(why: &str) -> JournalError {
        JournalError::Gone { why: why.into() }
    }
}

/// Copies what is durable at this moment into a new private file.
pub(in crate::journal) fn copy_into(connection: &Connection, to: &Path) -> Result<(), JournalError> {
    let file = private_file::create_new(to).map_err(|error| cannot(to, &error))?;
    let name = to.to_str().ok_or_else(|| cannot(to, &io::ErrorKind::InvalidFilename.into()))?;
    connection.execute("VACUUM INTO ?1", [name]).map_err(|error| schema::failed(to, &error))?;
    file.sync_all().map_err(|error| cannot(to, &error))
}

/// Returns the path of the log's index, which is shared by all who have the database open.
fn index_of(database: &Path) -> PathBuf {
    let mut index = database.as_os_str().to_owned();
    index.push("-shm");
    index.into()
}

/// A file that cannot be examined yet is seen later.
fn seen(path: &Path) -> Option<FileIdentity> {
    FileIdentity::at(path).ok().flatten()
}

/// Opens the file, creating it if necessary, and locks it.
fn locked(folder: &Path, name: &str) -> Result<File, JournalError> {
    let path = folder.join(name);
    let file = private_file::open_or_create(&path).map_err(|error| cannot(&path, &error))?;
    let taken = match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            #[expect(
                clippy::disallowed_methods,
                reason = "in the writer's own thread, or at the start when nothing runs yet"
            )]
            std::thread::sleep(LOOKED_AT);
            file.try_lock()
        }
        taken => taken,
    };
    match taken {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JournalError::InUse(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(cannot(&path, &error)),
    }
}

fn cannot(path: &Path, error: &io::Error) -> JournalError {
    JournalError::CannotWrite(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
