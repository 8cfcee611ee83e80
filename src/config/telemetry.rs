//! `[telemetry]`: where spans go.

use serde::Deserialize;

use super::{ConfigError, contradiction};

/// `[telemetry]`: what is told to an OpenTelemetry collector. Without an endpoint, nothing.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// `telemetry.otlp_endpoint`: base URL of a collector that takes OTLP over HTTP.
    pub otlp_endpoint: Option<String>,
    /// `telemetry.service_name`: what this service is called there.
    pub service_name: String,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { otlp_endpoint: None, service_name: "skillsync".to_owned() }
    }
}

impl TelemetryConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let key = "telemetry.otlp_endpoint";
        match self.otlp_endpoint.as_deref().map(url::Url::parse) {
            None => Ok(()),
            Some(Ok(url)) if ["http", "https"].contains(&url.scheme()) => Ok(()),
            Some(Ok(_)) => Err(contradiction(key, "must begin with http:// or https://")),
            Some(Err(error)) => Err(contradiction(key, format!("is not a URL: {error}"))),
        }
    }
}
