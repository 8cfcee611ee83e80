//! One entry of a job: what it asks for, its state, and why it ended as it did.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::assignment::Difference;
use super::shared::Shared;
use super::{AssignmentId, Owner, Place, Proficiency, UserId, UserRef};

/// How a caller names an assignment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AssignmentName {
    /// Id of the skill or group.
    Id(AssignmentId),
    /// Name in the catalogue.
    Name(Arc<str>),
}

impl From<&str> for AssignmentName {
    /// Parses the text as an id, or takes it as a name if it is none.
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

/// One assignment in a caller's list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ListedAssignment {
    pub name: AssignmentName,
    pub proficiency: Option<Proficiency>,
    /// The rules that yield it, if any.
    pub because: Option<Box<str>>,
    /// Whether the user is not asked to have it: a user who has it keeps it unchanged, because it is unknown whether
    /// they should.
    pub left_as_is: bool,
}

/// What a caller asks for one user, parsed and validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRequest {
    /// The caller's own name for the row.
    pub reference: Option<Box<str>>,
    pub user: UserRef,
    /// Entries with equal lists should share one: see [`SharedLists`].
    pub assignments: Arc<[ListedAssignment]>,
    /// When the change happened at the sender; determines the order of changes.
    pub occurred_at: Option<Timestamp>,
}

/// Deduplicates equal lists of assignments and the equal names in them.
#[derive(Debug, Default)]
pub struct SharedLists {
    names: Shared<str>,
    lists: Shared<[ListedAssignment]>,
    /// Bytes added by new names and lists since the last call of `grown`.
    grown: usize,
}

/// Approximate memory overhead of a shared value, in bytes.
const OF_SHARED: usize = 48;

impl SharedLists {
    /// Returns the assignment with this name.
    pub fn named(&mut self, name: &str) -> AssignmentName {
        let name = self.names.one(name);
        if Arc::strong_count(&name) == 2 {
            self.grown += OF_SHARED + name.len();
        }
        AssignmentName::Name(name)
    }

    /// Returns the bytes added by new names and lists since the previous call.
    pub fn grown(&mut self) -> usize {
        std::mem::take(&mut self.grown)
    }

    /// Returns the shared list equal to `listed`.
    pub fn list(&mut self, listed: Vec<ListedAssignment>) -> Arc<[ListedAssignment]> {
        let list = self.lists.one(listed);
        if Arc::strong_count(&list) == 2 {
            let because = list.iter().filter_map(|listed| listed.because.as_ref()).map(|because| because.len());
            self.grown += OF_SHARED + size_of_val(&*list) + because.sum::<usize>();
        }
        list
    }
}

/// What an entry says about a person besides their skills, above all whether a person missing from a full export can be
/// believed to have left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Presence {
    /// Nothing: the entry is not from a full export, the person is certainly new, or they were never found in Genesys.
    #[default]
    Unremarkable,
    /// The source named the person before, and they were found in Genesys at that time.
    NamedAgain,
    /// No one had this name while the missing people were named, so it may belong to one of them.
    NewName,
    /// The source named the person before, but the export does not.
    Missing,
    /// A name that the source used for the person before; the next entry with another presence has their current name.
    FormerName,
}

/// An entry to be executed, and the most it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryOrder {
    pub request: EntryRequest,
    /// The exact changes it is to make; the entry is refused if it would change anything else.
    pub plan: Option<Box<Difference>>,
    /// The place of the entry that this one repeats, which it takes over in the effective order.
    pub repeats: Option<Place>,
    pub presence: Presence,
}

impl EntryOrder {
    /// Returns the order without the user and everything that points to them. The list stays, since other entries of
    /// the job may share it.
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

/// State of an entry.
///
/// ```text
///  Held -- applied by an operator --> Pending --> Running <--> Waiting
///    |                                   |           |            |
///    '--------- cancelled ---------------+-----------+------------+--> Cancelled
///                                        |           |            |
///                                        '-----------+------------+--> Planned, Applied, Unchanged, Failed, Superseded
/// ```
///
/// `Pending` entries become `Held` together with their job. The states on the right are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EntryState {
    /// Accepted, but not begun.
    Pending,
    /// A reconciliation of its user is in progress.
    Running,
    /// Begun, and waiting without a seat for a conflict to clear or for Genesys to respond.
    Waiting,
    /// A dry run: the plan is recorded, nothing was written.
    Planned,
    /// Done: Genesys has what was asked for.
    Applied,
    /// Nothing to do: Genesys already had what was asked for.
    Unchanged,
    /// Not done; the entry has a [`Reason`].
    Failed,
    /// A later change to the same user took its place.
    Superseded,
    /// Cancelled before it began.
    Cancelled,
    /// Held with its whole job by a removal threshold: not begun, and waiting for an operator to decide.
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

    /// Returns whether an entry in this state has ended.
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
    /// No user in Genesys matches the reference.
    UserNotFound,
    /// Several users in Genesys match the reference.
    UserAmbiguous,
    /// The user is inactive in Genesys.
    UserInactive,
    /// The catalogue lacks a listed skill or group.
    AssignmentNotFound,
    /// Several skills or groups match a listed name.
    AssignmentAmbiguous,
    /// The user would have more assignments than the target permits.
    TooManyAssignments,
    /// Genesys refused every write although the user's state did not move; see [`super::conflict`].
    Blocked,
    /// The user's state kept moving, and other writers were always first; see [`super::conflict`].
    ConflictsExhausted,
    /// The OAuth client lacks a permission.
    Forbidden,
    /// Genesys does not accept the request.
    Rejected,
    /// Genesys was unavailable, or a listing was incomplete, for longer than `sync.patience`; or too many writes got no
    /// conclusive answer.
    UpstreamUnavailable,
    /// The endpoint of the job's target does not exist, or cannot be written safely.
    TargetUnavailable,
    /// A newer change to the user had been carried out before this entry was accepted.
    StaleEvent,
    /// The plan of a dry run no longer fits the live state.
    PlanOutdated,
    /// Other rows of the job turned out to be about the same user, and the job does not say how to treat them.
    DuplicateUser,
    /// A defect of skillsync repeatedly ended the work on the entry.
    InternalError,
}

impl Reason {
    /// All reasons.
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

    /// Returns whether the entry leads to no user whose assignments could be written.
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

/// The effects of an entry, as reported in its result.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Effects {
    pub difference: Difference,
    /// Assignments by others that `managed` left in place, and those of other owners that `remove` did.
    pub preserved: Vec<AssignmentId>,
    /// Assignments by others that `replace` removed or changed.
    pub overwritten: Vec<AssignmentId>,
    /// The other owners of assignments in `preserved`, and of those that the entry rated otherwise.
    pub other_owners: Vec<(AssignmentId, Owner)>,
}

impl Effects {
    /// Returns the assignments that the entry rated otherwise although another owner holds them.
    pub fn contested(&self) -> impl Iterator<Item = AssignmentId> + '_ {
        let mut ids: Vec<_> = self.other_owners.iter().map(|(id, _)| *id).collect();
        ids.dedup();
        ids.into_iter().filter(|id| !self.preserved.contains(id))
    }

    /// Returns the owners, other than the entry's, of an assignment that it preserved or rated otherwise.
    pub fn other_owners_of(&self, id: AssignmentId) -> impl Iterator<Item = &Owner> {
        self.other_owners.iter().filter(move |(of, _)| *of == id).map(|(_, owner)| owner)
    }

    /// Returns the part about the assignments that `keep` accepts.
    #[must_use]
    pub fn restricted_to(&self, keep: impl Fn(AssignmentId) -> bool) -> Self {
        let kept = |ids: &[AssignmentId]| ids.iter().copied().filter(|id| keep(*id)).collect();
        Self {
            difference: self.difference.clone().restricted_to(&keep),
            preserved: kept(&self.preserved),
            overwritten: kept(&self.overwritten),
            other_owners: self.other_owners.iter().filter(|(id, _)| keep(*id)).cloned().collect(),
        }
    }
}
