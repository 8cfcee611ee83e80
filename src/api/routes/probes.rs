//! `/healthz` and `/readyz`: the liveness and readiness probes.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::context::ApiContext;
use crate::api::service::readiness::Readiness;
use crate::api::shapes::problem::{MEDIA_TYPE, Problem, ProblemView};

/// The liveness of the process.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct StatusView {
    #[schema(value_type = String, example = "ok")]
    status: &'static str,
}

/// The readiness of the service.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct ReadyView {
    #[schema(value_type = String, example = "ready")]
    status: &'static str,
    /// Problems that need attention but do not make the service unready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, required = false)]
    warnings: Vec<&'static str>,
}

/// Check that the process is alive
///
/// Answers 200 while the process answers requests at all. `/readyz` says whether the service can do its work.
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "getHealth",
    tag = "service",
    responses((status = 200, description = "The process is alive.", body = StatusView)),
)]
pub(in crate::api) async fn get_health() -> Json<StatusView> {
    Json(StatusView { status: "ok" })
}

/// Check that the service is ready
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "getReadiness",
    tag = "service",
    responses(
        (status = 200, description = "The service is ready.", body = ReadyView),
        (status = 503, description = "The service is starting or stopping, or `detail` names what is wrong: the login, the \
            journal, a task of the service, a listing that could not be read from Genesys for five minutes, or a pause of all \
            calls that lasts longer than that.",
            body = ProblemView, content_type = MEDIA_TYPE,
            headers(("Retry-After" = i32, description = "The number of seconds after which to ask again."))),
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
        "the last reload of the configuration failed, so the previous one is in use; GET /v1/webhooks has the cause";
    let warnings = api.intake.sources().reload_fault().map(|_| reload).into_iter().collect();
    Ok(Json(ReadyView { status: "ready", warnings }))
}

/// How long a listing may fail, or a pause may last, before the service counts as not ready.
const LONG: Duration = Duration::from_secs(300);

/// Returns the reason why the service cannot do its work now, or `None`. Work that waits for its own date is no reason.
fn unable(api: &ApiContext) -> Option<String> {
    if let Some(task) = api.lifecycle.task_down() {
        return Some(format!("the task {task:?} panicked and will be restarted; the log has the cause"));
    }
    if api.engine.journal_usage().failing {
        return Some("the journal cannot be written, so nothing new is accepted; the log has the cause".to_owned());
    }
    let limits = api.limits.limits();
    let now = api.clock.now();
    if let Some(until) =
        limits.paused_until.filter(|until| until.duration_since(now).unsigned_abs() > LONG && *until > now)
    {
        return Some(format!("Genesys asked to pause all calls until {until}"));
    }
    let listing = api.engine.unlisted_for(LONG)?;
    Some(format!(
        "the listing of {listing} could not be read from Genesys for {} minutes; the log has the cause",
        LONG.as_secs() / 60
    ))
}
