//! Problem documents (RFC 9457): the one form of every error of the HTTP API.
//!
//! Handlers and extractors fail with a [`Problem`]; layers and axum itself fail with a bare status. Both leave the
//! service through [`complete`], which writes the document: there the request id is known, and nothing slips past.

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

/// A kind of problem, as clients tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ProblemKind {
    /// The `type`: a stable URI reference, relative to the service. It identifies; nothing need be served there.
    uri: &'static str,
    status: StatusCode,
    title: &'static str,
}

macro_rules! kinds {
    ($($name:ident = $uri:literal, $status:ident, $title:literal;)+) => {
        $(const $name: &ProblemKind = &ProblemKind { uri: $uri, status: StatusCode::$status, title: $title };)+
        /// Every kind, for statuses that arrive without one.
        const KINDS: &[&ProblemKind] = &[$($name),+];
    };
}

kinds! {
    INVALID_REQUEST = "/problems/invalid-request", BAD_REQUEST, "The request is not valid";
    MALFORMED_BODY = "/problems/malformed-body", BAD_REQUEST, "The body cannot be read";
    UNAUTHORIZED = "/problems/unauthorized", UNAUTHORIZED, "A key is needed";
    NOT_LET_IN = "/problems/not-let-in", UNAUTHORIZED, "The delivery is not let in";
    FORBIDDEN = "/problems/forbidden", FORBIDDEN, "This key does not permit that";
    FOREIGN_PAGE = "/problems/foreign-page", FORBIDDEN, "Without keys, only this machine may call";
    NOT_FOUND = "/problems/not-found", NOT_FOUND, "There is nothing at this path";
    NO_SUCH_SOURCE = "/problems/no-such-source", NOT_FOUND, "There is no such source";
    JOB_NOT_FOUND = "/problems/job-not-found", NOT_FOUND, "There is no such job";
    USER_NOT_KNOWN = "/problems/user-not-known", NOT_FOUND, "skillsync has not dealt with this user";
    METHOD_NOT_ALLOWED = "/problems/method-not-allowed", METHOD_NOT_ALLOWED, "This path does not take this method";
    TIMED_OUT = "/problems/timeout", REQUEST_TIMEOUT, "The request took too long";
    STILL_ACCEPTING = "/problems/still-being-accepted", CONFLICT, "The same submission is being accepted";
    NOTHING_TO_DO = "/problems/nothing-to-do", CONFLICT, "The job has nothing that this could be done with";
    STILL_OPEN = "/problems/still-open", CONFLICT, "Entries of this person have not ended";
    SEVERAL_USERS = "/problems/several-users", CONFLICT, "The reference has named several users";
    TOO_LARGE = "/problems/body-too-large", PAYLOAD_TOO_LARGE, "The body is too large";
    UNSUPPORTED = "/problems/unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "The body has a form that is not taken";
    KEY_REUSED = "/problems/idempotency-key-reused", UNPROCESSABLE_ENTITY, "The idempotency key belongs to another body";
    NOT_UNDERSTOOD = "/problems/not-understood", UNPROCESSABLE_ENTITY, "The payload cannot be understood";
    TOO_MANY_REQUESTS = "/problems/too-many-requests", TOO_MANY_REQUESTS, "This key asks too often";
    INTERNAL = "/problems/internal", INTERNAL_SERVER_ERROR, "Something went wrong in skillsync";
    STOPPING = "/problems/stopping", SERVICE_UNAVAILABLE, "The service is stopping";
    NOT_READY = "/problems/not-ready", SERVICE_UNAVAILABLE, "The service is not ready";
    FULL = "/problems/full", SERVICE_UNAVAILABLE, "The service has as much to do as it takes";
}

/// Statuses that say all there is to say; an answer that comes with one keeps it.
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

/// What would be taken, as a header says it.
#[derive(Debug, Clone, Copy)]
enum WantedForm {
    /// `WWW-Authenticate`.
    Key(&'static str),
    /// `Accept-Encoding`.
    Encoding(&'static str),
}

impl Problem {
    /// Things are wrong with the content of the request; nothing was done.
    pub(in crate::api) fn invalid(faults: Faults) -> Self {
        let total = faults.total();
        let errors = faults.into_listed();
        let more_errors = total.saturating_sub(errors.len());
        let detail = match total {
            1 => "1 fault was found; nothing was accepted".to_owned(),
            _ => format!("{total} faults were found; nothing was accepted"),
        };
        Self { errors, more_errors, ..Self::new(INVALID_REQUEST, detail) }
    }

    /// The body cannot be read at all.
    pub(in crate::api) fn malformed_body(detail: impl Into<String>) -> Self {
        Self::new(MALFORMED_BODY, detail)
    }

    /// No job has this id, or it is no id at all, which comes to the same for a caller.
    pub(in crate::api) fn job_not_found() -> Self {
        Self::new(JOB_NOT_FOUND, "no job has this id, or it ended so long ago that it was removed")
    }

    /// No key was sent.
    pub(in crate::api) fn no_key() -> Self {
        let detail = "send a key as `Authorization: Bearer <key>`; whoever runs this service hands them out";
        Self { wanted: Some(WantedForm::Key("Bearer realm=\"skillsync\"")), ..Self::new(UNAUTHORIZED, detail) }
    }

    /// What was sent is no key that is known here.
    pub(in crate::api) fn wrong_key() -> Self {
        let challenge = "Bearer realm=\"skillsync\", error=\"invalid_token\"";
        Self { wanted: Some(WantedForm::Key(challenge)), ..Self::new(UNAUTHORIZED, "this key is not known here") }
    }

    /// The key is good no more.
    pub(in crate::api) fn expired_key(at: Timestamp) -> Self {
        let challenge = "Bearer realm=\"skillsync\", error=\"invalid_token\"";
        let detail = format!("this key expired at {at}; whoever runs this service hands out another");
        Self { wanted: Some(WantedForm::Key(challenge)), ..Self::new(UNAUTHORIZED, detail) }
    }

    /// The key is good, but not for this.
    pub(in crate::api) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(FORBIDDEN, detail)
    }

    /// Without keys: the request is for another host.
    pub(in crate::api) fn foreign_host() -> Self {
        let detail = "without keys, the Host of a request must be localhost, 127.0.0.1 or [::1]; to call the service by \
                      another name, configure server.api_keys";
        Self::new(FOREIGN_PAGE, detail)
    }

    /// Without keys: a page of another origin sent the request.
    pub(in crate::api) fn foreign_page() -> Self {
        let detail = "without keys, pages of other origins may not call the service; configure server.api_keys";
        Self::new(FOREIGN_PAGE, detail)
    }

    /// A request must say which host it is for, once.
    pub(in crate::api) fn not_one_host(given: usize) -> Self {
        Self::new(INVALID_REQUEST, format!("a request must have one Host header, not {given}"))
    }

    /// The key has used up its allowance.
    pub(in crate::api) fn too_many_requests(wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..Self::new(TOO_MANY_REQUESTS, "this key asks more often than is permitted") }
    }

    /// A delivery without the right signature; what was wrong with it is in the log, not in the answer.
    pub(in crate::api) fn not_let_in() -> Self {
        Self::new(NOT_LET_IN, "the signature, its time or the secret of the path is wrong; the log here says which")
    }

    /// No source has this name.
    pub(in crate::api) fn no_such_source() -> Self {
        Self::new(NO_SUCH_SOURCE, "no source of this name is configured here; sources are listed under `[[webhooks]]`")
    }

    /// A payload or an export that means nothing to the source; the same again would mean no more.
    pub(in crate::api) fn not_understood(detail: impl Into<String>) -> Self {
        Self::new(NOT_UNDERSTOOD, detail)
    }

    /// Another request with this idempotency key has not been answered yet.
    pub(in crate::api) fn still_accepting() -> Self {
        let detail = "another request with this Idempotency-Key has not been answered yet; send this one again";
        Self { retry_after: Some(Duration::from_secs(1)), ..Self::new(STILL_ACCEPTING, detail) }
    }

    /// An idempotency key came with another body before.
    pub(in crate::api) fn key_reused() -> Self {
        Self::new(KEY_REUSED, "this Idempotency-Key was used for another submission; take a new key for a new job")
    }

    /// A job is in no state for what was asked of it.
    pub(in crate::api) fn nothing_to_do(detail: impl Into<String>) -> Self {
        Self::new(NOTHING_TO_DO, detail)
    }

    /// Nothing is known of a user.
    pub(in crate::api) fn user_not_known() -> Self {
        Self::new(USER_NOT_KNOWN, "no job has named this user since the service started, or not by this key")
    }

    /// A person cannot be erased.
    pub(in crate::api) fn not_erased(fault: &ErasureError) -> Self {
        const NAMED: usize = 10;
        let wait = |seconds| Some(Duration::from_secs(seconds));
        match fault {
            ErasureError::SeveralUsers(users) => Self::new(
                SEVERAL_USERS,
                format!(
                    "the reference has named {users} users over time; name the one to be erased by the Genesys user id"
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
                    format!("entries of jobs have not ended: {jobs}; cancel them or wait, and ask again"),
                )
            }
            ErasureError::AtWork => {
                let detail = "work on the person is just coming to its end; ask again";
                Self { retry_after: wait(1), ..Self::new(STILL_OPEN, detail) }
            }
            ErasureError::InDoubt => {
                let detail = "no user was found by this name before, and Genesys cannot be asked at the moment who it is, so \
                              nothing was erased: ask again later, or name the Genesys user id";
                Self { retry_after: wait(10), ..Self::new(NOT_READY, detail) }
            }
            ErasureError::RecordWaits => {
                let detail =
                    "a record of the person is still to be read from the HR system that named them; ask again later";
                Self { retry_after: wait(60), ..Self::new(STILL_OPEN, detail) }
            }
            ErasureError::Journal(error @ JournalError::StillInFiles(_)) => {
                Self { retry_after: wait(30), ..Self::new(NOT_READY, format!("{error}; ask again")) }
            }
            ErasureError::Journal(_) => {
                let detail = "the journal cannot be written at the moment, so nothing was erased; ask again later";
                Self { retry_after: wait(10), ..Self::new(NOT_READY, detail) }
            }
        }
    }

    /// As much is open as the service takes.
    pub(in crate::api) fn full(detail: impl Into<String>, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..Self::new(FULL, detail) }
    }

    /// The body is compressed in a way that is not taken.
    pub(in crate::api) fn unsupported_encoding() -> Self {
        let detail =
            "the body has an encoding that is not taken; send it as it is, or with Content-Encoding: gzip or zstd";
        Self { wanted: Some(WantedForm::Encoding("gzip, zstd")), ..Self::new(UNSUPPORTED, detail) }
    }

    /// The body has a media type or a charset that is not taken.
    pub(in crate::api) fn unsupported_media_type(detail: impl Into<String>) -> Self {
        Self::new(UNSUPPORTED, detail)
    }

    /// The body is longer than permitted, as it was sent or once decompressed.
    pub(in crate::api) fn too_large() -> Self {
        Self::of_status(StatusCode::PAYLOAD_TOO_LARGE)
    }

    /// The service was told to stop and takes nothing new.
    pub(in crate::api) fn stopping() -> Self {
        let retry_after = Some(Duration::from_secs(10));
        Self { retry_after, ..Self::new(STOPPING, "nothing new is taken while the service stops; send it again later") }
    }

    /// The journal cannot take anything new at the moment; what its files are like is for the log.
    pub(in crate::api) fn not_written_down(error: &JournalError) -> Self {
        let known = matches!(error, JournalError::Gone { .. } | JournalError::InDoubt).then(|| error.to_string());
        let why = known.unwrap_or_else(|| "the job cannot be written down at the moment".to_owned());
        let detail = format!("{why}, so it was not accepted; send it again later");
        Self { retry_after: Some(Duration::from_secs(10)), ..Self::new(NOT_READY, detail) }
    }

    /// The service cannot do its work, for the reason given.
    pub(in crate::api) fn not_ready(detail: impl Into<String>) -> Self {
        Self { retry_after: Some(Duration::from_secs(5)), ..Self::new(NOT_READY, detail) }
    }

    /// A fault of our own; what it was is in the log, under the request id.
    pub(in crate::api) fn internal() -> Self {
        Self::new(INTERNAL, "the request was not carried out to its end; the log tells more under this request id")
    }

    /// The status that it is answered with.
    pub(in crate::api) fn status(&self) -> StatusCode {
        self.kind.status
    }

    /// What a bare status means.
    pub(in crate::api) fn of_status(status: StatusCode) -> Self {
        let detail = match status {
            StatusCode::NOT_FOUND => "see /openapi.json for the paths that there are",
            StatusCode::METHOD_NOT_ALLOWED => "the `Allow` header lists the methods that this path takes",
            StatusCode::REQUEST_TIMEOUT => "the request was not received and answered in time",
            StatusCode::PAYLOAD_TOO_LARGE => "send fewer entries at a time; several jobs can run side by side",
            _ if status.is_server_error() => return Self::internal(),
            _ => "the request cannot be answered as it is",
        };
        let kind = KINDS.iter().copied().find(|kind| kind.status == status).unwrap_or(UNNAMED);
        Self::new(kind, detail)
    }

    fn new(kind: &'static ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), more_errors: 0, retry_after: None, wanted: None }
    }
}

impl IntoResponse for Problem {
    /// Status and headers; the document itself is written by [`complete`].
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

/// A problem document. Its `type` is one of those that the description of the API lists, or `about:blank` when the status
/// says all there is to say.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub(crate) struct ProblemView {
    /// What kind of problem this is: a stable URI reference that identifies it.
    #[schema(example = "/problems/invalid-request")]
    r#type: &'static str,
    /// The kind in words; the same for all problems of a type.
    #[schema(example = "The request is not valid")]
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 400)]
    status: u16,
    /// What happened in this case, and what to do.
    #[schema(example = "1 fault was found; nothing was accepted")]
    detail: String,
    /// The `x-request-id` of the answer; logs name it.
    #[schema(example = "0199a3f2-7c55-7d2e-9d3e-1f6a5b1c2d3e")]
    request_id: String,
    /// Everything that is wrong with the request, at most 100 of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<Fault>,
    /// Number of faults that `errors` does not list.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    more_errors: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes the field by reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Every kind with its status and title, as a table in Markdown.
pub(in crate::api) fn table() -> String {
    let row = |kind: &&ProblemKind| format!("| {} | `{}` | {} |", kind.status.as_u16(), kind.uri, kind.title);
    let rows: Vec<_> = KINDS.iter().map(row).collect();
    format!("| status | type | title |\n|---|---|---|\n{}", rows.join("\n"))
}

/// Makes every error a problem document that carries the request id; whatever body it had is dropped, its headers
/// (`Allow`, `Retry-After`) stay.
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

/// A whole answer as it goes over the wire, for a request that was none.
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

/// Why a request could not even be read.
fn unreadable(status: StatusCode) -> &'static str {
    match status {
        StatusCode::URI_TOO_LONG => "the path and query of the request are too long",
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => "the headers of the request are too many or too long",
        _ => "this is no request of HTTP/1.1 (RFC 9112)",
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
