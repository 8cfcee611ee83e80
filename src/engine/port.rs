//! The port to Genesys: what the engine needs of it, in the engine's own terms.
//!
//! The engine decides. How a call is authenticated, rate limited, retried and encoded is up to the implementor. The
//! variants of [`CallError`] are distinctions that the engine acts on, not status codes.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use tokio::time::Instant;

use crate::domain::assignment::Difference;
pub use crate::domain::assignment::{CatalogueItem, Version};
use crate::domain::job::Lane;
use crate::domain::user::DirectoryUser;
use crate::domain::{AssignmentId, Assignments, Target, UserId, UserKey};

/// A user's assignments, as shown by one read or by the answer to one write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    pub assignments: Arc<Assignments>,
    /// The version of this state, for targets that check versions.
    pub version: Option<Version>,
    /// The entity tag, verbatim, if the version is not a number. Two tags can be compared for equality only: they have
    /// no order.
    pub tag: Option<Arc<str>>,
}

/// A write of one user's assignments.
#[derive(Debug, Clone)]
pub struct AssignmentWrite {
    /// The version of the state that the write was computed from.
    pub base: Option<Version>,
    /// The entity tag of that state, if it has one in place of a version.
    pub tag: Option<Arc<str>>,
    /// The complete set of assignments that the user is to have.
    pub desired: Assignments,
    /// The changes that lead to `desired`.
    pub difference: Difference,
    /// Whether everything outside of `desired` may be overwritten, including assignments that were not seen.
    pub replaces: bool,
}

/// The answer of Genesys, or what stands in for it, when a call did not do what was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpstreamAnswer {
    pub status: Option<u16>,
    pub code: Option<Box<str>>,
    pub message: Box<str>,
    /// The id that Genesys support asks for.
    pub correlation_id: Option<Box<str>>,
}

impl UpstreamAnswer {
    /// Names the obstacle that keeps work waiting because of this answer.
    pub(crate) fn hindrance(&self) -> &'static str {
        match self.status {
            Some(200..=299) => "Genesys gave an answer that cannot be read",
            Some(100..=199 | 300..=399) => "calls to Genesys are redirected by an intermediary",
            Some(400..=499) if self.is_of_something_between() => "an intermediary answers in place of Genesys",
            Some(_) | None => "Genesys is not available",
        }
    }

    /// Returns whether an intermediary must have given this answer. Only for answers that are waited out: Genesys does
    /// not redirect, and its client errors are verdicts.
    pub(crate) fn is_of_something_between(&self) -> bool {
        self.status.is_some_and(|status| matches!(status, 100..=199 | 300..=499) && !matches!(status, 401 | 408 | 429))
    }

    /// Advises what to do about the obstacle.
    pub(crate) fn cure(&self) -> &'static str {
        match self.status {
            Some(200..=299) => "This is not an outage: report it with the request named above, then retry the entry.",
            Some(_) if self.is_of_something_between() => {
                "Check for a proxy, firewall, login portal or maintenance page between this service and Genesys, then retry the entry."
            }
            Some(_) | None => "Retry the entry once Genesys is back.",
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
    /// Genesys reported a conflict with the current state, in one of its several forms. As far as the answer tells,
    /// nothing was written.
    #[error("conflict: {0}")]
    Conflict(UpstreamAnswer),
    /// A write was sent and no conclusive answer came back: it may or may not have been carried out.
    #[error("no conclusive answer to a write: {0}")]
    Uncertain(UpstreamAnswer),
    /// The user does not exist.
    #[error("not found: {0}")]
    NotFound(UpstreamAnswer),
    /// The OAuth client lacks the permission for this call.
    #[error("forbidden: {0}")]
    Forbidden(UpstreamAnswer),
    /// The endpoint of the target cannot be used in this org as configured. Nothing was written.
    #[error("the target cannot be used: {0}")]
    TargetUnavailable(UpstreamAnswer),
    /// Genesys rejects this request, now and later.
    #[error("rejected: {0}")]
    Rejected(UpstreamAnswer),
    /// Genesys cannot be reached, limits the rate for a long time or refuses the login. Nothing was written. The call
    /// is worth repeating, but not before `retry_at` if that is given.
    #[error("unavailable: {answer}")]
    Unavailable { answer: UpstreamAnswer, retry_at: Option<Instant> },
}

impl CallError {
    /// Returns an [`Unavailable`](Self::Unavailable) without a known end.
    pub(crate) fn unavailable(answer: UpstreamAnswer) -> Self {
        Self::Unavailable { answer, retry_at: None }
    }

    /// Returns the answer of Genesys, or the text that stands in for it.
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

    /// Returns an [`Unavailable`](Self::Unavailable) for a call that Genesys gave no answer to.
    pub(crate) fn without_answer(message: String) -> Self {
        Self::unavailable(UpstreamAnswer { message: message.into(), ..UpstreamAnswer::default() })
    }
}

/// A write that was carried out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// The resulting state, for targets that return it.
    pub after: Option<Observed>,
    /// Assignments that were to be removed and that somebody else had removed before.
    pub gone: Vec<AssignmentId>,
}

/// A write that was not carried out as a whole: a write of skills takes several calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteError {
    /// How the last call ended.
    pub error: CallError,
    /// Assignments that the calls before it changed.
    pub done: Vec<AssignmentId>,
    /// Assignments for which no call was sent.
    pub unsent: Vec<AssignmentId>,
}

impl From<CallError> for WriteError {
    fn from(error: CallError) -> Self {
        Self { error, done: Vec::new(), unsent: Vec::new() }
    }
}

/// Counts the calls, retries included, that reached the wire for one piece of work.
#[derive(Debug, Clone, Default)]
pub struct CallMeter(Arc<AtomicU32>);

impl CallMeter {
    /// Counts one call.
    pub fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the count and resets it to zero.
    pub fn take(&self) -> u32 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// Who a call is made for, and how urgent it is.
#[derive(Debug, Clone)]
pub struct CallOptions {
    pub lane: Lane,
    /// Whether the call follows up a write that was refused or whose answer was lost. Such a call is as urgent as the
    /// write itself, because its result ages.
    pub continues: bool,
    pub meter: CallMeter,
}

impl CallOptions {
    /// Returns options for `lane` with a fresh meter.
    pub fn new(lane: Lane) -> Self {
        Self { lane, continues: false, meter: CallMeter::default() }
    }
}

/// Selects the users of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserListing {
    Active,
    Inactive,
}

/// Selects what a listing shows of each user besides the identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expand {
    Plain,
    Skills,
}

/// One user of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedUser {
    pub user: DirectoryUser,
    /// The user's skills, if they were requested and the listing shows them. `None` means that they are unknown, never
    /// that there are none.
    pub skills: Option<Assignments>,
}

/// How much of a listing was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// Number of calls that the reading took.
    pub pages: u32,
    /// Number of distinct items shown.
    pub shown: usize,
    /// Number of items that exist, if the listing states it.
    pub total: Option<usize>,
    /// Whether the reading shows everything that was there throughout. An incomplete reading proves nothing absent.
    pub complete: bool,
    /// Whether Genesys cuts the listing off: the rest is not available, now or later.
    pub is_cut: bool,
}

impl Extent {
    /// Explains why nothing follows from what this listing does not show; `of` names the listed items.
    pub(crate) fn lacks(&self, of: &str) -> UpstreamAnswer {
        let how = match self.total {
            Some(total) if total > self.shown => format!("it shows {} of {total}", self.shown),
            Some(_) | None => "some of its pages were empty, or an item left it while it was read".to_owned(),
        };
        let message = format!("Genesys' listing of {of} is incomplete: {how}").into();
        UpstreamAnswer { message, ..UpstreamAnswer::default() }
    }
}

/// The assignments that a listing shows.
#[derive(Debug, Clone, Default)]
pub struct CatalogueListing {
    pub items: Vec<CatalogueItem>,
    pub extent: Extent,
}

/// The recent pace of calls.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Rate of all calls together while some are waiting, in calls per second.
    pub calls_per_second: f64,
    /// Share of that rate left to bulk work beside the incoming interactive work.
    pub bulk_share: f64,
    /// The earliest time at which a bulk call may go out.
    pub opens_at: Instant,
}

/// Who a look-up is to find.
#[derive(Debug, Clone, Copy)]
pub enum LookUp<'a> {
    Ids(&'a [UserId]),
    Emails(&'a [&'a str]),
    EmployeeId(&'a str),
    ExternalId { authority: &'a str, key: &'a str },
}

/// Genesys, as seen by the engine.
#[async_trait]
pub trait Genesys: fmt::Debug + Send + Sync {
    /// Reads the user's own resource, never a listing and never a cache.
    async fn read(&self, options: &CallOptions, key: UserKey) -> Result<Observed, CallError>;

    /// Writes a user's assignments. Writes overtake new reads, so that only one round trip lies between a read and the
    /// write that follows it.
    async fn write(&self, options: &CallOptions, key: UserKey, write: &AssignmentWrite) -> Result<Written, WriteError>;

    /// Passes all users of a listing to `take`, page by page, so that no more than one page is held in memory. Pages
    /// are not a snapshot: a user who moves from one page to a later one comes twice, and a user who moves the other
    /// way may not come at all.
    async fn list_users(
        &self,
        options: &CallOptions,
        listing: UserListing,
        expand: Expand,
        take: &mut (dyn FnMut(ListedUser) + Send),
    ) -> Result<Extent, CallError>;

    /// Returns every user that one look-up finds, active or not. `who` must fit into a single call.
    async fn look_up(&self, options: &CallOptions, who: LookUp<'_>) -> Result<Vec<DirectoryUser>, CallError>;

    /// Lists the catalogue of a target's assignments.
    async fn list_catalogue(&self, options: &CallOptions, target: Target) -> Result<CatalogueListing, CallError>;

    /// Creates a routing skill named `name`.
    async fn create_skill(&self, options: &CallOptions, name: &str) -> Result<CatalogueItem, CallError>;

    /// Returns the pace of a target's reads and writes, for estimates.
    fn pace(&self, target: Target) -> Pace;
}
