//! The one thread that writes: collects what comes in while the last batch is flushed, and flushes it as one.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::statements::write_all;
use super::{AcceptedJob, EntryOutcome, JobCounters, JobNote, JournalError, KeptStanding, LATEST, Memo};
use crate::domain::acceptance::{AcceptanceKey, KeyId};
use crate::domain::{JobId, UserKey};

/// One thing to write down.
#[derive(Debug)]
pub(super) enum Entry {
    Accepted {
        job: AcceptedJob,
        keys: Vec<AcceptanceKey>,
    },
    KeysExpired(Vec<KeyId>),
    Ended {
        job: JobId,
        position: u32,
        outcome: Box<EntryOutcome>,
        counters: JobCounters,
    },
    Stands {
        user: UserKey,
        standing: KeptStanding,
    },
    Noted {
        job: JobId,
        note: JobNote,
    },
    Memos(Vec<Memo>),
    /// Nothing but a wish to know that everything before it is durable.
    Mark,
}

/// What goes to the writer: an entry, and whom to tell when it is durable.
pub(super) type Message = (Entry, Option<Told>);
pub(super) type Told = oneshot::Sender<Result<(), JournalError>>;

/// How long the writer waits after a failure before it tries again to write what nobody waits for.
const RETRY: Duration = Duration::from_millis(500);

/// Writes batches until the last sender is gone.
///
/// Invariant: an entry that somebody waits for is either durable when they are told so, or not written at all; an entry
/// that nobody waits for is kept until it is durable, over any number of failures, in its order.
pub(super) struct Writer {
    connection: Connection,
    inbox: Receiver<Message>,
    /// Taken from the inbox and not durable yet.
    unwritten: Vec<Message>,
}

impl Writer {
    pub(super) fn new(connection: Connection, inbox: Receiver<Message>) -> Self {
        Self { connection, inbox, unwritten: Vec::new() }
    }

    pub(super) fn run(mut self) {
        let mut failed = false;
        while self.collect(failed) {
            failed = self.flush().is_err();
        }
        // The last sender is gone: one more try for what is left.
        let _ = self.flush();
    }

    /// Waits for something to write, and a little longer if nobody waits for it; false when nothing more can come.
    fn collect(&mut self, failed: bool) -> bool {
        let first = if self.unwritten.is_empty() {
            self.inbox.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            self.inbox.recv_timeout(if failed { RETRY } else { Duration::ZERO })
        };
        match first {
            Ok(message) => self.unwritten.push(message),
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        while self.unwritten.iter().all(|(_, told)| told.is_none()) {
            match self.inbox.recv_timeout(LATEST / 2) {
                Ok(message) => self.unwritten.push(message),
                Err(_) => break,
            }
        }
        self.unwritten.extend(self.inbox.try_iter().take(MOST_A_BATCH));
        true
    }

    fn flush(&mut self) -> Result<(), JournalError> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        let written = write_all(&mut self.connection, &self.unwritten)
            .map_err(|error| JournalError::CannotWrite(error.to_string()));
        if let Err(error) = &written {
            tracing::error!(%error, waiting = self.unwritten.len(), "the journal cannot write");
        }
        let mut kept = Vec::new();
        for (entry, told) in self.unwritten.drain(..) {
            match (told, &written) {
                (Some(told), _) => drop(told.send(written.clone())),
                (None, Err(_)) => kept.push((entry, None)),
                (None, Ok(())) => {}
            }
        }
        self.unwritten = kept;
        written
    }
}

/// Entries a batch at most: bounds how long the first of them waits for the last.
const MOST_A_BATCH: usize = 4096;

/// Starts the writer's thread.
pub(super) fn start(connection: Connection, path: PathBuf) -> std::io::Result<(Sender<Message>, Thread)> {
    let (outbox, inbox) = std::sync::mpsc::channel();
    let writer = Writer::new(connection, inbox);
    let thread = std::thread::Builder::new().name("journal".to_owned()).spawn(move || {
        writer.run();
        tracing::debug!(path = %path.display(), "the journal is closed");
    })?;
    Ok((outbox, thread))
}

pub(super) type Thread = std::thread::JoinHandle<()>;
