//! The background tasks of the engine.

pub(in crate::engine) mod refresh;
pub(in crate::engine) mod retention;
pub(in crate::engine) mod scheduler;
