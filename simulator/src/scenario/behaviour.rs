//! How the org behaves and misbehaves. All of it can be changed while the simulation runs.

use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact::required as duration;
use serde::{Deserialize, Serialize};

use super::{Conflicts, Fault, Paging};

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

/// How the org is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outage {
    /// A gateway answers 503 with a page of HTML.
    Unavailable,
    /// Connections are closed.
    Reset,
}
