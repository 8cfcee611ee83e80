//! `/v1/webhook-records`: records that are still to be read at an HR system, and those that could not be.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::Uri;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::callers::caller::{Caller, Role};
use crate::api::context::ApiContext;
use crate::api::shapes::faults::Faults;
use crate::api::shapes::problem::{MEDIA_TYPE, Problem, ProblemView};
use crate::api::shapes::query::QueryReader;
use crate::api::shapes::vocabulary::Words;
use crate::domain::audit::Action;
use crate::hris::UnreadRecord;

/// Records that are unread.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct UnreadRecordList {
    /// Those that could not be read first.
    items: Vec<UnreadRecordView>,
    /// How many there are, listed here or not.
    #[schema(example = 1)]
    total: usize,
}

/// The record of a person that an event only named.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct UnreadRecordView {
    source: String,
    /// What the HR system calls the person.
    #[schema(value_type = String, example = "3332883884017713500")]
    record: Box<str>,
    state: UnreadRecordState,
    /// What tells the deliveries apart that named the person: the id that the sender gave them, or a digest.
    #[schema(value_type = Vec<String>)]
    deliveries: Vec<Box<str>>,
    /// When the first of them came.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime, required = false)]
    since: Option<Timestamp>,
    /// How often the HR system was asked.
    calls: u32,
    /// What the last call came to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "the answer is 503 Service Unavailable")]
    problem: Option<Box<str>>,
    /// When it is asked again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime, required = false)]
    next_call_at: Option<Timestamp>,
    /// When it was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime, required = false)]
    failed_at: Option<Timestamp>,
}

/// `waiting`: it is read within `record.patience`. `failed`: it could not be read; what is to be done is for somebody to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) enum UnreadRecordState {
    Waiting,
    Failed,
}

impl Words for UnreadRecordState {
    const WORDS: &'static [&'static str] = &["waiting", "failed"];
}

/// How many records that was done with.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct UnreadRecordCount {
    #[schema(example = 1)]
    records: usize,
}

impl UnreadRecordView {
    fn of(record: UnreadRecord) -> Self {
        let UnreadRecord { source, record, deliveries, since, calls, problem, next_call_at, failed_at } = record;
        let state = if failed_at.is_some() { UnreadRecordState::Failed } else { UnreadRecordState::Waiting };
        let source = source.to_string();
        Self { source, record, state, deliveries, since, calls, problem, next_call_at, failed_at }
    }
}

/// List the records that are unread
///
/// Of people whom an event only named: those that could not be read, and those that are still being tried, each with what the
/// last call came to.
#[utoipa::path(
    get,
    path = "/v1/webhook-records",
    operation_id = "listUnreadRecords",
    tag = "webhooks",
    params(
        ("source" = Option<String>, Query, description = "Only those of this source."),
        ("state" = Option<UnreadRecordState>, Query, description = "Only those in this state."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "The number of items listed at most, 100 if not given."),
    ),
    responses(
        (status = 200, description = "The records.", body = UnreadRecordList),
        (status = 400, description = "A query parameter is not valid.", body = ProblemView, content_type = MEDIA_TYPE),
    ),
)]
pub(in crate::api) async fn list_unread_records(
    State(api): State<Arc<ApiContext>>,
    uri: Uri,
) -> Result<Json<UnreadRecordList>, Problem> {
    let mut query = QueryReader::new(&uri, &["source", "state", "limit"])?;
    let source = query.parsed("source", "the name of a source", |name| Some(name.to_owned()));
    let state = query.word::<UnreadRecordState>("state");
    let limit = query.limit();
    let (source, state, limit) = query.finish((source, state, limit))?;
    let mut items: Vec<_> = api.intake.unread_records().into_iter().map(UnreadRecordView::of).collect();
    items.retain(|item| source.as_ref().is_none_or(|source| item.source == *source));
    items.retain(|item| state.is_none_or(|state| item.state == state));
    let total = items.len();
    items.truncate(limit);
    Ok(Json(UnreadRecordList { items, total }))
}

/// Read records again that could not be read
///
/// Those of a source that have failed: one, or all. The source must still be configured. Needs the role submit.
#[utoipa::path(
    post,
    path = "/v1/webhook-records/retry",
    operation_id = "retryUnreadRecords",
    tag = "webhooks",
    params(
        ("source" = String, Query, description = "The name of the source."),
        ("record" = Option<String>, Query, description = "Only this record."),
    ),
    responses(
        (status = 200, description = "They are being read.", body = UnreadRecordCount),
        (status = 400, description = "A query parameter is not valid.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 404, description = "There is no such source.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 503, description = "The journal cannot be written.", body = ProblemView, content_type = MEDIA_TYPE),
    ),
)]
pub(in crate::api) async fn retry_unread_records(
    State(api): State<Arc<ApiContext>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Json<UnreadRecordCount>, Problem> {
    caller.needs(Role::Submit)?;
    let (source, record) = chosen(&uri)?;
    caller.may_import(&*api.intake.sources().get(&source).ok_or_else(Problem::no_such_source)?)?;
    record_asked(&api, &caller, Action::RecordsRetried, &source).await?;
    let records = api.intake.read_again(&source, record.as_deref()).await;
    Ok(Json(UnreadRecordCount { records: records.map_err(|error| Problem::not_written_down(&error))? }))
}

/// Dismiss records that could not be read
///
/// Those of a source that have failed: one, or all. They are forgotten with the events that named them, and nothing is done for the
/// people until something names them again. Needs the role admin.
#[utoipa::path(
    delete,
    path = "/v1/webhook-records",
    operation_id = "dismissUnreadRecords",
    tag = "webhooks",
    params(
        ("source" = String, Query, description = "The name of the source, configured or not."),
        ("record" = Option<String>, Query, description = "Only this record."),
    ),
    responses(
        (status = 200, description = "They are forgotten.", body = UnreadRecordCount),
        (status = 400, description = "A query parameter is not valid.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 503, description = "The journal cannot be written.", body = ProblemView, content_type = MEDIA_TYPE),
    ),
)]
pub(in crate::api) async fn dismiss_unread_records(
    State(api): State<Arc<ApiContext>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Json<UnreadRecordCount>, Problem> {
    caller.needs(Role::Admin)?;
    let (source, record) = chosen(&uri)?;
    record_asked(&api, &caller, Action::RecordsDismissed, &source).await?;
    let records = api.intake.dismiss_unread(&source, record.as_deref()).await;
    Ok(Json(UnreadRecordCount { records: records.map_err(|error| Problem::not_written_down(&error))? }))
}

/// The source of the query, and the record if there is one.
fn chosen(uri: &Uri) -> Result<(String, Option<String>), Problem> {
    let mut query = QueryReader::new(uri, &["source", "record"])?;
    let source = query.parsed("source", "the name of a source", |name| Some(name.to_owned()));
    let record = query.parsed("record", "the id of a record", |id| Some(id.to_owned()));
    let (source, record) = query.finish((source, record))?;
    let source = source.ok_or_else(|| {
        let mut faults = Faults::default();
        faults.add_parameter("source", "is missing: whose records are meant");
        Problem::invalid(faults)
    })?;
    Ok((source, record))
}

async fn record_asked(api: &ApiContext, caller: &Caller, action: Action, source: &str) -> Result<(), Problem> {
    let kept = api.engine.keep_record(action, caller.asker(), None, source.to_owned()).await;
    kept.map_err(|error| Problem::not_written_down(&error))
}
