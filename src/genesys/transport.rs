//! The wire: one HTTP exchange, with complete bodies in both directions.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use tower::service_fn;
use tower::util::BoxCloneSyncService;

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
    // Fails only if a provider is already installed, which is fine as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .no_proxy()
        .connect_timeout(settings.connect_timeout)
        .timeout(settings.attempt_timeout)
        .pool_idle_timeout(KEEP_IDLE)
        .tcp_keepalive(KEEP_IDLE)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("skillsync/", env!("CARGO_PKG_VERSION")));
    if let Some(proxy) = &settings.proxy {
        let proxy = reqwest::Proxy::all(proxy).map_err(|error| TransportSettingsError::Proxy(describe(&error)))?;
        builder = builder.proxy(proxy);
    }
    if let Some(pem) = &settings.extra_ca {
        let bad = |problem: String| TransportSettingsError::CertificateAuthority(problem);
        let certificates = reqwest::Certificate::from_pem_bundle(pem).map_err(|error| bad(describe(&error)))?;
        if certificates.is_empty() {
            return Err(bad("contains no certificate in PEM format".to_owned()));
        }
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(|error| TransportSettingsError::Client(describe(&error)))
}

async fn exchange(
    client: reqwest::Client,
    request: Request<Bytes>,
    most: usize,
) -> Result<Response<Bytes>, TransportError> {
    let request = reqwest::Request::try_from(request).map_err(|error| TransportError::NotSent(describe(&error)))?;
    #[expect(clippy::disallowed_methods, reason = "this is the transport at the bottom of the stack")]
    let mut answer = client.execute(request).await.map_err(|error| {
        if error.is_connect() || error.is_builder() {
            TransportError::NotSent(describe(&error))
        } else {
            TransportError::NoAnswer(describe(&error))
        }
    })?;
    let too_large = || TransportError::NoAnswer(format!("the answer is larger than {most} bytes"));
    if answer.content_length().is_some_and(|length| length > most as u64) {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| TransportError::NoAnswer(describe(&error)))? {
        if body.len() + chunk.len() > most {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    let mut response = Response::new(body.freeze());
    *response.status_mut() = answer.status();
    *response.headers_mut() = std::mem::take(answer.headers_mut());
    Ok(response)
}

/// Returns the innermost cause, without the URL: ids in it would reach logs and results.
fn describe(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "timed out".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
#[path = "transport_tests.rs"]
mod tests;
