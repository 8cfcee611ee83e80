//! What a caller asks of a list: the query parameters, and the cursor that leads from page to page.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Ref, RefOr, Required, Schema};

use super::faults::{Faults, shortened};
use super::names::{SyncJobEntryState, Words};
use super::problem::Problem;
use super::{rules, schemas};
use crate::domain::EntryState;

/// Which entries to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EntriesQuery {
    pub(super) state: Option<EntryState>,
    pub(super) limit: usize,
    /// The index to start from.
    pub(super) from: u32,
}

impl IntoParams for EntriesQuery {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            parameter("state", "Only entries in this state.", Ref::from_schema_name("SyncJobEntryState")),
            parameter("limit", "Entries on one page.", schemas::page_limit()),
            parameter(
                "cursor",
                "The `nextCursor` of the page before. It stays valid while entries change their states.",
                ObjectBuilder::new().schema_type(Type::String),
            ),
        ]
    }
}

fn parameter(name: &str, description: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

impl<S: Send + Sync> FromRequestParts<S> for EntriesQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let given = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let Query(pairs) = given.map_err(|rejection| Problem::of_status(rejection.status()))?;
        let mut faults = Faults::default();
        let query = Self::read(&pairs, &mut faults);
        if faults.is_empty() { Ok(query) } else { Err(Problem::invalid(faults)) }
    }
}

impl EntriesQuery {
    const KNOWN: [&str; 3] = ["state", "limit", "cursor"];

    fn read(pairs: &[(String, String)], faults: &mut Faults) -> Self {
        for (at, (name, _)) in pairs.iter().enumerate() {
            if !Self::KNOWN.contains(&name.as_str()) {
                faults.add_parameter(name, format_args!("is not known here; known are {}", Self::KNOWN.join(", ")));
            } else if pairs.iter().take(at).any(|(before, _)| before == name) {
                faults.add_parameter(name, "must be given only once");
            }
        }
        let value = |wanted: &str| pairs.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        let state = value("state").and_then(|value| word::<SyncJobEntryState>("state", value, faults));
        let limit = value("limit").and_then(|value| limit(value, faults));
        let from = value("cursor").and_then(|value| {
            let position = position_of(value);
            if position.is_none() {
                faults.add_parameter("cursor", "must be the `nextCursor` of an earlier page of this list");
            }
            position
        });
        Self {
            state: state.map(EntryState::from),
            limit: limit.unwrap_or(rules::DEFAULT_PAGE),
            from: from.unwrap_or_default(),
        }
    }
}

fn word<T: Words + DeserializeOwned>(parameter: &str, value: &str, faults: &mut Faults) -> Option<T> {
    let deserializer: StrDeserializer<'_, Error> = value.into_deserializer();
    let read = T::deserialize(deserializer);
    let expected = T::WORDS.join(", ");
    let detail = || format!("must be one of {expected}, not {}", shortened(value));
    read.inspect_err(|_| faults.add_parameter(parameter, detail())).ok()
}

fn limit(value: &str, faults: &mut Faults) -> Option<usize> {
    let limit = value.parse().ok().filter(|limit| (1..=rules::LARGEST_PAGE).contains(limit));
    if limit.is_none() {
        let detail = format_args!("must be a whole number from 1 to {}, not {}", rules::LARGEST_PAGE, shortened(value));
        faults.add_parameter("limit", detail);
    }
    limit
}

/// What a cursor holds, so that one of another list is recognised.
const CURSOR_OF_ENTRIES: &str = "entries:";

/// The cursor of a page that starts at an entry's position in its job: positions never change, states do.
pub(super) fn cursor_of(position: u32) -> String {
    URL_SAFE_NO_PAD.encode(format!("{CURSOR_OF_ENTRIES}{position}"))
}

fn position_of(cursor: &str) -> Option<u32> {
    let decoded = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    decoded.strip_prefix(CURSOR_OF_ENTRIES)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_position() {
        for position in [0, 1, 99_999, u32::MAX] {
            assert_eq!(position_of(&cursor_of(position)), Some(position));
        }
        for bad in ["", "12", "!!", "ZW50cmllczo"] {
            assert_eq!(position_of(bad), None, "{bad}");
        }
    }
}
