//! The reference by which a caller names a user.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::shapes::{rules, schemas};
use crate::domain::{UserId, UserRef};

/// A reference to a user, with exactly one of `id`, `email`, `employeeId` and `externalId`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserReference {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::user_id)]
    pub id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::email)]
    pub email: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::employee_id)]
    pub employee_id: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::external_id)]
    pub external_id: Option<Box<str>>,
}

impl UserReference {
    /// Returns the domain reference, or `None` unless exactly one member is given and valid.
    pub(in crate::api) fn accepted(self) -> Option<UserRef> {
        match (self.id, self.email, self.employee_id, self.external_id) {
            (Some(id), None, None, None) => Some(UserRef::Id(UserId(id))),
            (None, email @ Some(_), None, None) => {
                rules::optional_text(email, rules::MAX_USER_KEY_LENGTH).ok()?.map(UserRef::Email)
            }
            (None, None, id @ Some(_), None) => {
                rules::optional_text(id, rules::MAX_USER_KEY_LENGTH).ok()?.map(UserRef::EmployeeId)
            }
            (None, None, None, Some(id)) => rules::external_id(&id).ok(),
            _ => None,
        }
    }
}

impl From<UserRef> for UserReference {
    fn from(user: UserRef) -> Self {
        match user {
            UserRef::Id(id) => Self { id: Some(id.0), ..Self::default() },
            UserRef::Email(email) => Self { email: Some(email), ..Self::default() },
            UserRef::EmployeeId(id) => Self { employee_id: Some(id), ..Self::default() },
            UserRef::ExternalId { authority, key } => {
                Self { external_id: Some(format!("{authority}:{key}").into()), ..Self::default() }
            }
        }
    }
}
