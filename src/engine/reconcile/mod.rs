//! The reconciliation of one user at a time: read, fold all pending changes, write the difference, explain conflicts.

pub(in crate::engine) mod ending;
pub(in crate::engine) mod recheck;
pub(in crate::engine) mod reconciliation;
mod setbacks;
