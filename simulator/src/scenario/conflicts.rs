//! Why a write is refused although the client has "just read the latest version"; each cause can be switched on.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact::{optional, required as duration};
use serde::{Deserialize, Serialize};

use super::super::resource::Target;
use super::super::route::Route;

/// The causes of conflict, with the names under which skillsync reports them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ConflictCause {
    /// The version sent was never one of this resource, but, for example, that of the directory entry.
    WrongVersion,
    /// A background write fell between read and write.
    StaleWindow,
    /// Another write of the client fell between its read and its write.
    OwnConcurrency,
    /// A version that was refused before was sent again.
    StaleRetry,
    /// A foreign write followed directly after the read.
    ForeignWriter,
    /// The read showed an old version.
    ReadLag,
    /// An earlier update is still being processed, although the version was right.
    Busy,
    /// Every version is refused.
    Blocked,
}

/// Which users are fated to meet a cause.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Share {
    /// This share of the users, each with the same probability.
    Rate(f64),
    /// Exactly this many of the users who are active at the start.
    Users(usize),
}

impl Default for Share {
    fn default() -> Self {
        Self::Users(0)
    }
}

/// All causes that the org produces by itself; the client produces the others.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Conflicts {
    /// Foreign writes after reads.
    pub foreign_writer: ForeignWriter,
    /// Lagging replicas.
    pub read_lag: ReadLag,
    /// Updates that are still being processed.
    pub busy: Busy,
    /// Users whose writes are always refused.
    pub blocked: Blocked,
    /// Writes in the background.
    pub stale_window: StaleWindow,
    /// The shape of conflicts per route, where it is not the plain 409.
    pub shapes: BTreeMap<Route, ConflictShape>,
}

/// A foreign write directly after the client's read of the same resource.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ForeignWriter {
    /// The users whom it hits.
    pub share: Share,
    /// Number of reads of a user's resource that it follows.
    pub times: u32,
    /// Whether the foreign writer also changes assignments that are not only its own.
    pub touches_ordinary: bool,
}

impl Default for ForeignWriter {
    fn default() -> Self {
        Self { share: Share::default(), times: 1, touches_ordinary: false }
    }
}

/// Reads from a lagging replica. At the first contact with the resource of a fated user, a foreign write has just
/// happened that reads do not show yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadLag {
    /// The users whom it hits.
    pub share: Share,
    /// How long reads lag behind.
    #[serde(with = "duration")]
    pub lag: Duration,
    /// Number of writes that hide behind the lag, per user and target.
    pub times: u32,
    /// Whether reads lag behind the client's own writes as well.
    pub own_writes: bool,
}

impl Default for ReadLag {
    fn default() -> Self {
        Self { share: Share::default(), lag: Duration::from_secs(5), times: 1, own_writes: false }
    }
}

/// The right version is refused for a while, starting with the first write.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Busy {
    /// The users whom it hits.
    pub share: Share,
    /// How long writes are refused.
    #[serde(with = "duration")]
    pub lasts: Duration,
}

impl Default for Busy {
    fn default() -> Self {
        Self { share: Share::default(), lasts: Duration::from_secs(8) }
    }
}

/// Every write is refused.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Blocked {
    /// The users whom it hits.
    pub share: Share,
    /// The `code` of the refusal.
    pub code: String,
    /// The `message` of the refusal.
    pub message: String,
}

impl Default for Blocked {
    fn default() -> Self {
        Self {
            share: Share::default(),
            code: "general.resource.conflict".to_owned(),
            message: "The user is part of a published schedule; assignments are locked until it is unpublished."
                .to_owned(),
        }
    }
}

/// Writes by others, spread over all users: the more time between a read and a write, the likelier a conflict.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StaleWindow {
    /// Rate of the writes, over all users.
    pub writes_per_second: f64,
    /// The target that they change.
    pub target: Target,
    /// Whether they also change assignments that are not only the foreign writers' own.
    pub touches_ordinary: bool,
    /// How long the others continue, from the start of the simulation; by default, for ever.
    #[serde(with = "optional")]
    pub until: Option<Duration>,
}

impl Default for StaleWindow {
    fn default() -> Self {
        Self { writes_per_second: 0.0, target: Target::WfmSkillGroups, touches_ordinary: false, until: None }
    }
}

/// The shapes in which a conflict appears.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictShape {
    /// 409 `conflict`.
    #[default]
    Conflict,
    /// 409 `general.conflict`.
    GeneralConflict,
    /// 400 with a message that the version does not match.
    VersionMessage,
    /// SCIM 400 with `scimType: invalidVers`.
    ScimInvalidVersion,
    /// 408 `client.timeout`.
    Timeout,
}
