//! `GET /v1/sync-jobs/{jobId}/events`: what changes, as server-sent events.

use std::collections::VecDeque;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, stream};
use tokio::sync::watch;
use utoipa::ToSchema;

use super::JobPath;
use crate::api::ApiContext;
use crate::api::entry_view::SyncJobEntryView;
use crate::api::job_view::SyncJobView;
use crate::api::paging::FollowedHeader;
use crate::api::problem::{MEDIA_TYPE, Problem, ProblemView};
use crate::domain::JobId;
use crate::engine::Followed;

/// One event of the stream.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "only for the document: the stream is written by axum")]
pub(in crate::api) struct SyncJobEvent {
    /// `job` or `entry`.
    event: String,
    /// What to send as `Last-Event-ID`.
    id: String,
    /// The text of a `SyncJobView` or a `SyncJobEntryView`.
    data: String,
}

/// Entries looked up at a time.
const AT_A_TIME: usize = 100;
/// Changes that come closer together are told together.
const GATHER: Duration = Duration::from_millis(100);
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Follow a sync job
///
/// Server-sent events: `entry` for each entry that changed, `job` when all of them have been told. A new follower is told
/// of all entries that have changed so far; one that sends `Last-Event-ID` of those that changed since. Changes in quick
/// succession are told as one. The stream ends when the job has, and when the service stops; 204 says that there is
/// nothing more to come.
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
        (status = 200, description = "The events.", body = SyncJobEvent, content_type = "text/event-stream"),
        (status = 204, description = "The job has ended, and all of it was told."),
        (status = 404, description = "There is no such job.", body = ProblemView, content_type = MEDIA_TYPE),
    ),
)]
pub(in crate::api) async fn follow_sync_job(
    State(api): State<ApiContext>,
    JobPath(id): JobPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let revisions = api.engine.watch(id).ok_or_else(Problem::job_not_found)?;
    let job = api.engine.job(id).ok_or_else(Problem::job_not_found)?;
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let told = last.and_then(|last| followed(&api, last));
    if job.finished_at.is_some() && told.is_some_and(|told| told >= Followed::all_of(job.revision)) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let lifecycle = api.lifecycle.clone();
    let follower = Follower { api, id, revisions, told: told.unwrap_or_default(), ready: VecDeque::new(), over: false };
    let events = follower.events().take_until(async move { lifecycle.stopping().await });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response())
}

/// One follower of one job.
struct Follower {
    api: ApiContext,
    id: JobId,
    revisions: watch::Receiver<u64>,
    told: Followed,
    ready: VecDeque<Event>,
    over: bool,
}

impl Follower {
    fn events(self) -> impl Stream<Item = Result<Event, axum::Error>> {
        stream::unfold(self, |mut follower| async move {
            loop {
                if let Some(event) = follower.ready.pop_front() {
                    return Some((Ok(event), follower));
                }
                if follower.over {
                    return None;
                }
                follower.look().await?;
            }
        })
    }

    /// Gets the next events ready, and waits for something to change if there are none.
    async fn look(&mut self) -> Option<()> {
        self.revisions.mark_unchanged();
        let news = self.api.engine.news(self.id, self.told, AT_A_TIME)?;
        let target = self.api.engine.job(self.id)?.spec.target;
        let catalogue = self.api.engine.catalogue(target);
        for (place, entry) in news.entries {
            self.told = place;
            let view = SyncJobEntryView::of(entry, catalogue.as_deref());
            self.ready.extend(self.event("entry").json_data(view));
        }
        let Some(job) = news.job else { return Some(()) };
        let (all, over) = (Followed::all_of(job.revision), job.finished_at.is_some());
        if self.told < all {
            self.told = all;
            let view = SyncJobView::of(job, &self.api.engine, self.api.clock.now());
            self.ready.extend(self.event("job").json_data(view));
        } else if !over {
            self.revisions.changed().await.ok()?;
            tokio::time::sleep(GATHER).await;
        }
        self.over = over;
        Some(())
    }

    fn event(&self, name: &str) -> Event {
        let Followed { revision, entry } = self.told;
        Event::default().event(name).id(format!("{}-{revision}-{entry}", self.api.shared.run.simple()))
    }
}

/// What an event id of this run of the service stands for.
fn followed(api: &ApiContext, id: &str) -> Option<Followed> {
    let mut parts = id.split('-');
    let (run, revision, entry) = (parts.next()?, parts.next()?, parts.next()?);
    (run == api.shared.run.simple().to_string())
        .then_some(Followed { revision: revision.parse().ok()?, entry: entry.parse().ok()? })
}
