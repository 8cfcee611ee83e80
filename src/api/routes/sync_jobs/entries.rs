//! `GET /v1/sync-jobs/{jobId}/entries`: page by page, or all of them as a stream that can be submitted again.

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

/// An entry as a line that can be submitted again.
fn line(form: Form, entry: EntryRequest) -> String {
    match form {
        Form::Page | Form::Lines => serde_json::to_string(&SyncJobEntryRequest::from(entry)).unwrap_or_default() + "\n",
        Form::Csv => row_of(&entry),
    }
}

/// List the entries of a sync job
///
/// In the order in which they were sent. A page ends before `limit` where its entries have very many assignments. An entry that changes into the state asked for behind the page just read is
/// not shown by the pages that follow.
///
/// With `Accept: application/x-ndjson` or `text/csv`, all entries from `cursor` on, as they were submitted and in a form
/// that can be submitted again, but for those whose person was erased. In CSV, a cell that a spreadsheet would take for a formula gets a `'` before it (one that
/// begins with a tab or a line break, or, after white space, with `=`, `+`, `-`, `@` or one of their full-width forms; and one
/// that is so after `'`s of its own); it is taken off again when the rows are submitted.
#[utoipa::path(
    get,
    path = "/v1/sync-jobs/{jobId}/entries",
    operation_id = "listSyncJobEntries",
    tag = "sync-jobs",
    params(("jobId" = Uuid, Path, description = "The `id` of the job."), EntriesQuery),
    responses(
        (status = 200, description = "One page of entries, or all of them as lines.", content(
            (EntryPage = "application/json"), (String = "application/x-ndjson"), (String = "text/csv"),
        )),
        (status = 400, description = "A query parameter is not valid.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 404, description = "There is no such job.", body = ProblemView, content_type = MEDIA_TYPE),
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

/// How many of the entries fit on a page. Most have a few assignments; a page of those that have hundreds would be many
/// megabytes, and there may be many readers. At least one fits.
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

/// All entries as text, some at a time: as many as the receiver has taken, and never all of them in memory.
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
