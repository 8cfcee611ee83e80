//! What a caller does about a job that is there: cancel it, retry it, carry out its plan.

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

/// Cancel a sync job
///
/// What has not been written ends as `cancelled`; a write that is under way is finished. Cancelling again, or a job that
/// has ended, changes nothing.
#[utoipa::path(
    post,
    path = "/v1/sync-jobs/{jobId}/cancel",
    operation_id = "cancelSyncJob",
    tag = "sync-jobs",
    params(("jobId" = Uuid, Path, description = "The `id` of the job.")),
    responses(
        (status = 200, description = "The job as it stands now.", body = SyncJobView),
        (status = 404, description = "There is no such job.", body = ProblemView, content_type = MEDIA_TYPE),
    ),
)]
pub(in crate::api) async fn cancel_sync_job(
    State(api): State<Arc<ApiContext>>,
    Extension(caller): Extension<Caller>,
    JobPath(id): JobPath,
) -> Result<Response, Problem> {
    caller.may_change(&api.engine.job(id).ok_or_else(Problem::job_not_found)?)?;
    let job = api.engine.on_behalf_of(caller.asker()).cancel(id).await.ok_or_else(Problem::job_not_found)?;
    tracing::info!(job = %id, "a caller cancelled a job");
    Ok(Json(SyncJobView::of(job, &api.engine)).into_response())
}

/// What the calls have in common that make a job of another one, or let one go on.
#[derive(IntoResponses)]
#[expect(dead_code, clippy::large_enum_variant, reason = "describes answers; none is made of it")]
enum GoesOnResponses {
    /// Accepted; the job is readable at once.
    #[response(status = 202, headers(
        ("Location" = String, description = "The path of the job."),
        ("Retry-After" = i32, description = "Seconds after which it is worth asking for it."),
    ))]
    Accepted(SyncJobView),
    /// There is no such job.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(ProblemView),
    /// The service is stopping, or has as much to do as it takes.
    #[response(
        status = 503,
        content_type = "application/problem+json",
        headers(("Retry-After" = i32, description = "Seconds after which to send it again."))
    )]
    Unable(ProblemView),
}

/// Retry a sync job
///
/// A new job from the entries that have failed or were cancelled so far, or are held, with the same target and mode. Each
/// keeps its place in time: if a newer change of its user was carried out meanwhile, it ends as `superseded` (`staleEvent`).
#[utoipa::path(
    post,
    path = "/v1/sync-jobs/{jobId}/retry",
    operation_id = "retrySyncJob",
    tag = "sync-jobs",
    params(("jobId" = Uuid, Path, description = "The `id` of the job."), IdempotencyHeader),
    responses(
        GoesOnResponses,
        (status = 400, description = "The Idempotency-Key is not one; nothing was done.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 409, description = "No entry has failed or was cancelled, or the same request is being accepted just now.",
            body = ProblemView, content_type = MEDIA_TYPE),
        (status = 422, description = "The idempotency key belongs to another submission.",
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
    let job = api
        .engine
        .on_behalf_of(caller.asker())
        .retry(id, under)
        .await
        .map_err(|error| Problem::not_written_down(&error))?
        .ok_or_else(Problem::job_not_found)?;
    let job = job.ok_or_else(|| Problem::nothing_to_do("no entry of this job has failed or was cancelled"))?;
    Ok(accepted(&api, job))
}

/// Apply a dry run, or a held job
///
/// Of a dry run: a new job from the entries that it planned. Each is held to its plan: where the user has changed since, so
/// that something else would come of it, the entry fails as `planOutdated` and nothing is written. Each keeps its place in
/// time: if a newer change of its user was carried out meanwhile, it ends as `superseded` (`staleEvent`).
///
/// Of a held job, for which the key needs the role admin: the same job goes on, whatever it takes away. Its entries
/// take effect in their places in time, below what newer ones did meanwhile. Applying it again changes nothing.
#[utoipa::path(
    post,
    path = "/v1/sync-jobs/{jobId}/apply",
    operation_id = "applySyncJob",
    tag = "sync-jobs",
    params(("jobId" = Uuid, Path, description = "The `id` of the job."), IdempotencyHeader),
    responses(
        GoesOnResponses,
        (status = 400, description = "The Idempotency-Key is not one; nothing was done.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 409, description = "The job is not held and has no planned entries, is still planning, or the same request is being accepted just now.",
            body = ProblemView, content_type = MEDIA_TYPE),
        (status = 422, description = "The idempotency key belongs to another submission.",
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
            "a removal threshold holds this job back; only a key with the role admin lets it go on",
        ));
    }
    let engine = api.engine.on_behalf_of(caller.asker());
    if let Some(released) = engine.release(id).await.map_err(|error| Problem::not_written_down(&error))? {
        return Ok(accepted(&api, released));
    }
    let planning = api.engine.job(id).ok_or_else(Problem::job_not_found)?;
    if planning.finished_at.is_none() {
        return Err(Problem::nothing_to_do("this job has not ended yet; apply it when its plan is complete"));
    }
    let job = engine
        .apply(id, under, caller.role() >= Role::Admin)
        .await
        .map_err(|error| Problem::not_written_down(&error))?
        .ok_or_else(Problem::job_not_found)?;
    let job = job.ok_or_else(|| Problem::nothing_to_do("this job is not held, and has no planned entries"))?;
    Ok(accepted(&api, job))
}
