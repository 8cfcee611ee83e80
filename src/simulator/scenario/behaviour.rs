//! How the org misbehaves: latency, faults, outages. All of it can be changed while the simulation runs.

use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact::required as duration;
use serde::{Deserialize, Serialize};

use super::super::route::Route;
use super::{Conflicts, Paging};

/// The changeable part of a scenario.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    pub latency: Latency,
    pub conflicts: Conflicts,
    pub faults: Vec<Fault>,
    /// While set, nothing is answered properly, the token endpoint included.
    pub outage: Option<Outage>,
    /// Permissions that the client's role lacks, e.g. `routing:skill:assign`; the calls that need them answer 403.
    pub missing_permissions: Vec<String>,
    /// Share of the users whose `skills` are left out of `GET /users` although they were asked for.
    pub expand_drops_skills: f64,
    /// Share of the users of whose `skills` only the first half is shown where they are expanded.
    pub expand_cuts_skills: f64,
    /// Share of all users' skills that are deactivated at the user: they are there, but `inactive`.
    pub deactivated_skills: f64,
    /// How many inactive users can be listed; a page that reaches beyond is refused, although totals count all.
    pub inactive_cap: usize,
    /// Whether this client may look users up through SCIM.
    pub scim: Access,
    /// Whether this client may read the org's limits.
    pub org_limits: Access,
    /// Share of the users who are in a division that this client may not see: for it they do not exist.
    pub hidden_users: f64,
    pub paging: Paging,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            latency: Latency::default(),
            conflicts: Conflicts::default(),
            faults: Vec::new(),
            outage: None,
            missing_permissions: Vec::new(),
            expand_drops_skills: 0.0,
            expand_cuts_skills: 0.0,
            deactivated_skills: 0.0,
            inactive_cap: 10_000,
            scim: Access::default(),
            org_limits: Access::default(),
            hidden_users: 0.0,
            paging: Paging::default(),
        }
    }
}

/// What a client meets at an endpoint that not every org or client has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    #[default]
    Granted,
    /// 403.
    Refused,
    /// 404, as for any path that is none.
    Absent,
}

/// The time from sending a request to having its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Latency {
    #[serde(with = "duration")]
    pub fixed: Duration,
    /// On top of it, evenly distributed from nothing to this.
    #[serde(with = "duration")]
    pub spread: Duration,
}

impl Default for Latency {
    fn default() -> Self {
        Self { fixed: Duration::from_millis(50), spread: Duration::ZERO }
    }
}

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
    /// A gateway's or server's error; after the effect, a write has been applied although it seems to have failed.
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
    /// Nothing works on any route.
    Outage,
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
}

/// How the org is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outage {
    /// A gateway answers 503 with a page of HTML.
    Unavailable,
    /// Connections are closed.
    Reset,
}
