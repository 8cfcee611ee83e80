//! A simulated Genesys Cloud org: a test double for clients that manage users, routing skills and WFM assignments.
//!
//! There is one model with two fronts. The model holds the org and its misbehaviour: rate limits, latency, conflicts
//! (HTTP 409) of several causes, stale reads, faults, outages, missing permissions. [`SimulatorService`] carries
//! requests to it in memory, on tokio's clock, paused or not; [`Simulator::serve`] does so over HTTP on a socket. The
//! [`Ledger`] records every request and every effect, so that a test can prove what a run has done.
//!
//! The crate knows the contract of Genesys and nothing about any client. `README.md` lists the endpoints, the scenario
//! file and the control surface.
//!
//! ```
//! use genesys_simulator::{Generated, Population, Scenario, Simulator};
//! use http::Request;
//! use tower::{Service, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let population = Population::Generated(Generated { users: 20, ..Generated::default() });
//! let simulator = Simulator::new(Scenario { population, ..Scenario::default() });
//!
//! let request = Request::get("https://api.example/api/v2/users").body(Default::default())?;
//! let answer = simulator.service().ready().await?.call(request).await?;
//! assert_eq!(answer.status(), 401, "no token was asked for");
//! assert_eq!(simulator.users().len(), 20);
//! assert_eq!(simulator.ledger().requests().len(), 1);
//! # Ok(())
//! # }
//! ```

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
