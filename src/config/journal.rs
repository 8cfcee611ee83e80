//! `[journal]`: what survives a restart, where, for how long, and how large it may get.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::{ConfigError, contradiction};

/// The smallest journal that is of any use.
const LEAST_BYTES: u64 = 1024 * 1024;

/// `[journal]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JournalConfig {
    /// `journal.enabled`: false keeps everything in memory only, and a restart forgets it.
    pub enabled: bool,
    /// `journal.path`: a folder of its own.
    pub path: PathBuf,
    /// `journal.retention`: how long a job can be read after it has ended; then it is removed from memory and disk. A job
    /// that was sent under a key stays at least as long as the key, a held one until somebody decides.
    #[serde(deserialize_with = "super::duration")]
    pub retention: Duration,
    /// `journal.audit_retention`: how long it is kept who asked for what.
    #[serde(deserialize_with = "super::duration")]
    pub audit_retention: Duration,
    /// `journal.max_bytes`: the largest that the database may become. The last tenth is for what becomes of the jobs that
    /// were accepted: new ones are refused with 503 until there is room again.
    pub max_bytes: NonZeroU64,
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            path: PathBuf::from("./skillsync-data"),
            retention: Duration::from_secs(7 * 24 * 3600),
            audit_retention: Duration::from_secs(365 * 24 * 3600),
            max_bytes: NonZeroU64::MIN.saturating_add(8 * 1024 * 1024 * 1024 - 1),
        }
    }
}

impl JournalConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.max_bytes.get() < LEAST_BYTES {
            return Err(contradiction("journal.max_bytes", format!("must be at least {LEAST_BYTES}")));
        }
        if self.enabled && self.path.as_os_str().is_empty() {
            return Err(contradiction("journal.path", "is empty"));
        }
        if self.enabled && self.path.exists() && !self.path.is_dir() {
            return Err(contradiction("journal.path", format!("{} is not a folder", self.path.display())));
        }
        Ok(())
    }
}
