//! Which full exports named somebody.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Full exports that followed each other and named somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Exports {
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
}
