//! What those ask who run the service: is it alive, is it ready, what does it offer.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::context::ApiContext;
use crate::api::service::readiness::Readiness;
use crate::api::shapes::problem::{MEDIA_TYPE, Problem, ProblemView};

/// The service works.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct StatusView {
    #[schema(value_type = String, example = "ok")]
    status: &'static str,
}

/// The service can do its work.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct ReadyView {
    #[schema(value_type = String, example = "ready")]
    status: &'static str,
    /// What is not as it should be, and keeps the service from nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, required = false)]
    warnings: Vec<&'static str>,
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
pub(in crate::api) async fn get_health() -> Json<StatusView> {
    Json(StatusView { status: "ok" })
}

/// Tell whether the service can do its work
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "getReadiness",
    tag = "service",
    responses(
        (status = 200, description = "The service is ready.", body = ReadyView),
        (status = 503, description = "The service is starting, stopping, or lacks something; `detail` says what: the login, its \
            journal, a task of its own, a list of Genesys that it has not read for five minutes, or leave to send anything for \
            longer than that.",
            body = ProblemView, content_type = MEDIA_TYPE,
            headers(("Retry-After" = i32, description = "Seconds after which to ask again."))),
    ),
)]
pub(in crate::api) async fn get_readiness(State(api): State<Arc<ApiContext>>) -> Result<Json<ReadyView>, Problem> {
    if let Some(reason) = api.lifecycle.failure() {
        return Err(Problem::not_ready(reason));
    }
    if api.lifecycle.is_stopping() {
        return Err(Problem::stopping());
    }
    match &*api.readiness.borrow() {
        Readiness::Ready => {}
        Readiness::Starting => return Err(Problem::not_ready("the service is still starting")),
        Readiness::NotReady { detail } => return Err(Problem::not_ready(detail)),
    }
    if let Some(reason) = unable(&api) {
        return Err(Problem::not_ready(reason));
    }
    let reload =
        "the configuration that was read last is faulty, so the one before is in use; GET /v1/webhooks says why";
    let warnings = api.intake.sources().reload_fault().map(|_| reload).into_iter().collect();
    Ok(Json(ReadyView { status: "ready", warnings }))
}

/// For so long something may not work without making the service unable.
const LONG: Duration = Duration::from_secs(300);

/// What keeps the service from its work just now. Work that waits for a date of its own keeps it from nothing.
fn unable(api: &ApiContext) -> Option<String> {
    if let Some(task) = api.lifecycle.task_down() {
        return Some(format!("the task {task:?} panicked and is about to be started anew; the log says more"));
    }
    if api.engine.journal_usage().failing {
        return Some("the journal cannot be written, so nothing new is accepted; the log says why".to_owned());
    }
    let limits = api.limits.limits();
    let now = api.clock.now();
    if let Some(until) =
        limits.paused_until.filter(|until| until.duration_since(now).unsigned_abs() > LONG && *until > now)
    {
        return Some(format!("Genesys asked to send nothing until {until}"));
    }
    let listing = api.engine.unlisted_for(LONG)?;
    Some(format!("Genesys has not listed its {listing} for {} minutes; the log says why", LONG.as_secs() / 60))
}
