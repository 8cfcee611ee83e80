//! What goes wrong with single requests, from delays to answers that no client should trust.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact::required as duration;
use serde::{Deserialize, Serialize};

use super::super::route::Route;
use super::Latency;

/// Something that goes wrong, where, how often and when.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    pub kind: FaultKind,
    /// The routes that it hits; none named means every API route. The token endpoint must be named.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// Share of the requests that it hits.
    #[serde(default = "always")]
    pub rate: f64,
    /// When it happens, counted from the start of the simulation; always, if not given.
    #[serde(default)]
    pub period: Option<Period>,
    /// After so many hits it is over.
    #[serde(default)]
    pub at_most: Option<u32>,
    /// Share of the users whose requests it hits, each by their own chance; everybody's, if not given.
    #[serde(default)]
    pub users: Option<f64>,
}

fn always() -> f64 {
    1.0
}

impl Fault {
    /// A fault that hits every request of the given routes.
    pub fn on(routes: &[Route], kind: FaultKind) -> Self {
        Self { kind, routes: routes.to_vec(), rate: always(), period: None, at_most: None, users: None }
    }

    /// The same fault for a share of the requests only.
    #[must_use]
    pub fn at_rate(self, rate: f64) -> Self {
        Self { rate, ..self }
    }

    /// The same fault in a part of the simulation only.
    #[must_use]
    pub fn during(self, from: Duration, to: Duration) -> Self {
        Self { period: Some(Period { from, to }), ..self }
    }

    /// The same fault for a share of the users only: always for them, never for the others.
    #[must_use]
    pub fn for_users(self, share: f64) -> Self {
        Self { users: Some(share), ..self }
    }

    /// The same fault, but only so many times.
    #[must_use]
    pub fn at_most(self, times: u32) -> Self {
        Self { at_most: Some(times), ..self }
    }
}

/// A part of the simulation, from its start; `to` is not in it any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    #[serde(with = "duration")]
    pub from: Duration,
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
    /// More latency.
    Delay(Latency),
    /// The answer drips in: so many bytes, a pause, and so on.
    Trickle {
        bytes: usize,
        #[serde(with = "duration")]
        pause: Duration,
    },
    /// A gateway's or server's error, or any other status; one below 200 only in memory. After the effect, a write has been applied although it seems to have failed.
    Status {
        status: u16,
        moment: Moment,
        #[serde(default)]
        body: Body,
    },
    /// The connection is closed without an answer.
    Reset { moment: Moment },
    /// 429 with this `Retry-After`, whatever was used of the limit.
    RateLimited {
        #[serde(with = "duration")]
        retry_after: Duration,
    },
    /// The status is right, but the body is not.
    Garbled { body: Body },
    /// A redirect; the request does nothing.
    Redirect { status: u16, location: String },
    /// The answer has these headers instead of its own, whatever else goes wrong with it. What HTTP does not permit
    /// and what says where the body ends is left out.
    Headers(BTreeMap<String, String>),
    /// A listing does not show what there is.
    Listing(Distortion),
    /// Nothing works on any route.
    Outage,
}

/// How a listing misleads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distortion {
    /// Every page has something new on it, and another one follows.
    Endless,
    /// Every page is the first one, and another one follows.
    Repeating,
    /// Half of each page is missing.
    Truncated,
}

/// Whether a fault comes before the request has done anything, or after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    BeforeEffect,
    AfterEffect,
}

/// What a faulty answer holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// The API's error document.
    #[default]
    Json,
    Empty,
    /// A gateway's HTML page.
    NotJson,
    /// JSON, but an array of this and that.
    WrongType,
    /// The first half of the document.
    Truncated,
    /// The document with bytes in it that are no text.
    InvalidUtf8,
}
