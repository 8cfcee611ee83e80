//! `GET /v1/sync-jobs/{jobId}/events`: streams the changes of a job as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tokio::sync::watch;
use tokio::time::{sleep_until, timeout};
use utoipa::ToSchema;

use super::JobPath;
use crate::api::callers::caller::Caller;
use crate::api::context::ApiContext;
use crate::api::shapes::paging::FollowedHeader;
use crate::api::shapes::problem::{MEDIA_TYPE, Problem, ProblemView};
use crate::api::updates::feeds::Feed;
use crate::api::updates::streams::StreamSeat;
use crate::engine::EventCursor;

/// One event of the stream.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "only for the OpenAPI document: events are written as text")]
pub(in crate::api) struct SyncJobEvent {
    /// `job` or `entry`.
    event: String,
    /// The value to send as `Last-Event-ID` when reconnecting.
    id: String,
    /// A `SyncJobView` or a `SyncJobEntryView`, as JSON text.
    data: String,
}

const HEARTBEAT: Duration = Duration::from_secs(15);

/// Follow a sync job
///
/// Streams server-sent events: `entry` for each changed entry, then `job` when all changed entries have been sent. A
/// new follower first receives all entries that have changed so far; one that sends `Last-Event-ID` receives those that
/// have changed since. Changes in quick succession are combined: within a tenth of a second, or up to a second if the
/// job has many followers. The stream ends when the job ends or the service stops. 204 means that no more events will
/// follow.
#[utoipa::path(
    get,
    path = "/v1/sync-jobs/{jobId}/events",
    operation_id = "followSyncJob",
    tag = "sync-jobs",
    params(
        ("jobId" = Uuid, Path, description = "The `id` of the job."),
        FollowedHeader,
    ),
    responses(
        (status = 200, description = "The event stream.", body = SyncJobEvent, content_type = "text/event-stream"),
        (status = 204, description = "The job has ended, and the follower has received all events."),
        (status = 404, description = "No job has this id.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 503, description = "The maximum number of open streams is reached.", body = ProblemView, content_type = MEDIA_TYPE,
            headers(("Retry-After" = i32, description = "The number of seconds after which to try again."))),
    ),
)]
pub(in crate::api) async fn follow_sync_job(
    State(api): State<Arc<ApiContext>>,
    Extension(caller): Extension<Caller>,
    JobPath(id): JobPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let revisions = api.engine.watch(id).ok_or_else(Problem::job_not_found)?;
    let job = api.engine.job(id).ok_or_else(Problem::job_not_found)?;
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let told = last.and_then(|last| api.shared.feeds.followed(last));
    if job.finished_at.is_some() && told.is_some_and(|told| told >= EventCursor::all_of(job.revision)) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let seat = api.shared.streams.take(&caller, api.keys.count())?;
    let (feed, lifecycle) = (api.shared.feeds.of(id), api.lifecycle.clone());
    let revoked = api.keys.clone().revoked(caller, api.clock);
    let follower = Follower { api, feed, revisions, told: told.unwrap_or_default(), over: false, _seat: seat };
    let over = async move {
        tokio::select! {
            () = lifecycle.stopping() => {}
            () = revoked => {}
        }
    };
    let events = follower.events().take_until(Box::pin(over));
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-cache")];
    Ok((headers, Body::from_stream(events)).into_response())
}

/// A follower of a job.
struct Follower {
    api: Arc<ApiContext>,
    feed: Arc<Feed>,
    revisions: watch::Receiver<u64>,
    told: EventCursor,
    over: bool,
    _seat: StreamSeat,
}

impl Follower {
    fn events(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        stream::unfold(self, |mut follower| async move { Some((Ok(follower.next().await?), follower)) })
    }

    /// Returns the next events as soon as there are any, or a heartbeat comment after 15 seconds without. Returns
    /// `None` at the end of the stream.
    async fn next(&mut self) -> Option<Bytes> {
        while !self.over {
            self.revisions.mark_unchanged();
            let part = self.feed.after(self.told, &self.api.engine)?;
            self.over = part.is_last;
            if self.told < part.to {
                self.told = part.to;
                return Some(part.text.clone());
            }
            if self.over {
                return None;
            }
            // Text that was prepared for other followers may be older than the job.
            let behind = self.told < EventCursor::all_of(*self.revisions.borrow());
            if !behind {
                match timeout(HEARTBEAT, self.revisions.changed()).await {
                    Ok(changed) => changed.ok()?,
                    Err(_) => return Some(Bytes::from_static(b":\n\n")),
                }
            }
            sleep_until(self.feed.next_look(self.api.shared.streams.open())).await;
        }
        None
    }
}
