//! The state of each user: the slot with the pending changes, and what is remembered between reconciliations.

pub(in crate::engine) mod deferrals;
pub(in crate::engine) mod memory;
pub(in crate::engine) mod pending_change;
pub(in crate::engine) mod progress;
pub(in crate::engine) mod run_queue;
pub(in crate::engine) mod slots;
