//! The embedded journal: one `SQLite` database in WAL mode, flushed to the disk with each batch.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::sync::{Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use rusqlite::{Connection, Row};
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::record::{CountersRecord, OrderRecord, OutcomeRecord, SpecRecord, StandingRecord};
use super::writer::{self, Entry, Message, Thread};
use super::{AcceptedJob, EntryOutcome, JobCounters, Journal, JournalError, KeptStanding, Recovered, RecoveredJob};
use crate::domain::{JobId, Target, UserId, UserKey};

/// The version of the tables below; a journal with a higher one is not touched.
const VERSION: i64 = 1;

const TABLES: &str = "
    CREATE TABLE job (id BLOB PRIMARY KEY, created_at INTEGER NOT NULL, spec TEXT NOT NULL, counters TEXT) WITHOUT ROWID;
    CREATE TABLE entry (
        job BLOB NOT NULL, position INTEGER NOT NULL, request TEXT NOT NULL, outcome TEXT,
        PRIMARY KEY (job, position)
    ) WITHOUT ROWID;
    CREATE TABLE standing (
        target TEXT NOT NULL, user BLOB NOT NULL, standing TEXT NOT NULL, PRIMARY KEY (target, user)
    ) WITHOUT ROWID;
";

/// A journal in a folder of its own.
///
/// Invariant: one process has it at a time, by a lock on a file beside the database; in that process one thread writes.
#[derive(Debug)]
pub struct SqliteJournal {
    outbox: Mutex<Option<Sender<Message>>>,
    thread: Mutex<Option<Thread>>,
    /// Held for as long as the journal is open.
    _lock: File,
}

impl SqliteJournal {
    /// Opens the journal in `folder`, which is made if it is not there, and reads back what it holds.
    pub fn open(folder: &Path) -> Result<(Self, Recovered), JournalError> {
        let cannot = |error: std::io::Error| JournalError::CannotWrite(format!("{}: {error}", folder.display()));
        std::fs::create_dir_all(folder).map_err(cannot)?;
        let lock = File::create(folder.join("lock")).map_err(cannot)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(JournalError::InUse(folder.to_owned())),
            Err(TryLockError::Error(error)) => return Err(cannot(error)),
        }
        let path = folder.join("journal.sqlite");
        let connection = prepared(&path)?;
        let recovered = recover(&connection).map_err(|error| damaged(&path, &error))?;
        let (outbox, thread) = writer::start(connection, path).map_err(cannot)?;
        let journal = Self { outbox: Mutex::new(Some(outbox)), thread: Mutex::new(Some(thread)), _lock: lock };
        Ok((journal, recovered))
    }

    /// Writes what is left and closes; what comes later is refused.
    pub fn close(&self) {
        drop(self.outbox.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // The thread ends when it has written everything; it does not panic.
            let _ = thread.join();
        }
    }

    fn send(&self, message: Message) -> Result<(), JournalError> {
        let outbox = self.outbox.lock().unwrap_or_else(PoisonError::into_inner);
        outbox.as_ref().ok_or(JournalError::Closed)?.send(message).map_err(|_| JournalError::Closed)
    }

    fn durably(&self, entry: Entry) -> BoxFuture<'_, Result<(), JournalError>> {
        let (told, answer) = oneshot::channel();
        let sent = self.send((entry, Some(told)));
        async move {
            sent?;
            answer.await.unwrap_or(Err(JournalError::Closed))
        }
        .boxed()
    }

    fn soon(&self, entry: Entry) {
        if let Err(error) = self.send((entry, None)) {
            tracing::warn!(%error, "came too late for the journal");
        }
    }
}

impl Drop for SqliteJournal {
    fn drop(&mut self) {
        self.close();
    }
}

impl Journal for SqliteJournal {
    fn accept(&self, job: AcceptedJob) -> BoxFuture<'_, Result<(), JournalError>> {
        self.durably(Entry::Accepted(job))
    }

    fn intend(&self, user: UserKey, standing: KeptStanding) -> BoxFuture<'_, Result<(), JournalError>> {
        self.durably(Entry::Stands { user, standing })
    }

    fn ended(&self, job: JobId, position: u32, outcome: EntryOutcome, counters: JobCounters) {
        self.soon(Entry::Ended { job, position, outcome: Box::new(outcome), counters });
    }

    fn stands(&self, user: UserKey, standing: KeptStanding) {
        self.soon(Entry::Stands { user, standing });
    }

    fn flush(&self) -> BoxFuture<'_, Result<(), JournalError>> {
        self.durably(Entry::Mark)
    }
}

/// Opens the database, brings its tables up to date, and makes every commit durable.
fn prepared(path: &Path) -> Result<Connection, JournalError> {
    let of = |error: &rusqlite::Error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => damaged(path, error),
        Some(_) | None => JournalError::CannotWrite(format!("{}: {error}", path.display())),
    };
    let mut connection = Connection::open(path).map_err(|error| of(&error))?;
    let found: i64 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(|error| of(&error))?;
    if found > VERSION {
        return Err(JournalError::TooNew { path: path.to_owned(), found, known: VERSION });
    }
    let prepare = |connection: &mut Connection| {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        if found == 0 {
            let transaction = connection.transaction()?;
            transaction.execute_batch(TABLES)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
            transaction.commit()?;
        }
        Ok(())
    };
    prepare(&mut connection).map_err(|error| of(&error))?;
    Ok(connection)
}

fn damaged(path: &Path, error: &rusqlite::Error) -> JournalError {
    JournalError::Damaged { path: PathBuf::from(path), detail: error.to_string() }
}

fn recover(connection: &Connection) -> rusqlite::Result<Recovered> {
    let mut jobs = connection.prepare("SELECT id, created_at, spec, counters FROM job ORDER BY id")?;
    let mut entries = connection.prepare("SELECT request, outcome FROM entry WHERE job = ?1 ORDER BY position")?;
    let mut recovered = Recovered::default();
    let mut rows = jobs.query([])?;
    while let Some(row) = rows.next()? {
        let id = uuid(row, 0)?;
        let (mut requests, mut outcomes) = (Vec::new(), Vec::new());
        let mut of_job = entries.query([id.as_bytes()])?;
        while let Some(entry) = of_job.next()? {
            requests.push(parsed::<OrderRecord>(entry, 0)?.into());
            outcomes.push(optional::<OutcomeRecord>(entry, 1)?.map(EntryOutcome::from));
        }
        let spec: String = row.get(2)?;
        let spec: SpecRecord<'_> = serde_json::from_str(&spec).map_err(|error| unreadable(2, error))?;
        let created_at = Timestamp::from_millisecond(row.get(1)?).unwrap_or(Timestamp::UNIX_EPOCH);
        let counters = optional::<CountersRecord>(row, 3)?.map(JobCounters::from).unwrap_or_default();
        let job = AcceptedJob { id: JobId(id), spec: spec.into(), created_at, entries: requests };
        recovered.jobs.push(RecoveredJob { job, counters, outcomes });
    }
    let mut standings = connection.prepare("SELECT target, user, standing FROM standing")?;
    let mut rows = standings.query([])?;
    while let Some(row) = rows.next()? {
        let target: String = row.get(0)?;
        let known = [Target::RoutingSkills, Target::WfmSkillGroups].into_iter().find(|known| known.name() == target);
        let Some(target) = known else { continue };
        let user = UserKey { target, user: UserId(uuid(row, 1)?) };
        recovered.standings.push((user, parsed::<StandingRecord>(row, 2)?.into()));
    }
    Ok(recovered)
}

fn uuid(row: &Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    Ok(Uuid::from_bytes(row.get(column)?))
}

fn parsed<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text).map_err(|error| unreadable(column, error))
}

fn optional<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    let text = row.get_ref(column)?.as_str_or_null()?;
    text.map(|text| serde_json::from_str(text).map_err(|error| unreadable(column, error))).transpose()
}

fn unreadable(column: usize, error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error.into())
}

#[cfg(test)]
#[path = "sqlite_tests.rs"]
mod tests;
