//! The layer that gives each call its token, and a call whose token was refused a second try with a new one.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use tower::{Layer, Service, ServiceExt};

use super::gate::{GateError, Paused};
use super::login::{LoginError, TokenSource};
use super::transport::TransportError;

/// Why a call through the stack ended without an answer of Genesys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum StackError {
    #[error(transparent)]
    Login(#[from] LoginError),
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// Nothing was sent.
    #[error(transparent)]
    Paused(#[from] Paused),
}

impl From<GateError<TransportError>> for StackError {
    fn from(error: GateError<TransportError>) -> Self {
        match error {
            GateError::Paused(paused) => Self::Paused(paused),
            GateError::Transport(error) => Self::Transport(error),
        }
    }
}

/// See the module.
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

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Auth<S> {
    inner: S,
    tokens: Arc<TokenSource>,
}

impl<S> Service<Request<Bytes>> for Auth<S>
where
    S: Service<Request<Bytes>, Response = Response<Bytes>, Error = GateError<TransportError>> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Bytes>;
    type Error = StackError;
    type Future = BoxFuture<'static, Result<Self::Response, StackError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), StackError>> {
        // The inner service is asked for readiness when it is called: a token has to be there first.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let (inner, tokens) = (self.inner.clone(), Arc::clone(&self.tokens));
        Box::pin(async move {
            let token = tokens.token().await?;
            let answer = inner.clone().oneshot(with_token(request.clone(), &token.header)).await?;
            if !refuses(&answer) {
                tokens.took(&token).await;
                return Ok(answer);
            }
            tokens.drop_token(&token).await;
            let token = tokens.token().await?;
            let answer = inner.oneshot(with_token(request, &token.header)).await?;
            if refuses(&answer) {
                tokens.drop_token(&token).await;
            } else {
                tokens.took(&token).await;
            }
            Ok(answer)
        })
    }
}

fn refuses(answer: &Response<Bytes>) -> bool {
    answer.status() == StatusCode::UNAUTHORIZED
}

fn with_token(mut request: Request<Bytes>, token: &http::HeaderValue) -> Request<Bytes> {
    request.headers_mut().insert(AUTHORIZATION, token.clone());
    request
}
