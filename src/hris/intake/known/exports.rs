//! Which full exports named a person.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The consecutive full exports that named a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Exports {
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
}
