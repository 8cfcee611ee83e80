//! Accepts connections and turns them into requests.

pub(in crate::api) mod connections;
pub(in crate::api) mod serve;
pub(in crate::api) mod wire;
