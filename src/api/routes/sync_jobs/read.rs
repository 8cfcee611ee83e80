//! `GET /v1/sync-jobs/{jobId}`: returns a job now, or as soon as it changes (long poll).

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use super::JobPath;
use crate::api::callers::caller::Caller;
use crate::api::context::ApiContext;
use crate::api::shapes::job_view::SyncJobView;
use crate::api::shapes::paging::WaitQuery;
use crate::api::shapes::problem::{MEDIA_TYPE, Problem, ProblemView};
use crate::api::updates::polls::PollAnswer;
use crate::domain::JobId;
use crate::engine::JobSnapshot;

/// Read a sync job
///
/// The `ETag` identifies the state of the job and its entries. Estimates change without changing it.
#[utoipa::path(
    get,
    path = "/v1/sync-jobs/{jobId}",
    operation_id = "getSyncJob",
    tag = "sync-jobs",
    params(
        ("jobId" = Uuid, Path, description = "The `id` of the job."),
        WaitQuery,
    ),
    responses(
        (status = 200, description = "The job in its current state.", body = SyncJobView, headers(
            ("ETag" = String, description = "The value to send as `If-None-Match`."),
            ("Retry-After" = i32, description = "The number of seconds after which to poll again; absent once the job has ended, and while it is held."),
        )),
        (status = 304, description = "The job has not changed.", headers(
            ("ETag" = String, description = "The current `ETag`."),
            ("Retry-After" = i32, description = "The number of seconds after which to poll again; absent once the job has ended, and while it is held."),
        )),
        (status = 400, description = "A query parameter is invalid.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 404, description = "No job has this id.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 503, description = "The maximum number of waiting polls is reached; poll without `wait` meanwhile.",
            body = ProblemView, content_type = MEDIA_TYPE,
            headers(("Retry-After" = i32, description = "The number of seconds after which to try again."))),
    ),
)]
pub(in crate::api) async fn get_sync_job(
    State(api): State<Arc<ApiContext>>,
    Extension(caller): Extension<Caller>,
    JobPath(id): JobPath,
    WaitQuery(wait): WaitQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if let Some(wait) = wait {
        wait_for_news(&api, &caller, id, wait, &headers).await?;
        api.keys.again(&caller, api.clock.now())?;
    }
    let told = api.shared.polls.told(id, &api.engine, api.clock).ok_or_else(Problem::job_not_found)?;
    Ok(answer(&told, &headers))
}

/// Waits until the job changes or ends, the service stops, or `wait` has passed.
async fn wait_for_news(
    api: &ApiContext,
    caller: &Caller,
    id: JobId,
    wait: Duration,
    headers: &HeaderMap,
) -> Result<(), Problem> {
    let job = api.engine.job(id).ok_or_else(Problem::job_not_found)?;
    let known = KnownRevision { headers, first: job.revision };
    if known.is_news(api, &job) {
        return Ok(());
    }
    let _seat = api.shared.streams.take(caller, api.keys.count())?;
    let mut revisions = api.engine.watch(id).ok_or_else(Problem::job_not_found)?;
    let deadline = Instant::now() + wait;
    loop {
        revisions.mark_unchanged();
        let job = api.engine.job(id).ok_or_else(Problem::job_not_found)?;
        if known.is_news(api, &job) || Instant::now() >= deadline || api.lifecycle.is_stopping() {
            return Ok(());
        }
        tokio::select! {
            _ = revisions.changed() => {}
            () = tokio::time::sleep_until(deadline) => {}
            () = api.lifecycle.stopping() => {}
        }
    }
}

/// The revision of the job that the caller has seen.
struct KnownRevision<'a> {
    headers: &'a HeaderMap,
    /// The revision when the request arrived.
    first: u64,
}

impl KnownRevision<'_> {
    /// Returns whether the job has a state that the caller has not seen, or has ended.
    fn is_news(&self, api: &ApiContext, job: &JobSnapshot) -> bool {
        let moved = if self.headers.contains_key(IF_NONE_MATCH) {
            !knows(self.headers, &api.shared.polls.tag(job.revision))
        } else {
            job.revision != self.first
        };
        moved || job.finished_at.is_some()
    }
}

fn answer(told: &PollAnswer, headers: &HeaderMap) -> Response {
    let mut response = if knows(headers, &told.tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(CONTENT_TYPE, "application/json")], told.body.clone()).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(ETAG, told.tag.clone());
    headers.extend(told.retry_after.map(|seconds| (RETRY_AFTER, seconds.into())));
    response
}

fn knows(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let tag = tag.to_str().unwrap_or_default();
    let given = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    given.flat_map(|value| value.split(',')).any(|given| given.trim() == "*" || opaque(given) == opaque(tag))
}
