//! `[genesys]`: the Genesys Cloud org, and the OAuth client that skillsync uses.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use documented::DocumentedFields;
use secrecy::SecretString;
use serde::Deserialize;
use uuid::Uuid;

use super::{CallLimits, ConfigError, contradiction, duration, region};
use crate::charset;

/// `[genesys]`: the Genesys Cloud org, and the OAuth client that skillsync uses.
#[derive(Debug, Clone, Deserialize, DocumentedFields)]
#[serde(deny_unknown_fields)]
pub struct GenesysConfig {
    /// Name of the AWS region, or a base domain such as "mypurecloud.de".
    region: Option<String>,
    /// Base URL of the API; replaces region, together with `login_url`.
    api_url: Option<String>,
    /// Base URL of the login service; replaces region, together with `api_url`.
    login_url: Option<String>,
    /// Id of the OAuth client.
    pub client_id: String,
    /// Secret of the OAuth client. Prefer `client_secret_file`.
    client_secret: Option<SecretString>,
    /// File that contains the secret; replaces `client_secret`.
    client_secret_file: Option<PathBuf>,
    /// Calls per time window; all windows apply. Genesys permits an OAuth client 300 calls per minute by default.
    #[serde(default)]
    pub limits: CallLimits,
    /// Maximum number of concurrent calls to Genesys.
    #[serde(default = "ten")]
    pub max_in_flight: NonZeroU32,
    /// HTTP proxy for every connection to Genesys. Proxies named in the environment are ignored.
    pub proxy: Option<String>,
    /// PEM file of CA certificates to trust in addition to those of the system, for a proxy that intercepts TLS.
    ca_file: Option<PathBuf>,
    /// Timeout for opening a connection.
    #[serde(default = "ten_seconds", deserialize_with = "duration")]
    pub connect_timeout: Duration,
    /// Timeout for one call, from sending it to the last byte of its response.
    #[serde(default = "a_minute", deserialize_with = "duration")]
    pub attempt_timeout: Duration,
    /// Path of a user's WFM assignments at the partner endpoint; must contain {userId}.
    #[serde(default = "wfm_path")]
    pub wfm_path: String,
    /// Request header that carries the version of a WFM write.
    #[serde(default = "version_header")]
    pub version_header: String,
    /// Write WFM assignments even if the endpoint returns no version. Changes made by others may be lost.
    #[serde(default)]
    pub unversioned_writes: bool,
    /// Division of the skills that skillsync creates; without it, that of the OAuth client.
    pub skill_division: Option<Uuid>,
}

impl GenesysConfig {
    /// Returns scheme and host of the API.
    pub fn api_url(&self) -> Result<String, ConfigError> {
        self.host("api", "genesys.api_url", self.api_url.as_deref())
    }

    /// Returns scheme and host of the token endpoint.
    pub fn login_url(&self) -> Result<String, ConfigError> {
        self.host("login", "genesys.login_url", self.login_url.as_deref())
    }

    /// Returns the client secret, from the key or the file that is configured.
    pub fn client_secret(&self) -> Result<SecretString, ConfigError> {
        match (&self.client_secret, &self.client_secret_file) {
            (Some(_), Some(_)) => Err(contradiction(
                "genesys.client_secret",
                "conflicts with genesys.client_secret_file; set only one of them",
            )),
            (Some(secret), None) => Ok(secret.clone()),
            (None, Some(file)) => match charset::text_of_file(file) {
                Ok(secret) => Ok(secret.trim().to_owned().into()),
                Err(error) => Err(contradiction("genesys.client_secret_file", format!("{}: {error}", file.display()))),
            },
            (None, None) => {
                Err(contradiction("genesys.client_secret", "is missing; set it or genesys.client_secret_file"))
            }
        }
    }

    /// Returns the content of `genesys.ca_file`, if it is configured.
    pub fn extra_ca(&self) -> Result<Option<Vec<u8>>, ConfigError> {
        let read = |file: &PathBuf| {
            std::fs::read(file)
                .map(|text| charset::without_mark(&text).to_vec())
                .map_err(|error| contradiction("genesys.ca_file", format!("{}: {error}", file.display())))
        };
        self.ca_file.as_ref().map(read).transpose()
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.client_secret()?;
        self.extra_ca()?;
        if self.proxy.as_ref().is_some_and(|proxy| !proxy.starts_with("http://") && !proxy.starts_with("https://")) {
            return Err(contradiction("genesys.proxy", "must begin with http:// or https://"));
        }
        if !self.wfm_path.starts_with('/') || !self.wfm_path.contains("{userId}") {
            return Err(contradiction("genesys.wfm_path", "must begin with / and contain {userId}"));
        }
        http::HeaderName::from_str(&self.version_header)
            .map(|_| ())
            .map_err(|_| contradiction("genesys.version_header", "is not a valid header name"))
    }

    fn host(&self, service: &str, key: &'static str, url: Option<&str>) -> Result<String, ConfigError> {
        match (&self.region, url) {
            (Some(_), Some(_)) => Err(contradiction(key, "conflicts with genesys.region; set one or the other")),
            (Some(region), None) => Ok(format!("https://{service}.{}", region::domain(region)?)),
            (None, Some(url)) if url.starts_with("http://") || url.starts_with("https://") => {
                Ok(url.trim_end_matches('/').to_owned())
            }
            (None, Some(_)) => Err(contradiction(key, "must begin with https:// or http://")),
            (None, None) => {
                Err(contradiction(key, "is missing; set genesys.region, or both genesys.api_url and genesys.login_url"))
            }
        }
    }
}

fn ten() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(9)
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

fn a_minute() -> Duration {
    Duration::from_secs(60)
}

fn wfm_path() -> String {
    "/api/v2/wfm/users/{userId}/assignments".to_owned()
}

fn version_header() -> String {
    "If-Match".to_owned()
}
