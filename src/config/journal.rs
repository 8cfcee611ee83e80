//! `[journal]`: what survives a restart, where it is stored, for how long, and how large it may grow.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use documented::DocumentedFields;
use serde::Deserialize;

use super::{ConfigError, contradiction};

/// Smallest useful size of a journal, in bytes.
const LEAST_BYTES: u64 = 1024 * 1024;

/// `[journal]`: location, retention and size of the journal.
#[derive(Debug, Clone, Deserialize, DocumentedFields)]
#[serde(deny_unknown_fields, default)]
pub struct JournalConfig {
    /// If false, everything is kept in memory and lost at a restart.
    pub enabled: bool,
    /// Folder for the journal's files only; one process may use it at a time.
    pub path: PathBuf,
    /// How long a job stays readable after it has ended. A job with an idempotency key stays at least as long as the
    /// key, a held job until an operator decides.
    #[serde(deserialize_with = "super::duration")]
    pub retention: Duration,
    /// How long audit records are kept; see GET /v1/audit.
    #[serde(deserialize_with = "super::duration")]
    pub audit_retention: Duration,
    /// Maximum size of the journal. Once nine tenths are in use, new jobs get 503; the last tenth is reserved for
    /// outcomes.
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
            return Err(contradiction("journal.path", "is empty; name a folder"));
        }
        if self.enabled && self.path.exists() && !self.path.is_dir() {
            return Err(contradiction("journal.path", format!("{} is not a folder", self.path.display())));
        }
        Ok(())
    }
}
