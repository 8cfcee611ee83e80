//! What happens to every request on its way in and out, in one order and one place.
//!
//! Outside in: credentials are marked as not to be shown > request id, span, problem documents and counts > panics become
//! answers > access > size limit > time limit, which routes that hold their answers back do not have. Everything that can
//! fail lies inside the layer that writes problem documents, so every error, whoever made it, has the same form and
//! carries the request id.
//!
//! They are put around the routes at once, and few of them are functions with a `Next`: each of those, and each further
//! call of `Router::layer`, is a boxed copy of everything inside of it for every request.

use std::any::Any;
use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONNECTION, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use tokio::time::Instant;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::map_response_body::MapResponseBodyLayer;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::validate_request::ValidateRequestHeaderLayer;
use tracing::{Instrument, Span};

use crate::api::callers::access::{Access, Admission};
use crate::api::callers::allowance::Allowance;
use crate::api::callers::caller::{Caller, CallerSlot};
use crate::api::callers::request_id::{REQUEST_ID, RequestId};
use crate::api::context::ApiSettings;
use crate::api::listener::serve::Peer;
use crate::api::service::statistics::RequestStatistics;
use crate::api::shapes::problem::{self, Problem};
use crate::domain::JobId;
use crate::domain::audit::Action;
use crate::engine::Engine;
use crate::telemetry;

/// What is done with answers, besides sending them.
#[derive(Debug)]
pub(in crate::api) struct Witness {
    pub(in crate::api) requests: Arc<RequestStatistics>,
    pub(in crate::api) engine: Engine,
    /// How often what is refused to a key is still recorded.
    pub(in crate::api) refusals: Mutex<HashMap<Arc<str>, Allowance>>,
}

/// Wraps all routes.
pub(in crate::api) fn around(router: Router, settings: &ApiSettings, access: Access, witness: Witness) -> Router {
    let admission = Admission::new(access);
    let layers = ServiceBuilder::new()
        .layer(SetSensitiveRequestHeadersLayer::new([AUTHORIZATION]))
        .layer(SetResponseHeaderLayer::if_not_present(CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .layer(SetResponseHeaderLayer::overriding(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")))
        .layer(middleware::from_fn_with_state(Arc::new(witness), identified))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(ValidateRequestHeaderLayer::custom(admission))
        .layer(MapResponseBodyLayer::new(Body::new))
        .layer(RequestBodyLimitLayer::new(settings.max_body_bytes))
        // axum's own limit would be a second one, and a lower one.
        .layer(DefaultBodyLimit::disable());
    router.layer(layers)
}

/// What keeps a request from taking longer than it may, from its head to the head of its answer.
pub(in crate::api) fn time_limit(settings: &ApiSettings) -> TimeoutLayer {
    TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, settings.request_timeout)
}

/// Gives the request its id and its span, and the answer the same id and, if it is an error, its document; counts both.
async fn identified(
    State(witness): State<Arc<Witness>>,
    matched: Option<MatchedPath>,
    mut request: Request,
    next: Next,
) -> Response {
    let (begun, method, id) = (Instant::now(), request.method().clone(), RequestId::of(&request));
    let has_body = !request.body().is_end_stream();
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    let job = job_of(request.uri().path());
    let span = span_of(&request, matched.as_ref(), &id);
    let caller = CallerSlot::default();
    request.extensions_mut().insert(id.clone());
    request.extensions_mut().insert(caller.clone());
    let mut response = problem::complete(next.run(request).instrument(span.clone()).await, id.as_str());
    if has_body && is_answered_early(response.status()) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response.headers_mut().insert(REQUEST_ID, id.0);
    let (took, status) = (begun.elapsed(), response.status());
    if let (StatusCode::FORBIDDEN, Some(caller)) = (status, caller.get()) {
        let route = matched.as_ref().map_or("unmatched", MatchedPath::as_str);
        witness.refused(caller, format!("{method} {route}"), job).instrument(span.clone()).await;
    }
    span.in_scope(|| tell(status, took, peer, caller.get()));
    witness.requests.answered(&method, matched.as_ref(), status, took);
    response
}

impl Witness {
    /// Records that something was refused to a key, a few times a minute: who asks for it in a loop is not to fill the
    /// journal. All of it is in the log.
    async fn refused(&self, caller: &Caller, operation: String, job: Option<JobId>) {
        const A_MINUTE: NonZeroU32 = NonZeroU32::MIN.saturating_add(11);
        let within = {
            let mut refusals = self.refusals.lock();
            let allowance =
                refusals.entry(Arc::clone(caller.name())).or_insert_with(|| Allowance::per_minute(A_MINUTE));
            allowance.take(Instant::now()).is_ok()
        };
        if !within {
            return;
        }
        if let Err(error) = self.engine.keep_record(Action::Refused, caller.asker(), job, operation).await {
            tracing::error!(%error, "cannot record what was refused");
        }
    }
}

/// The job that a path is about.
fn job_of(path: &str) -> Option<JobId> {
    let rest = path.strip_prefix("/v1/sync-jobs/")?;
    rest.split('/').next()?.parse().ok().map(JobId)
}

/// Refused by the head alone: what is left of the body is not read, so the connection is of no more use, and a caller who
/// is not told would send its next request into nothing.
fn is_answered_early(status: StatusCode) -> bool {
    let early = [
        StatusCode::UNAUTHORIZED,
        StatusCode::FORBIDDEN,
        StatusCode::NOT_FOUND,
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::CONFLICT,
        StatusCode::PAYLOAD_TOO_LARGE,
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::SERVICE_UNAVAILABLE,
    ];
    early.contains(&status)
}

fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    // What the panic said is on stderr by way of the panic hook; here it could name internals.
    tracing::error!("a handler panicked");
    Problem::internal().into_response()
}

/// One span a request, in the trace that the caller names. It names the route, not the path, and no query: both may hold
/// personal data.
fn span_of(request: &Request, matched: Option<&MatchedPath>, id: &RequestId) -> Span {
    let span = tracing::info_span!(
        "request",
        method = request.method().as_str(),
        route = matched.map_or("unmatched", MatchedPath::as_str),
        request_id = id.as_str(),
        caller = tracing::field::Empty,
    );
    telemetry::join_trace(&span, request.headers());
    span
}

/// One line an answer, in the span of its request; probes and polls come often and only show at debug level. What is told
/// is part of the line and not of the span, which would put it into words for every poll, told or not.
fn tell(answer: StatusCode, took: Duration, peer: Option<IpAddr>, caller: Option<&Caller>) {
    let (status, latency_ms) = (answer.as_u16(), u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    let (peer, caller) = (peer.map(tracing::field::display), caller.map(|caller| &**caller.name()));
    if answer.is_server_error() {
        tracing::warn!(status, latency_ms, peer, caller, "answered");
    } else if answer.is_client_error() || answer == StatusCode::ACCEPTED {
        tracing::info!(status, latency_ms, peer, caller, "answered");
    } else {
        tracing::debug!(status, latency_ms, peer, caller, "answered");
    }
}
