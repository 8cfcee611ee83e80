//! What `skillsync check` asks: whether the directory can be read, and which limits the org has. Nothing is written.

use serde_json::Value;

use super::GenesysClient;
use super::call::Route;
use crate::domain::Target;
use crate::domain::job::Urgency;
pub use crate::engine::port::{CallError, CatalogueItem};
use crate::engine::port::{Errand, Genesys as _};

/// A limit that is in force for the org.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrgLimit {
    pub key: String,
    pub value: u64,
}

/// The namespace of the limits that hold for all calls of a client.
const PLATFORM: &str = "platform.api";

impl GenesysClient {
    /// How many active users the directory has; one page of one user is read.
    pub async fn count_users(&self) -> Result<u64, CallError> {
        let path = "/api/v2/users?pageSize=1&pageNumber=1&state=active".to_owned();
        let page: Value = self.get(&errand(), Route::Users, path).await?;
        Ok(page.get("total").and_then(Value::as_u64).unwrap_or_default())
    }

    /// What can be assigned.
    pub async fn catalogue(&self, target: Target) -> Result<Vec<CatalogueItem>, CallError> {
        Ok(self.list_catalogue(&errand(), target).await?.items)
    }

    /// The limits of the platform that are in force for the org, as far as it tells them.
    pub async fn org_limits(&self) -> Result<Vec<OrgLimit>, CallError> {
        let path = format!("/api/v2/organizations/limits/namespaces/{PLATFORM}");
        let answer: Value = self.get(&errand(), Route::OrgLimits, path).await?;
        let mut limits = Vec::new();
        collect(&answer, &mut limits);
        Ok(limits)
    }
}

fn errand() -> Errand {
    Errand::new(Urgency::Interactive)
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
