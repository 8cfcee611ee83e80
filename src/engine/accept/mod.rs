//! Commands of callers.

pub(in crate::engine) mod callback;
pub(in crate::engine) mod on_behalf;
pub(in crate::engine) mod release;
pub(in crate::engine) mod submit;
pub(in crate::engine) mod take_up;
