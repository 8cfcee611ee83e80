//! How the org behaves and misbehaves. All of it can be changed while the simulation runs.

use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact::required as duration;
use serde::{Deserialize, Serialize};

use super::{Conflicts, Fault, Paging};

/// The changeable part of a scenario.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// Latency of every request.
    pub latency: Latency,
    /// The causes of conflicts.
    pub conflicts: Conflicts,
    /// Faults of single requests.
    pub faults: Vec<Fault>,
    /// While set, no call is answered properly, not even at the token endpoint.
    pub outage: Option<Outage>,
    /// Permissions that the client's role lacks, such as `routing:skill:assign`; calls that need them are answered with
    /// 403.
    pub missing_permissions: Vec<String>,
    /// Share of the users whose `skills` are omitted from `GET /users` although they were requested.
    pub expand_drops_skills: f64,
    /// Share of the users of whose `skills` only the first half is shown where they are expanded.
    pub expand_cuts_skills: f64,
    /// Share of all users' skills that are deactivated for the user: present, but `inactive`.
    pub deactivated_skills: f64,
    /// Number of inactive users that can be listed; a page beyond it is refused, although totals count all.
    pub inactive_cap: usize,
    /// Whether this client may look up users through SCIM.
    pub scim: Access,
    /// Whether this client may read the limits of the org.
    pub org_limits: Access,
    /// Share of the users in a division that this client may not see, so that they do not exist for it.
    pub hidden_users: f64,
    /// How listings are paged.
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

/// What a client finds at an endpoint that not every org or client has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// The endpoint works.
    #[default]
    Granted,
    /// Every call is answered with 403.
    Refused,
    /// Every call is answered with 404, as for any unknown path.
    Absent,
}

/// The time from sending a request to receiving its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Latency {
    /// The minimum latency.
    #[serde(with = "duration")]
    pub fixed: Duration,
    /// Maximum of an additional, evenly distributed latency.
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
    /// Connections are closed without an answer.
    Reset,
}
