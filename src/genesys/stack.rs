//! The order of the layers; it is defined only here.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use tower::ServiceBuilder;
use tower::retry::RetryLayer;
use tower::util::BoxCloneSyncService;

use super::auth::{AuthLayer, StackError};
use super::instrument::InstrumentLayer;
use super::login::TokenSource;
use super::rate_limiter::{RateLimitLayer, RateLimiter};
use super::retry::{self, RetryPolicy};
use super::transport::Transport;
use crate::backoff::Backoff;
use crate::clock::WallClock;

/// The complete stack between a caller and the wire.
pub(super) type Stack = BoxCloneSyncService<Request<Bytes>, Response<Bytes>, StackError>;

/// Builds the stack, from outside in: instrument, retry, auth, rate limiter, transport.
///
/// The rate limiter comes last before the wire, inside the retry and the replay after a refused token, so that every
/// attempt pays for its place in the windows. It also limits the calls in flight: a separate layer outside it would be
/// first come, first served, and ten bulk calls waiting for the windows would block an urgent one.
pub(super) fn stack(
    transport: Transport,
    rate_limiter: RateLimiter,
    tokens: Arc<TokenSource>,
    backoff: Arc<Backoff>,
    clock: WallClock,
) -> Stack {
    let repetition = RetryPolicy::new(backoff, Arc::new(retry::budget()), Arc::clone(rate_limiter.statistics()), clock);
    let layers = ServiceBuilder::new()
        .layer(InstrumentLayer)
        .layer(RetryLayer::new(repetition))
        .layer(AuthLayer::new(tokens))
        .layer(RateLimitLayer::new(rate_limiter, clock))
        .service(transport);
    BoxCloneSyncService::new(layers)
}
