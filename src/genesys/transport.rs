//! The wire: one HTTP exchange, whole bodies in and out.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use tower::service_fn;
use tower::util::BoxCloneSyncService;

/// Carries one request to Genesys and its answer back. Real ones are made by [`over_http`]; tests bring the simulator.
pub type Transport = BoxCloneSyncService<Request<Bytes>, Response<Bytes>, TransportError>;

/// Why an exchange did not end with an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No connection: nothing was sent.
    #[error("cannot connect: {0}")]
    NotSent(String),
    /// The request may have arrived; no whole answer came back.
    #[error("no answer: {0}")]
    NoAnswer(String),
}

/// Settings of the connection to Genesys.
#[derive(Debug, Clone)]
pub struct TransportSettings {
    /// Every connection goes through it. The proxies that the environment names are not asked: what carries the token
    /// is for the configuration alone to say.
    pub proxy: Option<String>,
    /// Certificates in PEM form that are trusted besides those of the machine.
    pub extra_ca: Option<Vec<u8>>,
    pub connect_timeout: Duration,
    /// From sending a request to the last byte of its answer.
    pub attempt_timeout: Duration,
    /// Answers larger than this are given up.
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

/// Why there can be no transport with these settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportSettingsError {
    #[error("genesys.proxy: {0}")]
    Proxy(String),
    #[error("genesys.ca_file: {0}")]
    CertificateAuthority(String),
    #[error("the connections to Genesys cannot be set up: {0}")]
    Client(String),
}

/// Idle connections are kept for so long: longer than a pause between two jobs of a webhook, shorter than a gateway does.
const KEEP_IDLE: Duration = Duration::from_secs(55);

/// A transport over real connections, which are kept and used again; HTTP/2 where the other side offers it. Redirects
/// are not followed: the token must not go to another host.
pub fn over_http(settings: &TransportSettings) -> Result<Transport, TransportSettingsError> {
    let client = client(settings)?;
    let most = settings.most_answer_bytes;
    Ok(BoxCloneSyncService::new(service_fn(move |request| exchange(client.clone(), request, most))))
}

fn client(settings: &TransportSettings) -> Result<reqwest::Client, TransportSettingsError> {
    // Fails only when a provider is installed already, and then that one serves.
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
            return Err(bad("holds no certificate in PEM form".to_owned()));
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

/// The innermost cause, without the address: ids in it would reach logs and results.
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
