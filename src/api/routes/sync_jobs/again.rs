//! Operations on an existing job: cancel, retry and apply.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use utoipa::IntoResponses;

use super::create::refuse_if_unable;
use super::{JobPath, accepted};
use crate::api::callers::caller::{Caller, Role};
use crate::api::context::ApiContext;
use crate::api::routes::idempotency::{IdempotencyHeader, KeyTurn, PathTurn};
use crate::api::shapes::job_view::SyncJobView;
use crate::api::shapes::problem::{MEDIA_TYPE, Problem, ProblemView};
use crate::domain::job::JobStatus;
use crate::engine::ResubmitError;

/// Cancel a sync job
///
/// Entries that have not been written end as `cancelled`; a write that is under way is finished. Cancelling again, or
/// cancelling a job that has ended, changes nothing.
#[utoipa::path(
    post,
    path = "/v1/sync-jobs/{jobId}/cancel",
    operation_id = "cancelSyncJob",
    tag = "sync-jobs",
    params(("jobId" = Uuid, Path, description = "The `id` of the job.")),
    responses(
        (status = 200, description = "The job in its current state.", body = SyncJobView),
        (status = 404, description = "No job has this id.", body = ProblemView, content_type = MEDIA_TYPE),
    ),
)]
pub(in crate::api) async fn cancel_sync_job(
    State(api): State<Arc<ApiContext>>,
    Extension(caller): Extension<Caller>,
    JobPath(id): JobPath,
) -> Result<Response, Problem> {
    caller.may_change(&api.engine.job(id).ok_or_else(Problem::job_not_found)?)?;
    let job = api.engine.on_behalf_of(caller.asker()).cancel(id).await.ok_or_else(Problem::job_not_found)?;
    tracing::info!(job = %id, "job cancelled by a caller");
    Ok(Json(SyncJobView::of(job, &api.engine)).into_response())
}

/// The responses that retry and apply share.
#[derive(IntoResponses)]
#[expect(dead_code, clippy::large_enum_variant, reason = "describes answers; none is made of it")]
enum GoesOnResponses {
    /// Accepted; the job can be read immediately.
    #[response(status = 202, headers(
        ("Location" = String, description = "The path of the job."),
        ("Retry-After" = i32, description = "The number of seconds after which to poll the job."),
    ))]
    Accepted(SyncJobView),
    /// No job has this id.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(ProblemView),
    /// The service is stopping or overloaded.
    #[response(
        status = 503,
        content_type = "application/problem+json",
        headers(("Retry-After" = i32, description = "The number of seconds after which to send it again."))
    )]
    Unable(ProblemView),
}

/// Retry a sync job
///
/// Creates a new job from the entries that have failed, were cancelled or are held, with the same target and mode. Each
/// entry keeps its place in time: if a newer change of its user has been carried out since, it ends as `superseded`
/// (`staleEvent`).
#[utoipa::path(
    post,
    path = "/v1/sync-jobs/{jobId}/retry",
    operation_id = "retrySyncJob",
    tag = "sync-jobs",
    params(("jobId" = Uuid, Path, description = "The `id` of the job."), IdempotencyHeader),
    responses(
        GoesOnResponses,
        (status = 400, description = "Malformed Idempotency-Key; nothing was done.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 409, description = "Nothing to retry, or the same request is still in progress.",
            body = ProblemView, content_type = MEDIA_TYPE),
        (status = 422, description = "The idempotency key was used for another request.",
            body = ProblemView, content_type = MEDIA_TYPE),
    ),
)]
pub(in crate::api) async fn retry_sync_job(
    State(api): State<Arc<ApiContext>>,
    Extension(caller): Extension<Caller>,
    JobPath(id): JobPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    refuse_if_unable(&api)?;
    caller.may_change(&api.engine.job(id).ok_or_else(Problem::job_not_found)?)?;
    let under = match KeyTurn::of_path(&api, &caller, &headers, &format!("retry {id}"))? {
        PathTurn::New(under) => under,
        PathTurn::Again(job) => return Ok(accepted(&api, *job)),
    };
    let job = api.engine.on_behalf_of(caller.asker()).retry(id, under).await.map_err(|error| {
        refused(&error, "nothing to retry: no entry of this job has failed, was cancelled or is held")
    })?;
    Ok(accepted(&api, job))
}

/// Apply a dry run or a held job
///
/// For a dry run: creates a new job that carries out exactly the plan. If a user has changed since, so that the result
/// would differ from the plan, the entry fails as `planOutdated` and nothing is written. Each entry keeps its place in
/// time: if a newer change of its user has been carried out since, it ends as `superseded` (`staleEvent`).
///
/// For a held job: the same job goes on, whatever it removes. This requires the role `admin`. Its entries take effect
/// at their places in time, below newer changes that were carried out since. Applying it again changes nothing.
#[utoipa::path(
    post,
    path = "/v1/sync-jobs/{jobId}/apply",
    operation_id = "applySyncJob",
    tag = "sync-jobs",
    params(("jobId" = Uuid, Path, description = "The `id` of the job."), IdempotencyHeader),
    responses(
        GoesOnResponses,
        (status = 400, description = "Malformed Idempotency-Key; nothing was done.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 409, description = "Nothing to apply: the job is not held and has no planned entries; or it is still planning; or the same request is still in progress.",
            body = ProblemView, content_type = MEDIA_TYPE),
        (status = 422, description = "The idempotency key was used for another request.",
            body = ProblemView, content_type = MEDIA_TYPE),
    ),
)]
pub(in crate::api) async fn apply_sync_job(
    State(api): State<Arc<ApiContext>>,
    Extension(caller): Extension<Caller>,
    JobPath(id): JobPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    refuse_if_unable(&api)?;
    let job = api.engine.job(id).ok_or_else(Problem::job_not_found)?;
    caller.may_change(&job)?;
    let under = match KeyTurn::of_path(&api, &caller, &headers, &format!("apply {id}"))? {
        PathTurn::New(under) => under,
        PathTurn::Again(job) => return Ok(accepted(&api, *job)),
    };
    if job.status == JobStatus::Held && caller.role() < Role::Admin {
        return Err(Problem::forbidden(
            "this job is held by a removal threshold; only an API key with the role admin may apply it",
        ));
    }
    let engine = api.engine.on_behalf_of(caller.asker());
    if let Some(released) = engine.release(id).await.map_err(|error| Problem::not_written_down(&error))? {
        return Ok(accepted(&api, released));
    }
    let planning = api.engine.job(id).ok_or_else(Problem::job_not_found)?;
    if planning.finished_at.is_none() {
        return Err(Problem::nothing_to_do("this job is still planning; apply it when it has ended"));
    }
    let job = engine
        .apply(id, under, caller.role() >= Role::Admin)
        .await
        .map_err(|error| refused(&error, "nothing to apply: this job is not held and has no planned entries"))?;
    Ok(accepted(&api, job))
}

fn refused(error: &ResubmitError, nothing_to_do: &'static str) -> Problem {
    match error {
        ResubmitError::NoSuchJob => Problem::job_not_found(),
        ResubmitError::NothingToDo => Problem::nothing_to_do(nothing_to_do),
        ResubmitError::Journal(error) => Problem::not_written_down(error),
    }
}
