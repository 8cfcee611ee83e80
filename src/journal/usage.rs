//! How much the journal holds, and how large it is.

use std::ops::AddAssign;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use super::damage::log_of;

/// How much the journal holds at the moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JournalUsage {
    /// Of the database.
    pub database_bytes: u64,
    /// Of the log beside it, which holds what was written last.
    pub log_bytes: u64,
    pub jobs: u64,
    pub entries: u64,
    pub keys: u64,
    /// Whether the last thing that was to be written could not be.
    pub failing: bool,
}

/// What a batch adds and takes away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) jobs: i64,
    pub(super) entries: i64,
    pub(super) keys: i64,
}

impl AddAssign for Change {
    fn add_assign(&mut self, other: Self) {
        self.jobs += other.jobs;
        self.entries += other.entries;
        self.keys += other.keys;
    }
}

/// The writer's count of what is durable, read by others.
///
/// Invariant: a change is counted after the commit that makes it durable, by the one thread that writes.
#[derive(Debug)]
pub(super) struct Tally {
    database: PathBuf,
    log: PathBuf,
    jobs: AtomicI64,
    entries: AtomicI64,
    keys: AtomicI64,
    failing: AtomicBool,
}

impl Tally {
    pub(super) fn new(database: &Path, found: Change) -> Self {
        Self {
            database: database.to_owned(),
            log: log_of(database),
            jobs: found.jobs.into(),
            entries: found.entries.into(),
            keys: found.keys.into(),
            failing: AtomicBool::new(false),
        }
    }

    pub(super) fn count(&self, change: Change) {
        self.jobs.fetch_add(change.jobs, Ordering::Relaxed);
        self.entries.fetch_add(change.entries, Ordering::Relaxed);
        self.keys.fetch_add(change.keys, Ordering::Relaxed);
    }

    pub(super) fn failing(&self, failing: bool) {
        self.failing.store(failing, Ordering::Relaxed);
    }

    pub(super) fn usage(&self) -> JournalUsage {
        let bytes = |path: &Path| std::fs::metadata(path).map(|file| file.len()).unwrap_or_default();
        let count = |count: &AtomicI64| u64::try_from(count.load(Ordering::Relaxed)).unwrap_or_default();
        JournalUsage {
            database_bytes: bytes(&self.database),
            log_bytes: bytes(&self.log),
            jobs: count(&self.jobs),
            entries: count(&self.entries),
            keys: count(&self.keys),
            failing: self.failing.load(Ordering::Relaxed),
        }
    }
}
