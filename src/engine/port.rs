//! What the engine needs from Genesys, in the engine's own words.
//!
//! The engine decides; how a call is authenticated, paced, repeated and spelled on the wire is the implementor's
//! business. Variants of [`CallError`] are decisions that the engine has to take, not status codes.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use crate::domain::assignment::Difference;
pub use crate::domain::assignment::{CatalogueItem, Version};
use crate::domain::job::Lane;
use crate::domain::user::DirectoryUser;
use crate::domain::{AssignmentId, Assignments, Target, UserId, UserKey};

/// A user's assignments as one read, or the answer to one write, showed them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    pub assignments: Arc<Assignments>,
    /// Present for targets that check versions.
    pub version: Option<Version>,
    /// In place of a version that is no number: the entity tag as it came. Whether it is newer than another cannot be told.
    pub tag: Option<Arc<str>>,
}

/// A write of one user's assignments.
#[derive(Debug, Clone)]
pub struct AssignmentWrite {
    /// The version of the state that this was computed from.
    pub base: Option<Version>,
    /// Its entity tag, where it has one in place of a version.
    pub tag: Option<Arc<str>>,
    /// The whole set that the user shall have.
    pub desired: Assignments,
    /// What has to change for it.
    pub difference: Difference,
    /// Whether everything that is not in `desired` may be overwritten, also what was not seen.
    pub replaces: bool,
}

/// What Genesys said when it did not do what was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpstreamAnswer {
    pub status: Option<u16>,
    pub code: Option<Box<str>>,
    pub message: Box<str>,
    /// What Genesys' support asks for.
    pub correlation_id: Option<Box<str>>,
}

impl UpstreamAnswer {
    /// What is wrong while work waits because of this answer.
    pub(crate) fn hindrance(&self) -> &'static str {
        match self.status {
            Some(200..=299) => "an answer of Genesys cannot be read",
            Some(100..=199 | 300..=399) => "calls to Genesys are redirected by something between",
            Some(400..=499) if self.is_of_something_between() => "something between answers instead of Genesys",
            Some(_) | None => "Genesys is not available",
        }
    }

    /// Whether an answer that is waited out cannot be of Genesys, which does not redirect, and whose client errors are verdicts.
    pub(crate) fn is_of_something_between(&self) -> bool {
        self.status.is_some_and(|status| matches!(status, 100..=199 | 300..=499) && !matches!(status, 401 | 408 | 429))
    }

    /// What to do about it.
    pub(crate) fn cure(&self) -> &'static str {
        match self.status {
            Some(200..=299) => "That is no outage: report it with the request that it names, then retry the entry.",
            Some(_) if self.is_of_something_between() => {
                "Look for a proxy, a firewall, a portal or a maintenance page between this service and Genesys, then retry the entry."
            }
            Some(_) | None => "Retry the entry when it is back.",
        }
    }
}

impl fmt::Display for UpstreamAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.status, &self.code) {
            (Some(status), Some(code)) => write!(f, "{status} {code}: {}", self.message)?,
            (Some(status), None) => write!(f, "{status}: {}", self.message)?,
            (None, _) => f.write_str(&self.message)?,
        }
        match &self.correlation_id {
            Some(id) => write!(f, " (correlation id {id})"),
            None => Ok(()),
        }
    }
}

/// Why a call did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// One of the shapes in which Genesys reports a conflict with the current state. Nothing was written, as far as
    /// one can tell from the answer.
    #[error("conflict: {0}")]
    Conflict(UpstreamAnswer),
    /// A write went out and no telling answer came back: it may or may not have been carried out.
    #[error("no telling answer to a write: {0}")]
    Uncertain(UpstreamAnswer),
    /// The user does not exist.
    #[error("not found: {0}")]
    NotFound(UpstreamAnswer),
    /// The client may not do this.
    #[error("forbidden: {0}")]
    Forbidden(UpstreamAnswer),
    /// The target's endpoint cannot be used in this org as it is. Nothing was written.
    #[error("the target cannot be used: {0}")]
    TargetUnavailable(UpstreamAnswer),
    /// Genesys does not take this request, now or later.
    #[error("rejected: {0}")]
    Rejected(UpstreamAnswer),
    /// Genesys cannot be reached, is limiting us for long, or does not let us log in. Nothing was written; it is worth
    /// trying again, not before `retry_at` if that is given.
    #[error("unavailable: {answer}")]
    Unavailable { answer: UpstreamAnswer, retry_at: Option<Instant> },
}

impl CallError {
    /// What cannot be had now, and nobody knows when it can.
    pub(crate) fn unavailable(answer: UpstreamAnswer) -> Self {
        Self::Unavailable { answer, retry_at: None }
    }

    /// What Genesys said, or what is to be said in its place.
    pub(crate) fn into_answer(self) -> UpstreamAnswer {
        match self {
            Self::Conflict(answer)
            | Self::Uncertain(answer)
            | Self::NotFound(answer)
            | Self::Forbidden(answer)
            | Self::TargetUnavailable(answer)
            | Self::Rejected(answer)
            | Self::Unavailable { answer, .. } => answer,
        }
    }

    /// There was nothing that Genesys has said.
    pub(crate) fn without_answer(message: String) -> Self {
        Self::unavailable(UpstreamAnswer { message: message.into(), ..UpstreamAnswer::default() })
    }
}

/// A write that was carried out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// The state that it brought about, where the target tells it.
    pub after: Option<Observed>,
    /// What it was to take away and somebody else had taken away before.
    pub gone: Vec<AssignmentId>,
}

/// A write that was not carried out as a whole: a write of skills takes several calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteError {
    /// How the last call that was made ended.
    pub error: CallError,
    /// What the calls before it did.
    pub done: Vec<AssignmentId>,
    /// What no call was made for.
    pub unsent: Vec<AssignmentId>,
}

impl From<CallError> for WriteError {
    fn from(error: CallError) -> Self {
        Self { error, done: Vec::new(), unsent: Vec::new() }
    }
}

/// Counts the calls that reached the wire on behalf of one piece of work, retries included.
#[derive(Debug, Clone, Default)]
pub struct CallMeter(Arc<AtomicU32>);

impl CallMeter {
    /// Counts one call.
    pub fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes the count so far and starts again from zero.
    pub fn take(&self) -> u32 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// On whose behalf a call is made.
#[derive(Debug, Clone)]
pub struct CallOptions {
    pub lane: Lane,
    /// Whether the call goes on with a write that was refused or whose answer was lost: as urgent as the write itself,
    /// because what it finds out ages.
    pub continues: bool,
    pub meter: CallMeter,
}

impl CallOptions {
    /// A call with a fresh meter.
    pub fn new(lane: Lane) -> Self {
        Self { lane, continues: false, meter: CallMeter::default() }
    }
}

/// Which users a listing holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserListing {
    Active,
    Inactive,
}

/// What a listing of users is to show of each, apart from who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expand {
    Plain,
    Skills,
}

/// A user of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedUser {
    pub user: DirectoryUser,
    /// The user's skills, if they were asked for and the listing shows them. None means that they are not known, never
    /// that there are none.
    pub skills: Option<Assignments>,
}

/// How much of a listing was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// Calls that it took.
    pub pages: u32,
    /// How many different ones it showed.
    pub shown: usize,
    /// How many there are, if the listing says so.
    pub total: Option<usize>,
    /// Whether it shows everything that was there all the while. One that is not complete proves nobody's absence.
    pub complete: bool,
    /// Whether Genesys gives no more of it, now or later.
    pub is_cut: bool,
}

impl Extent {
    /// Why nothing can be concluded from what the listing `of` these does not show.
    pub(crate) fn lacks(&self, of: &str) -> UpstreamAnswer {
        let how = match self.total {
            Some(total) if total > self.shown => format!("it shows {} of {total}", self.shown),
            Some(_) | None => "pages of it were empty, or somebody left while it was read".to_owned(),
        };
        let message = format!("Genesys' listing of {of} is incomplete: {how}").into();
        UpstreamAnswer { message, ..UpstreamAnswer::default() }
    }
}

/// What can be assigned, as a listing shows it.
#[derive(Debug, Clone, Default)]
pub struct CatalogueListing {
    pub items: Vec<CatalogueItem>,
    pub extent: Extent,
}

/// How fast calls go, as lately seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// All calls together, while some are waiting.
    pub calls_per_second: f64,
    /// The part of them that bulk work gets beside the interactive work that comes in.
    pub bulk_share: f64,
    /// No bulk call goes before.
    pub opens_at: Instant,
}

/// Whom a look-up is to find.
#[derive(Debug, Clone, Copy)]
pub enum LookUp<'a> {
    Ids(&'a [UserId]),
    Emails(&'a [&'a str]),
    EmployeeId(&'a str),
    ExternalId { authority: &'a str, key: &'a str },
}

/// Genesys, as far as the engine is concerned.
pub trait Genesys: fmt::Debug + Send + Sync {
    /// Reads a user's own resource: never a listing, never a cache.
    fn read<'a>(&'a self, options: &'a CallOptions, key: UserKey) -> BoxFuture<'a, Result<Observed, CallError>>;

    /// Writes. Goes ahead of new reads, so that nothing but one round
    /// trip lies between a read and the write that follows it.
    fn write<'a>(
        &'a self,
        options: &'a CallOptions,
        key: UserKey,
        write: &'a AssignmentWrite,
    ) -> BoxFuture<'a, Result<Written, WriteError>>;

    /// Hands over all users of a listing, page by page, so that no more than a page of them is held here. Pages are no
    /// snapshot: who moves between two of them comes twice, and who moves the other way does not come at all.
    fn list_users<'a>(
        &'a self,
        options: &'a CallOptions,
        listing: UserListing,
        expand: Expand,
        take: &'a mut (dyn FnMut(ListedUser) + Send),
    ) -> BoxFuture<'a, Result<Extent, CallError>>;

    /// Everybody whom one look-up finds, active or not; no more than a call's worth of users may be asked for.
    fn look_up<'a>(
        &'a self,
        options: &'a CallOptions,
        who: LookUp<'a>,
    ) -> BoxFuture<'a, Result<Vec<DirectoryUser>, CallError>>;

    /// The catalogue of what can be assigned.
    fn list_catalogue<'a>(
        &'a self,
        options: &'a CallOptions,
        target: Target,
    ) -> BoxFuture<'a, Result<CatalogueListing, CallError>>;

    /// Creates a routing skill of this name.
    fn create_skill<'a>(
        &'a self,
        options: &'a CallOptions,
        name: &'a str,
    ) -> BoxFuture<'a, Result<CatalogueItem, CallError>>;

    /// How fast reads and writes of a target go, for estimates.
    fn pace(&self, target: Target) -> Pace;
}
