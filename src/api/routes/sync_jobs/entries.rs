//! `GET /v1/sync-jobs/{jobId}/entries`: lists entries in pages, or streams all of them in a form that can be submitted.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use super::JobPath;
use crate::api::context::ApiContext;
use crate::api::shapes::entry_view::{EntryPage, SyncJobEntryView};
use crate::api::shapes::forms::Form;
use crate::api::shapes::paging::{EntriesQuery, cursor_of_entry};
use crate::api::shapes::problem::{MEDIA_TYPE, Problem, ProblemView};
use crate::api::submission::request::SyncJobEntryRequest;
use crate::api::submission::{COLUMNS, row_of};
use crate::domain::JobId;
use crate::domain::entry::EntryRequest;
use crate::engine::{Engine, EntrySnapshot};

/// Returns an entry as a line that can be submitted again.
fn line(form: Form, entry: EntryRequest) -> String {
    match form {
        Form::Page | Form::Lines => serde_json::to_string(&SyncJobEntryRequest::from(entry)).unwrap_or_default() + "\n",
        Form::Csv => row_of(&entry),
    }
}

/// List the entries of a sync job
///
/// In the order in which they were submitted. A page has fewer than `limit` entries where these have very many
/// assignments. An entry that changes to the requested `state` at a position already passed appears on no following
/// page.
///
/// With `Accept: application/x-ndjson` or `text/csv`, all entries from `cursor` on are streamed as they were submitted,
/// in a form that can be submitted again; entries of erased persons are left out. In CSV, a cell that a spreadsheet
/// would evaluate as a formula gets a leading `'`: a cell that begins with a tab or a line break or, after white space,
/// with `=`, `+`, `-`, `@` or one of their full-width forms, also after `'`s of its own. A submission removes this `'`
/// again.
#[utoipa::path(
    get,
    path = "/v1/sync-jobs/{jobId}/entries",
    operation_id = "listSyncJobEntries",
    tag = "sync-jobs",
    params(("jobId" = Uuid, Path, description = "The `id` of the job."), EntriesQuery),
    responses(
        (status = 200, description = "One page of entries, or all entries as lines.", content(
            (EntryPage = "application/json"), (String = "application/x-ndjson"), (String = "text/csv"),
        )),
        (status = 400, description = "A query parameter is invalid.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 404, description = "No job has this id.", body = ProblemView, content_type = MEDIA_TYPE),
    ),
)]
pub(in crate::api) async fn list_sync_job_entries(
    State(api): State<Arc<ApiContext>>,
    JobPath(id): JobPath,
    query: EntriesQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let job = api.engine.job(id).ok_or_else(Problem::job_not_found)?;
    let form = Form::accepted(&headers);
    if form == Form::Page {
        let page = api.engine.entries(id, query.state, query.from, query.limit);
        let (mut entries, mut next) = page.ok_or_else(Problem::job_not_found)?;
        let fitting = fitting(&entries);
        next = entries.get(fitting).map(|entry| entry.index).or(next);
        entries.truncate(fitting);
        let names = api.engine.names(job.spec.target);
        let items = entries.into_iter().map(|entry| SyncJobEntryView::of(entry, &names)).collect();
        return Ok(Json(EntryPage { items, next_cursor: next.map(cursor_of_entry) }).into_response());
    }
    let body = Body::from_stream(all(api.engine.clone(), id, query, form));
    Ok(([(CONTENT_TYPE, form.media_type())], body).into_response())
}

/// Returns how many of the entries fit on a page, at least one. Most entries have few assignments; a page of entries
/// with hundreds each would take many megabytes, multiplied by the number of concurrent readers.
fn fitting(entries: &[EntrySnapshot]) -> usize {
    const MAX_ASSIGNMENTS: usize = 20_000;
    let mut assignments = 0;
    let fits = |entry: &&EntrySnapshot| {
        let effects = &entry.result.effects;
        let told = effects.difference.added.len() + effects.difference.updated.len() + effects.difference.removed.len();
        assignments += told + effects.preserved.len() + effects.overwritten.len() + entry.request.assignments.len();
        assignments <= MAX_ASSIGNMENTS
    };
    entries.iter().take_while(fits).count().max(1)
}

/// Streams all entries as text, in chunks that are read from the engine as the receiver consumes them.
fn all(
    engine: Engine,
    job: JobId,
    query: EntriesQuery,
    form: Form,
) -> impl stream::Stream<Item = Result<String, Infallible>> {
    const AT_A_TIME: usize = 500;
    let head = if form == Form::Csv { COLUMNS.join(",") + "\n" } else { String::new() };
    stream::unfold((Some(query.from), head), move |(from, mut text)| {
        let page = from.and_then(|from| engine.entries(job, query.state, from, AT_A_TIME));
        std::future::ready(page.map(|(entries, next)| {
            let named = entries.into_iter().filter(|entry| !entry.erased);
            text.extend(named.map(|entry| line(form, entry.request)));
            (Ok(text), (next, String::new()))
        }))
    })
}
