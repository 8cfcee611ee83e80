//! What those are told who follow a job.

pub(in crate::api) mod feeds;
pub(in crate::api) mod polls;
pub(in crate::api) mod streams;
