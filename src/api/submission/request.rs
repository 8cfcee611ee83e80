//! The request shapes of the OpenAPI document, and their conversion to domain types.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::objects;
use crate::api::shapes::rules;
use crate::api::shapes::rules::EntryRules;
use crate::api::shapes::schemas;
use crate::api::shapes::user_reference::UserReference;
use crate::api::shapes::vocabulary::{SyncLane, SyncMode, SyncSameUser, SyncTarget};
use crate::domain::dates::rfc3339;
use crate::domain::entry::{AssignmentName, EntryRequest, ListedAssignment, SharedLists};
use crate::domain::{AssignmentId, Proficiency, Target};

/// A job to submit.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SyncJobRequest<'a> {
    pub target: SyncTarget,
    /// What the lists of assignments mean. Default `managed`.
    #[serde(default = "managed")]
    #[schema(required = false)]
    pub mode: SyncMode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::owner)]
    pub owner: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::label)]
    pub label: Option<String>,
    /// Whether to plan only, without any write. Default false.
    #[serde(default)]
    pub dry_run: bool,
    /// The lane of the job. Default `bulk`; `interactive` is for at most 20 entries.
    #[serde(default = "bulk")]
    #[schema(required = false)]
    pub lane: SyncLane,
    /// How several entries for one user are treated. Without it, the modes `managed` and `replace` refuse them unless
    /// each of them has an `occurredAt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = SyncSameUser, required = false)]
    pub same_user: Option<SyncSameUser>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::callback_url)]
    pub callback_url: Option<String>,
    #[serde(borrow)]
    #[schema(schema_with = schemas::entries)]
    pub entries: Vec<SyncJobEntryRequest<'a>>,
}

fn managed() -> SyncMode {
    SyncMode::Managed
}

fn bulk() -> SyncLane {
    SyncLane::Bulk
}

/// One user with a list of assignments.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SyncJobEntryRequest<'a> {
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::reference)]
    pub reference: Option<Box<str>>,
    #[serde(deserialize_with = "objects::one")]
    pub user: UserReference,
    #[serde(borrow, deserialize_with = "objects::list")]
    #[schema(schema_with = schemas::assignments)]
    pub assignments: Vec<AssignmentRequest<'a>>,
    #[serde(default, deserialize_with = "optional_date", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::occurred_at)]
    pub occurred_at: Option<Timestamp>,
}

/// An RFC 3339 date.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "Cow<str>")]
pub(super) struct Date(pub(super) Timestamp);

impl TryFrom<Cow<'_, str>> for Date {
    type Error = &'static str;

    fn try_from(text: Cow<'_, str>) -> Result<Self, Self::Error> {
        rfc3339(&text).map(Self).ok_or("not an RFC 3339 date")
    }
}

fn optional_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    Ok(Option::<Date>::deserialize(deserializer)?.map(|Date(date)| date))
}

/// A skill or skill group, with exactly one of `id` and `name`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AssignmentRequest<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::assignment_id)]
    pub id: Option<Uuid>,
    /// Borrowed from the body: most names occurred before, so few have to be copied.
    #[serde(borrow, default, deserialize_with = "objects::text", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::assignment_name)]
    pub name: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::proficiency)]
    pub proficiency: Option<f64>,
    /// Whether to leave the assignment as it is: a user who has it keeps it with its proficiency, and a user who does
    /// not have it does not get it. Default false.
    #[serde(default, deserialize_with = "objects::flag", skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false, example = false)]
    pub leave_as_is: bool,
}

impl SyncJobEntryRequest<'_> {
    /// Returns the entry, or `None` if it breaks a rule. [`super::diagnose`] finds out which.
    pub(super) fn accepted(self, rules: EntryRules, lists: &mut SharedLists) -> Option<EntryRequest> {
        if self.assignments.len() > rules::MAX_ASSIGNMENTS {
            return None;
        }
        let occurred_at = self.occurred_at.map(|date| rules.latest.checked(date)).transpose().ok()?;
        let listed = self.assignments.into_iter().map(|listed| listed.accepted(rules.target, lists));
        let listed = listed.collect::<Option<_>>()?;
        Some(EntryRequest {
            reference: rules::optional_text(self.reference, rules::MAX_REFERENCE_LENGTH).ok()?,
            user: self.user.accepted()?,
            assignments: lists.list(listed),
            occurred_at,
        })
    }
}

impl From<EntryRequest> for SyncJobEntryRequest<'_> {
    fn from(entry: EntryRequest) -> Self {
        Self {
            reference: entry.reference,
            user: entry.user.into(),
            assignments: entry.assignments.iter().map(AssignmentRequest::from).collect(),
            occurred_at: entry.occurred_at,
        }
    }
}

impl From<&ListedAssignment> for AssignmentRequest<'_> {
    fn from(listed: &ListedAssignment) -> Self {
        let (id, name) = match &listed.name {
            AssignmentName::Id(id) => (Some(id.0), None),
            AssignmentName::Name(name) => (None, Some(Cow::Owned(name.as_ref().to_owned()))),
        };
        let leave_as_is = listed.left_as_is;
        let proficiency = listed.proficiency.filter(|_| !leave_as_is).map(|proficiency| proficiency.value().into());
        Self { id, name, proficiency, leave_as_is }
    }
}

impl AssignmentRequest<'_> {
    fn accepted(self, target: Option<Target>, lists: &mut SharedLists) -> Option<ListedAssignment> {
        let name = match (self.id, self.name) {
            (Some(id), None) => AssignmentName::Id(AssignmentId(id)),
            (None, Some(name)) => {
                rules::text(&name, rules::MAX_NAME_LENGTH).ok()?;
                lists.named(&name)
            }
            (Some(_), Some(_)) | (None, None) => return None,
        };
        let proficiency = match self.proficiency {
            Some(_) if target == Some(Target::WfmSkillGroups) || self.leave_as_is => return None,
            Some(value) => Some(Proficiency::new(value)?),
            None => None,
        };
        Some(ListedAssignment { name, proficiency, because: None, left_as_is: self.leave_as_is })
    }
}
