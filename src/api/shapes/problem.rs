//! Problem documents (RFC 9457): the single form of every HTTP API error.
//!
//! Handlers and extractors fail with a [`Problem`]; layers and axum itself fail with a bare status. Both leave the
//! service through [`complete`], which writes the document: it knows the request id, and every response passes it.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::shapes::faults::{Fault, Faults};

use crate::engine::ErasureError;
use crate::journal::JournalError;

/// The media type of problem documents.
pub(in crate::api) const MEDIA_TYPE: &str = "application/problem+json";

/// A kind of problem. Clients distinguish problems by its `type` URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ProblemKind {
    /// The `type`: a stable URI reference, relative to the service. It only identifies the kind; nothing is served
    /// there.
    uri: &'static str,
    status: StatusCode,
    title: &'static str,
}

macro_rules! kinds {
    ($($name:ident = $uri:literal, $status:ident, $title:literal;)+) => {
        $(const $name: &ProblemKind = &ProblemKind { uri: $uri, status: StatusCode::$status, title: $title };)+
        /// All kinds. A bare status maps to the first kind with that status.
        const KINDS: &[&ProblemKind] = &[$($name),+];
    };
}

kinds! {
    INVALID_REQUEST = "/problems/invalid-request", BAD_REQUEST, "Invalid request";
    MALFORMED_BODY = "/problems/malformed-body", BAD_REQUEST, "Malformed body";
    UNAUTHORIZED = "/problems/unauthorized", UNAUTHORIZED, "Missing or invalid API key";
    NOT_LET_IN = "/problems/not-let-in", UNAUTHORIZED, "Delivery not authenticated";
    FORBIDDEN = "/problems/forbidden", FORBIDDEN, "Not permitted for this key";
    FOREIGN_PAGE = "/problems/foreign-page", FORBIDDEN, "Without API keys, only local requests are accepted";
    NOT_FOUND = "/problems/not-found", NOT_FOUND, "Path not found";
    NO_SUCH_SOURCE = "/problems/no-such-source", NOT_FOUND, "Unknown source";
    JOB_NOT_FOUND = "/problems/job-not-found", NOT_FOUND, "Job not found";
    USER_NOT_KNOWN = "/problems/user-not-known", NOT_FOUND, "User not known to skillsync";
    METHOD_NOT_ALLOWED = "/problems/method-not-allowed", METHOD_NOT_ALLOWED, "Method not allowed";
    TIMED_OUT = "/problems/timeout", REQUEST_TIMEOUT, "Request timed out";
    STILL_ACCEPTING = "/problems/still-being-accepted", CONFLICT, "Same submission still in progress";
    NOTHING_TO_DO = "/problems/nothing-to-do", CONFLICT, "Nothing to do in the current state";
    STILL_OPEN = "/problems/still-open", CONFLICT, "Work for this person is still open";
    SEVERAL_USERS = "/problems/several-users", CONFLICT, "Reference names several users";
    TOO_LARGE = "/problems/body-too-large", PAYLOAD_TOO_LARGE, "Body too large";
    UNSUPPORTED = "/problems/unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "Unsupported media type or encoding";
    KEY_REUSED = "/problems/idempotency-key-reused", UNPROCESSABLE_ENTITY, "Idempotency key reused for another request";
    NOT_UNDERSTOOD = "/problems/not-understood", UNPROCESSABLE_ENTITY, "Payload not understood";
    TOO_MANY_REQUESTS = "/problems/too-many-requests", TOO_MANY_REQUESTS, "Too many requests";
    INTERNAL = "/problems/internal", INTERNAL_SERVER_ERROR, "Internal error";
    STOPPING = "/problems/stopping", SERVICE_UNAVAILABLE, "Service stopping";
    NOT_READY = "/problems/not-ready", SERVICE_UNAVAILABLE, "Service not ready";
    FULL = "/problems/full", SERVICE_UNAVAILABLE, "Overloaded";
}

/// The kind of every other status. The document then carries the status of the response and its standard reason phrase.
const UNNAMED: &ProblemKind = &ProblemKind { uri: "about:blank", status: StatusCode::INTERNAL_SERVER_ERROR, title: "" };

/// An error of the HTTP API.
#[derive(Debug, Clone)]
pub(in crate::api) struct Problem {
    kind: &'static ProblemKind,
    detail: String,
    errors: Vec<Fault>,
    more_errors: usize,
    retry_after: Option<Duration>,
    wanted: Option<WantedForm>,
}

/// The header that tells the caller which form of request would succeed.
#[derive(Debug, Clone, Copy)]
enum WantedForm {
    /// `WWW-Authenticate`.
    Key(&'static str),
    /// `Accept-Encoding`.
    Encoding(&'static str),
}

impl Problem {
    /// The content of the request is invalid; nothing was accepted. Lists up to 100 faults and counts the rest.
    pub(in crate::api) fn invalid(faults: Faults) -> Self {
        let total = faults.total();
        let errors = faults.into_listed();
        let more_errors = total.saturating_sub(errors.len());
        let detail = match total {
            1 => "1 fault found; nothing was accepted".to_owned(),
            _ => format!("{total} faults found; nothing was accepted"),
        };
        Self { errors, more_errors, ..Self::new(INVALID_REQUEST, detail) }
    }

    /// The body is not well-formed.
    pub(in crate::api) fn malformed_body(detail: impl Into<String>) -> Self {
        Self::new(MALFORMED_BODY, detail)
    }

    /// No job has this id. Also answers a malformed id, so that callers handle one case only.
    pub(in crate::api) fn job_not_found() -> Self {
        Self::new(JOB_NOT_FOUND, "no job has this id, or the job was removed after its retention period")
    }

    /// The request carries no API key.
    pub(in crate::api) fn no_key() -> Self {
        let detail = "send an API key as `Authorization: Bearer <key>`; the operator of this service issues keys";
        Self { wanted: Some(WantedForm::Key("Bearer realm=\"skillsync\"")), ..Self::new(UNAUTHORIZED, detail) }
    }

    /// The API key that was sent is not configured.
    pub(in crate::api) fn wrong_key() -> Self {
        let challenge = "Bearer realm=\"skillsync\", error=\"invalid_token\"";
        Self { wanted: Some(WantedForm::Key(challenge)), ..Self::new(UNAUTHORIZED, "this API key is not configured") }
    }

    /// The API key expired at `at`.
    pub(in crate::api) fn expired_key(at: Timestamp) -> Self {
        let challenge = "Bearer realm=\"skillsync\", error=\"invalid_token\"";
        let detail = format!("this API key expired at {at}; ask the operator of this service for a new one");
        Self { wanted: Some(WantedForm::Key(challenge)), ..Self::new(UNAUTHORIZED, detail) }
    }

    /// The API key is valid but does not permit this request.
    pub(in crate::api) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(FORBIDDEN, detail)
    }

    /// No API keys are configured, and the `Host` header names something other than this machine.
    pub(in crate::api) fn foreign_host() -> Self {
        let detail = "without API keys, the Host header must be localhost, 127.0.0.1 or [::1]; to call the service by \
                      another name, configure server.api_keys";
        Self::new(FOREIGN_PAGE, detail)
    }

    /// No API keys are configured, and a page of another origin sent the request.
    pub(in crate::api) fn foreign_page() -> Self {
        let detail = "without API keys, pages of other origins may not call the service; configure server.api_keys to permit them";
        Self::new(FOREIGN_PAGE, detail)
    }

    /// The request has no `Host` header or more than one; `given` is their number.
    pub(in crate::api) fn not_one_host(given: usize) -> Self {
        Self::new(INVALID_REQUEST, format!("a request must have exactly one Host header, not {given}"))
    }

    /// The API key has used up its allowance; `wait` is the time until the next request is permitted.
    pub(in crate::api) fn too_many_requests(wait: Duration) -> Self {
        Self {
            retry_after: Some(wait),
            ..Self::new(
                TOO_MANY_REQUESTS,
                "this API key exceeded its request rate; wait for the time given in Retry-After",
            )
        }
    }

    /// The delivery has no valid signature. The reason is logged but not returned, so that a forger learns nothing.
    pub(in crate::api) fn not_let_in() -> Self {
        Self::new(
            NOT_LET_IN,
            "the signature, its timestamp or the secret in the path is wrong; the log of this service says which",
        )
    }

    /// No source with this name is configured.
    pub(in crate::api) fn no_such_source() -> Self {
        Self::new(NO_SUCH_SOURCE, "no source with this name is configured; sources are configured under `[[webhooks]]`")
    }

    /// The payload or export makes no sense to the source. Sending it again does not help.
    pub(in crate::api) fn not_understood(detail: impl Into<String>) -> Self {
        Self::new(NOT_UNDERSTOOD, detail)
    }

    /// Another request with the same idempotency key has not been answered yet.
    pub(in crate::api) fn still_accepting() -> Self {
        let detail = "another request with this Idempotency-Key has not been answered yet; send this request again";
        Self { retry_after: Some(Duration::from_secs(1)), ..Self::new(STILL_ACCEPTING, detail) }
    }

    /// The idempotency key was used with another request before.
    pub(in crate::api) fn key_reused() -> Self {
        Self::new(KEY_REUSED, "this Idempotency-Key was used for another submission; use a new key for a new job")
    }

    /// The job, or the service, is not in a state that permits the operation.
    pub(in crate::api) fn nothing_to_do(detail: impl Into<String>) -> Self {
        Self::new(NOTHING_TO_DO, detail)
    }

    /// skillsync knows nothing about the user.
    pub(in crate::api) fn user_not_known() -> Self {
        Self::new(
            USER_NOT_KNOWN,
            "no job has named this user since the service started, or jobs named the user by another reference",
        )
    }

    /// The person was not erased, for the reason in `fault`.
    pub(in crate::api) fn not_erased(fault: &ErasureError) -> Self {
        const NAMED: usize = 10;
        let wait = |seconds| Some(Duration::from_secs(seconds));
        match fault {
            ErasureError::SeveralUsers(users) => Self::new(
                SEVERAL_USERS,
                format!(
                    "the reference has named {users} users over time; give the Genesys user id of the one to erase"
                ),
            ),
            ErasureError::Open(jobs) => {
                let mut named: Vec<_> = jobs.iter().take(NAMED).map(ToString::to_string).collect();
                if let Some(more) = jobs.len().checked_sub(NAMED).filter(|more| *more > 0) {
                    named.push(format!("{more} more"));
                }
                let jobs = named.join(", ");
                Self::new(
                    STILL_OPEN,
                    format!("entries of these jobs have not ended: {jobs}; cancel the jobs or wait, then try again"),
                )
            }
            ErasureError::AtWork => {
                let detail = "work on the person is about to end; try again";
                Self { retry_after: wait(1), ..Self::new(STILL_OPEN, detail) }
            }
            ErasureError::InDoubt => {
                let detail = "this reference was not resolved before and Genesys cannot be asked at the moment, so \
                              nothing was erased; try again later, or give the Genesys user id";
                Self { retry_after: wait(10), ..Self::new(NOT_READY, detail) }
            }
            ErasureError::RecordWaits => {
                let detail =
                    "a record of the person is still to be read from the HR system that named them; try again later";
                Self { retry_after: wait(60), ..Self::new(STILL_OPEN, detail) }
            }
            ErasureError::Journal(error @ JournalError::StillInFiles(_)) => {
                Self { retry_after: wait(30), ..Self::new(NOT_READY, format!("{error}; try again")) }
            }
            ErasureError::Journal(_) => {
                let detail = "the journal cannot be written at the moment, so nothing was erased; try again later";
                Self { retry_after: wait(10), ..Self::new(NOT_READY, detail) }
            }
        }
    }

    /// The service is at one of its bounds; `wait` is when to try again.
    pub(in crate::api) fn full(detail: impl Into<String>, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..Self::new(FULL, detail) }
    }

    /// The body has a `Content-Encoding` other than gzip or zstd.
    pub(in crate::api) fn unsupported_encoding() -> Self {
        let detail =
            "the Content-Encoding of the body is not supported; send it uncompressed, or compressed with gzip or zstd";
        Self { wanted: Some(WantedForm::Encoding("gzip, zstd")), ..Self::new(UNSUPPORTED, detail) }
    }

    /// The media type or the charset of the body is not supported.
    pub(in crate::api) fn unsupported_media_type(detail: impl Into<String>) -> Self {
        Self::new(UNSUPPORTED, detail)
    }

    /// The body exceeds the permitted length, as sent or once decompressed.
    pub(in crate::api) fn too_large() -> Self {
        Self::of_status(StatusCode::PAYLOAD_TOO_LARGE)
    }

    /// The service is shutting down and accepts nothing new.
    pub(in crate::api) fn stopping() -> Self {
        let retry_after = Some(Duration::from_secs(10));
        Self {
            retry_after,
            ..Self::new(STOPPING, "the service accepts nothing new while it stops; send the request again later")
        }
    }

    /// The journal cannot be written at the moment. Errors that could reveal details of its files are only logged.
    pub(in crate::api) fn not_written_down(error: &JournalError) -> Self {
        let known = matches!(error, JournalError::Gone { .. } | JournalError::InDoubt).then(|| error.to_string());
        let why = known.unwrap_or_else(|| "the journal cannot be written at the moment".to_owned());
        let detail = format!("{why}, so nothing was accepted; send it again later");
        Self { retry_after: Some(Duration::from_secs(10)), ..Self::new(NOT_READY, detail) }
    }

    /// The service cannot do its work, for the reason in `detail`.
    pub(in crate::api) fn not_ready(detail: impl Into<String>) -> Self {
        Self { retry_after: Some(Duration::from_secs(5)), ..Self::new(NOT_READY, detail) }
    }

    /// A bug or failure of the service itself. The log has the cause under the request id.
    pub(in crate::api) fn internal() -> Self {
        Self::new(INTERNAL, "the request failed unexpectedly; the log has the cause under this request id")
    }

    /// Returns the HTTP status of the response.
    pub(in crate::api) fn status(&self) -> StatusCode {
        self.kind.status
    }

    /// Returns the problem for a bare status, for example one set by axum or a layer.
    pub(in crate::api) fn of_status(status: StatusCode) -> Self {
        let detail = match status {
            StatusCode::NOT_FOUND => "see /openapi.json for the available paths",
            StatusCode::METHOD_NOT_ALLOWED => "the `Allow` header lists the methods of this path",
            StatusCode::REQUEST_TIMEOUT => "the request was not received and answered within server.request_timeout",
            StatusCode::PAYLOAD_TOO_LARGE => {
                "the body exceeds the maximum size (server.max_body_bytes); send less in one request"
            }
            _ if status.is_server_error() => return Self::internal(),
            _ => "the request cannot be served in this form",
        };
        let kind = KINDS.iter().copied().find(|kind| kind.status == status).unwrap_or(UNNAMED);
        Self::new(kind, detail)
    }

    fn new(kind: &'static ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), more_errors: 0, retry_after: None, wanted: None }
    }
}

impl IntoResponse for Problem {
    /// Sets status and headers; [`complete`] writes the document.
    fn into_response(self) -> Response {
        let mut response = self.kind.status.into_response();
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        let header = self.wanted.map(|wanted| match wanted {
            WantedForm::Key(challenge) => (WWW_AUTHENTICATE, challenge),
            WantedForm::Encoding(encodings) => (ACCEPT_ENCODING, encodings),
        });
        if let Some((name, value)) = header {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// A problem document (RFC 9457). Its `type` is one of those listed in the description of this API, or `about:blank`
/// when the status alone describes the problem.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub(crate) struct ProblemView {
    /// The kind of problem, as a stable URI reference.
    #[schema(example = "/problems/invalid-request")]
    r#type: &'static str,
    /// The kind of problem in words; the same for all problems of one type.
    #[schema(example = "Invalid request")]
    title: &'static str,
    /// The HTTP status code.
    #[schema(example = 400)]
    status: u16,
    /// What happened in this case, and what to do about it.
    #[schema(example = "1 fault found; nothing was accepted")]
    detail: String,
    /// The `x-request-id` of the response; log lines carry it too.
    #[schema(example = "0199a3f2-7c55-7d2e-9d3e-1f6a5b1c2d3e")]
    request_id: String,
    /// The faults of the request, at most 100.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<Fault>,
    /// The number of further faults, which `errors` does not list.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    more_errors: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes the field by reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Returns a Markdown table of all kinds, with their statuses and titles.
pub(in crate::api) fn table() -> String {
    let row = |kind: &&ProblemKind| format!("| {} | `{}` | {} |", kind.status.as_u16(), kind.uri, kind.title);
    let rows: Vec<_> = KINDS.iter().map(row).collect();
    format!("| status | type | title |\n|---|---|---|\n{}", rows.join("\n"))
}

/// Turns every error response into a problem document that carries the request id. Replaces the body and keeps headers
/// such as `Allow` and `Retry-After`.
pub(in crate::api) fn complete(response: Response, request_id: &str) -> Response {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let (mut parts, _) = response.into_parts();
    let problem = parts.extensions.remove::<Problem>().unwrap_or_else(|| Problem::of_status(status));
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    Response::from_parts(parts, Body::from(problem.document(status, request_id)))
}

/// Returns a complete HTTP/1.1 response, as bytes, for input that could not be parsed as a request.
pub(in crate::api) fn whole_answer(status: StatusCode, request_id: &str) -> Vec<u8> {
    let document = Problem { detail: unreadable(status).to_owned(), ..Problem::of_status(status) };
    let document = document.document(status, request_id);
    let head = format!(
        "HTTP/1.1 {status}\r\nx-request-id: {request_id}\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {}\r\n\
         cache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n",
        document.len()
    );
    [head.into_bytes(), document].concat()
}

/// Returns the reason why input could not be parsed as a request.
fn unreadable(status: StatusCode) -> &'static str {
    match status {
        StatusCode::URI_TOO_LONG => "the path and query of the request are too long",
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => "the request has too many headers, or they are too long",
        _ => "this is not an HTTP/1.1 request (RFC 9112)",
    }
}

impl Problem {
    fn document(self, status: StatusCode, request_id: &str) -> Vec<u8> {
        let view = ProblemView {
            r#type: self.kind.uri,
            title: Some(self.kind.title)
                .filter(|title| !title.is_empty())
                .or(status.canonical_reason())
                .unwrap_or("Error"),
            status: status.as_u16(),
            detail: self.detail,
            request_id: request_id.to_owned(),
            errors: self.errors,
            more_errors: self.more_errors,
        };
        serde_json::to_vec(&view).unwrap_or_default()
    }
}
