//! Number of records in the journal, and its size.

use crate::journal::content::JournalUsage;
use std::ops::AddAssign;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use crate::journal::files::damage::log_of;

/// Change in the number of rows by a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::journal) struct UsageChange {
    pub(in crate::journal) jobs: i64,
    pub(in crate::journal) entries: i64,
    pub(in crate::journal) keys: i64,
}

impl AddAssign for UsageChange {
    fn add_assign(&mut self, other: Self) {
        self.jobs += other.jobs;
        self.entries += other.entries;
        self.keys += other.keys;
    }
}

/// The writer's count of what is durable, read by other threads.
///
/// Invariant: a change is counted after the commit that makes it durable, by the one thread that writes.
#[derive(Debug)]
pub(in crate::journal) struct Tally {
    database: PathBuf,
    log: PathBuf,
    jobs: AtomicI64,
    entries: AtomicI64,
    keys: AtomicI64,
    failing: AtomicBool,
}

impl Tally {
    pub(in crate::journal) fn new(database: &Path, found: UsageChange) -> Self {
        Self {
            database: database.to_owned(),
            log: log_of(database),
            jobs: found.jobs.into(),
            entries: found.entries.into(),
            keys: found.keys.into(),
            failing: AtomicBool::new(false),
        }
    }

    pub(in crate::journal) fn count(&self, change: UsageChange) {
        self.jobs.fetch_add(change.jobs, Ordering::Relaxed);
        self.entries.fetch_add(change.entries, Ordering::Relaxed);
        self.keys.fetch_add(change.keys, Ordering::Relaxed);
    }

    pub(in crate::journal) fn failing(&self, failing: bool) {
        self.failing.store(failing, Ordering::Relaxed);
    }

    pub(in crate::journal) fn usage(&self) -> JournalUsage {
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
