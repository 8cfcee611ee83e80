//! `GET /v1/sync-jobs`: lists the jobs, newest first.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::context::ApiContext;
use crate::api::shapes::job_view::SyncJobView;
use crate::api::shapes::paging::{JobsQuery, cursor_behind};
use crate::api::shapes::problem::{MEDIA_TYPE, ProblemView};

/// One page of jobs.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct JobPage {
    items: Vec<SyncJobView>,
    /// The `cursor` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    next_cursor: Option<String>,
}

/// List sync jobs
///
/// Newest first. Jobs accepted while the caller pages through the list appear on none of the following pages.
#[utoipa::path(
    get,
    path = "/v1/sync-jobs",
    operation_id = "listSyncJobs",
    tag = "sync-jobs",
    params(JobsQuery),
    responses(
        (status = 200, description = "One page of jobs.", body = JobPage),
        (status = 400, description = "A query parameter is invalid.", body = ProblemView, content_type = MEDIA_TYPE),
    ),
)]
pub(in crate::api) async fn list_sync_jobs(State(api): State<Arc<ApiContext>>, query: JobsQuery) -> Json<JobPage> {
    let (jobs, more) = api.engine.jobs(query.status, query.before, query.limit);
    let next_cursor = jobs.last().filter(|_| more).map(|job| cursor_behind(job.id));
    let items = jobs.into_iter().map(|job| SyncJobView::of(job, &api.engine)).collect();
    Json(JobPage { items, next_cursor })
}
