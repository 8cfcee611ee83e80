//! `/v1/sync-jobs`: submits, lists, follows, cancels, retries and applies jobs.

pub(in crate::api) mod again;
pub(in crate::api) mod create;
pub(in crate::api) mod entries;
pub(in crate::api) mod events;
pub(in crate::api) mod list;
pub(in crate::api) mod read;

use axum::extract::{FromRequestParts, Path};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use crate::api::context::ApiContext;
use crate::api::shapes::job_view::{self, SyncJobView};
use crate::api::shapes::problem::Problem;
use crate::domain::JobId;
use crate::engine::JobSnapshot;

/// Returns the 202 response of every request that creates or releases a job.
pub(in crate::api) fn accepted(api: &ApiContext, job: JobSnapshot) -> Response {
    let location = format!("/v1/sync-jobs/{}", job.id);
    // A job that was accepted earlier may have ended and then has no forecast.
    let forecast = api.engine.forecast(&job);
    let poll_after = job_view::poll_after_seconds(forecast, api.clock.now()).unwrap_or(1);
    let headers =
        [(CONTENT_TYPE, "application/json".to_owned()), (LOCATION, location), (RETRY_AFTER, poll_after.to_string())];
    (StatusCode::ACCEPTED, headers, SyncJobView::with(job, forecast).json()).into_response()
}

/// The job id of the path. A malformed id is answered with 404 like an unknown one, so that callers handle one case.
pub(in crate::api) struct JobPath(JobId);

impl<S: Send + Sync> FromRequestParts<S> for JobPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<Uuid>::from_request_parts(parts, state).await;
        path.map(|Path(id)| Self(JobId(id))).map_err(|_| Problem::job_not_found())
    }
}
