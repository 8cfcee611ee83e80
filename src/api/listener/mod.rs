//! From a listener to requests.

pub(in crate::api) mod connections;
pub(in crate::api) mod serve;
pub(in crate::api) mod wire;
