//! The state of each user: a slot with what waits in it, and what is remembered between reconciliations.

pub(in crate::engine) mod deferrals;
pub(in crate::engine) mod memory;
pub(in crate::engine) mod pending_change;
pub(in crate::engine) mod progress;
pub(in crate::engine) mod run_queue;
pub(in crate::engine) mod slots;
