//! skillsync brings employees' skills from an HR system into Genesys Cloud: in bulk, at the full permitted rate and
//! never above it, without lost updates, and with every HTTP 409 resolved or explained.
//!
//! `docs/ARCHITECTURE.md` is the map. Modules depend only on modules listed below them here; `tests/it/layers.rs` fails
//! if one names a module above it.

pub mod cli;

pub mod app;

pub mod api;

pub mod callback;
pub mod genesys;

pub mod hris;

pub mod engine;

pub mod journal;

pub mod domain;

pub mod address;
pub mod backoff;
pub mod charset;
pub mod clock;
pub mod compression;
pub mod config;
pub mod lifecycle;
pub mod metrics;
pub mod outbound;
pub mod private_file;
pub mod retry_after;
pub mod table;
pub mod telemetry;
mod terminal;
