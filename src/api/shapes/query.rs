//! Reads query parameters by name and reports all their faults at once.

use std::fmt;
use std::time::Duration;

use axum::extract::Query;
use axum::http::Uri;
use serde::de::DeserializeOwned;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{RefOr, Required, Schema};

use crate::api::shapes::faults::{Faults, shortened};
use crate::api::shapes::problem::Problem;
use crate::api::shapes::rules;
use crate::api::shapes::vocabulary::Words;

/// Reads the query of a request and collects its faults.
#[derive(Debug)]
pub(in crate::api) struct QueryReader {
    pairs: Vec<(String, String)>,
    faults: Faults,
}

impl QueryReader {
    /// Parses the query. Parameters that are not `known` or occur more than once are faults. Returns an error if the
    /// query is not well-formed.
    pub(in crate::api) fn new(uri: &Uri, known: &[&str]) -> Result<Self, Problem> {
        let given = Query::<Vec<(String, String)>>::try_from_uri(uri);
        let Query(pairs) = given.map_err(|rejection| Problem::of_status(rejection.status()))?;
        let mut faults = Faults::default();
        for (at, (name, _)) in pairs.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let detail = match known {
                    [] => "is unknown; this path has no parameters".to_owned(),
                    known => format!("is unknown; valid are {}", known.join(", ")),
                };
                faults.add_parameter(name, detail);
            } else if pairs.iter().take(at).any(|(before, _)| before == name) {
                faults.add_parameter(name, "must be given only once");
            }
        }
        Ok(Self { pairs, faults })
    }

    /// Returns `read`, or all faults as a problem if there are any.
    pub(in crate::api) fn finish<T>(self, read: T) -> Result<T, Problem> {
        if self.faults.is_empty() { Ok(read) } else { Err(Problem::invalid(self.faults)) }
    }

    /// Reads a parameter with `parse`. Returns `None` if it is absent or invalid; `expected` completes the fault
    /// "must be …".
    pub(in crate::api) fn parsed<T>(
        &mut self,
        name: &str,
        expected: impl fmt::Display,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = given(&self.pairs, name)?;
        let read = parse(value);
        if read.is_none() {
            self.faults.add_parameter(name, format_args!("must be {expected}, not {}", shortened(value)));
        }
        read
    }

    /// Reads a parameter with `check`, whose error becomes the fault. Returns `None` if it is absent or invalid.
    pub(in crate::api) fn checked<T, E: fmt::Display>(
        &mut self,
        name: &str,
        check: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let value = given(&self.pairs, name)?;
        check(value).map_err(|error| self.faults.add_parameter(name, error)).ok()
    }

    /// Reads one of a closed set of words.
    pub(in crate::api) fn word<T: Words + DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        self.parsed(name, fmt::from_fn(|f| write!(f, "one of {}", T::WORDS.join(", "))), |value| {
            let deserializer: StrDeserializer<'_, Error> = value.into_deserializer();
            T::deserialize(deserializer).ok()
        })
    }

    /// Reads `limit`, the maximum number of items per page; the default is [`rules::DEFAULT_PAGE`].
    pub(in crate::api) fn limit(&mut self) -> usize {
        let expected = format_args!("a whole number from 1 to {}", rules::MAX_PAGE_SIZE);
        let within = |value: &str| value.parse().ok().filter(|limit| (1..=rules::MAX_PAGE_SIZE).contains(limit));
        self.parsed("limit", expected, within).unwrap_or(rules::DEFAULT_PAGE)
    }

    /// Reads `wait`, the time for which the response may be held back, in whole seconds like `30s`.
    pub(in crate::api) fn wait(&mut self) -> Option<Duration> {
        let longest = rules::MAX_WAIT.as_secs();
        self.parsed("wait", format_args!("a number of seconds from 0s to {longest}s"), |value| {
            let seconds: u64 = value.strip_suffix('s')?.parse().ok()?;
            // Rejects other spellings such as `+5s` and `05s`, which the schema does not permit.
            (seconds <= longest && format!("{seconds}s") == value).then(|| Duration::from_secs(seconds))
        })
    }
}

fn given<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
}

/// Returns the description of an optional query parameter.
pub(in crate::api) fn parameter(name: &str, description: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    optional(ParameterIn::Query, name, description, schema)
}

/// Returns the description of an optional header.
pub(in crate::api) fn header(name: &str, description: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    optional(ParameterIn::Header, name, description, schema)
}

fn optional(place: ParameterIn, name: &str, description: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}
