//! The configuration: one file, overridden by environment variables, and validated as a whole before anything starts.
//!
//! This is the only module that reads the environment. Every error names the key, and the file or variable it came
//! from.

mod access;
mod callbacks;
mod exposure;
mod genesys;
mod journal;
mod keys;
mod limits;
mod reference;
mod region;
mod server;
mod sync;
mod telemetry;
mod weak;
mod webhooks;

use std::path::Path;
use std::time::Duration;

use figment::Figment;
use figment::providers::{Env, Format, Toml};
use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, de};

pub use self::access::{ApiKeyConfig, KeyMode, KeyRole};
pub use self::callbacks::CallbacksConfig;
pub use self::exposure::{Exposed, exposed_files};
pub use self::genesys::GenesysConfig;
pub use self::journal::JournalConfig;
pub use self::keys::example;
pub use self::limits::CallLimits;
pub use self::reference::reference;
pub use self::server::ServerConfig;
pub use self::sync::SyncConfig;
pub use self::telemetry::TelemetryConfig;
pub use self::webhooks::{
    AssignConfig, ConditionConfig, DedupeConfig, FetchMethod, LeaverConfig, Preset, RecordConfig, RuleConfig,
    SignatureAlgorithm, SignatureConfig, SignatureEncoding, SignatureKey, SourceMode, SourceTarget, UserConfig,
    WebhookConfig, WhenConfig,
};

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
