//! What those ask who run the service: is it alive, is it ready, what does it offer.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::{MEDIA_TYPE, Problem, ProblemView};
use super::{ApiContext, document};

/// Whether the service can do its work, as the composition root finds out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// Not all parts are up yet.
    Starting,
    /// All parts are up.
    Ready,
    /// A part is down. The detail is shown to whoever asks: it must not name internals.
    NotReady { detail: String },
}

/// The service works.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StatusView {
    #[schema(value_type = String, example = "ok")]
    status: &'static str,
}

/// Tell whether the process lives
///
/// Answers as long as requests are answered at all; whether they can be carried out is for `/readyz` to say.
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "getHealth",
    tag = "service",
    responses((status = 200, description = "The process lives.", body = StatusView)),
)]
pub(super) async fn get_health() -> Json<StatusView> {
    Json(StatusView { status: "ok" })
}

/// Tell whether the service can do its work
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "getReadiness",
    tag = "service",
    responses(
        (status = 200, description = "The service is ready.", body = StatusView),
        (status = 503, description = "The service is starting, stopping, or lacks something; `detail` says what.",
            body = ProblemView, content_type = MEDIA_TYPE,
            headers(("Retry-After" = i32, description = "Seconds after which to ask again."))),
    ),
)]
pub(super) async fn get_readiness(State(api): State<Arc<ApiContext>>) -> Result<Json<StatusView>, Problem> {
    if let Some(reason) = api.lifecycle.failure() {
        return Err(Problem::not_ready(reason));
    }
    if api.lifecycle.is_stopping() {
        return Err(Problem::stopping());
    }
    match &*api.readiness.borrow() {
        Readiness::Ready => Ok(Json(StatusView { status: "ready" })),
        Readiness::Starting => Err(Problem::not_ready("the service is still starting")),
        Readiness::NotReady { detail } => Err(Problem::not_ready(detail)),
    }
}

/// Read this document
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "getOpenApiDocument",
    tag = "service",
    responses((status = 200, description = "The OpenAPI document.", body = Object, content_type = "application/json")),
)]
pub(super) async fn get_openapi_document() -> Response {
    ([(CONTENT_TYPE, "application/json")], document::text()).into_response()
}
