//! `/v1/sync-jobs`: submitting jobs, following them, and cancelling them.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::{LOCATION, RETRY_AFTER};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::ApiContext;
use super::entry_view::{EntryPage, SyncJobEntryView};
use super::job_view::{self, SyncJobView};
use super::paging::{EntriesQuery, cursor_of};
use super::problem::{MEDIA_TYPE, Problem, ProblemView};
use super::submission::BodyFormat;
use super::submission::request::SyncJobRequest;
use crate::domain::JobId;

/// Submit a sync job
///
/// The whole body is validated before anything is accepted; all faults are reported at once. From the answer on, the job
/// can be read, and each of its entries ends in exactly one explained state.
#[utoipa::path(
    post,
    path = "/v1/sync-jobs",
    operation_id = "createSyncJob",
    tag = "sync-jobs",
    request_body(
        content = SyncJobRequest,
        content_type = "application/json",
        description = "The job and its entries.",
        examples(
            ("Skill groups" = (summary = "Skill groups of two users", value = json!({
                "target": "wfmSkillGroups", "mode": "managed", "label": "nightly", "entries": [
                    {"ref": "row-1", "user": {"employeeId": "E1001"}, "assignments": [{"name": "Billing T2"}],
                     "occurredAt": "2026-11-22T20:15:00Z"},
                    {"ref": "row-2", "user": {"email": "ana@example.com"}, "assignments": []},
                ],
            }))),
            ("Routing skills" = (summary = "A routing skill with its proficiency", value = json!({
                "target": "routingSkills", "mode": "add", "lane": "interactive", "entries": [
                    {"user": {"externalId": "workday:1001"}, "assignments": [{"name": "Spanish", "proficiency": 4.0}]},
                ],
            }))),
        ),
    ),
    responses(
        (status = 202, description = "Accepted; the job is readable at once.", body = SyncJobView, headers(
            ("Location" = String, description = "The path of the job."),
            ("Retry-After" = i32, description = "Seconds after which it is worth asking for the job."),
        )),
        (status = 400, description = "The body is malformed or not valid; nothing was accepted.",
            body = ProblemView, content_type = MEDIA_TYPE),
        (status = 413, description = "The body is too large.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 415, description = "The body has a media type or an encoding that is not taken.",
            body = ProblemView, content_type = MEDIA_TYPE),
        (status = 503, description = "The service is stopping, or cannot write the job down.", body = ProblemView, content_type = MEDIA_TYPE,
            headers(("Retry-After" = i32, description = "Seconds after which to send it again."))),
    ),
)]
pub(super) async fn create_sync_job(State(api): State<ApiContext>, request: Request) -> Result<Response, Problem> {
    if api.lifecycle.is_stopping() {
        return Err(Problem::stopping());
    }
    let format = BodyFormat::announced(request.headers())?;
    let body = Bytes::from_request(request, &()).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE),
        _ => Problem::malformed_body("the body ended before all of it was received"),
    })?;
    let submission = format.read(body).await?;
    // Once more: receiving and reading the body may have taken a while.
    if api.lifecycle.is_stopping() {
        return Err(Problem::stopping());
    }
    let job = api.engine.submit(submission.spec, submission.entries).await.map_err(|_| Problem::not_written_down())?;
    let location = format!("/v1/sync-jobs/{}", job.id);
    let poll_after = job_view::poll_after_seconds(&api.engine);
    let view = SyncJobView::of(job, &api.engine, api.clock.now());
    let headers = [(LOCATION, location), (RETRY_AFTER, poll_after.to_string())];
    Ok((StatusCode::ACCEPTED, headers, Json(view)).into_response())
}

/// Read a sync job
#[utoipa::path(
    get,
    path = "/v1/sync-jobs/{jobId}",
    operation_id = "getSyncJob",
    tag = "sync-jobs",
    params(("jobId" = Uuid, Path, description = "The `id` of the job.")),
    responses(
        (status = 200, description = "The job as it stands.", body = SyncJobView),
        (status = 404, description = "There is no such job.", body = ProblemView, content_type = MEDIA_TYPE),
    ),
)]
pub(super) async fn get_sync_job(State(api): State<ApiContext>, JobPath(id): JobPath) -> Result<Response, Problem> {
    let job = api.engine.job(id).ok_or_else(Problem::job_not_found)?;
    Ok(Json(SyncJobView::of(job, &api.engine, api.clock.now())).into_response())
}

/// List the entries of a sync job
///
/// In the order in which they were sent. An entry that changes into the state asked for behind the page just read is
/// not shown by the pages that follow.
#[utoipa::path(
    get,
    path = "/v1/sync-jobs/{jobId}/entries",
    operation_id = "listSyncJobEntries",
    tag = "sync-jobs",
    params(("jobId" = Uuid, Path, description = "The `id` of the job."), EntriesQuery),
    responses(
        (status = 200, description = "One page of entries.", body = EntryPage),
        (status = 400, description = "A query parameter is not valid.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 404, description = "There is no such job.", body = ProblemView, content_type = MEDIA_TYPE),
    ),
)]
pub(super) async fn list_sync_job_entries(
    State(api): State<ApiContext>,
    JobPath(id): JobPath,
    query: EntriesQuery,
) -> Result<Response, Problem> {
    let job = api.engine.job(id).ok_or_else(Problem::job_not_found)?;
    let page = api.engine.entries(id, query.state, query.from, query.limit);
    let (entries, next) = page.ok_or_else(Problem::job_not_found)?;
    let catalogue = api.engine.catalogue(job.spec.target);
    let items = entries.into_iter().map(|entry| SyncJobEntryView::of(entry, catalogue.as_deref())).collect();
    Ok(Json(EntryPage { items, next_cursor: next.map(cursor_of) }).into_response())
}

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
pub(super) async fn cancel_sync_job(State(api): State<ApiContext>, JobPath(id): JobPath) -> Result<Response, Problem> {
    let job = api.engine.cancel(id).ok_or_else(Problem::job_not_found)?;
    tracing::info!(job = %id, "a caller cancelled a job");
    Ok(Json(SyncJobView::of(job, &api.engine, api.clock.now())).into_response())
}

/// The job id of the path. What is no id names no job: 404 like an unknown one, so that callers have one case to handle.
pub(super) struct JobPath(JobId);

impl<S: Send + Sync> FromRequestParts<S> for JobPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<Uuid>::from_request_parts(parts, state).await;
        path.map(|Path(id)| Self(JobId(id))).map_err(|_| Problem::job_not_found())
    }
}
