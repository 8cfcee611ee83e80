//! An entry, in the form in which the HTTP API returns it.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::shapes::user_reference::UserReference;
use crate::api::shapes::vocabulary::{self, ConflictCause, SyncJobEntryState};
use crate::domain::entry::{ListedAssignment, Presence};
use crate::domain::{AssignmentId, Owner, Proficiency};
use crate::engine::{ConflictRecord, EntrySnapshot, Names};

/// One page of a job's entries.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct EntryPage {
    pub(in crate::api) items: Vec<SyncJobEntryView>,
    /// The `cursor` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub(in crate::api) next_cursor: Option<String>,
}

/// One entry of a job: the outcome for one user.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct SyncJobEntryView {
    /// The position in the job, counted from 0.
    index: u32,
    /// The caller's own name for the row.
    r#ref: Option<Box<str>>,
    /// The reference as submitted; an empty object if the person was erased.
    user: UserReference,
    /// The Genesys user id, once known.
    user_id: Option<Uuid>,
    state: SyncJobEntryState,
    /// Why the entry failed: `userNotFound`, `userAmbiguous`, `userInactive`, `assignmentNotFound`,
    /// `assignmentAmbiguous`, `tooManyAssignments`, `blocked`, `conflictsExhausted`, `forbidden`, `rejected`,
    /// `upstreamUnavailable`, `targetUnavailable`, `duplicateUser` or `internalError`.
    /// Or why it was superseded without any write: `staleEvent`, because a newer change of the user had been carried
    /// out before it was accepted. Or why a plan was not carried out: `planOutdated`.
    reason: Option<&'static str>,
    /// What happened, and what to do about it.
    message: Option<Box<str>>,
    added: Vec<AssignmentView>,
    removed: Vec<AssignmentView>,
    /// Assignments whose proficiency changed.
    updated: Vec<AssignmentView>,
    /// Assignments made by others that were left unchanged, with the other owners of those that skillsync made.
    preserved: Vec<AssignmentView>,
    /// Assignments made by others that `replace` removed or changed.
    overwritten: Vec<AssignmentView>,
    /// Assignments that the entry rated otherwise although other owners hold them. Absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    contested: Vec<AssignmentView>,
    /// The number of writes made for the entry.
    attempts: u32,
    conflicts: Vec<ConflictView>,
    /// The later entry that undid or repeated this one or, for `staleEvent`, the newer entry that had already been
    /// carried out, as `jobId/index`.
    superseded_by: Option<String>,
    /// When the entry ended; null while it is open.
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
    /// The rules of the source from which the requested assignments follow; absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    because: Vec<BecauseView>,
    /// Assignments that are left as they are, because the caller asked for it or because the source did not provide the
    /// attributes that their rules need. Absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    left_as_is: Vec<BecauseView>,
    /// Whether the person is a leaver: missing from a full export although its source named them before. Absent if
    /// false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false, example = false)]
    missing_from_export: bool,
    /// Whether the user reference is a former one: by the sender's id, the person is now named otherwise. Absent if
    /// false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false, example = false)]
    former_name: bool,
    /// Whether the person was erased. The outcome of the entry is kept, but not whom it was about, and `retry` and
    /// `apply` skip it. Absent if false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false, example = false)]
    erased: bool,
}

/// An assignment with the rules that assign it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct BecauseView {
    /// The name or id, as in the rule or the request.
    #[schema(example = "Billing")]
    assignment: String,
    /// The ids of the rules, separated by commas; absent if the assignment does not follow from rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "sales-emea")]
    rules: Option<Box<str>>,
}

/// A skill or skill group of a user.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct AssignmentView {
    id: Uuid,
    /// The name, if known.
    name: Option<Box<str>>,
    proficiency: Option<f32>,
    /// The owners who hold it. Absent if there are none, or where they are not shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, example = json!(["hr"]))]
    owners: Vec<Box<str>>,
}

/// A conflict of an entry.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct ConflictView {
    cause: ConflictCause,
    /// The HTTP status of the answer of Genesys.
    status: Option<u16>,
    /// The version that the write carried.
    sent_version: Option<u64>,
    /// The version found by the read that determined the cause.
    found_version: Option<u64>,
    /// The correlation id of the answer, for Genesys support.
    correlation_id: Option<Box<str>>,
    /// When Genesys refused the write.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

impl SyncJobEntryView {
    /// Returns the view of an entry, with the known names of its assignments.
    pub(in crate::api) fn of(entry: EntrySnapshot, names: &Names<'_>) -> Self {
        let plain = |ids: &[AssignmentId]| ids.iter().map(|id| AssignmentView::of(*id, None, names)).collect();
        let rated = |items: &[(AssignmentId, Option<Proficiency>)]| {
            items.iter().map(|(id, proficiency)| AssignmentView::of(*id, *proficiency, names)).collect()
        };
        let (left_as_is, listed): (Vec<_>, _) = entry.request.assignments.iter().partition(|listed| listed.left_as_is);
        let because = listed.into_iter().filter(|listed| listed.because.is_some()).map(BecauseView::of);
        let result = entry.result;
        let effects = &result.effects;
        let with_owners = |id| AssignmentView::of(id, None, names).held_by(effects.other_owners_of(id));
        Self {
            index: entry.index,
            r#ref: entry.request.reference,
            user: if entry.erased { UserReference::default() } else { entry.request.user.into() },
            user_id: entry.user.map(|user| user.0),
            state: entry.state.into(),
            reason: result.reason.map(vocabulary::reason),
            message: result.message,
            added: rated(&effects.difference.added),
            removed: plain(&effects.difference.removed),
            updated: rated(&effects.difference.updated),
            preserved: effects.preserved.iter().map(|id| with_owners(*id)).collect(),
            overwritten: plain(&effects.overwritten),
            contested: effects.contested().map(with_owners).collect(),
            attempts: result.attempts,
            conflicts: result.conflicts.into_iter().map(ConflictView::from).collect(),
            superseded_by: result.superseded_by.map(|(job, index)| format!("{job}/{index}")),
            finished_at: result.finished_at,
            because: because.collect(),
            left_as_is: left_as_is.into_iter().map(BecauseView::of).collect(),
            missing_from_export: entry.presence == Presence::Missing,
            former_name: entry.presence == Presence::FormerName,
            erased: entry.erased,
        }
    }
}

impl BecauseView {
    fn of(listed: &ListedAssignment) -> Self {
        Self { assignment: listed.name.to_string(), rules: listed.because.clone() }
    }
}

impl AssignmentView {
    /// Returns the view of an assignment, with its name if known.
    pub(in crate::api) fn of(id: AssignmentId, proficiency: Option<Proficiency>, names: &Names<'_>) -> Self {
        let name = names.of(id).map(|name| Box::from(&*name));
        Self { id: id.0, name, proficiency: proficiency.map(Proficiency::value), owners: Vec::new() }
    }

    /// Returns the view with the owners of the assignment.
    pub(in crate::api) fn held_by<'o>(self, owners: impl Iterator<Item = &'o Owner>) -> Self {
        Self { owners: owners.map(|owner| owner.name().into()).collect(), ..self }
    }
}

impl From<ConflictRecord> for ConflictView {
    fn from(conflict: ConflictRecord) -> Self {
        Self {
            cause: conflict.cause.into(),
            status: conflict.status,
            sent_version: conflict.sent.map(|version| version.0),
            found_version: conflict.found.map(|version| version.0),
            correlation_id: conflict.correlation_id,
            at: conflict.at,
        }
    }
}
