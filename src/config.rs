//! The configuration: one file, overridden by environment variables, checked as a whole before anything starts.
//!
//! The only module that reads the environment. Every error names the key, and the file or variable that it came from.

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

/// The prefix of environment variables: `SKILLSYNC__GENESYS__CLIENT_ID` is `genesys.client_id`.
pub const ENVIRONMENT_PREFIX: &str = "SKILLSYNC__";

/// The file that is read if none is given.
const DEFAULT_FILE: &str = "skillsync.toml";

/// Why the configuration cannot be used.
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

/// Without the lines of the file that a syntax error shows: secrets stand in them, and errors are logged.
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
    /// `[[webhooks]]`: HR systems that send to us.
    #[serde(default)]
    pub webhooks: Vec<WebhookConfig>,
    #[serde(default)]
    pub callbacks: CallbacksConfig,
    #[serde(default)]
    pub telemetry: TelemetryConfig,
}

/// `[server]`: who may call us, and where.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// `server.listen`: address and port.
    pub listen: SocketAddr,
    /// `server.shutdown_grace`: how long what runs may take to finish when the service stops.
    #[serde(deserialize_with = "duration")]
    pub shutdown_grace: Duration,
    /// `server.max_memory_bytes`: what the process may take; bodies and jobs that would need more are refused.
    pub max_memory_bytes: usize,
    /// `server.max_body_bytes`: the largest submission, as it is sent and also once it is decompressed; a sixteenth of the
    /// memory if it is not given, and at most 64 MiB.
    max_body_bytes: Option<usize>,
    /// `server.request_timeout`: how long a request may take to be read and answered.
    #[serde(deserialize_with = "duration")]
    pub request_timeout: Duration,
    /// `server.api_keys`: who may call us. Without one, only this machine may, and is not asked for a key.
    pub api_keys: Vec<ApiKeyConfig>,
    /// `server.trusted_proxies`: addresses or networks of proxies in front of us, whose `X-Forwarded-For` is believed.
    #[serde(deserialize_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// `server.requests_per_second`: of each key, in the long run; a second's worth may come at once.
    pub requests_per_second: NonZeroU32,
    /// `server.max_connections`: open at once. When there are as many, one whose peer does not go on makes room for the next.
    pub max_connections: NonZeroU32,
    /// `server.max_streams`: event streams and waiting polls at once; half of the connections if it is not given.
    max_streams: Option<NonZeroU32>,
    /// `server.max_open_entries`: entries that have not ended, of all jobs; beyond that nothing new is accepted.
    pub max_open_entries: u32,
    /// `server.open_metrics`: whether `/metrics` may be read without a key, for a scraper that cannot send one.
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

/// `[genesys]`: the org, and who we are to it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesysConfig {
    /// `genesys.region`: a named region (`eu-central-1`) or a base domain (`mypurecloud.de`).
    region: Option<String>,
    /// `genesys.api_url`: instead of a region, with `genesys.login_url`.
    api_url: Option<String>,
    /// `genesys.login_url`: instead of a region, with `genesys.api_url`.
    login_url: Option<String>,
    /// `genesys.client_id`: of an OAuth client with the client credentials grant.
    pub client_id: String,
    /// `genesys.client_secret`.
    client_secret: Option<SecretString>,
    /// `genesys.client_secret_file`: a file that holds the secret.
    client_secret_file: Option<PathBuf>,
    /// `genesys.limits`: calls a window, for example `10/1s, 300/60s`; all of them hold.
    #[serde(default)]
    pub limits: CallLimits,
    /// `genesys.max_in_flight`: calls under way at once.
    #[serde(default = "ten")]
    pub max_in_flight: NonZeroU32,
    /// `genesys.proxy`: address of an HTTP proxy for every connection to Genesys; those of the environment are not used.
    pub proxy: Option<String>,
    /// `genesys.ca_file`: certificates in PEM form that are trusted besides those of the machine, for a proxy that opens
    /// TLS.
    ca_file: Option<PathBuf>,
    /// `genesys.connect_timeout`: how long a connection may take to come about.
    #[serde(default = "ten_seconds", deserialize_with = "duration")]
    pub connect_timeout: Duration,
    /// `genesys.attempt_timeout`: how long one call may take, from being sent to the last byte of its answer.
    #[serde(default = "a_minute", deserialize_with = "duration")]
    pub attempt_timeout: Duration,
    /// `genesys.wfm_path`: path of a user's WFM assignments, with `{userId}` in it.
    #[serde(default = "wfm_path")]
    pub wfm_path: String,
    /// `genesys.version_header`: the header that carries the version of a WFM write.
    #[serde(default = "version_header")]
    pub version_header: String,
    /// `genesys.unversioned_writes`: whether WFM writes may go out without a version where the endpoint gives none.
    #[serde(default)]
    pub unversioned_writes: bool,
    /// `genesys.skill_division`: the division of skills that are created.
    pub skill_division: Option<Uuid>,
}

/// `[sync]`: how jobs are carried out.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SyncConfig {
    /// `sync.patience`: how long an entry waits for Genesys to be available.
    #[serde(deserialize_with = "duration")]
    pub patience: Duration,
    /// `sync.future_tolerance`: how far the date of a change may lie ahead of now.
    #[serde(deserialize_with = "duration")]
    pub future_tolerance: Duration,
    /// `sync.conflict_patience`: how long a conflict is fought for.
    #[serde(deserialize_with = "duration")]
    pub conflict_patience: Duration,
    /// `sync.conflict_attempts`: writes at most for one user.
    pub conflict_attempts: NonZeroU32,
    /// `sync.write_without_read`: whether a write may go out without a read where the version is known and checked.
    pub write_without_read: bool,
    /// `sync.managed`: names or ids that count as ours, whoever assigned them.
    pub managed: Vec<String>,
    /// `sync.create_missing_skills`: of `routingSkills`, skills that Genesys lacks and that one job may have created.
    pub create_missing_skills: u32,
    /// `sync.hold_users_percent`: a job that would take something away from more of its users is held; 100 means never.
    #[serde(deserialize_with = "percent")]
    pub hold_users_percent: u8,
    /// `sync.hold_users_min`: fewer users than these are never too many, of the job or of one skill.
    pub hold_users_min: u32,
    /// `sync.hold_skill_percent`: a job that would take one skill away from more of those who have it is held; 100 means
    /// never.
    #[serde(deserialize_with = "percent")]
    pub hold_skill_percent: u8,
    /// `sync.hold_floor`: fewer users than these are never too many, also where they would be left with nothing, or where all
    /// who have a skill in the org are counted.
    pub hold_floor: u32,
    /// `sync.hold_skill_left`: so many in the org have to keep a skill that several people lose within a day; 0 turns it off.
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
    /// Reads `file`, if given or if the default one exists, and the environment over it.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let figment = match file {
            Some(file) => Figment::new().merge(Toml::file_exact(file)),
            None => Figment::new().merge(Toml::file(DEFAULT_FILE)),
        };
        Self::from_figment(&figment.merge(Env::prefixed(ENVIRONMENT_PREFIX).split("__")))
    }

    /// Reads a configuration from a text in the form of the file, without the environment.
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
                    "{} can be reached from other machines, and nobody is asked for a key: configure \
                     server.api_keys, or listen on a loopback address",
                    config.server.listen
                ),
            ));
        }
        Ok(config)
    }
}

impl ServerConfig {
    /// Event streams and waiting polls at once. Each takes a connection, so there are fewer of them.
    pub fn streams(&self) -> usize {
        let streams = self.max_streams.map_or(self.max_connections.get().div_ceil(2), NonZeroU32::get);
        usize::try_from(streams).unwrap_or(usize::MAX)
    }

    /// The largest submission.
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
                format!("must be at most {most}, a sixteenth of server.max_memory_bytes"),
            ));
        }
        match self.max_streams.filter(|streams| *streams >= self.max_connections) {
            Some(streams) => Err(contradiction(
                "server.max_streams",
                format!("{streams} streams leave none of the {} connections for anything else", self.max_connections),
            )),
            None => Ok(()),
        }
    }
}

impl GenesysConfig {
    /// Scheme and host of the API.
    pub fn api_url(&self) -> Result<String, ConfigError> {
        self.host("api", "genesys.api_url", self.api_url.as_deref())
    }

    /// Scheme and host of the token endpoint.
    pub fn login_url(&self) -> Result<String, ConfigError> {
        self.host("login", "genesys.login_url", self.login_url.as_deref())
    }

    /// The secret, from wherever it is configured.
    pub fn client_secret(&self) -> Result<SecretString, ConfigError> {
        match (&self.client_secret, &self.client_secret_file) {
            (Some(_), Some(_)) => {
                Err(contradiction("genesys.client_secret", "is given as well as genesys.client_secret_file"))
            }
            (Some(secret), None) => Ok(secret.clone()),
            (None, Some(file)) => match charset::text_of_file(file) {
                Ok(secret) => Ok(secret.trim().to_owned().into()),
                Err(error) => Err(contradiction("genesys.client_secret_file", format!("{}: {error}", file.display()))),
            },
            (None, None) => Err(contradiction("genesys.client_secret", "is missing (or genesys.client_secret_file)")),
        }
    }

    /// What `genesys.ca_file` holds.
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
            .map_err(|_| contradiction("genesys.version_header", "is not the name of a header"))
    }

    fn host(&self, service: &str, key: &'static str, url: Option<&str>) -> Result<String, ConfigError> {
        match (&self.region, url) {
            (Some(_), Some(_)) => Err(contradiction(key, "is given as well as genesys.region")),
            (Some(region), None) => Ok(format!("https://{service}.{}", region::domain(region)?)),
            (None, Some(url)) if url.starts_with("http://") || url.starts_with("https://") => {
                Ok(url.trim_end_matches('/').to_owned())
            }
            (None, Some(_)) => Err(contradiction(key, "must begin with https:// or http://")),
            (None, None) => Err(contradiction(key, "is missing (or genesys.region)")),
        }
    }
}

/// Networks, or single addresses.
fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let network = |text: String| {
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        let wrong = |_| de::Error::custom(format!("{text:?} is neither an address nor a network like 10.0.0.0/8"));
        text.parse::<IpNet>().or_else(|_| address()).map_err(wrong)
    };
    Vec::<String>::deserialize(deserializer)?.into_iter().map(network).collect()
}

fn contradiction(key: &'static str, problem: impl Into<String>) -> ConfigError {
    ConfigError::Contradiction { key, problem: problem.into() }
}

/// Durations as people write them: `500ms`, `2m`, `24h`, `1h 30m`, `7d`.
fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text).ok_or_else(|| de::Error::custom(format!("{text:?} is not a duration like 500ms, 2m or 24h")))
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
