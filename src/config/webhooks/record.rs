//! `[webhooks.record]`: where to read a person's record if a sender only reports who has changed.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;

/// The call that returns one person's record as JSON.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordConfig {
    /// `url`: URL of the record; `{id}` stands for the sender's id. Redirects to another host are not followed.
    pub url: String,
    /// `method`: `GET` (default) or `POST`.
    #[serde(default)]
    pub method: FetchMethod,
    /// `body`: JSON body of a POST; may contain `{id}`.
    pub body: Option<String>,
    /// `authorization`: complete value of the `Authorization` header, such as `Bearer …` or `Basic …`.
    pub authorization: Option<SecretString>,
    /// `authorization_file`: file that contains it; read for each call, so that another program may refresh it.
    pub authorization_file: Option<PathBuf>,
    /// `headers`: additional headers of the call.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// `proxy`: HTTP proxy for the call. Proxies named in the environment are ignored.
    pub proxy: Option<String>,
    /// `timeout`: timeout for one call; 10 seconds by default.
    #[serde(default = "ten_seconds", deserialize_with = "crate::config::duration")]
    pub timeout: Duration,
    /// `per_second`: maximum number of calls per second; 4 by default.
    #[serde(default = "four")]
    pub per_second: NonZeroU32,
    /// `patience`: how long to retry a record that cannot be read, with growing pauses; 24 hours by default.
    #[serde(default = "a_day", deserialize_with = "crate::config::duration")]
    pub patience: Duration,
    /// `filter`: jq filter that turns the response into people; replaces the reader of the preset.
    pub filter: Option<String>,
}

/// HTTP method of the call that reads a record.
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
