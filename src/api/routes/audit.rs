//! `GET /v1/audit`: the audit records, which say who did what and when.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::callers::caller::{Caller, Role};
use crate::api::context::ApiContext;
use crate::api::shapes::actor_view::ActorView;
use crate::api::shapes::forms::{Form, csv_line};
use crate::api::shapes::paging::{AuditQuery, cursor_behind_record};
use crate::api::shapes::problem::{MEDIA_TYPE, Problem, ProblemView};
use crate::api::shapes::vocabulary::AuditAction;
use crate::domain::audit::AuditRecord;

/// One page of audit records.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct AuditPageView {
    items: Vec<AuditRecordView>,
    /// The `cursor` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    next_cursor: Option<String>,
}

/// One audit record: an action with its actor and time.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct AuditRecordView {
    /// The number of the record; later records have higher numbers.
    number: u64,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    action: AuditAction,
    by: ActorView,
    /// The address of the caller: the peer of the connection or, behind a trusted proxy, the address that it names.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "192.0.2.7")]
    address: Option<String>,
    /// The `x-request-id` of the request, also found in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    request_id: Option<Box<str>>,
    /// The job that the action was about, or that it created.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid, required = false)]
    job_id: Option<Uuid>,
    /// Further details: the source of an import, or the operation that was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "POST /v1/sync-jobs/{jobId}/apply")]
    about: Option<Box<str>>,
}

const COLUMNS: &str = "number,at,action,by_kind,by_name,address,request_id,job_id,about\n";

impl AuditRecordView {
    fn of((number, record): (u64, AuditRecord)) -> Self {
        let AuditRecord { at, action, by, job, about } = record;
        Self {
            number,
            at,
            action: action.into(),
            by: by.actor.into(),
            address: by.address.map(|address| address.to_string()),
            request_id: by.request_id.map(|id| Box::from(&*id)),
            job_id: job.map(|job| job.0),
            about,
        }
    }

    fn row(&self) -> String {
        csv_line([
            self.number.to_string(),
            self.at.to_string(),
            self.action.word().to_owned(),
            self.by.kind.word().to_owned(),
            self.by.name.as_deref().unwrap_or_default().to_owned(),
            self.address.clone().unwrap_or_default(),
            self.request_id.as_deref().unwrap_or_default().to_owned(),
            self.job_id.map(|job| job.to_string()).unwrap_or_default(),
            self.about.as_deref().unwrap_or_default().to_owned(),
        ])
    }
}

/// List audit records
///
/// Newest first: jobs submitted, imported, applied, released, cancelled and retried, reloads of the configuration,
/// people erased, unread records retried and dismissed, and requests that an API key did not permit. A record becomes
/// durable together with its action, is never changed, and is kept for `journal.audit_retention`. At most twelve
/// refusals per minute and API key are recorded. Requires the role `admin`.
///
/// With `Accept: application/x-ndjson` or `text/csv`, the page is returned as lines, and the header `x-next-cursor` has
/// the `cursor` of the next page.
#[utoipa::path(
    get,
    path = "/v1/audit",
    operation_id = "listAuditRecords",
    tag = "service",
    params(AuditQuery),
    responses(
        (status = 200, description = "One page of records.", content(
            (AuditPageView = "application/json"), (String = "application/x-ndjson"), (String = "text/csv"),
        )),
        (status = 400, description = "A query parameter is invalid.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 409, description = "The service has no journal and therefore no audit records.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 503, description = "The journal cannot be read.", body = ProblemView, content_type = MEDIA_TYPE),
    ),
)]
pub(in crate::api) async fn list_audit_records(
    State(api): State<Arc<ApiContext>>,
    Extension(caller): Extension<Caller>,
    query: AuditQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.needs(Role::Admin)?;
    let page = api.engine.audited(query.filter, query.older_than, query.limit).await;
    let page = page.map_err(|error| {
        tracing::error!(%error, "cannot read the audit records from the journal");
        Problem::not_ready("the journal cannot be read; the log has the cause")
    })?;
    let page = page.ok_or_else(|| Problem::nothing_to_do("journal.enabled is false, so there are no audit records"))?;
    let next_cursor = page.records.last().filter(|_| page.more).map(|(number, _)| cursor_behind_record(*number));
    let items: Vec<_> = page.records.into_iter().map(AuditRecordView::of).collect();
    let lines: String = match Form::accepted(&headers) {
        Form::Page => return Ok(Json(AuditPageView { items, next_cursor }).into_response()),
        Form::Lines => items.iter().map(|item| serde_json::to_string(item).unwrap_or_default() + "\n").collect(),
        Form::Csv => std::iter::once(COLUMNS.to_owned()).chain(items.iter().map(AuditRecordView::row)).collect(),
    };
    let mut response = ([(CONTENT_TYPE, Form::accepted(&headers).media_type())], lines).into_response();
    let next = next_cursor.and_then(|cursor| cursor.parse().ok());
    response.headers_mut().extend(next.map(|cursor| (crate::api::shapes::forms::NEXT_CURSOR, cursor)));
    Ok(response)
}
