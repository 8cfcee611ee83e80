//! The only thread that writes: it collects records while the previous batch is flushed, and flushes them as one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::journal::database::erasure;
use crate::journal::database::housekeeping::Housekeeping;
use crate::journal::database::message::{Entry, WhenDurable, WriterMessage};
use crate::journal::database::statements::write_all;
use crate::journal::database::statistics::JournalStatistics;
use crate::journal::database::usage::Tally;
use crate::journal::error::JournalError;
use crate::journal::files::place::{JournalPlace, LOOK_EVERY};
use crate::journal::port::LATEST;

/// How long the writer waits after a failure before it retries records that no caller waits for.
const RETRY: Duration = Duration::from_millis(500);

/// Writes batches until the last sender is gone.
///
/// Invariant: a record that a caller waits for is either durable when the caller is told so, or not written at all.
/// Ends of entries, and records that no caller waits for, are kept in order until they are durable, over any number of
/// failures.
struct Writer {
    work: WriterWork,
    inbox: Receiver<WriterMessage>,
    /// Taken from the inbox and not yet durable.
    unwritten: Vec<WriterMessage>,
    housekeeping: Housekeeping,
}

/// What a writer works with.
pub(in crate::journal) struct WriterWork {
    pub(in crate::journal) connection: Connection,
    pub(in crate::journal) place: JournalPlace,
    /// Receives the reason why nothing new is accepted, for as long as the files are not in their place.
    pub(in crate::journal) trouble: watch::Sender<Option<JournalError>>,
    pub(in crate::journal) tally: Arc<Tally>,
    pub(in crate::journal) statistics: Arc<JournalStatistics>,
    pub(in crate::journal) max_bytes: u64,
}

impl Writer {
    fn run(&mut self) {
        let mut failed = false;
        while self.collect(failed) {
            failed = self.flush().is_err() || self.tidy_up().is_err();
            self.work.tally.failing(failed);
        }
        // The last sender is gone: one more attempt for what is left.
        let _ = self.flush();
    }

    /// Waits for a record, and a little longer if no caller waits for it. Returns false when nothing more can come.
    fn collect(&mut self, failed: bool) -> bool {
        let first = if self.unwritten.is_empty() && !self.housekeeping.is_due() {
            self.inbox.recv_timeout(LOOK_EVERY)
        } else {
            self.inbox.recv_timeout(if failed { RETRY } else { Duration::ZERO })
        };
        match first {
            Ok(message) => self.unwritten.push(message),
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        let until = Instant::now() + LATEST / 2;
        while self.unwritten.iter().all(|(_, told)| told.is_none()) {
            match self.inbox.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(message) => self.unwritten.push(message),
                Err(_) => break,
            }
        }
        self.unwritten.extend(self.inbox.try_iter().take(MAX_BATCH));
        true
    }

    fn flush(&mut self) -> Result<(), JournalError> {
        self.turn_back_if_gone();
        self.turn_back_if_full();
        if self.unwritten.is_empty() {
            return Ok(());
        }
        let begun = Instant::now();
        let written = write_all(&mut self.work.connection, &self.unwritten).map_err(|error| cannot(&error));
        match &written {
            Ok(change) => self.work.tally.count(*change),
            Err(error) => tracing::error!(%error, waiting = self.unwritten.len(), "the journal cannot write"),
        }
        let batch = self.unwritten.len();
        let (mut kept, mut erased) = (Vec::new(), Vec::new());
        for (entry, told) in self.unwritten.drain(..) {
            match (told, &written) {
                (told, Err(_)) if matches!(entry, Entry::Concluded(_)) => kept.push((entry, told)),
                (Some(told), Ok(_)) if matches!(entry, Entry::Erased(_)) => erased.push(told),
                (Some(told), _) => drop(told.send(written.clone().map(drop))),
                (None, Err(_)) => kept.push((entry, None)),
                (None, Ok(_)) if matches!(entry, Entry::JobsForgotten(_)) => self.housekeeping.wake(),
                (None, Ok(_)) => {}
            }
        }
        let over = batch - kept.len();
        self.work.statistics.flushed(begun.elapsed(), written.is_ok(), over);
        self.unwritten = kept;
        self.clean_up_for(erased);
        written.map(drop)
    }

    /// Answers callers that erased a person once nothing of the person is left in the files.
    fn clean_up_for(&mut self, erased: Vec<WhenDurable>) {
        if erased.is_empty() {
            return;
        }
        let begun = Instant::now();
        let cleaned = erasure::clean(&mut self.work.connection, &self.work.place);
        match &cleaned {
            Ok(change) => {
                self.work.tally.count(*change);
                tracing::info!(took_ms = begun.elapsed().as_millis(), "rewrote the journal without what was erased");
            }
            Err(error) => tracing::warn!(%error, "cannot rewrite the journal without what was erased"),
        }
        let cleaned = cleaned.map(drop).map_err(|error| JournalError::StillInFiles(error.to_string().into()));
        for told in erased {
            let _ = told.send(cleaned.clone());
        }
    }

    /// What is promised must be found by the next process, so new records are refused while the files are not in their
    /// place. Outcomes of earlier work are written nonetheless, and are there if the files come back.
    fn turn_back_if_gone(&mut self) {
        let trouble = self.work.place.look(&mut self.work.connection).err();
        if let Some(error) = &trouble {
            for (_, told) in self.unwritten.extract_if(.., |(entry, _)| entry.is_new()) {
                told.map(|told| told.send(Err(error.clone())));
                self.work.statistics.turned_back();
            }
        }
        self.work.trouble.send_if_modified(|known| {
            let changed = known.is_some() != trouble.is_some();
            match &trouble {
                Some(error) if changed => {
                    let folder = self.work.place.folder().display();
                    tracing::error!(%error, %folder, "put the journal back before a restart; otherwise, the restart will not know what was accepted");
                }
                None if changed => tracing::info!("the journal is back in its place"),
                Some(_) | None => {}
            }
            *known = trouble;
            changed
        });
    }

    /// Refuses new jobs when the last tenth of the room is reached, which is reserved for the outcomes of accepted
    /// jobs.
    fn turn_back_if_full(&mut self) {
        let is_job = |(entry, _): &WriterMessage| matches!(entry, Entry::Accepted { .. });
        if !self.unwritten.iter().any(is_job) || used_bytes(&self.work.connection) < self.work.max_bytes / 10 * 9 {
            return;
        }
        tracing::error!(
            max_bytes = self.work.max_bytes,
            "the journal is full and accepts no new jobs; raise journal.max_bytes or lower journal.retention"
        );
        for (_, told) in self.unwritten.extract_if(.., |message| is_job(message)) {
            told.map(|told| told.send(Err(JournalError::Full(self.work.max_bytes))));
            self.work.statistics.turned_back();
        }
    }

    fn tidy_up(&mut self) -> Result<(), JournalError> {
        let change = self.housekeeping.step(&mut self.work.connection).map_err(|error| cannot(&error));
        match &change {
            Ok(change) => self.work.tally.count(*change),
            Err(error) => tracing::warn!(%error, "housekeeping of the journal failed; it is tried again"),
        }
        change.map(drop)
    }
}

/// Maximum number of records per batch; bounds how long the first of them waits for the last.
const MAX_BATCH: usize = 4096;

fn cannot(error: &rusqlite::Error) -> JournalError {
    JournalError::CannotWrite(error.to_string())
}

/// Returns the bytes used in the database, without free pages. Answered from memory; an unknown size counts as zero,
/// because nothing works in that case.
fn used_bytes(connection: &Connection) -> u64 {
    let read = |pragma| connection.prepare_cached(pragma)?.query_row([], |row| row.get::<_, u32>(0));
    let value = |pragma| read(pragma).unwrap_or_default();
    let pages = value("PRAGMA page_count").saturating_sub(value("PRAGMA freelist_count"));
    u64::from(pages) * u64::from(value("PRAGMA page_size"))
}

/// Starts the writer's thread. It ends when the last sender is gone, or by a panic, which cancels `broken`.
pub(in crate::journal) fn start(
    work: WriterWork,
    broken: CancellationToken,
) -> std::io::Result<(Sender<WriterMessage>, Thread)> {
    let (outbox, inbox) = std::sync::mpsc::channel();
    let mut writer = Writer { work, inbox, unwritten: Vec::new(), housekeeping: Housekeeping::new() };
    let thread = std::thread::Builder::new().name("journal".to_owned()).spawn(move || {
        match catch_unwind(AssertUnwindSafe(|| writer.run())) {
            Ok(()) => tracing::debug!("the journal is closed"),
            // Reported before the writer is dropped, and with it the callers that wait for an answer.
            Err(_) => broken.cancel(),
        }
    })?;
    Ok((outbox, thread))
}

pub(in crate::journal) type Thread = std::thread::JoinHandle<()>;
