//! The middleware around every request, in one place and one order.
//!
//! From the outside in: credentials are marked as sensitive > request id, span, problem documents and counts > panics
//! become responses > access > size limit > time limit, which routes that hold their responses back do not have.
//! Everything that can fail is inside the layer that writes problem documents, so every error, wherever it comes from,
//! has the same form and carries the request id.
//!
//! All layers are added in one call, and few of them are functions with a `Next`: each of those, and each further call
//! of `Router::layer`, boxes a clone of everything inside it for every request.

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

/// Observes responses: counts them and records refusals in the audit records.
#[derive(Debug)]
pub(in crate::api) struct Witness {
    pub(in crate::api) requests: Arc<RequestStatistics>,
    pub(in crate::api) engine: Engine,
    /// How many refusals of each API key may still be recorded in the current minute.
    pub(in crate::api) refusals: Mutex<HashMap<Arc<str>, Allowance>>,
}

/// Wraps the router in all layers.
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
        // axum's default body limit is lower and would apply in addition.
        .layer(DefaultBodyLimit::disable());
    router.layer(layers)
}

/// Returns the layer that limits the time from the head of a request to the head of its response.
pub(in crate::api) fn time_limit(settings: &ApiSettings) -> TimeoutLayer {
    TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, settings.request_timeout)
}

/// Gives the request its id and span, gives the response the same id, turns errors into problem documents, and counts
/// and logs the result.
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
    /// Records a refusal in the audit records, at most twelve times per minute and API key, so that a caller in a loop
    /// cannot fill the journal. The log has all refusals.
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
            tracing::error!(%error, "cannot write the audit record of a refused request");
        }
    }
}

/// Returns the job that a path names, if any.
fn job_of(path: &str) -> Option<JobId> {
    let rest = path.strip_prefix("/v1/sync-jobs/")?;
    rest.split('/').next()?.parse().ok().map(JobId)
}

/// Returns whether a response with this status may be sent before the body was read. The rest of the body is then never
/// read and the connection is useless, so the response must say `Connection: close`; otherwise the caller would send
/// its next request in vain.
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
    // The panic hook prints the message to stderr; in a response it could reveal internals.
    tracing::error!("a request handler panicked");
    Problem::internal().into_response()
}

/// Returns the span of a request, as part of the caller's trace if it names one. The span has the route instead of the
/// path, and no query, because both may contain personal data.
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

/// Logs one line per response, in the span of its request. Successful responses other than 202 are logged at debug
/// level only, because probes and polls are frequent. The values are fields of the line and not of the span, which
/// would format them for every poll, logged or not.
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
