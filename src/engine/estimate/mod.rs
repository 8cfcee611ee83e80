//! Estimates how much work is ahead, and when a job will end.

pub(in crate::engine) mod fair_share;
pub(in crate::engine) mod totals;
pub(in crate::engine) mod workload;
