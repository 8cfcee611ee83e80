//! `[telemetry]`: export of traces.

use documented::DocumentedFields;
use serde::Deserialize;
use url::Url;

use super::{ConfigError, contradiction};

/// `[telemetry]`: export of traces to an OpenTelemetry collector. Without an endpoint, nothing is exported.
#[derive(Debug, Clone, Deserialize, DocumentedFields)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// Base URL of a collector that accepts OTLP over HTTP; skillsync appends /v1/traces. Without it, nothing is
    /// exported.
    pub otlp_endpoint: Option<String>,
    /// Name of this service in the exported traces.
    pub service_name: String,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { otlp_endpoint: None, service_name: "skillsync".to_owned() }
    }
}

impl TelemetryConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let wrong = |problem: String| Err(contradiction("telemetry.otlp_endpoint", problem));
        let Some(endpoint) = &self.otlp_endpoint else { return Ok(()) };
        // The exporter parses the text as an `http::Uri`, which is stricter than `Url`.
        match (Url::parse(endpoint), endpoint.parse::<http::Uri>()) {
            (Ok(url), Ok(_)) if ["http", "https"].contains(&url.scheme()) => Ok(()),
            (Ok(_), Ok(_)) => wrong("must begin with http:// or https://".to_owned()),
            (Err(error), _) => wrong(format!("is not a URL: {error}")),
            (Ok(_), Err(error)) => wrong(format!("is not a URL: {error}")),
        }
    }
}
