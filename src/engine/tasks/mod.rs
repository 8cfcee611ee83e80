//! What the engine does by itself.

pub(in crate::engine) mod refresh;
pub(in crate::engine) mod retention;
pub(in crate::engine) mod scheduler;
