//! `POST /v1/webhooks/{source}`: what HR systems send, let in by its signature alone.
//!
//! Several senders never come back after a 4xx. So only a wrong signature and a body that means nothing get one; whatever
//! may pass at another time gets 503 with `Retry-After`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::CONTENT_ENCODING;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use serde::Serialize;
use tokio::io::AsyncReadExt as _;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::callers::caller::address_of;
use crate::api::callers::request_id::RequestId;
use crate::api::context::ApiContext;
use crate::api::listener::serve::Peer;
use crate::api::routes::sync_jobs::create::refuse_if_unable;
use crate::api::service::body_room::TakenRoom;
use crate::api::service::statistics::WebhookResult;
use crate::api::shapes::problem::{MEDIA_TYPE, Problem, ProblemView};
use crate::api::shapes::vocabulary::{SyncMode, SyncTarget};
use crate::api::submission::{Expanded, unreadable};
use crate::engine::TooManyKeys;
use crate::hris::{DeliveredBody, IntakeError, MappingError, Receipt, RequestOrigin, UnreadCounts};

/// The largest delivery; senders of more send exports.
const MAX_DELIVERY_BYTES: usize = 8 * 1024 * 1024;
/// So many times its size may the values take that a delivery is read as.
const TREE: usize = 11;
/// How long a delivery may take to come in.
const MAX_RECEIPT_TIME: Duration = Duration::from_secs(10);
/// How long it may take to be answered then: senders wait for 3 seconds.
const MAX_ANSWER_TIME: Duration = Duration::from_millis(2800);
/// When a sender that is turned back may come again.
const COME_AGAIN: Duration = Duration::from_secs(5);

/// What became of a delivery.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct WebhookReceiptView {
    /// The job that it made, now or when it came first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid, required = false)]
    job_id: Option<Uuid>,
    /// People whose records are read at the sender before a job can be made.
    records_to_read: usize,
    /// People of the payload who could not be mapped; the log says why.
    not_mapped: usize,
    /// People whose change has a date in the future, later than clocks may differ: it is taken as of now.
    dated_in_future: usize,
    /// People of whom the delivery does not tell something that rules need. What these rules assign is left to them as it is.
    undecided: usize,
    /// People who have left and whom the source never named before: there is nothing to take from them.
    leavers_unknown: usize,
    /// Dates that were given and cannot be read: these changes count as of now, or as of the time of the signature.
    dates_not_read: usize,
}

/// All sources that are configured.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct WebhookSourceList {
    items: Vec<WebhookSourceView>,
    /// Why the configuration that was read last is not the one in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    reload_fault: Option<String>,
}

/// One source.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct WebhookSourceView {
    name: String,
    target: SyncTarget,
    mode: SyncMode,
    /// Number of rules.
    rules: usize,
    /// People whose records are still to be read.
    records_to_read: usize,
    /// People whose records could not be read; `GET /v1/webhook-records` lists them.
    records_failed: usize,
    /// What the newest failure to read a record was, while there are records that are not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "the answer is 503 Service Unavailable")]
    record_problem: Option<Box<str>>,
}

/// Receive a signed webhook
///
/// Verified by the signature of the source's sender, over the bytes as they came or, if they are compressed (`Content-Encoding: gzip` or
/// `zstd`), over what they are without it. The answer goes out when what the delivery
/// says is durable: as a job with the lane `interactive`, or, where the sender only says who has changed, as a record to be
/// read. A delivery that comes again is answered with the same job and not carried out again.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{source}",
    operation_id = "receiveWebhook",
    tag = "webhooks",
    params(("source" = String, Path, description = "The name of the source.")),
    request_body(description = "As the sender of the source writes it.",
        content((serde_json::Value = "application/json"), (String = "text/csv"))),
    responses(
        (status = 200, description = "Nothing in it is of interest here, for example a handshake.",
            body = WebhookReceiptView),
        (status = 202, description = "Durable, and being carried out.", body = WebhookReceiptView),
        (status = 401, description = "The signature or its time is wrong.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 404, description = "There is no such source.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 413, description = "The body is too large for a delivery.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 415, description = "The body is compressed in a way that is not taken.",
            body = ProblemView, content_type = MEDIA_TYPE),
        (status = 422, description = "The body cannot be understood, or nobody in it can be mapped.",
            body = ProblemView, content_type = MEDIA_TYPE),
        (status = 503, description = "Not now; send it again.", body = ProblemView, content_type = MEDIA_TYPE,
            headers(("Retry-After" = i32, description = "Seconds after which to send it again."))),
    ),
)]
pub(in crate::api) async fn receive_webhook(
    State(api): State<Arc<ApiContext>>,
    Path(source): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    receive(&api, &source, None, request).await
}

/// Receive a webhook that is not signed
///
/// For senders that do not sign: the last segment of the path is the source's secret.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{source}/{secret}",
    operation_id = "receiveUnsignedWebhook",
    tag = "webhooks",
    params(
        ("source" = String, Path, description = "The name of the source."),
        ("secret" = String, Path, description = "The secret of the source."),
    ),
    request_body(description = "As the sender of the source writes it.",
        content((serde_json::Value = "application/json"), (String = "text/csv"))),
    responses(
        (status = 200, description = "Nothing in it is of interest here.", body = WebhookReceiptView),
        (status = 202, description = "Durable, and being carried out.", body = WebhookReceiptView),
        (status = 401, description = "The secret is wrong.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 404, description = "There is no such source.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 413, description = "The body is too large for a delivery.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 415, description = "The body is compressed in a way that is not taken.",
            body = ProblemView, content_type = MEDIA_TYPE),
        (status = 422, description = "The body cannot be understood, or nobody in it can be mapped.",
            body = ProblemView, content_type = MEDIA_TYPE),
        (status = 503, description = "Not now; send it again.", body = ProblemView, content_type = MEDIA_TYPE,
            headers(("Retry-After" = i32, description = "Seconds after which to send it again."))),
    ),
)]
pub(in crate::api) async fn receive_unsigned_webhook(
    State(api): State<Arc<ApiContext>>,
    Path((source, secret)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    receive(&api, &source, Some(&secret), request).await
}

/// List the sources of webhooks and exports
#[utoipa::path(
    get,
    path = "/v1/webhooks",
    operation_id = "listWebhookSources",
    tag = "webhooks",
    responses((status = 200, description = "The sources, in order of their names.", body = WebhookSourceList)),
)]
pub(in crate::api) async fn list_webhook_sources(State(api): State<Arc<ApiContext>>) -> Json<WebhookSourceList> {
    let unread = api.intake.unread();
    let view = |source: &crate::hris::Source| {
        let UnreadCounts { waiting, failed, problem } = unread.get(&source.name).cloned().unwrap_or_default();
        WebhookSourceView {
            name: source.name.to_string(),
            target: source.target.into(),
            mode: source.mode.into(),
            rules: source.rules().len(),
            records_to_read: waiting,
            records_failed: failed,
            record_problem: problem,
        }
    };
    let sources = api.intake.sources();
    let items = sources.all().iter().map(|source| view(source)).collect();
    Json(WebhookSourceList { items, reload_fault: sources.reload_fault() })
}

async fn receive(
    api: &ApiContext,
    source: &str,
    path_secret: Option<&str>,
    request: Request,
) -> Result<Response, Problem> {
    // Of a sender that is unknown not even the body is read.
    if api.intake.sources().get(source).is_none() {
        return Err(Problem::no_such_source());
    }
    let answer = receive_within_time(api, source, path_secret, request).await;
    let status = answer.as_ref().map_or_else(Problem::status, Response::status);
    api.shared.webhooks.count(source, WebhookResult::of(status));
    answer
}

async fn receive_within_time(
    api: &ApiContext,
    source: &str,
    path_secret: Option<&str>,
    request: Request,
) -> Result<Response, Problem> {
    refuse_if_unable(api)?;
    let (head, body) = request.into_parts();
    let mut room = api.shared.deliveries.begin();
    let received = tokio::time::timeout(MAX_RECEIPT_TIME, whole_body(body, &mut room)).await;
    let late = |_| Problem::full("the delivery did not come in within its time; send it again", COME_AGAIN);
    let sent = received.map_err(late)??;
    let plain = decompressed(api, &head.headers, &sent).await?;
    room.more(plain.len().saturating_mul(TREE))?;
    let body = DeliveredBody { sent: &sent, plain: &plain };
    let taken = tokio::time::timeout(MAX_ANSWER_TIME, take(api, source, path_secret, &head, body)).await;
    taken.unwrap_or_else(|_| Err(Problem::full("the delivery could not be taken in time; send it again", COME_AGAIN)))
}

/// The whole body of a delivery, with the room that it takes.
async fn whole_body(mut body: Body, room: &mut TakenRoom) -> Result<Bytes, Problem> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(Problem::malformed_body("the body ended before all of it was received"));
        };
        let Some(data) = frame.data_ref() else { continue };
        if whole.len() + data.len() > MAX_DELIVERY_BYTES {
            return Err(Problem::too_large());
        }
        room.more(data.len())?;
        whole.extend_from_slice(data);
    }
    Ok(whole.freeze())
}

/// What a delivery is once it is decompressed, which has the same bounds.
async fn decompressed(api: &ApiContext, headers: &HeaderMap, sent: &Bytes) -> Result<Bytes, Problem> {
    if !headers.contains_key(CONTENT_ENCODING) {
        return Ok(sent.clone());
    }
    let mut plain = Vec::new();
    let room = &api.shared.deliveries;
    let mut reader = Expanded::new(headers, Body::from(sent.clone()), MAX_DELIVERY_BYTES, room)?;
    reader.read_to_end(&mut plain).await.map_err(|error| unreadable(&error))?;
    Ok(plain.into())
}

async fn take(
    api: &ApiContext,
    source: &str,
    path_secret: Option<&str>,
    head: &Parts,
    body: DeliveredBody<'_>,
) -> Result<Response, Problem> {
    let peer = head.extensions.get::<Peer>();
    let origin = RequestOrigin {
        address: peer.map(|peer| address_of(peer.0, &head.headers, &api.settings.trusted_proxies)),
        request_id: head.extensions.get::<RequestId>().map(RequestId::shared),
    };
    let delivered = api.intake.deliver(source, path_secret, &head.headers, body, origin).await;
    let receipt = delivered.map_err(|fault| refused(source, &fault))?;
    api.shared.webhooks.count_future_dates(source, receipt.dated_in_future);
    api.shared.webhooks.count_dates_not_read(source, receipt.dates_not_read);
    let status = if receipt.job.is_none() && receipt.waiting == 0 { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(WebhookReceiptView::from(receipt))).into_response())
}

fn refused(source: &str, fault: &IntakeError) -> Problem {
    if !matches!(fault, IntakeError::UnknownSource) {
        tracing::warn!(source, fault = fault.for_logs(), "a delivery is not taken");
    }
    match fault {
        IntakeError::UnknownSource => Problem::no_such_source(),
        IntakeError::Refused(_) => Problem::not_let_in(),
        IntakeError::Mapping(fault) => mapping_fault(fault),
        IntakeError::Nobody(_) => Problem::not_understood(fault.to_string()),
        IntakeError::Journal(error) => Problem::not_written_down(error),
        IntakeError::TooManyKeys(TooManyKeys { kept }) => {
            let detail =
                format!("{kept} deliveries of this source are remembered, and there is no room for more of its");
            Problem::full(detail + "; send it again later", COME_AGAIN)
        }
        IntakeError::TooManyRecords => {
            Problem::full("too many records are still to be read; send it again later", COME_AGAIN)
        }
    }
}

/// What it means to a sender that a body could not be mapped.
pub(in crate::api) fn mapping_fault(fault: &MappingError) -> Problem {
    if *fault == MappingError::TooLarge {
        Problem::too_large()
    } else if fault.passes_later() {
        Problem::full(fault.to_string(), COME_AGAIN)
    } else {
        Problem::not_understood(fault.to_string())
    }
}

impl From<Receipt> for WebhookReceiptView {
    fn from(receipt: Receipt) -> Self {
        Self {
            job_id: receipt.job.map(|job| job.0),
            records_to_read: receipt.waiting,
            not_mapped: receipt.faults,
            dated_in_future: receipt.dated_in_future,
            undecided: receipt.undecided,
            leavers_unknown: receipt.leavers_unknown,
            dates_not_read: receipt.dates_not_read,
        }
    }
}
