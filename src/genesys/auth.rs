//! Layer that adds the access token to each call, and repeats a call whose token was refused once with a new one.
//!
//! A call may wait in the rate limiter for so long that its token expires and is replaced meanwhile. The token is
//! therefore added when the call leaves; a call for which there is no token at that moment gives its place back.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use parking_lot::Mutex;
use tower::{Layer, Service, ServiceExt};

use super::login::{LoginError, Token, TokenSource};
use super::rate_limiter::{AtDeparture, Departure, Paused, RateLimitError};
use super::transport::TransportError;

/// Reason why a call ended without an answer from Genesys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum StackError {
    #[error(transparent)]
    Login(#[from] LoginError),
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The rate limiter turned the call back; nothing was sent.
    #[error(transparent)]
    Paused(#[from] Paused),
}

/// Layer that adds access tokens; see the module documentation.
#[derive(Debug, Clone)]
pub(super) struct AuthLayer {
    tokens: Arc<TokenSource>,
}

impl AuthLayer {
    pub(super) fn new(tokens: Arc<TokenSource>) -> Self {
        Self { tokens }
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = Auth<S>;

    fn layer(&self, inner: S) -> Auth<S> {
        Auth { inner, tokens: Arc::clone(&self.tokens) }
    }
}

/// Service that adds access tokens; see the module documentation.
#[derive(Debug, Clone)]
pub(super) struct Auth<S> {
    inner: S,
    tokens: Arc<TokenSource>,
}

impl<S> Service<Request<Bytes>> for Auth<S>
where
    S: Service<Request<Bytes>, Response = Response<Bytes>, Error = RateLimitError<TransportError>>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    type Response = Response<Bytes>;
    type Error = StackError;
    type Future = BoxFuture<'static, Result<Self::Response, StackError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), StackError>> {
        // The inner service is polled for readiness only when it is called, because a token has to be available first.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let (inner, tokens) = (self.inner.clone(), Arc::clone(&self.tokens));
        Box::pin(async move {
            let (answer, token) = send(inner.clone(), &request, &tokens).await?;
            if !refuses(&answer) {
                tokens.took(&token).await;
                return Ok(answer);
            }
            tokens.drop_token(&token).await;
            let (answer, token) = send(inner, &request, &tokens).await?;
            if refuses(&answer) {
                tokens.drop_token(&token).await;
            } else {
                tokens.took(&token).await;
            }
            Ok(answer)
        })
    }
}

/// Sends a call; returns the answer and the token that was sent with it.
async fn send<S>(
    inner: S,
    request: &Request<Bytes>,
    tokens: &Arc<TokenSource>,
) -> Result<(Response<Bytes>, Token), StackError>
where
    S: Service<Request<Bytes>, Response = Response<Bytes>, Error = RateLimitError<TransportError>> + Clone + Send,
    S::Future: Send,
{
    loop {
        let stamp = Arc::new(Stamp { tokens: Arc::clone(tokens), used: Mutex::new(tokens.token().await?) });
        let mut request = request.clone();
        request.extensions_mut().insert(AtDeparture(Arc::clone(&stamp) as _));
        match inner.clone().oneshot(request).await {
            Ok(answer) => return Ok((answer, stamp.used())),
            // Another call had the token refused while this one waited.
            Err(RateLimitError::NotReady) => {}
            Err(RateLimitError::Paused(paused)) => return Err(paused.into()),
            Err(RateLimitError::Transport(error)) => return Err(error.into()),
        }
    }
}

fn refuses(answer: &Response<Bytes>) -> bool {
    answer.status() == StatusCode::UNAUTHORIZED
}

/// Adds the newest token to a call when it leaves, and records which one it was.
#[derive(Debug)]
struct Stamp {
    tokens: Arc<TokenSource>,
    used: Mutex<Token>,
}

impl Stamp {
    fn used(&self) -> Token {
        self.used.lock().clone()
    }
}

impl Departure for Stamp {
    fn is_ready(&self, request: &mut Request<Bytes>) -> bool {
        let Some(token) = self.tokens.newest() else { return false };
        request.headers_mut().insert(AUTHORIZATION, token.header.clone());
        *self.used.lock() = token;
        true
    }
}
