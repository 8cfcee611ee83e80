//! Whether the files of an open journal are still where its path leads to: what is written to others is found by nobody
//! after a restart.
//!
//! A process keeps a file that was removed or renamed open, and writes on without noticing. So the writer compares device and
//! inode, before each batch and once a second. What was removed it puts back: it still has everything. What was moved away,
//! or has another file in its place, somebody meant to be so: then nothing new is taken until it is back.

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

/// The database in the folder.
pub(in crate::journal) const DATABASE: &str = "journal.sqlite";
/// The file whose lock says that a process works with the journal.
pub(in crate::journal) const LOCK: &str = "lock";
/// How often the files are looked for while nothing is written.
pub(in crate::journal) const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Who only looks has the lock for a moment; that is not to turn a service away.
const LOOKED_AT: Duration = Duration::from_millis(20);

/// Locks that are held until the journal is closed, also those of files that are not in their place any more. None is closed
/// before: that would take away the locks that `SQLite` has on the same file.
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

    /// Of the file that a path leads to, if it leads to one.
    fn at(path: &Path) -> io::Result<Option<Self>> {
        match fs::metadata(path) {
            Ok(file) => Ok(Some(Self::of(&file))),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// What is not as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileChange {
    /// The database was removed, and nothing is in its place.
    DatabaseRemoved,
    /// The log beside the database, or its index, is not the one that is written.
    LogRemoved,
    LockRemoved,
    /// The database has another name now.
    Moved,
    /// Another file has the name of the database.
    Replaced,
}

/// Where the files of an open journal are.
#[derive(Debug)]
pub(in crate::journal) struct JournalPlace {
    folder: PathBuf,
    max_bytes: u64,
    locks: Locks,
    database: FileIdentity,
    lock: FileIdentity,
    log: Option<FileIdentity>,
    index: Option<FileIdentity>,
    /// The database was closed to be put back, and could not be opened again yet.
    closed: bool,
}

impl JournalPlace {
    /// Takes the journal in `folder`, which is made if it is not there, for this process alone: by a lock of its own and by one
    /// on the database, as the former may be removed.
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

    /// Journals of earlier versions were made as the umask had it.
    fn narrow(&self) {
        let database = self.database();
        let files = [database.clone(), log_of(&database), index_of(&database), self.folder.join(LOCK)];
        for path in files.iter().filter(|path| path.exists()) {
            if let Err(error) = private_file::narrow(path) {
                tracing::warn!(path = %path.display(), %error, "others may read the journal, and that cannot be changed");
            }
        }
        // A volume's folder may belong to somebody else. Who sees the names of the files cannot read them.
        if let Err(error) = private_file::narrow(&self.folder) {
            tracing::info!(folder = %self.folder.display(), %error, "others may see which files the journal has");
        }
    }

    /// Looks for the files and puts back what was removed; what cannot be put back is told.
    pub(in crate::journal) fn look(&mut self, connection: &mut Connection) -> Result<(), JournalError> {
        if self.closed {
            self.open(connection).map_err(|error| Self::gone(&error.to_string()))?;
        }
        match self.change().map_err(|error| Self::gone(&format!("it cannot be looked for: {error}")))? {
            None => Ok(()),
            Some(FileChange::Moved) => Err(Self::gone("it was moved away")),
            Some(FileChange::Replaced) => Err(Self::gone("another file has its name")),
            Some(change) => {
                self.put_back(change, connection).map_err(|error| Self::gone(&error.to_string()))?;
                let folder = self.folder.display();
                tracing::warn!(%folder, ?change, "files of the journal were removed under the service; they are put back, nothing is lost");
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
                // Made with the first thing that is written.
                None => *known = found,
                Some(_) if found == *known => {}
                Some(_) => return Ok(Some(FileChange::LogRemoved)),
            }
        }
        Ok(None)
    }

    /// Whether the open database has no name any more.
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
                // Nothing is lost from here on, whatever fails.
                self.close(connection)?;
                self.open(connection)?;
            }
            FileChange::Moved | FileChange::Replaced => {}
        }
        Ok(())
    }

    /// Everything that the log holds goes into the database, durably.
    pub(in crate::journal) fn empty_log(&self, connection: &Connection) -> Result<(), JournalError> {
        let of = |error: &rusqlite::Error| schema::failed(&self.database(), error);
        let busy: bool = connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .map_err(|error| of(&error))?;
        if busy {
            Err(JournalError::CannotWrite("somebody reads the journal, as an export or a backup does".to_owned()))
        } else {
            Ok(())
        }
    }

    /// Writes the database anew in its place: what has no name any more is still all there.
    fn copy_back(&self, connection: &Connection) -> Result<(), JournalError> {
        let database = self.database();
        let copy = self.folder.join(PARTIAL);
        for left in [&copy, &log_of(&database), &index_of(&database)] {
            removed(left).map_err(|error| cannot(left, &error))?;
        }
        copy_into(connection, &copy)?;
        // Unlike a rename, a link takes no other file's place.
        let linked = fs::hard_link(&copy, &database).and_then(|()| File::open(&self.folder)?.sync_all());
        linked.and_then(|()| removed(&copy)).map_err(|error| cannot(&database, &error))
    }

    /// First the old one is closed: it takes the log's name away when it ends, whosever it is by then.
    fn close(&mut self, connection: &mut Connection) -> Result<(), JournalError> {
        let none = Connection::open_in_memory().map_err(|error| schema::failed(&self.database(), &error))?;
        drop(std::mem::replace(connection, none));
        self.closed = true;
        Ok(())
    }

    fn open(&mut self, connection: &mut Connection) -> Result<(), JournalError> {
        let database = self.database();
        // Else an empty one would be made, and taken for it.
        if FileIdentity::at(&database).map_err(|error| cannot(&database, &error))? != Some(self.database) {
            return Err(JournalError::Absent(database));
        }
        *connection = schema::prepared(&database, self.max_bytes)?;
        self.closed = false;
        self.opened();
        Ok(())
    }

    /// The database was read, so that its log is there: this is the one that is written from now on.
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

/// A copy of what is durable at this moment, in a new private file.
pub(in crate::journal) fn copy_into(connection: &Connection, to: &Path) -> Result<(), JournalError> {
    let file = private_file::create_new(to).map_err(|error| cannot(to, &error))?;
    let name = to.to_str().ok_or_else(|| cannot(to, &io::ErrorKind::InvalidFilename.into()))?;
    connection.execute("VACUUM INTO ?1", [name]).map_err(|error| schema::failed(to, &error))?;
    file.sync_all().map_err(|error| cannot(to, &error))
}

/// The index of the log, which those who have the database open share.
fn index_of(database: &Path) -> PathBuf {
    let mut index = database.as_os_str().to_owned();
    index.push("-shm");
    index.into()
}

/// What cannot be looked at yet is seen later.
fn seen(path: &Path) -> Option<FileIdentity> {
    FileIdentity::at(path).ok().flatten()
}

/// The file of the name, made if it is not there, with its lock.
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
