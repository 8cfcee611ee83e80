//! The embedded journal: one `SQLite` database in WAL mode, flushed to disk with each batch.

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Sender;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::domain::acceptance::{AcceptanceKey, KeyId};
use crate::domain::audit::{AuditFilter, AuditRecord};
use crate::domain::{JobId, UserKey};
use crate::journal::content::AcceptedJob;
use crate::journal::content::AuditPage;
use crate::journal::content::CallRecord;
use crate::journal::content::Conclusion;
use crate::journal::content::Erasure;
use crate::journal::content::JobNote;
use crate::journal::content::KeptUserState;
use crate::journal::content::Memo;
use crate::journal::content::OrgIdentity;
use crate::journal::content::Recovered;
use crate::journal::content::{JournalHealth, JournalUsage};
use crate::journal::database::message::{Entry, WriterMessage};
use crate::journal::database::recovery;
use crate::journal::database::statistics::JournalStatistics;
use crate::journal::database::usage::{Tally, UsageChange};
use crate::journal::database::writer::{self, Thread, WriterWork};
use crate::journal::error::JournalError;
use crate::journal::files::damage;
use crate::journal::files::place::{JournalPlace, Locks};
use crate::journal::port::Journal;
use crate::journal::reader::JournalReader;
use crate::journal::schema;

/// Default size limit, enough for some ten million entries.
pub const DEFAULT_MAX_BYTES: NonZeroU64 = NonZeroU64::MIN.saturating_add(8 * 1024 * 1024 * 1024 - 1);

/// A journal in a folder of its own.
///
/// Invariant: one process has it at a time, ensured by locks on the database and on a file beside it; within that
/// process, one thread writes.
#[derive(Debug)]
pub struct SqliteJournal {
    outbox: Mutex<Option<Sender<WriterMessage>>>,
    thread: Mutex<Option<Thread>>,
    tally: Arc<Tally>,
    statistics: Arc<JournalStatistics>,
    /// Why new records are refused.
    doubt: Mutex<Option<JournalError>>,
    /// Cancelled if the thread has ended by a panic.
    broken: CancellationToken,
    database: PathBuf,
    /// Reports that the journal's files are not where they should be.
    trouble: watch::Receiver<Option<JournalError>>,
    /// Held for as long as the journal is open.
    _locks: Locks,
}

impl SqliteJournal {
    /// Opens the journal in `folder`, which is created if necessary, and reads back its content. The database does not
    /// grow beyond `max_bytes`.
    pub fn open(folder: &Path, max_bytes: NonZeroU64) -> Result<(Self, Recovered), JournalError> {
        let cannot = |error: std::io::Error| JournalError::CannotWrite(format!("{}: {error}", folder.display()));
        let mut place = JournalPlace::take(folder, max_bytes.get())?;
        let (path, locks) = (place.database(), place.locks());
        damage::look_at_log(&path).map_err(cannot)??;
        let connection = schema::prepared(&path, max_bytes.get())?;
        let recovered = recovery::recover(&connection).map_err(|error| damage::found(&path, &connection, &error))?;
        place.opened();
        let tally = Arc::new(Tally::new(&path, counted(&recovered)));
        let statistics = Arc::<JournalStatistics>::default();
        let broken = CancellationToken::new();
        let (counts, figures) = (Arc::clone(&tally), Arc::clone(&statistics));
        let (told, trouble) = watch::channel(None);
        let work = WriterWork {
            connection,
            place,
            trouble: told,
            tally: counts,
            statistics: figures,
            max_bytes: max_bytes.get(),
        };
        let (outbox, thread) = writer::start(work, broken.clone()).map_err(cannot)?;
        let (outbox, thread) = (Mutex::new(Some(outbox)), Mutex::new(Some(thread)));
        let journal = Self {
            outbox,
            thread,
            tally,
            statistics,
            doubt: Mutex::default(),
            broken,
            database: path,
            trouble,
            _locks: locks,
        };
        Ok((journal, recovered))
    }

    /// Writes what is left and closes the journal; later records are refused.
    pub fn close(&self) {
        drop(self.outbox.lock().take());
        if let Some(thread) = self.thread.lock().take() {
            // The thread ends when it has written everything, or has already ended by a panic.
            let _ = thread.join();
        }
    }

    fn send(&self, message: WriterMessage) -> Result<(), JournalError> {
        let outbox = self.outbox.lock();
        outbox.as_ref().ok_or(JournalError::Closed)?.send(message).map_err(|_| self.gone())?;
        self.statistics.taken();
        Ok(())
    }

    fn durably(&self, entry: Entry) -> BoxFuture<'_, Result<(), JournalError>> {
        // Nothing new is accepted while it is uncertain which org the journal belongs to.
        let doubt = self.doubt.lock().clone().filter(|_| entry.is_new());
        let (told, answer) = oneshot::channel();
        let sent = doubt.map_or_else(|| self.send((entry, Some(told))), Err);
        async move {
            sent?;
            answer.await.unwrap_or_else(|_| Err(self.gone()))
        }
        .boxed()
    }

    /// Returns why the writer does not respond.
    fn gone(&self) -> JournalError {
        if self.broken.is_cancelled() { JournalError::Broken } else { JournalError::Closed }
    }

    fn soon(&self, entry: Entry) {
        if let Err(error) = self.send((entry, None)) {
            tracing::warn!(%error, "a record came too late for the journal and is lost");
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

    fn intend(&self, user: UserKey, user_state: KeptUserState) -> BoxFuture<'_, Result<(), JournalError>> {
        self.durably(Entry::Stands { user, user_state })
    }

    fn stands(&self, user: UserKey, user_state: KeptUserState) {
        self.soon(Entry::Stands { user, user_state });
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

    fn erase(&self, erasure: Erasure) -> BoxFuture<'_, Result<(), JournalError>> {
        self.durably(Entry::Erased(erasure))
    }

    fn forget_jobs(&self, jobs: Vec<JobId>) {
        self.soon(Entry::JobsForgotten(jobs));
    }

    fn calls(&self, record: CallRecord) -> BoxFuture<'_, Result<(), JournalError>> {
        self.durably(Entry::Called(record))
    }

    fn belong_to(&self, org: OrgIdentity, forget_users: bool) -> BoxFuture<'_, Result<(), JournalError>> {
        self.durably(Entry::Owner { org, forget_users })
    }

    fn doubt(&self, why: Option<JournalError>) {
        *self.doubt.lock() = why;
    }

    fn usage(&self) -> JournalUsage {
        self.tally.usage()
    }

    fn flush(&self) -> BoxFuture<'_, Result<(), JournalError>> {
        self.durably(Entry::Mark)
    }

    fn trouble(&self) -> watch::Receiver<Option<JournalError>> {
        self.trouble.clone()
    }

    fn broken(&self) -> BoxFuture<'_, JournalError> {
        self.broken.cancelled().map(|()| JournalError::Broken).boxed()
    }
}

fn counted(recovered: &Recovered) -> UsageChange {
    let count = |count| i64::try_from(count).unwrap_or(i64::MAX);
    UsageChange {
        jobs: count(recovered.jobs.len()),
        entries: count(recovered.jobs.iter().map(|kept| kept.outcomes.len()).sum()),
        keys: count(recovered.keys.len()),
    }
}

#[cfg(test)]
pub(in crate::journal) mod tests;

#[cfg(test)]
mod room_tests;
