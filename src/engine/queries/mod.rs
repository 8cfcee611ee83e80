//! Queries of callers. Only erasure changes anything, and it first finds out who it is about.

pub(in crate::engine) mod dates;
pub(in crate::engine) mod erasure;
pub(in crate::engine) mod forecast;
pub(in crate::engine) mod jobs;
pub(in crate::engine) mod overview;
pub(in crate::engine) mod users;
