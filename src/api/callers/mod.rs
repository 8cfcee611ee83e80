//! Identifies callers and checks what they may do.

pub(in crate::api) mod access;
pub(in crate::api) mod allowance;
pub(in crate::api) mod caller;
pub(in crate::api) mod open_paths;
pub(in crate::api) mod origin;
pub(in crate::api) mod request_id;
