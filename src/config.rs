//! The configuration: one file, overridden by environment variables, and validated as a whole before anything starts.
//!
//! This is the only module that reads the environment. Every error names the key, and the file or variable it came
//! from.

mod access;
mod callbacks;
mod exposure;
mod journal;
mod keys;
mod limits;
mod reference;
mod region;
mod telemetry;
mod thresholds;
mod weak;
mod webhooks;

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use documented::DocumentedFields;
use figment::Figment;
use figment::providers::{Env, Format, Toml};
use ipnet::IpNet;
use jiff::SignedDuration;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, de};
use uuid::Uuid;

pub use self::access::{ApiKeyConfig, KeyMode, KeyRole};
pub use self::callbacks::CallbacksConfig;
pub use self::exposure::{Exposed, exposed_files};
pub use self::journal::JournalConfig;
pub use self::keys::example;
pub use self::limits::CallLimits;
pub use self::reference::reference;
pub use self::telemetry::TelemetryConfig;
use self::thresholds::percent;
pub use self::webhooks::{
    AssignConfig, ConditionConfig, DedupeConfig, FetchMethod, LeaverConfig, Preset, RecordConfig, RuleConfig,
    SignatureAlgorithm, SignatureConfig, SignatureEncoding, SignatureKey, SourceMode, SourceTarget, UserConfig,
    WebhookConfig, WhenConfig,
};
use crate::charset;

/// Prefix of environment variables: `SKILLSYNC__GENESYS__CLIENT_ID` sets `genesys.client_id`.
pub const ENVIRONMENT_PREFIX: &str = "SKILLSYNC__";

/// File that is read if none is given.
const DEFAULT_FILE: &str = "skillsync.toml";

/// Reason why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{}", without_the_lines_of_the_file(.0))]
    Unreadable(Box<figment::Error>),
    #[error("{key}: {problem}")]
    Contradiction { key: &'static str, problem: String },
    #[error("webhooks.{source_name}: {key}: {problem}")]
    Webhook { source_name: String, key: String, problem: String },
}

impl From<figment::Error> for ConfigError {
    fn from(error: figment::Error) -> Self {
        Self::Unreadable(Box::new(error))
    }
}

/// Formats a syntax error without the lines of the file that it quotes: they may contain secrets, and errors are
/// logged.
fn without_the_lines_of_the_file(error: &figment::Error) -> String {
    let is_of_the_file =
        |line: &&str| line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').starts_with('|');
    let text = error.to_string();
    let told: Vec<_> = text.lines().filter(|line| !is_of_the_file(line)).map(str::trim).collect();
    told.join(", ")
}

/// The whole configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default)]
    pub server: ServerConfig,
    pub genesys: GenesysConfig,
    #[serde(default)]
    pub sync: SyncConfig,
    #[serde(default)]
    pub journal: JournalConfig,
    /// `[[webhooks]]`: HR systems that send data to skillsync.
    #[serde(default)]
    pub webhooks: Vec<WebhookConfig>,
    #[serde(default)]
    pub callbacks: CallbacksConfig,
    #[serde(default)]
    pub telemetry: TelemetryConfig,
}

/// `[server]`: where the HTTP server listens, who may call it, and its limits.
#[derive(Debug, Clone, Deserialize, DocumentedFields)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Address and port to listen on. Any address other than loopback requires `server.api_keys`.
    pub listen: SocketAddr,
    /// How long a shutdown waits for work in progress; a second signal cuts the wait short.
    #[serde(deserialize_with = "duration")]
    pub shutdown_grace: Duration,
    /// Memory that the process may use: 5/16 for jobs, 3/16 for deliveries and 2/16 for other request bodies while they
    /// are read.
    pub max_memory_bytes: usize,
    /// Largest request body, both as sent and after decompression; a larger one gets 413. By default 1/16 of
    /// `max_memory_bytes`, at most 64 MiB.
    max_body_bytes: Option<usize>,
    /// Timeout for reading and answering a request.
    #[serde(deserialize_with = "duration")]
    pub request_timeout: Duration,
    /// `server.api_keys`: who may call the API. Without any key, local callers are admitted without one, and no
    /// others.
    pub api_keys: Vec<ApiKeyConfig>,
    /// Addresses or networks of proxies whose X-Forwarded-For header is trusted; used for the audit record.
    #[serde(deserialize_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// Requests per second for each API key; a burst of one second's worth is admitted, and any more get 429.
    pub requests_per_second: NonZeroU32,
    /// Maximum number of open connections. At the limit, a connection that waits for its peer is closed to admit a new
    /// one.
    pub max_connections: NonZeroU32,
    /// Maximum number of concurrent event streams and long polls. By default half of `max_connections`.
    max_streams: Option<NonZeroU32>,
    /// Maximum number of open entries in all jobs together; submissions beyond it get 503.
    pub max_open_entries: u32,
    /// Serve /metrics without an API key.
    pub open_metrics: bool,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            shutdown_grace: Duration::from_secs(30),
            max_memory_bytes: 1024 * 1024 * 1024,
            max_body_bytes: None,
            request_timeout: Duration::from_secs(60),
            api_keys: Vec::new(),
            trusted_proxies: Vec::new(),
            requests_per_second: NonZeroU32::MIN.saturating_add(99),
            max_connections: NonZeroU32::MIN.saturating_add(1023),
            max_streams: None,
            max_open_entries: 1_000_000,
            open_metrics: false,
        }
    }
}

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

/// `[sync]`: how jobs are executed.
#[derive(Debug, Clone, Deserialize, DocumentedFields)]
#[serde(deny_unknown_fields, default)]
pub struct SyncConfig {
    /// How long an entry waits for Genesys to become available before it fails.
    #[serde(deserialize_with = "duration")]
    pub patience: Duration,
    /// How far the date of a change may lie in the future. A job with a later date is rejected; a delivery or an export
    /// is dated to the time it arrives.
    #[serde(deserialize_with = "duration")]
    pub future_tolerance: Duration,
    /// How long to wait, in total, for the conflicts of one user to clear.
    #[serde(deserialize_with = "duration")]
    pub conflict_patience: Duration,
    /// Maximum number of refused writes for one user before its entries fail.
    pub conflict_attempts: NonZeroU32,
    /// Write without reading first if the version is known and the target checks versions.
    pub write_without_read: bool,
    /// Names or ids of assignments that mode managed may remove, regardless of who assigned them.
    pub managed: Vec<String>,
    /// Maximum number of missing routing skills that skillsync creates for one job; 0 disables it. If a job lacks more,
    /// none are created. A skill whose name looks like an existing one is never created.
    pub create_missing_skills: u32,
    /// Hold a job that would remove assignments from more than this percentage of its users, until an operator applies
    /// or cancels it; 100 disables the check.
    #[serde(deserialize_with = "percent")]
    pub hold_users_percent: u8,
    /// Hold a job that would remove one skill from more than this percentage of its holders, both among the job's users
    /// and among all known holders in the org; 100 disables the check.
    #[serde(deserialize_with = "percent")]
    pub hold_skill_percent: u8,
    /// Losses of fewer users than this never hold a job, where only the job's own users are counted.
    pub hold_users_min: u32,
    /// Losses of fewer users than this never hold a job, where users would be left without any assignment or where all
    /// holders of a skill in the org are counted.
    pub hold_floor: u32,
    /// Hold a job of any size that would leave a skill with fewer known holders in the org than this, if two or more
    /// users lose it within a day; 0 disables the check.
    pub hold_skill_left: u32,
}

impl Default for SyncConfig {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(24 * 3600),
            future_tolerance: Duration::from_secs(600),
            conflict_patience: Duration::from_secs(120),
            conflict_attempts: NonZeroU32::MIN.saturating_add(9),
            write_without_read: true,
            managed: Vec::new(),
            create_missing_skills: 0,
            hold_users_percent: 20,
            hold_users_min: 20,
            hold_skill_percent: 50,
            hold_floor: 5,
            hold_skill_left: 2,
        }
    }
}

impl Config {
    /// Reads `file`, or the default file if none is given and it exists, and applies the environment on top.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let figment = match file {
            Some(file) => Figment::new().merge(Toml::file_exact(file)),
            None => Figment::new().merge(Toml::file(DEFAULT_FILE)),
        };
        Self::from_figment(&figment.merge(Env::prefixed(ENVIRONMENT_PREFIX).split("__")))
    }

    /// Reads a configuration from TOML text, ignoring the environment.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        Self::from_figment(&Figment::new().merge(Toml::string(text)))
    }

    fn from_figment(figment: &Figment) -> Result<Self, ConfigError> {
        let config: Self = figment.extract()?;
        config.genesys.api_url()?;
        config.genesys.login_url()?;
        config.genesys.check()?;
        config.journal.check()?;
        config.callbacks.secret()?;
        config.telemetry.check()?;
        config.server.check()?;
        access::check(&config.server.api_keys, &config.webhooks)?;
        webhooks::check(&config.webhooks)?;
        if config.server.api_keys.is_empty() && !config.server.listen.ip().is_loopback() {
            return Err(contradiction(
                "server.listen",
                format!(
                    "{} is reachable from other machines, and no API key is configured: add server.api_keys, or listen on a \
                     loopback address",
                    config.server.listen
                ),
            ));
        }
        Ok(config)
    }
}

impl ServerConfig {
    /// Returns the maximum number of concurrent event streams and long polls. Each takes a connection, so it is below
    /// `max_connections`.
    pub fn streams(&self) -> usize {
        let streams = self.max_streams.map_or(self.max_connections.get().div_ceil(2), NonZeroU32::get);
        usize::try_from(streams).unwrap_or(usize::MAX)
    }

    /// Returns the maximum size of a request body, in bytes.
    pub fn body_bytes(&self) -> usize {
        const MAX_BYTES: usize = 64 * 1024 * 1024;
        self.max_body_bytes.unwrap_or(MAX_BYTES.min(self.max_memory_bytes / 16))
    }

    fn check(&self) -> Result<(), ConfigError> {
        const LEAST: usize = 128 * 1024 * 1024;
        if self.max_memory_bytes < LEAST {
            return Err(contradiction("server.max_memory_bytes", format!("must be at least {LEAST}")));
        }
        let most = self.max_memory_bytes / 16;
        if self.body_bytes() > most {
            return Err(contradiction(
                "server.max_body_bytes",
                format!("must be at most {most}, which is 1/16 of server.max_memory_bytes"),
            ));
        }
        match self.max_streams.filter(|streams| *streams >= self.max_connections) {
            Some(streams) => Err(contradiction(
                "server.max_streams",
                format!("must be less than server.max_connections ({}), but is {streams}", self.max_connections),
            )),
            None => Ok(()),
        }
    }
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

    fn check(&self) -> Result<(), ConfigError> {
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

/// Deserializes networks; a single address counts as a network.
fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let network = |text: String| {
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        let wrong =
            |_| de::Error::custom(format!("{text:?} is neither an IP address nor a network such as 10.0.0.0/8"));
        text.parse::<IpNet>().or_else(|_| address()).map_err(wrong)
    };
    Vec::<String>::deserialize(deserializer)?.into_iter().map(network).collect()
}

fn contradiction(key: &'static str, problem: impl Into<String>) -> ConfigError {
    ConfigError::Contradiction { key, problem: problem.into() }
}

/// Deserializes a duration in the usual notation: `500ms`, `2m`, `24h`, `1h 30m`, `7d`.
fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text)
        .ok_or_else(|| de::Error::custom(format!("{text:?} is not a duration such as 500ms, 2m or 24h")))
}

fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Some(days) = text.strip_suffix('d').and_then(|days| days.trim().parse::<u64>().ok()) {
        return days.checked_mul(24 * 3600).map(Duration::from_secs);
    }
    text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok())
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

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn load(toml: &str) -> Result<Config, String> {
        Config::from_toml(toml).map_err(|error| error.to_string())
    }

    const MINIMAL: &str = "[genesys]\nregion = 'eu-central-1'\nclient_id = 'id'\nclient_secret = 's'\n";

    #[test]
    fn three_keys_are_enough() {
        let config = load(MINIMAL).unwrap();
        assert_eq!(config.genesys.api_url().unwrap(), "https://api.mypurecloud.de");
        assert_eq!(config.genesys.login_url().unwrap(), "https://login.mypurecloud.de");
        assert_eq!(config.genesys.client_secret().unwrap().expose_secret(), "s");
        assert_eq!(config.sync.conflict_patience, Duration::from_secs(120));
    }

    #[test]
    fn a_syntax_error_does_not_show_what_stands_in_its_line() {
        let fault = load("[genesys]\nclient_secret = 'hidden\n").unwrap_err();
        assert!(fault.contains("line 2") && !fault.contains("hidden"), "{fault}");
    }

    #[test]
    fn faults_name_their_key() {
        for (toml, key) in [
            ("[genesys]\nregion = 'eu-central-1'\nclient_secret = 's'", "client_id"),
            ("[genesys]\nclient_id = 'id'\nclient_secret = 's'", "genesys.api_url"),
            ("[genesys]\nregion = 'eu-central-1'\nclient_id = 'id'", "genesys.client_secret"),
            ("[genesys]\nregion = 'nowhere'\nclient_id = 'id'\nclient_secret = 's'", "genesys.region"),
            (&format!("{MINIMAL}api_url = 'https://x'"), "genesys.api_url"),
            (&format!("{MINIMAL}client_secret_file = '/x'"), "genesys.client_secret"),
            (&format!("{MINIMAL}limits = '10 per second'"), "limits"),
            (&format!("{MINIMAL}limits = ''"), "limits"),
            (&format!("{MINIMAL}max_in_flight = 0"), "max_in_flight"),
            (&format!("{MINIMAL}wfm_path = '/x'"), "genesys.wfm_path"),
            (&format!("{MINIMAL}colour = 'red'"), "colour"),
            (&format!("{MINIMAL}proxy = 'proxy:8080'"), "genesys.proxy"),
            (&format!("{MINIMAL}ca_file = '/does/not/exist'"), "genesys.ca_file"),
            (&format!("{MINIMAL}attempt_timeout = 'soon'"), "attempt_timeout"),
            (&format!("{MINIMAL}[sync]\npatience = 'long'"), "patience"),
            (&format!("{MINIMAL}[callbacks]\nurl = 'https://x'"), "callbacks.secret"),
            (&format!("{MINIMAL}[sync]\nhold_users_percent = 101"), "hold_users_percent"),
            (&format!("{MINIMAL}[server]\nlisten = '0.0.0.0:80'"), "server.listen"),
            (&format!("{MINIMAL}[server]\nmax_connections = 10\nmax_streams = 10"), "server.max_streams"),
            (&format!("{MINIMAL}[journal]\nretention = 'long'"), "retention"),
            (&format!("{MINIMAL}[journal]\nmax_bytes = 1000"), "journal.max_bytes"),
            (&format!("{MINIMAL}[telemetry]\notlp_endpoint = 'collector:4318'"), "telemetry.otlp_endpoint"),
        ] {
            let error = load(toml).expect_err(toml);
            assert!(error.contains(key), "{error} does not name {key}");
        }
    }

    #[test]
    fn any_address_may_be_listened_on_with_keys() {
        let key = |name: &str, sha256: &str| {
            format!("[[server.api_keys]]\nname = '{name}'\nsha256 = '{sha256}'\nrole = 'submit'\n")
        };
        let open = format!("{MINIMAL}[server]\nlisten = '0.0.0.0:80'\n");
        let (one, other) = ("ab".repeat(32), "cd".repeat(32));
        let config = load(&format!("{open}{}{}", key("hr", &one), key("ops", &other))).unwrap();
        assert_eq!((config.server.api_keys.len(), config.server.api_keys[0].role), (2, KeyRole::Submit));
        for (keys, named) in [
            (key("hr", "secret"), "sha256"),
            (key("hr", &one) + &key("hr", &other), "server.api_keys.name"),
            (key("hr", &one) + &key("ops", &one), "server.api_keys.sha256"),
        ] {
            let error = load(&format!("{open}{keys}")).expect_err(&keys);
            assert!(error.contains(named), "{error} does not name {named}");
        }
    }

    #[test]
    fn durations_are_written_as_people_write_them() {
        for (text, expected) in
            [("500ms", 500), ("2m", 120_000), ("24h", 86_400_000), ("1h 30m", 5_400_000), ("7d", 604_800_000)]
        {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(expected)), "{text}");
        }
        assert_eq!(parse_duration("-1s"), None);
    }
}
