//! The wire shapes of the HTTP API: words, views, queries and problem documents.

pub(in crate::api) mod actor_view;
pub(in crate::api) mod entry_view;
pub(in crate::api) mod faults;
pub(in crate::api) mod forms;
pub(in crate::api) mod formulas;
pub(in crate::api) mod job_view;
pub(in crate::api) mod paging;
pub(in crate::api) mod problem;
pub(in crate::api) mod query;
pub(in crate::api) mod rules;
pub(in crate::api) mod schemas;
pub(in crate::api) mod user_reference;
pub(in crate::api) mod vocabulary;
