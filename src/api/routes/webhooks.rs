//! `POST /v1/webhooks/{source}`: receives deliveries of HR systems, authenticated by their signature alone.
//!
//! Several senders never retry after a 4xx. Therefore only a wrong signature or secret, an unknown source and a body
//! that can never be accepted get one; whatever may succeed later gets 503 with `Retry-After`.

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

/// Maximum size of a delivery, in bytes. Larger amounts of data are sent as exports.
const MAX_DELIVERY_BYTES: usize = 8 * 1024 * 1024;
/// Memory reserved for the parsed values of a delivery, as a multiple of its size.
const TREE: usize = 11;
/// Maximum time for receiving the body of a delivery.
const MAX_RECEIPT_TIME: Duration = Duration::from_secs(10);
/// Maximum time from the received body to the response. Senders wait for 3 seconds.
const MAX_ANSWER_TIME: Duration = Duration::from_millis(2800);
/// `Retry-After` of a delivery that was not accepted.
const COME_AGAIN: Duration = Duration::from_secs(5);

/// The result of a delivery.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct WebhookReceiptView {
    /// The job that the delivery created, now or when it was first received.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid, required = false)]
    job_id: Option<Uuid>,
    /// The number of people whose records are read from the HR system before a job is created.
    records_to_read: usize,
    /// The number of people who could not be mapped; the log has the causes.
    not_mapped: usize,
    /// The number of people whose change has a date in the future, beyond the permitted clock difference. It counts as
    /// now.
    dated_in_future: usize,
    /// The number of people for whom the delivery lacks an attribute that rules need. What these rules assign is left
    /// as it is.
    undecided: usize,
    /// The number of leavers whom the source never named before; there is nothing to remove from them.
    leavers_unknown: usize,
    /// The number of unreadable dates. These changes count as of now, or as of the time of the signature.
    dates_not_read: usize,
}

/// All configured sources.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct WebhookSourceList {
    items: Vec<WebhookSourceView>,
    /// Why the last reload of the configuration failed; absent unless it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    reload_fault: Option<String>,
}

/// A source: one HR system.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct WebhookSourceView {
    name: String,
    target: SyncTarget,
    mode: SyncMode,
    /// The number of rules.
    rules: usize,
    /// The number of people whose records are still to be read.
    records_to_read: usize,
    /// The number of people whose records could not be read; `GET /v1/webhook-records` lists them.
    records_failed: usize,
    /// The latest failure to read a record; present while there are unread records.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "the answer is 503 Service Unavailable")]
    record_problem: Option<Box<str>>,
}

/// Receive a signed delivery
///
/// Verifies the signature by the scheme of the sender, over the received bytes or, if they are compressed
/// (`Content-Encoding: gzip` or `zstd`), over the decompressed ones. Responds when the content of the delivery is
/// durable: as a job in the lane `interactive` or, if the sender only says who has changed, as a record to read. A
/// repeated delivery gets the same job and is not carried out again.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{source}",
    operation_id = "receiveWebhook",
    tag = "webhooks",
    params(("source" = String, Path, description = "The name of the source.")),
    request_body(description = "The payload in the format of the sender.",
        content((serde_json::Value = "application/json"), (String = "text/csv"))),
    responses(
        (status = 200, description = "Nothing in the delivery concerns skillsync, for example a handshake.",
            body = WebhookReceiptView),
        (status = 202, description = "The delivery is durable and being carried out.", body = WebhookReceiptView),
        (status = 401, description = "The signature or its timestamp is wrong.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 404, description = "No source with this name is configured.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 413, description = "The body exceeds the maximum size of a delivery.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 415, description = "The encoding of the body is not supported.",
            body = ProblemView, content_type = MEDIA_TYPE),
        (status = 422, description = "The body is not understood, or nobody in it can be mapped.",
            body = ProblemView, content_type = MEDIA_TYPE),
        (status = 503, description = "The delivery cannot be accepted now; send it again.", body = ProblemView, content_type = MEDIA_TYPE,
            headers(("Retry-After" = i32, description = "The number of seconds after which to send it again."))),
    ),
)]
pub(in crate::api) async fn receive_webhook(
    State(api): State<Arc<ApiContext>>,
    Path(source): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    receive(&api, &source, None, request).await
}

/// Receive an unsigned delivery
///
/// For senders that do not sign their deliveries: the last path segment is the secret of the source.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{source}/{secret}",
    operation_id = "receiveUnsignedWebhook",
    tag = "webhooks",
    params(
        ("source" = String, Path, description = "The name of the source."),
        ("secret" = String, Path, description = "The secret of the source."),
    ),
    request_body(description = "The payload in the format of the sender.",
        content((serde_json::Value = "application/json"), (String = "text/csv"))),
    responses(
        (status = 200, description = "Nothing in the delivery concerns skillsync.", body = WebhookReceiptView),
        (status = 202, description = "The delivery is durable and being carried out.", body = WebhookReceiptView),
        (status = 401, description = "The secret is wrong.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 404, description = "No source with this name is configured.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 413, description = "The body exceeds the maximum size of a delivery.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 415, description = "The encoding of the body is not supported.",
            body = ProblemView, content_type = MEDIA_TYPE),
        (status = 422, description = "The body is not understood, or nobody in it can be mapped.",
            body = ProblemView, content_type = MEDIA_TYPE),
        (status = 503, description = "The delivery cannot be accepted now; send it again.", body = ProblemView, content_type = MEDIA_TYPE,
            headers(("Retry-After" = i32, description = "The number of seconds after which to send it again."))),
    ),
)]
pub(in crate::api) async fn receive_unsigned_webhook(
    State(api): State<Arc<ApiContext>>,
    Path((source, secret)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    receive(&api, &source, Some(&secret), request).await
}

/// List the configured sources
#[utoipa::path(
    get,
    path = "/v1/webhooks",
    operation_id = "listWebhookSources",
    tag = "webhooks",
    responses((status = 200, description = "The sources, sorted by name.", body = WebhookSourceList)),
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
    // For an unknown source, not even the body is read.
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
    let late = |_| Problem::full("the delivery was not received in time; send it again", COME_AGAIN);
    let sent = received.map_err(late)??;
    let plain = decompressed(api, &head.headers, &sent).await?;
    room.more(plain.len().saturating_mul(TREE))?;
    let body = DeliveredBody { sent: &sent, plain: &plain };
    let taken = tokio::time::timeout(MAX_ANSWER_TIME, take(api, source, path_secret, &head, body)).await;
    taken
        .unwrap_or_else(|_| Err(Problem::full("the delivery could not be accepted in time; send it again", COME_AGAIN)))
}

/// Receives the whole body of a delivery and reserves room for it.
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

/// Decompresses the body of a delivery. The result has the same size limit.
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
        tracing::warn!(source, fault = fault.for_logs(), "a delivery was not accepted");
    }
    match fault {
        IntakeError::UnknownSource => Problem::no_such_source(),
        IntakeError::Refused(_) => Problem::not_let_in(),
        IntakeError::Mapping(fault) => mapping_fault(fault),
        IntakeError::Nobody(_) => Problem::not_understood(fault.to_string()),
        IntakeError::Journal(error) => Problem::not_written_down(error),
        IntakeError::TooManyKeys(TooManyKeys { kept }) => {
            let detail = format!("{kept} deliveries of this source are remembered, which is the maximum");
            Problem::full(detail + "; send it again later", COME_AGAIN)
        }
        IntakeError::TooManyRecords => {
            Problem::full("too many records are waiting to be read; send it again later", COME_AGAIN)
        }
    }
}

/// Returns the problem for a body that could not be mapped.
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
