//! The request handlers, one file per path.

pub(in crate::api) mod audit;
pub(in crate::api) mod dashboard;
pub(in crate::api) mod idempotency;
pub(in crate::api) mod imports;
pub(in crate::api) mod limits;
pub(in crate::api) mod metrics;
pub(in crate::api) mod probes;
pub(in crate::api) mod swagger;
pub(in crate::api) mod sync_jobs;
pub(in crate::api) mod users;
pub(in crate::api) mod webhook_records;
pub(in crate::api) mod webhooks;
