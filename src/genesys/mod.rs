//! Client for Genesys Cloud: one tower stack around the transport, and the two targets on top of it.
//!
//! Implements the engine's [`Genesys`](crate::engine::port::Genesys). It therefore stands above the engine, and depends
//! only on the engine's port.

mod answer;
mod auth;
pub mod call;
mod catalogues;
mod client;
pub mod diagnostics;
mod instrument;
pub mod login;
pub mod org;
mod paging;
mod path;
mod port;
pub mod rate_limiter;
mod retry;
mod routing_skills;
mod shortened;
mod stack;
pub mod statistics;
pub mod transport;
mod users;
mod wfm;
mod wire;

pub use self::client::{Endpoints, GenesysClient};
