//! `/v1/webhook-records`: records that are waiting to be read from an HR system, or could not be read.

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

/// A list of unread records.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct UnreadRecordList {
    /// The records, failed ones first.
    items: Vec<UnreadRecordView>,
    /// The total number of matching records, including those beyond `limit`.
    #[schema(example = 1)]
    total: usize,
}

/// An unread record: the current data of a person whom an event only named.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct UnreadRecordView {
    source: String,
    /// The sender's id of the person.
    #[schema(value_type = String, example = "3332883884017713500")]
    record: Box<str>,
    state: UnreadRecordState,
    /// The deliveries that named the person, each by the id that the sender gave it or by a digest.
    #[schema(value_type = Vec<String>)]
    deliveries: Vec<Box<str>>,
    /// When the first of these deliveries arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime, required = false)]
    since: Option<Timestamp>,
    /// The number of calls made to the HR system for this record.
    calls: u32,
    /// Why the last call failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "the answer is 503 Service Unavailable")]
    problem: Option<Box<str>>,
    /// When the HR system is called again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime, required = false)]
    next_call_at: Option<Timestamp>,
    /// When reading the record was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime, required = false)]
    failed_at: Option<Timestamp>,
}

/// The state of an unread record. `waiting`: skillsync is still trying to read it, for at most `record.patience`.
/// `failed`: it could not be read; retry or dismiss it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) enum UnreadRecordState {
    Waiting,
    Failed,
}

impl Words for UnreadRecordState {
    const WORDS: &'static [&'static str] = &["waiting", "failed"];
}

/// The number of records affected.
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

/// List unread records
///
/// Lists the records of people whom an event only named: those that could not be read and those that are still being
/// tried, each with the result of the last call.
#[utoipa::path(
    get,
    path = "/v1/webhook-records",
    operation_id = "listUnreadRecords",
    tag = "webhooks",
    params(
        ("source" = Option<String>, Query, description = "Only records of this source."),
        ("state" = Option<UnreadRecordState>, Query, description = "Only records in this state."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "The maximum number of items. Default 100."),
    ),
    responses(
        (status = 200, description = "The records.", body = UnreadRecordList),
        (status = 400, description = "A query parameter is invalid.", body = ProblemView, content_type = MEDIA_TYPE),
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

/// Retry failed records
///
/// Reads one or all failed records of a source again. The source must still be configured. Requires the role `submit`.
#[utoipa::path(
    post,
    path = "/v1/webhook-records/retry",
    operation_id = "retryUnreadRecords",
    tag = "webhooks",
    params(
        ("source" = String, Query, description = "The name of the source."),
        ("record" = Option<String>, Query, description = "Only the record with this sender's id. Default: all failed records of the source."),
    ),
    responses(
        (status = 200, description = "The records are being read again.", body = UnreadRecordCount),
        (status = 400, description = "A query parameter is invalid.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 404, description = "No source with this name is configured.", body = ProblemView, content_type = MEDIA_TYPE),
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

/// Dismiss failed records
///
/// Forgets one or all failed records of a source, together with the events that named them. Nothing is done for these
/// people until a delivery or export names them again. Requires the role `admin`.
#[utoipa::path(
    delete,
    path = "/v1/webhook-records",
    operation_id = "dismissUnreadRecords",
    tag = "webhooks",
    params(
        ("source" = String, Query, description = "The name of the source, which need not be configured any more."),
        ("record" = Option<String>, Query, description = "Only the record with this sender's id. Default: all failed records of the source."),
    ),
    responses(
        (status = 200, description = "The records are dismissed.", body = UnreadRecordCount),
        (status = 400, description = "A query parameter is invalid.", body = ProblemView, content_type = MEDIA_TYPE),
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

/// Returns the source named by the query, and the record if one is named.
fn chosen(uri: &Uri) -> Result<(String, Option<String>), Problem> {
    let mut query = QueryReader::new(uri, &["source", "record"])?;
    let source = query.parsed("source", "the name of a source", |name| Some(name.to_owned()));
    let record = query.parsed("record", "the id of a record", |id| Some(id.to_owned()));
    let (source, record) = query.finish((source, record))?;
    let source = source.ok_or_else(|| {
        let mut faults = Faults::default();
        faults.add_parameter("source", "is missing; name the source of the records");
        Problem::invalid(faults)
    })?;
    Ok((source, record))
}

async fn record_asked(api: &ApiContext, caller: &Caller, action: Action, source: &str) -> Result<(), Problem> {
    let kept = api.engine.keep_record(action, caller.asker(), None, source.to_owned()).await;
    kept.map_err(|error| Problem::not_written_down(&error))
}
