//! One entry of a job: what it asks, where it stands, and why it ended as it did.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::assignment::Difference;
use super::shared::Shared;
use super::{AssignmentId, Place, Proficiency, UserId, UserRef};

/// How a caller names an assignment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AssignmentName {
    /// The id of the skill or group.
    Id(AssignmentId),
    /// Its name in the catalogue.
    Name(Arc<str>),
}

impl From<&str> for AssignmentName {
    /// What somebody wrote: an id, or else a name.
    fn from(text: &str) -> Self {
        let text = text.trim();
        text.parse().map_or_else(|_| Self::Name(text.into()), |id| Self::Id(AssignmentId(id)))
    }
}

impl fmt::Display for AssignmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// One assignment that a caller lists.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ListedAssignment {
    pub name: AssignmentName,
    pub proficiency: Option<Proficiency>,
    /// The rules that it follows from, where it does.
    pub because: Option<Box<str>>,
    /// The user is not asked to have it: whoever does keeps it as it is, because it is not known whether they should.
    pub left_as_is: bool,
}

/// What a caller asks for one user, parsed and valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRequest {
    /// The caller's own name for the row.
    pub reference: Option<Box<str>>,
    pub user: UserRef,
    /// Those of one role are best one list: see [`SharedLists`].
    pub assignments: Arc<[ListedAssignment]>,
    /// When it happened at the sender, for putting events in order.
    pub occurred_at: Option<Timestamp>,
}

/// Makes equal lists of assignments one, and equal names in them.
#[derive(Debug, Default)]
pub struct SharedLists {
    names: Shared<str>,
    lists: Shared<[ListedAssignment]>,
    /// Bytes of what is new in them.
    grown: usize,
}

/// What the memory of a shared value takes besides the value.
const OF_SHARED: usize = 48;

impl SharedLists {
    /// An assignment that is called so.
    pub fn named(&mut self, name: &str) -> AssignmentName {
        let name = self.names.one(name);
        if Arc::strong_count(&name) == 2 {
            self.grown += OF_SHARED + name.len();
        }
        AssignmentName::Name(name)
    }

    /// Bytes that were new in names and lists since this was asked before.
    pub fn grown(&mut self) -> usize {
        std::mem::take(&mut self.grown)
    }

    /// The list.
    pub fn list(&mut self, listed: Vec<ListedAssignment>) -> Arc<[ListedAssignment]> {
        let list = self.lists.one(listed);
        if Arc::strong_count(&list) == 2 {
            let because = list.iter().filter_map(|listed| listed.because.as_ref()).map(|because| because.len());
            self.grown += OF_SHARED + size_of_val(&*list) + because.sum::<usize>();
        }
        list
    }
}

/// What naming somebody tells beside their skills: above all whether it can be believed that who is missing from a full export
/// has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Presence {
    /// Nothing. The entry is of no full export, or the person is a new one for sure, or has never been found at Genesys.
    #[default]
    Unremarkable,
    /// The source named the person before, and they were found at Genesys then.
    NamedAgain,
    /// Nobody was called so while those who are missing were named. It may be one of them.
    NewName,
    /// The source named the person before, and the export does not.
    Missing,
    /// The source called a person so whom it calls otherwise now: as the next entry with another presence does.
    FormerName,
}

/// An entry to be carried out, and what it may do at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryOrder {
    pub request: EntryRequest,
    /// Exactly what it is to change; it is refused if it would change anything else.
    pub plan: Option<Box<Difference>>,
    /// The place of the entry that it repeats, which it takes in the effective order.
    pub repeats: Option<Place>,
    pub presence: Presence,
}

impl EntryOrder {
    /// Without whom it is about, and without what points to them. The list stays: others of its job may have the same.
    #[must_use]
    pub fn erased(self) -> Self {
        let user = UserRef::Id(UserId(Uuid::nil()));
        let assignments = self.request.assignments;
        EntryRequest { reference: None, user, assignments, occurred_at: None }.into()
    }
}

impl From<EntryRequest> for EntryOrder {
    fn from(request: EntryRequest) -> Self {
        Self { request, plan: None, repeats: None, presence: Presence::default() }
    }
}

/// Where an entry stands.
///
/// ```text
///  Held -- applied by an operator --> Pending --> Running <--> Waiting
///    |                                   |           |            |
///    '--------- cancelled ---------------+-----------+------------+--> Cancelled
///                                        |           |            |
///                                        '-----------+------------+--> Planned, Applied, Unchanged, Failed, Superseded
/// ```
///
/// `Pending` entries become `Held` together with their job. Those on the right are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EntryState {
    /// Accepted, not begun.
    Pending,
    /// A pass over its user is under way.
    Running,
    /// Begun, and waiting without a seat: for a conflict to clear or for Genesys to answer.
    Waiting,
    /// A dry run: what would be done is recorded, nothing was written.
    Planned,
    /// Done: Genesys has what was asked.
    Applied,
    /// Nothing to do: Genesys had it already.
    Unchanged,
    /// Not done, with a [`Reason`].
    Failed,
    /// A later change for the same user took its place.
    Superseded,
    /// Cancelled before it began.
    Cancelled,
    /// Held back with its whole job by a removal threshold: not begun, and waiting for somebody to decide.
    Held,
}

impl EntryState {
    /// All states, in the order in which the HTTP API lists them.
    pub const ALL: [Self; 10] = [
        Self::Pending,
        Self::Running,
        Self::Waiting,
        Self::Planned,
        Self::Applied,
        Self::Unchanged,
        Self::Failed,
        Self::Superseded,
        Self::Cancelled,
        Self::Held,
    ];

    /// Whether an entry in this state has ended.
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Pending | Self::Running | Self::Waiting | Self::Held => false,
            Self::Planned | Self::Applied | Self::Unchanged | Self::Failed | Self::Superseded | Self::Cancelled => true,
        }
    }
}

/// Why an entry failed, or that it was superseded because it came too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    UserNotFound,
    UserAmbiguous,
    UserInactive,
    AssignmentNotFound,
    AssignmentAmbiguous,
    TooManyAssignments,
    Blocked,
    ConflictsExhausted,
    Forbidden,
    Rejected,
    UpstreamUnavailable,
    /// The endpoint of the job's target is not there, or cannot be written safely.
    TargetUnavailable,
    StaleEvent,
    /// What a dry run planned no longer fits the live state.
    PlanOutdated,
    /// Other rows of its job turned out to be about the same user, and the job does not say what that means.
    DuplicateUser,
    /// A defect of skillsync ended the work on it time after time.
    InternalError,
}

impl Reason {
    pub const ALL: [Self; 16] = [
        Self::UserNotFound,
        Self::UserAmbiguous,
        Self::UserInactive,
        Self::AssignmentNotFound,
        Self::AssignmentAmbiguous,
        Self::TooManyAssignments,
        Self::Blocked,
        Self::ConflictsExhausted,
        Self::Forbidden,
        Self::Rejected,
        Self::UpstreamUnavailable,
        Self::TargetUnavailable,
        Self::StaleEvent,
        Self::PlanOutdated,
        Self::DuplicateUser,
        Self::InternalError,
    ];

    /// Whether it means that the entry leads to no user who could be served.
    pub fn leads_to_nobody(self) -> bool {
        match self {
            Self::UserNotFound
            | Self::UserAmbiguous
            | Self::UserInactive
            | Self::UpstreamUnavailable
            | Self::Forbidden => true,
            Self::AssignmentNotFound
            | Self::AssignmentAmbiguous
            | Self::TooManyAssignments
            | Self::Blocked
            | Self::ConflictsExhausted
            | Self::Rejected
            | Self::TargetUnavailable
            | Self::StaleEvent
            | Self::PlanOutdated
            | Self::DuplicateUser
            | Self::InternalError => false,
        }
    }
}

/// What an entry brought about, as the result reports it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Effects {
    pub difference: Difference,
    /// Assignments of others that `managed` left alone.
    pub preserved: Vec<AssignmentId>,
    /// Assignments of others that `replace` took away or changed.
    pub overwritten: Vec<AssignmentId>,
}
