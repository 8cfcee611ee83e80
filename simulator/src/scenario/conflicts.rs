//! Why a write is refused although the client "just read the latest version": each cause with a switch.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact::{optional, required as duration};
use serde::{Deserialize, Serialize};

use super::super::resource::Target;
use super::super::route::Route;

/// The causes of conflict, by the names that the product reports them with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ConflictCause {
    /// The version sent was never one of this resource, e.g. the directory entry's.
    WrongVersion,
    /// A background write fell between read and write.
    StaleWindow,
    /// The client's own write fell between its read and its write.
    OwnConcurrency,
    /// The version that was refused before was sent again.
    StaleRetry,
    /// A foreign write followed directly on the read.
    ForeignWriter,
    /// The read showed an old version.
    ReadLag,
    /// An earlier update is still being processed; the version was right.
    Busy,
    /// No version will do.
    Blocked,
}

/// Which users a cause is the fate of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Share {
    /// This share of the users, each by their own chance.
    Rate(f64),
    /// Exactly so many of the users who are active at the start.
    Users(usize),
}

impl Default for Share {
    fn default() -> Self {
        Self::Users(0)
    }
}

/// All causes that the org can produce by itself; the others are the client's doing.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Conflicts {
    pub foreign_writer: ForeignWriter,
    pub read_lag: ReadLag,
    pub busy: Busy,
    pub blocked: Blocked,
    pub stale_window: StaleWindow,
    /// The shape of conflicts by route, where it is not the plain 409.
    pub shapes: BTreeMap<Route, ConflictShape>,
}

/// A foreign write directly after the client's read of the same resource.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ForeignWriter {
    pub share: Share,
    /// After how many reads of a user's resource it happens.
    pub times: u32,
    /// Whether the foreign writer also takes or gives assignments that are not only its own.
    pub touches_ordinary: bool,
}

impl Default for ForeignWriter {
    fn default() -> Self {
        Self { share: Share::default(), times: 1, touches_ordinary: false }
    }
}

/// Reads that come from an old replica. At the first contact with a fated user's resource a foreign write has just
/// happened that reads do not show yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadLag {
    pub share: Share,
    #[serde(with = "duration")]
    pub lag: Duration,
    /// How often a write hides behind the lag, per user and target.
    pub times: u32,
    /// Whether reads lag behind the client's own writes as well.
    pub own_writes: bool,
}

impl Default for ReadLag {
    fn default() -> Self {
        Self { share: Share::default(), lag: Duration::from_secs(5), times: 1, own_writes: false }
    }
}

/// A right version is refused for a while, from the first write on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Busy {
    pub share: Share,
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
    pub share: Share,
    pub code: String,
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

/// Writes by others, spread over all users: the longer a read and a write lie apart, the likelier the conflict.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StaleWindow {
    pub writes_per_second: f64,
    pub target: Target,
    pub touches_ordinary: bool,
    /// How long the others go on, from the start of the simulation; for ever, if not given.
    #[serde(with = "optional")]
    pub until: Option<Duration>,
}

impl Default for StaleWindow {
    fn default() -> Self {
        Self { writes_per_second: 0.0, target: Target::WfmSkillGroups, touches_ordinary: false, until: None }
    }
}

/// The shapes in which a conflict is seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictShape {
    /// 409 `conflict`.
    #[default]
    Conflict,
    /// 409 `general.conflict`.
    GeneralConflict,
    /// 400 whose message says that the version does not match.
    VersionMessage,
    /// SCIM 400 with `scimType: invalidVers`.
    ScimInvalidVersion,
    /// 408 `client.timeout`.
    Timeout,
}
