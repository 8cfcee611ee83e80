//! The Genesys simulator: one model, two fronts.
//!
//! An honest counterpart: it knows the contract of the Genesys side and nothing of the client. The model holds the org
//! and its misbehaviour; [`SimulatorService`] carries requests to it in memory, on tokio's clock, paused or not;
//! [`Simulator::serve`] does so over HTTP on a socket. Whatever a run has done can be proved from its [`Ledger`].

mod control;
mod dice;
mod handle;
mod journey;
mod ledger;
mod model;
mod query;
mod resource;
mod route;
mod scenario;
mod service;
mod socket;
#[cfg(test)]
mod tests;

pub use self::handle::Simulator;
pub use self::ledger::{Effect, Ledger, LostChange, Outcome, Overlap, RequestRecord, Statistics, WriteKind, Writer};
pub use self::resource::{Assignment, Target};
pub use self::route::Route;
pub use self::scenario::{
    Access, Behaviour, Blocked, Body, Busy, CatalogueEntry, ConflictCause, ConflictShape, Conflicts, Credentials,
    Distortion, Explicit, ExternalId, Fault, FaultKind, ForeignWriter, Generated, Latency, Limits, Moment, Outage,
    Oversized, Paging, Period, Population, RateLimit, ReadLag, RouteLimit, Scenario, ScenarioError, Share, SimUser,
    StaleWindow, UserState, WfmEndpoint,
};
pub use self::service::{SimulatorService, TransportError};
