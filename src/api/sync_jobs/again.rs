//! What a caller does about a job that is there: cancel it, retry it, carry out its plan.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};

use super::create::refuse_if_unable;
use super::{JobPath, accepted};
use crate::api::ApiContext;
use crate::api::access::Caller;
use crate::api::idempotency::{IdempotencyHeader, PathTurn, Turn};
use crate::api::job_view::SyncJobView;
use crate::api::problem::{MEDIA_TYPE, Problem, ProblemView};

/// Cancel a sync job
///
/// What has not begun ends as `cancelled`; what is under way is finished. Cancelling again, or a job that has ended,
/// changes nothing.
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
    State(api): State<ApiContext>,
    JobPath(id): JobPath,
) -> Result<Response, Problem> {
    let job = api.engine.cancel(id).ok_or_else(Problem::job_not_found)?;
    tracing::info!(job = %id, "a caller cancelled a job");
    Ok(Json(SyncJobView::of(job, &api.engine, api.clock.now())).into_response())
}

/// Retry a sync job
///
/// A new job from the entries that have failed or were cancelled so far, with the same target and mode.
#[utoipa::path(
    post,
    path = "/v1/sync-jobs/{jobId}/retry",
    operation_id = "retrySyncJob",
    tag = "sync-jobs",
    params(("jobId" = Uuid, Path, description = "The `id` of the job."), IdempotencyHeader),
    responses(
        (status = 202, description = "Accepted; the new job is readable at once.", body = SyncJobView, headers(
            ("Location" = String, description = "The path of the new job."),
            ("Retry-After" = i32, description = "Seconds after which it is worth asking for it."),
        )),
        (status = 404, description = "There is no such job.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 409, description = "No entry has failed or was cancelled, or the same request is being accepted just now.",
            body = ProblemView, content_type = MEDIA_TYPE),
        (status = 422, description = "The idempotency key belongs to another submission.",
            body = ProblemView, content_type = MEDIA_TYPE),
        (status = 503, description = "The service is stopping, or has as much to do as it takes.",
            body = ProblemView, content_type = MEDIA_TYPE,
            headers(("Retry-After" = i32, description = "Seconds after which to send it again."))),
    ),
)]
pub(in crate::api) async fn retry_sync_job(
    State(api): State<ApiContext>,
    Extension(caller): Extension<Caller>,
    JobPath(id): JobPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    refuse_if_unable(&api)?;
    let under = match Turn::of_path(&api, &caller, &headers, &format!("retry {id}"))? {
        PathTurn::New(under) => under,
        PathTurn::Again(job) => return Ok(accepted(&api, job)),
    };
    let job = api
        .engine
        .retry(id, under)
        .await
        .map_err(|_| Problem::not_written_down())?
        .ok_or_else(Problem::job_not_found)?;
    let job = job.ok_or_else(|| Problem::nothing_to_do("no entry of this job has failed or was cancelled"))?;
    Ok(accepted(&api, job))
}

/// Carry out the plan of a dry run
///
/// A new job from the entries that a dry run planned. Each is held to its plan: where the user has changed since, so that
/// something else would come of it, the entry fails as `planOutdated` and nothing is written.
#[utoipa::path(
    post,
    path = "/v1/sync-jobs/{jobId}/apply",
    operation_id = "applySyncJob",
    tag = "sync-jobs",
    params(("jobId" = Uuid, Path, description = "The `id` of the job."), IdempotencyHeader),
    responses(
        (status = 202, description = "Accepted; the new job is readable at once.", body = SyncJobView, headers(
            ("Location" = String, description = "The path of the new job."),
            ("Retry-After" = i32, description = "Seconds after which it is worth asking for it."),
        )),
        (status = 404, description = "There is no such job.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 409, description = "The job has no planned entries, is still planning, or the same request is being accepted just now.",
            body = ProblemView, content_type = MEDIA_TYPE),
        (status = 422, description = "The idempotency key belongs to another submission.",
            body = ProblemView, content_type = MEDIA_TYPE),
        (status = 503, description = "The service is stopping, or has as much to do as it takes.",
            body = ProblemView, content_type = MEDIA_TYPE,
            headers(("Retry-After" = i32, description = "Seconds after which to send it again."))),
    ),
)]
pub(in crate::api) async fn apply_sync_job(
    State(api): State<ApiContext>,
    Extension(caller): Extension<Caller>,
    JobPath(id): JobPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    refuse_if_unable(&api)?;
    let under = match Turn::of_path(&api, &caller, &headers, &format!("apply {id}"))? {
        PathTurn::New(under) => under,
        PathTurn::Again(job) => return Ok(accepted(&api, job)),
    };
    let planning = api.engine.job(id).ok_or_else(Problem::job_not_found)?;
    if planning.finished_at.is_none() {
        return Err(Problem::nothing_to_do("this job has not ended yet; apply it when its plan is complete"));
    }
    let job = api
        .engine
        .apply(id, under)
        .await
        .map_err(|_| Problem::not_written_down())?
        .ok_or_else(Problem::job_not_found)?;
    let job = job.ok_or_else(|| Problem::nothing_to_do("this job has no planned entries; only a dry run has"))?;
    Ok(accepted(&api, job))
}
