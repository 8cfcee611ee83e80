//! Builds callbacks from the configuration.

use std::sync::Arc;

use secrecy::ExposeSecret;

use crate::api;
use crate::callback::{self, CallbackWire, Courier, SigningKey};
use crate::clock::WallClock;
use crate::config::{CallbacksConfig, ConfigError};
use crate::domain::callback::{CallbackRules, CallbackUrl};
use crate::engine::Engine;
use crate::lifecycle::Lifecycle;

/// Returns the configured rules for callback URLs.
pub(super) fn rules(config: &CallbacksConfig) -> CallbackRules {
    CallbackRules {
        enabled: config.secret().is_ok_and(|secret| secret.is_some()),
        allow_http: config.allow_http,
        allow_private_networks: config.allow_private_networks,
    }
}

/// The configured callbacks, validated but not started.
pub(super) struct CalledBack {
    key: Option<SigningKey>,
    rules: CallbackRules,
    /// The receiver for jobs that name none.
    pub(super) by_default: Option<CallbackUrl>,
}

impl CalledBack {
    /// Validates the configuration. Returns an error if the secret or the URL is invalid.
    pub(super) fn configured(config: &CallbacksConfig) -> Result<Self, ConfigError> {
        let contradiction = |key, problem: &str| ConfigError::Contradiction { key, problem: problem.to_owned() };
        let key = config.secret()?.map(|secret| {
            SigningKey::new(secret.expose_secret()).ok_or_else(|| {
                let example =
                    "must be whsec_ and the Base64 of at least 24 bytes: echo whsec_$(openssl rand -base64 32)";
                contradiction("callbacks.secret", example)
            })
        });
        let rules = rules(config);
        let url = config.url.as_ref().map(|url| {
            CallbackUrl::new(url, rules).map_err(|error| contradiction("callbacks.url", &error.to_string()))
        });
        Ok(Self { key: key.transpose()?, rules, by_default: url.transpose()? })
    }

    /// Returns the HTTP client for callbacks.
    pub(super) fn wire(&self) -> Result<CallbackWire, ConfigError> {
        let problem =
            |error: reqwest::Error| ConfigError::Contradiction { key: "callbacks", problem: error.to_string() };
        CallbackWire::new(self.rules).map_err(problem)
    }

    /// Starts sending callbacks, if a signing secret is configured.
    pub(super) fn start(
        self,
        engine: &Engine,
        clock: WallClock,
        seed: u64,
        lifecycle: &Lifecycle,
    ) -> Result<(), ConfigError> {
        let wire = self.wire()?;
        let Some(key) = self.key else { return Ok(()) };
        let show = Arc::new(api::job_document(engine));
        callback::start(Courier { engine: engine.clone(), key, post: Arc::new(wire), show, clock, seed }, lifecycle);
        Ok(())
    }
}
