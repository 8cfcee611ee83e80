//! The parts of the Genesys API format that are used. They stay in this module: the client converts them into domain
//! types.

use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use super::paging::Entity;
use crate::domain::user::DirectoryUser;
use crate::domain::{AssignmentId, Assignments, Proficiency, UserId};
use crate::engine::port::{CatalogueItem, ListedUser};

/// A page of a listing. Listings with cursors report no count, and any field may be missing.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page<T> {
    pub(super) entities: Option<Vec<T>>,
    #[serde(rename = "pageCount")]
    pub(super) count: Option<u32>,
    pub(super) total: Option<usize>,
    pub(super) next_uri: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct User {
    id: Uuid,
    email: Option<Box<str>>,
    state: Option<Box<str>>,
    employer_info: Option<EmployerInfo>,
    /// Best effort according to the API documentation, so a missing list means nothing.
    skills: Option<Vec<UserSkill>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EmployerInfo {
    #[serde(default, deserialize_with = "text_or_number")]
    employee_id: Option<Box<str>>,
}

/// Deserializes text that may also come as a number: one employee id stored as a number by some integration must not
/// make the whole listing unreadable.
fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<str>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum TextOrNumber {
        Text(Box<str>),
        Number(serde_json::Number),
    }
    let found = Option::deserialize(deserializer)?;
    Ok(found.map(|found| match found {
        TextOrNumber::Text(text) => text,
        TextOrNumber::Number(number) => number.to_string().into(),
    }))
}

impl User {
    pub(super) fn is_deleted(&self) -> bool {
        self.state.as_deref() == Some("deleted")
    }
}

impl Entity for User {
    fn id(&self) -> Uuid {
        self.id
    }
}

impl From<User> for ListedUser {
    fn from(user: User) -> Self {
        let skills = user.skills.map(|skills| UserSkill::had(&skills));
        let user = DirectoryUser {
            id: UserId(user.id),
            email: user.email,
            employee_id: user.employer_info.and_then(|info| info.employee_id),
            active: user.state.as_deref().is_none_or(|state| state == "active"),
        };
        Self { user, skills }
    }
}

/// Search for all users with one of several e-mail addresses. Without the state criterion, it finds only active users.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EmailSearch<'a> {
    page_size: u32,
    query: [Criterion<'a>; 2],
}

#[derive(Debug, Serialize)]
struct Criterion<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    fields: [&'static str; 1],
    values: &'a [&'a str],
}

impl<'a> EmailSearch<'a> {
    pub(super) fn of(emails: &'a [&'a str]) -> Self {
        let exactly = |field, values| Criterion { kind: "EXACT", fields: [field], values };
        Self { page_size: 100, query: [exactly("email", emails), exactly("state", &["active", "inactive"])] }
    }
}

/// Result of a search; `results` is absent if there is no match.
#[derive(Debug, Deserialize)]
pub(super) struct FoundUsers {
    #[serde(default = "Vec::new")]
    pub(super) results: Vec<User>,
    pub(super) total: Option<usize>,
}

/// Result of a SCIM filter (RFC 7644, section 3.4.2); `Resources` may be absent if there is no match.
#[derive(Debug, Deserialize)]
pub(super) struct ScimUsers {
    #[serde(default, rename = "Resources")]
    pub(super) resources: Vec<ScimUser>,
    #[serde(rename = "totalResults")]
    pub(super) total_results: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ScimUser {
    id: Uuid,
    active: Option<bool>,
    #[serde(rename = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User")]
    enterprise: Option<ScimEnterprise>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScimEnterprise {
    #[serde(default, deserialize_with = "text_or_number")]
    employee_number: Option<Box<str>>,
}

impl From<ScimUser> for DirectoryUser {
    fn from(user: ScimUser) -> Self {
        Self {
            id: UserId(user.id),
            email: None,
            employee_id: user.enterprise.and_then(|enterprise| enterprise.employee_number),
            active: user.active.unwrap_or(true),
        }
    }
}

/// A skill or group, in a catalogue or of a user.
#[derive(Debug, Deserialize)]
pub(super) struct NamedItem {
    id: Uuid,
    #[serde(default)]
    name: Box<str>,
    #[serde(default)]
    state: Option<Box<str>>,
}

impl NamedItem {
    /// Returns whether it can be assigned.
    pub(super) fn is_active(&self) -> bool {
        self.state.as_deref().is_none_or(|state| state == "active")
    }
}

impl Entity for NamedItem {
    fn id(&self) -> Uuid {
        self.id
    }
}

impl From<NamedItem> for CatalogueItem {
    fn from(named: NamedItem) -> Self {
        Self { id: AssignmentId(named.id), name: named.name }
    }
}

/// A skill to be created.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewSkill<'a> {
    pub(super) name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) division_id: Option<Uuid>,
}

#[derive(Debug, Deserialize)]
pub(super) struct UserSkill {
    id: Uuid,
    proficiency: Option<f64>,
    state: Option<Box<str>>,
}

impl Entity for UserSkill {
    fn id(&self) -> Uuid {
        self.id
    }
}

impl UserSkill {
    /// Returns the skills that the user has. A skill that is inactive for the user does not count, because Genesys
    /// routes nothing by it.
    pub(super) fn had(skills: &[Self]) -> Assignments {
        skills.iter().filter(|skill| skill.is_active()).map(Self::assignment).collect()
    }

    /// Returns whether an answer that shows all of a user's skills lacks this skill with this proficiency.
    pub(super) fn are_without(shown: &Page<Self>, id: AssignmentId, proficiency: Option<Proficiency>) -> bool {
        let Some(entities) = &shown.entities else { return false };
        let all = shown.total.is_some_and(|total| total <= entities.len());
        let like_this = (id, proficiency.or(Some(Proficiency::LOWEST)));
        all && !entities.iter().any(|skill| skill.assignment() == like_this)
    }

    pub(super) fn is_active(&self) -> bool {
        self.state.as_deref().is_none_or(|state| state.eq_ignore_ascii_case("active"))
    }

    /// A rating outside the documented range is clamped: it comes from Genesys itself, and refusing it would stop the
    /// sync.
    fn assignment(&self) -> (AssignmentId, Option<Proficiency>) {
        let rating = self.proficiency.and_then(|value| Proficiency::new(value.clamp(0.0, 5.0)));
        (AssignmentId(self.id), rating.or(Some(Proficiency::LOWEST)))
    }
}

/// One line of a bulk write of a user's skills, or the body of a single write.
#[derive(Debug, Serialize)]
pub(super) struct SkillRating {
    id: Uuid,
    proficiency: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
}

impl SkillRating {
    pub(super) fn new(id: AssignmentId, proficiency: Option<Proficiency>) -> Self {
        Self { id: id.0, proficiency: proficiency.unwrap_or(Proficiency::LOWEST).value(), state: None }
    }

    pub(super) fn activated(self) -> Self {
        Self { state: Some("active"), ..self }
    }
}

/// WFM assignments of a user.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WfmAssignments {
    #[serde(default, deserialize_with = "text_or_number")]
    user_id: Option<Box<str>>,
    self_uri: Option<Box<str>>,
    #[serde(default, deserialize_with = "text_or_number")]
    pub(super) version: Option<Box<str>>,
    pub(super) skill_groups: Vec<NamedItem>,
}

impl WfmAssignments {
    /// Returns the other user that the answer is about, if any: the one in `selfUri`, or else the one in `userId`.
    /// Without a `selfUri`, the field `userId` proves nothing, because a partner may use its own ids.
    pub(super) fn of_another_than(&self, user: UserId) -> Option<UserId> {
        let names = |text: &str| text.parse().ok().map(UserId).filter(|named| *named != user);
        let found_at = self.self_uri.as_deref()?;
        let segments = || found_at.split(['/', '?']);
        let at_another = segments().find_map(names).filter(|_| !segments().any(|part| part.parse() == Ok(user.0)));
        at_another.or_else(|| names(self.user_id.as_deref()?))
    }

    pub(super) fn groups(&self) -> Assignments {
        self.skill_groups.iter().map(|group| (AssignmentId(group.id), None)).collect()
    }
}

/// The complete set of groups that a user is to have.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WfmUpdate {
    pub(super) skill_group_ids: Vec<Uuid>,
}
