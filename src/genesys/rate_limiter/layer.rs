//! The rate limiter as a tower layer, the innermost one around the transport.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt};
use tracing::Instrument as _;
use tracing::field::Empty;

use super::rate_headers::{Throttled, WindowCount};
use super::under_way::UnderWay;
use super::{CallOutcome, Paused, Permit, RateLimiter};
use crate::clock::WallClock;
use crate::genesys::call::{CallContext, CallLane, CallMeter, Route};

/// Reason why a call came back without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateLimitError<E> {
    /// The call was not sent: the rate limiter turned it back.
    Paused(Paused),
    /// The call was not sent, because it was not ready when its turn came. Its place was given back.
    NotReady,
    /// Error of the transport.
    Transport(E),
}

/// Provides what a call still needs when its turn comes.
pub trait Departure: fmt::Debug + Send + Sync {
    /// Adds it to the call; returns false if it is unavailable.
    fn is_ready(&self, request: &mut Request<Bytes>) -> bool;
}

/// Extension of a request that makes it ready when it leaves.
#[derive(Debug, Clone)]
pub struct AtDeparture(pub Arc<dyn Departure>);

/// Layer that puts the rate limiter in front of a transport.
#[derive(Debug, Clone)]
pub struct RateLimitLayer {
    rate_limiter: RateLimiter,
    clock: WallClock,
}

impl RateLimitLayer {
    /// Creates the layer. The clock converts a date in an answer into a wait.
    pub fn new(rate_limiter: RateLimiter, clock: WallClock) -> Self {
        Self { rate_limiter, clock }
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimitService<S>;

    fn layer(&self, inner: S) -> RateLimitService<S> {
        RateLimitService { rate_limiter: self.rate_limiter.clone(), clock: self.clock, inner }
    }
}

/// Sends each request once its turn has come, and reports to the rate limiter what the answer says about limits.
#[derive(Debug, Clone)]
pub struct RateLimitService<S> {
    rate_limiter: RateLimiter,
    clock: WallClock,
    inner: S,
}

impl<S> Service<Request<Bytes>> for RateLimitService<S>
where
    S: Service<Request<Bytes>, Response = Response<Bytes>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
{
    type Response = Response<Bytes>;
    type Error = RateLimitError<S::Error>;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Bytes>, Self::Error>> + Send>>;

    /// Always ready: the transport is polled only when the turn has come, because it should not be reserved for hours.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Bytes>) -> Self::Future {
        let (rate_limiter, clock, transport) = (self.rate_limiter.clone(), self.clock, self.inner.clone());
        Box::pin(async move {
            let (lane, route, meter) = wishes(&request);
            let came_at = Instant::now();
            let permit = rate_limiter.admit(lane, route).await.map_err(RateLimitError::Paused)?;
            let departure = request.extensions_mut().remove::<AtDeparture>();
            if departure.is_some_and(|AtDeparture(departure)| !departure.is_ready(&mut request)) {
                permit.abandon();
                return Err(RateLimitError::NotReady);
            }
            let sent_at = Instant::now();
            rate_limiter.statistics().waited(lane, sent_at - came_at);
            meter.count();
            let lifecycle = rate_limiter.lifecycle().clone();
            let call = async move {
                let attempt = tracing::info_span!("attempt", status = Empty);
                let result = transport.oneshot(request).instrument(attempt.clone()).await;
                let status = result.as_ref().ok().map(|answer| answer.status().as_u16());
                attempt.record("status", status);
                rate_limiter.statistics().ended(route, status, sent_at.elapsed());
                match &result {
                    Ok(response) => report(&rate_limiter, permit, route, response, clock.now()),
                    Err(_) => permit.answered(CallOutcome::NoAnswer),
                }
                result.map_err(RateLimitError::Transport)
            };
            UnderWay::new(call, &lifecycle).await
        })
    }
}

fn wishes(request: &Request<Bytes>) -> (CallLane, Route, CallMeter) {
    let context = request.extensions().get::<CallContext>().cloned();
    context.map_or_else(|| (CallLane::Bulk, Route::Users, CallMeter::default()), |c| (c.lane, c.route, c.meter))
}

/// The count is recorded before the permit goes back; otherwise, the next caller would be admitted on outdated
/// information.
fn report(rate_limiter: &RateLimiter, permit: Permit, route: Route, response: &Response<Bytes>, now: Timestamp) {
    if let Some(count) = WindowCount::of(response.headers(), now) {
        rate_limiter.observe_foreign_use(count.used, count.allowed, count.reset);
    }
    match Throttled::of(response, now) {
        Some(throttled) => {
            if let Some(limit) = throttled.limit.filter(|_| throttled.one_service) {
                rate_limiter.learn_limit(route, limit);
            }
            permit.throttled(throttled.one_service.then_some(route), throttled.length);
        }
        None if response.status().is_server_error() => permit.answered(CallOutcome::ServerTrouble),
        None => permit.answered(CallOutcome::Answered),
    }
}

#[cfg(test)]
#[path = "layer_tests.rs"]
mod tests;
