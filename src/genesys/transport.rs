//! The wire: one HTTP exchange, with complete bodies in both directions.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use tower::service_fn;
use tower::util::BoxCloneSyncService;

use crate::outbound::{self, ExchangeError, Proxies, innermost_cause};

/// Sends one request to Genesys and returns its answer. [`over_http`] creates the real one; tests use the simulator.
pub type Transport = BoxCloneSyncService<Request<Bytes>, Response<Bytes>, TransportError>;

/// Reason why an exchange ended without an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// There was no connection; nothing was sent.
    #[error("cannot connect: {0}")]
    NotSent(String),
    /// The request may have arrived, but no complete answer came back.
    #[error("no answer: {0}")]
    NoAnswer(String),
}

/// Settings of the connection to Genesys.
#[derive(Debug, Clone)]
pub struct TransportSettings {
    /// HTTP proxy for every connection. Proxies named in the environment are ignored: only the configuration decides
    /// who carries the token.
    pub proxy: Option<String>,
    /// PEM file content with CA certificates to trust in addition to those of the system.
    pub extra_ca: Option<Vec<u8>>,
    pub connect_timeout: Duration,
    /// Timeout from sending a request to the last byte of its answer.
    pub attempt_timeout: Duration,
    /// Maximum size of an answer in bytes; a larger one counts as no answer.
    pub most_answer_bytes: usize,
}

impl Default for TransportSettings {
    fn default() -> Self {
        Self {
            proxy: None,
            extra_ca: None,
            connect_timeout: Duration::from_secs(10),
            attempt_timeout: Duration::from_secs(60),
            most_answer_bytes: 32 * 1024 * 1024,
        }
    }
}

/// Reason why a transport cannot be created with these settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportSettingsError {
    #[error("genesys.proxy: {0}")]
    Proxy(String),
    #[error("genesys.ca_file: {0}")]
    CertificateAuthority(String),
    #[error("the connections to Genesys cannot be set up: {0}")]
    Client(String),
}

/// How long idle connections are kept: longer than the usual pause between two deliveries, shorter than the idle
/// timeout of a gateway.
const KEEP_IDLE: Duration = Duration::from_secs(55);

/// Creates a transport over real connections, which are kept and reused, with HTTP/2 where the peer offers it.
/// Redirects are not followed, because the token must not reach another host.
pub fn over_http(settings: &TransportSettings) -> Result<Transport, TransportSettingsError> {
    let client = client(settings)?;
    let most = settings.most_answer_bytes;
    Ok(BoxCloneSyncService::new(service_fn(move |request| exchange(client.clone(), request, most))))
}

fn client(settings: &TransportSettings) -> Result<reqwest::Client, TransportSettingsError> {
    let mut builder = outbound::client_builder(Proxies::Configured)
        .connect_timeout(settings.connect_timeout)
        .timeout(settings.attempt_timeout)
        .pool_idle_timeout(KEEP_IDLE)
        .tcp_keepalive(KEEP_IDLE);
    if let Some(proxy) = &settings.proxy {
        let proxy =
            reqwest::Proxy::all(proxy).map_err(|error| TransportSettingsError::Proxy(innermost_cause(&error)))?;
        builder = builder.proxy(proxy);
    }
    if let Some(pem) = &settings.extra_ca {
        let bad = |problem: String| TransportSettingsError::CertificateAuthority(problem);
        let certificates = reqwest::Certificate::from_pem_bundle(pem).map_err(|error| bad(innermost_cause(&error)))?;
        if certificates.is_empty() {
            return Err(bad("contains no certificate in PEM format".to_owned()));
        }
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(|error| TransportSettingsError::Client(innermost_cause(&error)))
}

async fn exchange(
    client: reqwest::Client,
    request: Request<Bytes>,
    max_bytes: usize,
) -> Result<Response<Bytes>, TransportError> {
    let request =
        reqwest::Request::try_from(request).map_err(|error| TransportError::NotSent(innermost_cause(&error)))?;
    outbound::exchange(&client, request, max_bytes).await.map_err(|error| match error {
        ExchangeError::NotSent(cause) => TransportError::NotSent(cause),
        ExchangeError::NoAnswer(_) | ExchangeError::TooLarge { .. } => TransportError::NoAnswer(error.to_string()),
    })
}

#[cfg(test)]
#[path = "transport_tests.rs"]
mod tests;
