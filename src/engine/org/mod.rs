//! The users and assignments of the org, as Genesys lists them.

pub(in crate::engine) mod cache;
pub(in crate::engine) mod catalogue;
pub(in crate::engine) mod directory;
pub(in crate::engine) mod endpoints;
pub(in crate::engine) mod holders;
pub(in crate::engine) mod known_names;
pub(in crate::engine) mod unknown_names;
pub(in crate::engine) mod user_index;
pub(in crate::engine) mod user_listing;
