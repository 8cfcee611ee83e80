//! Requests of `skillsync check`; they change nothing.

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

/// A limit in force for the org.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrgLimit {
    pub key: String,
    pub value: u64,
}

/// Path of the limits that apply to all calls of a client.
const PLATFORM: &str = "/api/v2/organizations/limits/namespaces/platform.api";

/// Some active users, and their total number if the directory reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    pub users: Vec<DirectoryUser>,
    pub total: Option<usize>,
}

/// Result of a request that was designed to change nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    /// Genesys admitted the request up to the point where it validates its content.
    Permitted,
}

impl GenesysClient {
    /// Returns a few active users.
    pub async fn sample_users(&self) -> Result<Sample, CallError> {
        let path = users::page(25, 1, "active");
        let page: Page<User> = self.get(&options(), Route::Users, path).await?;
        let users = page.entities.unwrap_or_default().into_iter().map(|user| ListedUser::from(user).user).collect();
        Ok(Sample { users, total: page.total })
    }

    /// Returns all users with an employee id, through SCIM.
    pub async fn by_employee_id(&self, id: &str) -> Result<Vec<DirectoryUser>, CallError> {
        self.look_up(&options(), LookUp::EmployeeId(id)).await
    }

    /// Returns all users with this e-mail address, user id or employee id.
    pub async fn find_named(&self, name: &str) -> Result<Vec<DirectoryUser>, CallError> {
        let (options, name) = (options(), &*as_it_reads(name));
        match name.parse().map(UserId) {
            Ok(id) => self.look_up(&options, LookUp::Ids(&[id])).await,
            Err(_) if name.contains('@') => self.look_up(&options, LookUp::Emails(&[name])).await,
            Err(_) => self.look_up(&options, LookUp::EmployeeId(name)).await,
        }
    }

    /// Lists the catalogue of a target.
    pub async fn catalogue(&self, target: Target) -> Result<CatalogueListing, CallError> {
        self.list_catalogue(&options(), target).await
    }

    /// Reads a user's own resource of a target.
    pub async fn read_target(&self, target: Target, user: UserId) -> Result<Observed, CallError> {
        self.read(&options(), UserKey { target, user }).await
    }

    /// Adds no skill to a user: Genesys checks the permission before it validates what is to be added.
    pub async fn try_adding_nothing(&self, user: UserId) -> Result<Tried, CallError> {
        tried(routing_skills::add_nothing(self, &options(), user).await)
    }

    /// Creates a skill whose name is taken, which cannot succeed.
    pub async fn try_creating(&self, taken: &str) -> Result<Tried, CallError> {
        tried(self.create_skill(&options(), taken).await.map(drop))
    }

    /// Returns the platform limits in force for the org, as far as Genesys reports them.
    pub async fn org_limits(&self) -> Result<Vec<OrgLimit>, CallError> {
        let path = ApiPath::new(PLATFORM);
        let answer: Value = self.get(&options(), Route::OrgLimits, path).await?;
        let mut limits = Vec::new();
        collect(&answer, &mut limits);
        Ok(limits)
    }
}

/// Only a permitted caller learns that the request itself cannot be fulfilled.
fn tried(answer: Result<(), CallError>) -> Result<Tried, CallError> {
    match answer {
        Ok(()) | Err(CallError::Rejected(_) | CallError::Conflict(_)) => Ok(Tried::Permitted),
        Err(error) => Err(error),
    }
}

fn options() -> CallOptions {
    CallOptions::new(Lane::Interactive)
}

/// Collects every object with a key and a value, wherever it is nested: the format differs between versions of the API.
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
