//! What `skillsync check` asks. Nothing is changed.

use serde_json::Value;

use super::call::Route;
use super::path::ApiPath;
use super::wire::{Page, User};
use super::{GenesysClient, routing_skills, users};
use crate::domain::job::Lane;
use crate::domain::text::as_it_reads;
use crate::domain::user::DirectoryUser;
use crate::domain::{Target, UserId, UserKey};
pub use crate::engine::port::{CallError, CatalogueItem, CatalogueListing};
use crate::engine::port::{CallOptions, Genesys as _, ListedUser, LookUp, Observed};

/// A limit that is in force for the org.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrgLimit {
    pub key: String,
    pub value: u64,
}

/// The limits that hold for all calls of a client.
const PLATFORM: &str = "/api/v2/organizations/limits/namespaces/platform.api";

/// Some active users, and how many there are if the directory tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    pub users: Vec<DirectoryUser>,
    pub total: Option<usize>,
}

/// How a request ended that was to change nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    /// Genesys let it through to the point where it looks at what is asked for.
    Permitted,
}

impl GenesysClient {
    /// A few active users.
    pub async fn sample_users(&self) -> Result<Sample, CallError> {
        let path = users::page(25, 1, "active");
        let page: Page<User> = self.get(&options(), Route::Users, path).await?;
        let users = page.entities.unwrap_or_default().into_iter().map(|user| ListedUser::from(user).user).collect();
        Ok(Sample { users, total: page.total })
    }

    /// Everybody with an employee id, through SCIM.
    pub async fn by_employee_id(&self, id: &str) -> Result<Vec<DirectoryUser>, CallError> {
        self.look_up(&options(), LookUp::EmployeeId(id)).await
    }

    /// Everybody with this e-mail address, user id or employee id.
    pub async fn find_named(&self, name: &str) -> Result<Vec<DirectoryUser>, CallError> {
        let (options, name) = (options(), &*as_it_reads(name));
        match name.parse().map(UserId) {
            Ok(id) => self.look_up(&options, LookUp::Ids(&[id])).await,
            Err(_) if name.contains('@') => self.look_up(&options, LookUp::Emails(&[name])).await,
            Err(_) => self.look_up(&options, LookUp::EmployeeId(name)).await,
        }
    }

    /// What can be assigned.
    pub async fn catalogue(&self, target: Target) -> Result<CatalogueListing, CallError> {
        self.list_catalogue(&options(), target).await
    }

    /// A user's own resource of a target.
    pub async fn read_target(&self, target: Target, user: UserId) -> Result<Observed, CallError> {
        self.read(&options(), UserKey { target, user }).await
    }

    /// Adds no skill to a user: whether skills may be assigned is told before what there is to add is looked at.
    pub async fn try_adding_nothing(&self, user: UserId) -> Result<Tried, CallError> {
        tried(routing_skills::add_nothing(self, &options(), user).await)
    }

    /// Creates a skill of a name that is taken, which cannot be done.
    pub async fn try_creating(&self, taken: &str) -> Result<Tried, CallError> {
        tried(self.create_skill(&options(), taken).await.map(drop))
    }

    /// The limits of the platform that are in force for the org, as far as it tells them.
    pub async fn org_limits(&self) -> Result<Vec<OrgLimit>, CallError> {
        let path = ApiPath::new(PLATFORM);
        let answer: Value = self.get(&options(), Route::OrgLimits, path).await?;
        let mut limits = Vec::new();
        collect(&answer, &mut limits);
        Ok(limits)
    }
}

/// Only who is permitted to ask is told that what was asked for cannot be done.
fn tried(answer: Result<(), CallError>) -> Result<Tried, CallError> {
    match answer {
        Ok(()) | Err(CallError::Rejected(_) | CallError::Conflict(_)) => Ok(Tried::Permitted),
        Err(error) => Err(error),
    }
}

fn options() -> CallOptions {
    CallOptions::new(Lane::Interactive)
}

/// Every object with a key and a value, wherever the listing has it: its form differs between versions of the API.
fn collect(value: &Value, limits: &mut Vec<OrgLimit>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, limits)),
        Value::Object(object) => {
            let key = object.get("key").and_then(Value::as_str);
            if let (Some(key), Some(value)) = (key, object.get("value").and_then(Value::as_u64)) {
                limits.push(OrgLimit { key: key.to_owned(), value });
            } else {
                object.values().for_each(|inner| collect(inner, limits));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn limits_are_found_in_every_form_of_the_listing() {
        let limit =
            json!({"key": "client.credentials.token.rate.per.minute", "namespace": "platform.api", "value": 300});
        for listing in [json!({"limits": [limit]}), json!({"entities": [limit], "total": 1}), json!([limit]), limit] {
            let mut limits = Vec::new();
            collect(&listing, &mut limits);
            let expected = OrgLimit { key: "client.credentials.token.rate.per.minute".to_owned(), value: 300 };
            assert_eq!(limits, [expected], "{listing}");
        }
    }
}
