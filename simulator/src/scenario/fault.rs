//! What goes wrong with single requests, from delays to answers that no client should trust.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact::required as duration;
use serde::{Deserialize, Serialize};

use super::super::route::Route;
use super::Latency;

/// A fault: what goes wrong, where, how often and when.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// The routes that it hits; an empty list means every API route. The token endpoint must be listed to be hit.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// Share of the requests that it hits.
    #[serde(default = "always")]
    pub rate: f64,
    /// When it happens, counted from the start of the simulation; by default, always.
    #[serde(default)]
    pub period: Option<Period>,
    /// Maximum number of hits; by default, unlimited.
    #[serde(default)]
    pub at_most: Option<u32>,
    /// Share of the users whose requests it hits, each with the same probability; by default, all users.
    #[serde(default)]
    pub users: Option<f64>,
}

fn always() -> f64 {
    1.0
}

impl Fault {
    /// Creates a fault that hits every request of the given routes.
    pub fn on(routes: &[Route], kind: FaultKind) -> Self {
        Self { kind, routes: routes.to_vec(), rate: always(), period: None, at_most: None, users: None }
    }

    /// Limits the fault to a share of the requests.
    #[must_use]
    pub fn at_rate(self, rate: f64) -> Self {
        Self { rate, ..self }
    }

    /// Limits the fault to a part of the simulation.
    #[must_use]
    pub fn during(self, from: Duration, to: Duration) -> Self {
        Self { period: Some(Period { from, to }), ..self }
    }

    /// Limits the fault to a share of the users: it always hits them, and never the others.
    #[must_use]
    pub fn for_users(self, share: f64) -> Self {
        Self { users: Some(share), ..self }
    }

    /// Limits the number of hits.
    #[must_use]
    pub fn at_most(self, times: u32) -> Self {
        Self { at_most: Some(times), ..self }
    }
}

/// A part of the simulation, counted from its start; `to` is exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// Start of the part.
    #[serde(with = "duration")]
    pub from: Duration,
    /// End of the part.
    #[serde(with = "duration")]
    pub to: Duration,
}

impl Period {
    pub(crate) fn contains(self, elapsed: Duration) -> bool {
        self.from <= elapsed && elapsed < self.to
    }
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// Additional latency.
    Delay(Latency),
    /// The answer arrives in pieces of `bytes` bytes, with a pause before each.
    Trickle {
        /// Size of a piece in bytes.
        bytes: usize,
        /// Pause before each piece.
        #[serde(with = "duration")]
        pause: Duration,
    },
    /// The error of a gateway or a server, or any other status; one below 200 only in memory. After the effect, a write
    /// has been applied although it seems to have failed.
    Status {
        /// The status of the answer.
        status: u16,
        /// Whether the request has its effect before it fails.
        moment: Moment,
        /// The body of the answer.
        #[serde(default)]
        body: Body,
    },
    /// The connection is closed without an answer.
    Reset { moment: Moment },
    /// 429 with this `Retry-After`, whatever was used of the limit.
    RateLimited {
        /// The time in the header, in whole seconds.
        #[serde(with = "duration")]
        retry_after: Duration,
    },
    /// The status is right, but the body is not.
    Garbled { body: Body },
    /// A redirect; the request has no effect.
    Redirect { status: u16, location: String },
    /// The answer has these headers instead of its own, whatever else goes wrong with it. Headers that HTTP does not
    /// permit, and those that define where the body ends, are ignored.
    Headers(BTreeMap<String, String>),
    /// A listing does not show what exists.
    Listing(Distortion),
    /// No route works.
    Outage,
}

/// How a listing misleads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distortion {
    /// Every page contains something new, and another one follows.
    Endless,
    /// Every page is the first one, and another one follows.
    Repeating,
    /// Half of each page is missing.
    Truncated,
}

/// Whether a fault occurs before or after the effect of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// The request has no effect.
    BeforeEffect,
    /// The request has had its effect.
    AfterEffect,
}

/// The body of a faulty answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// The error document of the API.
    #[default]
    Json,
    /// No body.
    Empty,
    /// The HTML page of a gateway.
    NotJson,
    /// JSON of another type: an array of mixed values.
    WrongType,
    /// The first half of the document.
    Truncated,
    /// The document with a byte that is not UTF-8.
    InvalidUtf8,
}
