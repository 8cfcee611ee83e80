//! The order of the layers, here and nowhere else.

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

/// Everything between a call and the wire.
pub(super) type Stack = BoxCloneSyncService<Request<Bytes>, Response<Bytes>, StackError>;

/// Outside in: instrument, retry, auth, gate, transport.
///
/// The rate limiter is the last before the wire and inside the retry and the replay after a refused token, so that every attempt
/// pays for its place in the windows. The limit of calls in flight is one of the rate limiter's: a layer of its own outside the
/// gate would hand out its places first come first served, and ten bulk calls that wait for the windows would keep an
/// urgent one out.
pub(super) fn stack(
    transport: Transport,
    gate: RateLimiter,
    tokens: Arc<TokenSource>,
    backoff: Arc<Backoff>,
    clock: WallClock,
) -> Stack {
    let repetition = RetryPolicy::new(backoff, Arc::new(retry::budget()), Arc::clone(gate.statistics()), clock);
    let layers = ServiceBuilder::new()
        .layer(InstrumentLayer)
        .layer(RetryLayer::new(repetition))
        .layer(AuthLayer::new(tokens))
        .layer(RateLimitLayer::new(gate, clock))
        .service(transport);
    BoxCloneSyncService::new(layers)
}
