//! How much work is ahead, and when a job will be done.

pub(in crate::engine) mod fair_share;
pub(in crate::engine) mod totals;
pub(in crate::engine) mod workload;
