//! Users as SCIM shows them: `/api/v2/scim/v2/users`, where a user can be found by employee number.

use http::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::query::Query;
use super::super::scenario::UserState;
use super::Model;
use super::call::Call;
use super::catalogue::LONG_AGO;
use super::division::HOME;
use super::org::User;
use super::reply::Reply;

const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// Attributes that every answer contains, whatever was requested.
const ALWAYS: [&str; 5] = ["id", "userName", "active", "meta", "schemas"];
const DEFAULT_COUNT: usize = 25;

/// `attribute eq value`; SCIM at Genesys supports no other operator.
#[derive(Debug, PartialEq)]
enum Filter {
    Id(Option<Uuid>),
    /// A user's name is their e-mail address.
    Email(String),
    ExternalId(String),
    EmployeeNumber(String),
    Division(String),
    /// No one in the simulated org has a manager.
    Manager,
    Active(bool),
}

impl Filter {
    fn parse(text: &str) -> Result<Self, Reply> {
        let invalid = |detail: &str| Reply::scim_invalid("invalidFilter", detail);
        let (attribute, rest) = text.trim().split_once(' ').ok_or_else(|| invalid("The filter has no operator."))?;
        let (operator, value) = rest.trim_start().split_once(' ').ok_or_else(|| invalid("The filter has no value."))?;
        if !operator.eq_ignore_ascii_case("eq") {
            return Err(invalid(&format!("The operator {operator} is not supported.")));
        }
        let value = unquoted(value.trim()).to_owned();
        match attribute.to_ascii_lowercase().as_str() {
            "id" => Ok(Self::Id(Uuid::try_parse(&value).ok())),
            "username" | "email" | "emails" | "emails.value" => Ok(Self::Email(value)),
            "externalid" => Ok(Self::ExternalId(value)),
            "employeenumber" => Ok(Self::EmployeeNumber(value)),
            "division" => Ok(Self::Division(value)),
            "manager" => Ok(Self::Manager),
            "active" => match value.to_ascii_lowercase().as_str() {
                "true" => Ok(Self::Active(true)),
                "false" => Ok(Self::Active(false)),
                _ => Err(invalid("active is true or false.")),
            },
            _ => Err(invalid(&format!("The attribute {attribute} cannot be filtered by."))),
        }
    }

    fn matches(&self, user: &User) -> bool {
        let profile = &user.profile;
        match self {
            Self::Id(id) => *id == Some(profile.id),
            Self::Email(email) => profile.email.eq_ignore_ascii_case(email),
            Self::ExternalId(key) => profile.external_ids.iter().any(|own| own.key == *key),
            Self::EmployeeNumber(number) => profile.employee_id.as_ref() == Some(number),
            Self::Division(name) => name.eq_ignore_ascii_case(HOME),
            Self::Manager => false,
            Self::Active(active) => (profile.state == UserState::Active) == *active,
        }
    }
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

/// Which attributes of a user are shown.
#[derive(Debug)]
struct Shown {
    only: Vec<String>,
    never: Vec<String>,
}

impl Shown {
    fn of(query: &Query) -> Self {
        let names = |parameter| query.all(parameter).filter(|name| !name.is_empty()).map(bare).collect();
        Self { only: names("attributes"), never: names("excludedAttributes") }
    }

    /// Returns whether an attribute, or a part of an extension, is shown.
    fn has(&self, name: &str) -> bool {
        let listed = |names: &[String]| {
            let own = name.to_ascii_lowercase();
            names.iter().any(|listed| *listed == own || own.starts_with(&format!("{listed}:")))
        };
        ALWAYS.contains(&name) || if self.only.is_empty() { !listed(&self.never) } else { listed(&self.only) }
    }
}

/// Returns an attribute in lower case, without the schema that all users have. A part of an extension keeps its schema.
fn bare(name: &str) -> String {
    let name = name.trim();
    name.strip_prefix(CORE).map_or(name, |rest| rest.trim_start_matches(':')).to_ascii_lowercase()
}

impl Model {
    /// Lists users who are not deleted and match the filter; without a filter, the active ones.
    pub(super) fn scim_users(&mut self, call: &Call<'_>) -> Result<Reply, Reply> {
        let filter = call.query.whole("filter").filter(|filter| !filter.trim().is_empty());
        let filter = filter.map_or(Ok(Filter::Active(true)), Filter::parse)?;
        let start = number(call, "startIndex")?.unwrap_or(1).max(1);
        let count = number(call, "count")?.unwrap_or(DEFAULT_COUNT);
        let shown = Shown::of(&call.query);
        let matching =
            || self.seen_users().filter(|user| user.profile.state != UserState::Deleted && filter.matches(user));
        let resources: Vec<Value> =
            matching().skip(start - 1).take(count).map(|user| resource(call, user, &shown)).collect();
        let mut listing = json!({
            "schemas": [LIST], "totalResults": matching().count(), "startIndex": start, "itemsPerPage": resources.len(),
        });
        if count > 0 {
            listing["Resources"] = Value::Array(resources);
        }
        Ok(Reply::scim(StatusCode::OK, listing))
    }
}

fn number(call: &Call<'_>, name: &str) -> Result<Option<usize>, Reply> {
    let value = call.query.first(name).map(str::parse).transpose();
    value.map_err(|_| Reply::scim_invalid("invalidValue", &format!("{name} must be a number.")))
}

fn resource(call: &Call<'_>, user: &User, shown: &Shown) -> Value {
    let profile = &user.profile;
    let location = format!("{}/{}", call.path(), profile.id);
    let meta = json!({
        "resourceType": "User", "version": format!("\"{}\"", user.directory_version), "location": location,
        "lastModified": LONG_AGO,
    });
    let all = [
        ("schemas", json!([CORE, ENTERPRISE])),
        ("id", json!(profile.id)),
        ("active", json!(profile.state == UserState::Active)),
        ("userName", json!(profile.email)),
        ("displayName", json!(profile.name)),
        ("emails", json!([{ "value": profile.email, "type": "work", "primary": true }])),
        ("externalId", profile.external_ids.first().map_or(Value::Null, |own| json!(own.key))),
        (ENTERPRISE, enterprise(user, shown)),
        ("meta", meta),
    ];
    let kept = all.into_iter().filter(|(name, value)| !value.is_null() && (*name == ENTERPRISE || shown.has(name)));
    Value::Object(kept.map(|(name, value)| (name.to_owned(), value)).collect())
}

/// Returns the enterprise extension of a user; null if no part of it is requested.
fn enterprise(user: &User, shown: &Shown) -> Value {
    let all = [
        ("employeeNumber", user.profile.employee_id.as_ref().map_or(Value::Null, |number| json!(number))),
        ("division", json!(HOME)),
    ];
    let kept: Map<String, Value> = all
        .into_iter()
        .filter(|(name, value)| !value.is_null() && shown.has(&format!("{ENTERPRISE}:{name}")))
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    if kept.is_empty() { Value::Null } else { Value::Object(kept) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_read_with_and_without_quotes_and_in_any_case() {
        for text in ["employeeNumber eq E 1,2", "EMPLOYEENUMBER EQ \"E 1,2\"", " employeeNumber  Eq  E 1,2 "] {
            assert_eq!(Filter::parse(text).unwrap(), Filter::EmployeeNumber("E 1,2".to_owned()), "{text}");
        }
        for text in ["employeeNumber", "employeeNumber eq", "employeeNumber co 1", "title eq x", "active eq maybe"] {
            assert!(Filter::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn attributes_are_named_with_or_without_their_schema() {
        let shown = Shown::of(&Query::parse(&format!("attributes={CORE}:emails,{ENTERPRISE}:division")));
        let division = format!("{ENTERPRISE}:division");
        assert_eq!(
            ["id", "emails", "displayName", division.as_str()].map(|name| shown.has(name)),
            [true, true, false, true]
        );
        let whole = Shown::of(&Query::parse(&format!("excludedAttributes={ENTERPRISE},meta")));
        assert_eq!(["meta", "emails", division.as_str()].map(|name| whole.has(name)), [true, true, false]);
    }
}
