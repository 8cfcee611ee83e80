//! Describes a simulated org: who is in it, what it permits, and how it misbehaves.

mod behaviour;
mod conflicts;
mod fault;
mod paging;
mod population;

use std::time::Duration;

use figment::Figment;
use figment::providers::{Format, Toml};
use jiff::fmt::serde::unsigned_duration::friendly::compact::required as duration;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::behaviour::{Access, Behaviour, Latency, Outage};
pub use self::conflicts::{
    Blocked, Busy, ConflictCause, ConflictShape, Conflicts, ForeignWriter, ReadLag, Share, StaleWindow,
};
pub use self::fault::{Body, Distortion, Fault, FaultKind, Moment, Period};
pub use self::paging::{Oversized, Paging};
pub use self::population::{CatalogueEntry, Explicit, ExternalId, Generated, Population, SimUser, UserState};
use super::route::Route;

/// Everything that a simulation starts from. The same scenario and seed give every user the same fate, whatever a
/// client does and in which order.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// Seed of all randomness.
    pub seed: u64,
    /// Users and catalogues.
    pub population: Population,
    /// Who may log in.
    pub credentials: Credentials,
    /// Rate limits.
    pub limits: Limits,
    /// The partner's endpoint.
    pub wfm: WfmEndpoint,
    /// The part that can be changed while the simulation runs.
    pub behaviour: Behaviour,
}

/// Why a scenario cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the scenario cannot be read: {0}")]
pub struct ScenarioError(String);

impl Scenario {
    /// Reads a scenario from TOML; missing fields keep their defaults. A file with more content, such as the workload
    /// of a test, has the scenario under `simulator`.
    pub fn from_toml(text: &str) -> Result<Self, ScenarioError> {
        let figment = Figment::from(Toml::string(text));
        let scenario =
            if figment.contains("simulator") { figment.extract_inner("simulator") } else { figment.extract() };
        scenario.map_err(|error| ScenarioError(error.to_string()))
    }
}

/// Who may log in, and for how long.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Credentials {
    /// Id of the OAuth client.
    pub client_id: String,
    /// Secret of the OAuth client.
    pub client_secret: String,
    /// The org to which the client belongs.
    pub org: Uuid,
    /// How long a token is valid.
    #[serde(with = "duration")]
    pub token_lifetime: Duration,
    /// The status of the answer to a wrong id or secret; both 400 and 401 occur in real orgs.
    pub refusal_status: u16,
}

impl Default for Credentials {
    fn default() -> Self {
        Self {
            client_id: "skillsync-simulated".to_owned(),
            client_secret: "not-a-secret".to_owned(),
            org: Uuid::from_u128(0x5e1f_0a6b_7c2d_4e3f_8a9b_0c1d_2e3f_4a5b),
            token_lifetime: Duration::from_secs(86_399),
            refusal_status: 401,
        }
    }
}

/// The rate limits of a token.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Fixed windows over all API calls of one token. A window begins with the first call after the previous one ended.
    pub windows: Vec<RateLimit>,
    /// Lower limits of single services; their 429 names the limit.
    pub routes: Vec<RouteLimit>,
    /// The token endpoint's own throttle, which answers 400 instead of 429.
    pub token_endpoint: Option<RateLimit>,
    /// Whether answers carry the deprecated `inin-ratelimit-*` headers.
    pub headers: bool,
}

impl Default for Limits {
    fn default() -> Self {
        let per_minute = RateLimit { calls: 300, per: Duration::from_secs(60) };
        Self { windows: vec![per_minute], routes: Vec::new(), token_endpoint: None, headers: false }
    }
}

/// A number of calls per period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// Number of calls.
    pub calls: u32,
    /// The period.
    #[serde(with = "duration")]
    pub per: Duration,
}

/// A limit that the listed routes share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteLimit {
    /// The routes that share it.
    pub routes: Vec<Route>,
    /// The limit.
    pub limit: RateLimit,
    /// The `key` of the limit in the 429, such as `skill.assign.rate.per.minute`. If it is empty, the limit is
    /// undisclosed: its 429 names none.
    pub key: String,
    /// The `namespace` of the limit in the 429, such as `routing`.
    pub namespace: String,
}

/// Where the partner's endpoint is, and how it expects the version.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WfmEndpoint {
    /// Path that contains `{userId}`.
    pub path: String,
    /// Request header that carries the version of a write.
    pub version_header: String,
}

impl Default for WfmEndpoint {
    fn default() -> Self {
        Self { path: "/api/v2/wfm/users/{userId}/assignments".to_owned(), version_header: "If-Match".to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_is_read_from_toml_and_keeps_defaults_elsewhere() {
        let scenario = Scenario::from_toml(
            r#"
            seed = 7
            [population.generated]
            users = 12
            [[limits.windows]]
            calls = 10
            per = "1s"
            [[limits.routes]]
            routes = ["wfm_write"]
            limit = { calls = 5, per = "1m" }
            key = "write.rate"
            namespace = "workforce.management"
            [behaviour]
            inactive_cap = 500
            scim = "refused"
            paging = { left_out = ["pageCount"], largest = { users = 100 }, oversized = "clamped" }
            [behaviour.conflicts.blocked]
            share = { users = 3 }
            [behaviour.conflicts.read_lag]
            share = { rate = 0.05 }
            lag = "4s"
            [[behaviour.faults]]
            routes = ["wfm_write"]
            rate = 0.02
            kind = { status = { status = 504, moment = "after_effect" } }
            [[behaviour.faults]]
            period = { from = "1m", to = "2m" }
            kind = "outage"
            [[behaviour.faults]]
            kind = { redirect = { status = 302, location = "https://portal.example" } }
            [[behaviour.faults]]
            kind = { headers = { Retry-After = "-5" } }
            [[behaviour.faults]]
            kind = { listing = "endless" }
            [[behaviour.faults]]
            kind = { garbled = { body = "invalid_utf8" } }
            "#,
        )
        .unwrap();
        assert_eq!(scenario.limits.windows, [RateLimit { calls: 10, per: Duration::from_secs(1) }]);
        assert_eq!(scenario.behaviour.conflicts.blocked.share, Share::Users(3));
        assert_eq!(scenario.behaviour.conflicts.read_lag.lag, Duration::from_secs(4));
        assert_eq!(scenario.behaviour.faults.len(), 6);
        assert_eq!(scenario.behaviour.paging.largest[&Route::Users], 100);
        assert_eq!((scenario.behaviour.inactive_cap, scenario.behaviour.scim), (500, Access::Refused));
        assert_eq!(scenario.credentials.refusal_status, 401);
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it() {
        let error = Scenario::from_toml("[limits]\nwindoes = []").unwrap_err().to_string();
        assert!(error.contains("windoes"), "{error}");
    }
}
