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
    pub connect_timeout: Duration,
    /// From sending a request to the last byte of its answer.
    pub attempt_timeout: Duration,
    /// Answers larger than this are given up.
    pub most_answer_bytes: usize,
}

impl Default for TransportSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            attempt_timeout: Duration::from_secs(60),
            most_answer_bytes: 32 * 1024 * 1024,
        }
    }
}

/// A transport over real connections, which are kept and used again. Redirects are not followed: the token must not go
/// to another host.
pub fn over_http(settings: &TransportSettings) -> Result<Transport, TransportError> {
    // Fails only when a provider is installed already, and then that one serves.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .connect_timeout(settings.connect_timeout)
        .timeout(settings.attempt_timeout)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("skillsync/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| TransportError::NotSent(describe(&error)))?;
    let most = settings.most_answer_bytes;
    Ok(BoxCloneSyncService::new(service_fn(move |request| exchange(client.clone(), request, most))))
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
    let mut body = BytesMut::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| TransportError::NoAnswer(describe(&error)))? {
        if body.len() + chunk.len() > most {
            return Err(TransportError::NoAnswer(format!("the answer is larger than {most} bytes")));
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
