//! The embedded journal: one `SQLite` database in WAL mode, flushed to the disk with each batch.

use std::fs::{File, TryLockError};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::statistics::{JournalHealth, JournalStatistics};
use super::usage::{Change, JournalUsage, Tally};
use super::writer::{self, Entry, Message, Thread};
use super::{
    AcceptedJob, AuditPage, CallRecord, Conclusion, JobNote, Journal, JournalError, JournalReader, KeptStanding, Memo,
    Recovered, damage, recovery, schema,
};
use crate::domain::acceptance::{AcceptanceKey, KeyId};
use crate::domain::audit::{AuditFilter, AuditRecord};
use crate::domain::{JobId, UserKey};

/// Larger than most ever get: some ten million entries.
pub const DEFAULT_MAX_BYTES: NonZeroU64 = NonZeroU64::MIN.saturating_add(8 * 1024 * 1024 * 1024 - 1);

/// The database in the folder.
pub(super) const DATABASE: &str = "journal.sqlite";

/// The file whose lock says that a process works with the journal.
pub(super) const LOCK: &str = "lock";
/// Who only looks has the lock for a moment; that is not to turn a service away.
const LOOKED_AT: Duration = Duration::from_millis(20);

/// A journal in a folder of its own.
///
/// Invariant: one process has it at a time, by a lock on a file beside the database; in that process one thread writes.
#[derive(Debug)]
pub struct SqliteJournal {
    outbox: Mutex<Option<Sender<Message>>>,
    thread: Mutex<Option<Thread>>,
    tally: Arc<Tally>,
    statistics: Arc<JournalStatistics>,
    /// The thread has ended by a panic.
    broken: CancellationToken,
    database: PathBuf,
    /// Held for as long as the journal is open.
    _lock: File,
}

impl SqliteJournal {
    /// Opens the journal in `folder`, which is made if it is not there, and reads back what it holds. The database does
    /// not grow beyond `max_bytes`.
    pub fn open(folder: &Path, max_bytes: NonZeroU64) -> Result<(Self, Recovered), JournalError> {
        let cannot = |error: std::io::Error| JournalError::CannotWrite(format!("{}: {error}", folder.display()));
        std::fs::create_dir_all(folder).map_err(cannot)?;
        let lock = File::create(folder.join(LOCK)).map_err(cannot)?;
        match locked(&lock) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(JournalError::InUse(folder.to_owned())),
            Err(TryLockError::Error(error)) => return Err(cannot(error)),
        }
        let path = folder.join(DATABASE);
        damage::look_at_log(&path).map_err(cannot)??;
        let connection = schema::prepared(&path, max_bytes.get())?;
        let recovered = recovery::recover(&connection).map_err(|error| damage::found(&path, &connection, &error))?;
        let tally = Arc::new(Tally::new(&path, counted(&recovered)));
        let statistics = Arc::<JournalStatistics>::default();
        let broken = CancellationToken::new();
        let (counts, figures) = (Arc::clone(&tally), Arc::clone(&statistics));
        let (outbox, thread) =
            writer::start(connection, counts, figures, max_bytes.get(), broken.clone()).map_err(cannot)?;
        let (outbox, thread) = (Mutex::new(Some(outbox)), Mutex::new(Some(thread)));
        let journal = Self { outbox, thread, tally, statistics, broken, database: path, _lock: lock };
        Ok((journal, recovered))
    }

    /// Writes what is left and closes; what comes later is refused.
    pub fn close(&self) {
        drop(self.outbox.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // The thread ends when it has written everything; a panic ended it before.
            let _ = thread.join();
        }
    }

    fn send(&self, message: Message) -> Result<(), JournalError> {
        let outbox = self.outbox.lock().unwrap_or_else(PoisonError::into_inner);
        outbox.as_ref().ok_or(JournalError::Closed)?.send(message).map_err(|_| self.gone())?;
        self.statistics.taken();
        Ok(())
    }

    fn durably(&self, entry: Entry) -> BoxFuture<'_, Result<(), JournalError>> {
        let (told, answer) = oneshot::channel();
        let sent = self.send((entry, Some(told)));
        async move {
            sent?;
            answer.await.unwrap_or_else(|_| Err(self.gone()))
        }
        .boxed()
    }

    /// Why the writer does not answer.
    fn gone(&self) -> JournalError {
        if self.broken.is_cancelled() { JournalError::Broken } else { JournalError::Closed }
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
    fn health(&self) -> Option<JournalHealth> {
        Some(self.statistics.health())
    }

    fn accept_asked(
        &self,
        job: AcceptedJob,
        keys: Vec<AcceptanceKey>,
        asked: Option<AuditRecord>,
    ) -> BoxFuture<'_, Result<(), JournalError>> {
        self.durably(Entry::Accepted { job, keys, asked })
    }

    fn forget_keys(&self, keys: Vec<KeyId>) {
        self.soon(Entry::KeysExpired(keys));
    }

    fn intend(&self, user: UserKey, standing: KeptStanding) -> BoxFuture<'_, Result<(), JournalError>> {
        self.durably(Entry::Stands { user, standing })
    }

    fn stands(&self, user: UserKey, standing: KeptStanding) {
        self.soon(Entry::Stands { user, standing });
    }

    fn conclude(&self, conclusion: Conclusion) -> BoxFuture<'_, Result<(), JournalError>> {
        self.durably(Entry::Concluded(Box::new(conclusion)))
    }

    fn note_asked(
        &self,
        job: JobId,
        note: JobNote,
        asked: Option<AuditRecord>,
    ) -> BoxFuture<'_, Result<(), JournalError>> {
        self.durably(Entry::Noted { job, note, asked })
    }

    fn audit(&self, record: AuditRecord) -> BoxFuture<'_, Result<(), JournalError>> {
        self.durably(Entry::Audited(record))
    }

    fn forget_audit(&self, before: Timestamp) {
        self.soon(Entry::AuditForgotten(before));
    }

    fn audited(
        &self,
        filter: AuditFilter,
        older_than: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Option<AuditPage>, JournalError>> {
        let database = self.database.clone();
        let read = move || JournalReader::open(&database)?.audit(&filter, older_than, limit);
        async move {
            let page = tokio::task::spawn_blocking(read).await;
            page.unwrap_or(Err(JournalError::Closed)).map(Some)
        }
        .boxed()
    }

    fn remember(&self, memos: Vec<Memo>) -> BoxFuture<'_, Result<(), JournalError>> {
        self.durably(Entry::Memos(memos))
    }

    fn forget_jobs(&self, jobs: Vec<JobId>) {
        self.soon(Entry::JobsForgotten(jobs));
    }

    fn calls(&self, record: CallRecord) -> BoxFuture<'_, Result<(), JournalError>> {
        self.durably(Entry::Called(record))
    }

    fn usage(&self) -> JournalUsage {
        self.tally.usage()
    }

    fn flush(&self) -> BoxFuture<'_, Result<(), JournalError>> {
        self.durably(Entry::Mark)
    }

    fn broken(&self) -> BoxFuture<'_, JournalError> {
        self.broken.cancelled().map(|()| JournalError::Broken).boxed()
    }
}

fn locked(lock: &File) -> Result<(), TryLockError> {
    match lock.try_lock() {
        Err(TryLockError::WouldBlock) => {
            #[expect(clippy::disallowed_methods, reason = "at the start, when nothing runs yet that could be held up")]
            std::thread::sleep(LOOKED_AT);
            lock.try_lock()
        }
        taken => taken,
    }
}

fn counted(recovered: &Recovered) -> Change {
    let count = |count| i64::try_from(count).unwrap_or(i64::MAX);
    Change {
        jobs: count(recovered.jobs.len()),
        entries: count(recovered.jobs.iter().map(|kept| kept.outcomes.len()).sum()),
        keys: count(recovered.keys.len()),
    }
}

#[cfg(test)]
#[path = "sqlite_tests.rs"]
pub(super) mod tests;

#[cfg(test)]
#[path = "room_tests.rs"]
mod room_tests;
