//! `[webhooks.record]`: where the record of a person is read when a sender only says who has changed.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;

/// One call that answers one person's record as JSON.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordConfig {
    /// `url`: with `{id}` where the sender's id of the person goes. Redirects to another host are not followed.
    pub url: String,
    /// `method`: `GET` (default) or `POST`.
    #[serde(default)]
    pub method: FetchMethod,
    /// `body`: of a POST, as JSON, with `{id}`.
    pub body: Option<String>,
    /// `authorization`: the whole header, like `Bearer …` or `Basic …`.
    pub authorization: Option<SecretString>,
    /// `authorization_file`: a file that holds it; read anew for each call, so that something else may refresh it.
    pub authorization_file: Option<PathBuf>,
    /// `headers`: others that the call takes.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// `proxy`: address of an HTTP proxy for the call; those of the environment are not used.
    pub proxy: Option<String>,
    /// `timeout`: of one call.
    #[serde(default = "ten_seconds", deserialize_with = "crate::config::duration")]
    pub timeout: Duration,
    /// `per_second`: calls a second at most.
    #[serde(default = "four")]
    pub per_second: NonZeroU32,
    /// `patience`: how long a record that cannot be read is tried for, with growing pauses.
    #[serde(default = "a_day", deserialize_with = "crate::config::duration")]
    pub patience: Duration,
    /// `filter`: a jq filter from the answer to people, instead of the preset's reading.
    pub filter: Option<String>,
}

/// How a record is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum FetchMethod {
    #[default]
    Get,
    Post,
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

fn four() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(3)
}

fn a_day() -> Duration {
    Duration::from_secs(24 * 3600)
}
