//! Outbound HTTP: what all clients of this program have in common, whatever they call.

use bytes::{Bytes, BytesMut};
use http::Response;

/// Which proxies a client may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proxies {
    /// None but those that are added to the builder: only the configuration decides who carries the request.
    Configured,
    /// Those that the environment names as well.
    Environment,
}

/// Returns a builder for a client that names this program and does not follow redirects, because the credentials in a
/// request must not reach another host.
pub fn client_builder(proxies: Proxies) -> reqwest::ClientBuilder {
    // Fails only if a provider is already installed, which then stays in use.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("skillsync/", env!("CARGO_PKG_VERSION")));
    match proxies {
        Proxies::Configured => builder.no_proxy(),
        Proxies::Environment => builder,
    }
}

/// Reason why an exchange ended without a complete answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// There was no connection; nothing was sent.
    #[error("{0}")]
    NotSent(String),
    /// The request may have arrived.
    #[error("{0}")]
    NoAnswer(String),
    /// The request has arrived.
    #[error("the answer is larger than {max_bytes} bytes")]
    TooLarge { max_bytes: usize },
}

/// Sends one request and returns its answer, with the whole body, of at most `max_bytes`.
///
/// Does not wait for the rate limiter: calls to Genesys come here only through it.
pub async fn exchange(
    client: &reqwest::Client,
    request: reqwest::Request,
    max_bytes: usize,
) -> Result<Response<Bytes>, ExchangeError> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that sends; `clippy.toml` bans all others")]
    let mut answer = client.execute(request).await.map_err(|error| {
        let described = innermost_cause(&error);
        if error.is_connect() || error.is_builder() {
            ExchangeError::NotSent(described)
        } else {
            ExchangeError::NoAnswer(described)
        }
    })?;
    if answer.content_length().is_some_and(|length| length > max_bytes as u64) {
        return Err(ExchangeError::TooLarge { max_bytes });
    }
    let mut body = BytesMut::new();
    let broken = |error: reqwest::Error| ExchangeError::NoAnswer(innermost_cause(&error));
    while let Some(chunk) = answer.chunk().await.map_err(broken)? {
        if body.len() + chunk.len() > max_bytes {
            return Err(ExchangeError::TooLarge { max_bytes });
        }
        body.extend_from_slice(&chunk);
    }
    let mut response = Response::new(body.freeze());
    *response.status_mut() = answer.status();
    *response.headers_mut() = std::mem::take(answer.headers_mut());
    Ok(response)
}

/// Returns the innermost cause of an error, without the URL: ids in it would reach logs and results.
pub fn innermost_cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "timed out".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
