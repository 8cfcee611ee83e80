//! Event streams and long polls that follow jobs.

pub(in crate::api) mod feeds;
pub(in crate::api) mod polls;
pub(in crate::api) mod streams;
