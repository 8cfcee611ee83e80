//! The outermost layer: one span per call, with what an operator needs to find the call again, and without personal
//! data.

use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use tokio::time::Instant;
use tower::{Layer, Service};
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use super::auth::StackError;
use super::call::CallContext;

/// Layer that adds a span to each call; see the module documentation.
#[derive(Debug, Clone)]
pub(super) struct InstrumentLayer;

impl<S> Layer<S> for InstrumentLayer {
    type Service = Instrument<S>;

    fn layer(&self, inner: S) -> Instrument<S> {
        Instrument { inner }
    }
}

/// Service that adds a span to each call; see the module documentation.
#[derive(Debug, Clone)]
pub(super) struct Instrument<S> {
    inner: S,
}

impl<S> Service<Request<Bytes>> for Instrument<S>
where
    S: Service<Request<Bytes>, Response = Response<Bytes>, Error = StackError>,
    S::Future: Send + 'static,
{
    type Response = Response<Bytes>;
    type Error = StackError;
    type Future = BoxFuture<'static, Result<Self::Response, StackError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StackError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let (route, lane) = match request.extensions().get::<CallContext>() {
            Some(call) => (call.route.name(), call.lane.name()),
            None => ("other", "bulk"),
        };
        let span = tracing::info_span!("genesys_call", route, lane, status = Empty, correlation_id = Empty);
        let begun = Instant::now();
        let answer = self.inner.call(request);
        let call = async move {
            let result = answer.await;
            let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            match &result {
                Ok(answer) => {
                    let span = Span::current();
                    span.record("status", answer.status().as_u16());
                    span.record("correlation_id", super::answer::correlation_id(answer.headers()));
                    tracing::debug!(took_ms, "answered");
                }
                // Each user of a job may be turned back once. The state of the job shows it, so the log need not.
                Err(StackError::Paused(paused)) => tracing::debug!(%paused, "turned back by the rate limiter"),
                Err(error) => tracing::warn!(%error, took_ms, "no answer"),
            }
            result
        };
        Box::pin(call.instrument(span))
    }
}
