//! Answers under construction: status, headers and the documents of the API.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::route::Route;
use super::super::scenario::{Body, ConflictCause, ConflictShape, Paging};

pub(super) const CORRELATION_ID: HeaderName = HeaderName::from_static("inin-correlation-id");
/// Links that a listing omits at its ends.
const NEIGHBOURS: [&str; 2] = ["nextUri", "previousUri"];

/// An answer before it has its correlation id.
#[derive(Debug)]
pub(super) struct Reply {
    status: StatusCode,
    payload: Payload,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The cause, if the answer is a conflict.
    pub(super) cause: Option<ConflictCause>,
}

#[derive(Debug)]
enum Payload {
    Empty,
    Json(Value),
    /// A document of SCIM, which has its own content type.
    Scim(Value),
    /// What a gateway in front of the API sends.
    Html,
    /// Something that claims to be JSON.
    Raw(Vec<u8>),
}

impl Payload {
    /// Applies a change to the text of the document.
    fn changed(self, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        match self {
            Self::Json(document) | Self::Scim(document) => {
                let mut bytes = document.to_string().into_bytes();
                change(&mut bytes);
                Self::Raw(bytes)
            }
            Self::Empty | Self::Html | Self::Raw(_) => self,
        }
    }
}

impl Reply {
    pub(super) fn ok(document: Value) -> Self {
        Self::json(StatusCode::OK, document)
    }

    pub(super) fn json(status: StatusCode, document: Value) -> Self {
        Self { status, payload: Payload::Json(document), headers: Vec::new(), cause: None }
    }

    /// A document of SCIM.
    pub(super) fn scim(status: StatusCode, document: Value) -> Self {
        Self { status, payload: Payload::Scim(document), headers: Vec::new(), cause: None }
    }

    /// The error document of SCIM.
    pub(super) fn scim_invalid(scim_type: &str, detail: &str) -> Self {
        Self::scim(StatusCode::BAD_REQUEST, scim_error(StatusCode::BAD_REQUEST, scim_type, detail))
    }

    /// Success without a document.
    pub(super) fn done() -> Self {
        Self { status: StatusCode::OK, ..Self::no_content() }
    }

    pub(super) fn no_content() -> Self {
        Self { status: StatusCode::NO_CONTENT, payload: Payload::Empty, headers: Vec::new(), cause: None }
    }

    /// The error document of the API; `contextId` is filled in when the answer is sent.
    pub(super) fn error(status: StatusCode, code: &str, message: &str) -> Self {
        let document = json!({
            "message": message, "code": code, "status": status.as_u16(),
            "contextId": null, "details": [], "errors": [],
        });
        Self::json(status, document)
    }

    pub(super) fn invalid(message: &str) -> Self {
        Self::error(StatusCode::BAD_REQUEST, "invalid.value", message)
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::error(StatusCode::NOT_FOUND, "not.found", &format!("The requested {what} was not found."))
    }

    pub(super) fn method_not_allowed(allowed: &'static str) -> Self {
        let reply = Self::error(StatusCode::METHOD_NOT_ALLOWED, "method.not.allowed", "HTTP method not supported.");
        reply.with_header(ALLOW, HeaderValue::from_static(allowed))
    }

    pub(super) fn too_large() -> Self {
        let message = "The request is over the size limit. Maximum bytes: 512000";
        Self::error(StatusCode::PAYLOAD_TOO_LARGE, "request.entity.too.large", message)
    }

    pub(super) fn forbidden(permission: &str) -> Self {
        let message = format!("Unable to perform the requested action. You are missing the permission {permission}");
        Self::error(StatusCode::FORBIDDEN, "missing.permissions", &message)
    }

    pub(super) fn rate_limited(seconds: u64) -> Self {
        let message = format!("Rate limit exceeded the maximum. Retry the request in [{seconds}] seconds");
        let reply = Self::error(StatusCode::TOO_MANY_REQUESTS, "too.many.requests.retry.after", &message);
        reply.with_header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// A refused write in the shape that the route shows.
    pub(super) fn conflict(cause: ConflictCause, shape: ConflictShape) -> Self {
        const MESSAGE: &str = "The requested update conflicts with the current state of the resource.";
        const MISMATCH: &str = "The version of the update does not match the current version of the resource.";
        let reply = match shape {
            ConflictShape::Conflict => Self::error(StatusCode::CONFLICT, "conflict", MESSAGE),
            ConflictShape::GeneralConflict => Self::error(StatusCode::CONFLICT, "general.conflict", MESSAGE),
            ConflictShape::VersionMessage => Self::error(StatusCode::BAD_REQUEST, "bad.request", MISMATCH),
            ConflictShape::ScimInvalidVersion => {
                let status = StatusCode::BAD_REQUEST;
                Self::json(status, scim_error(status, "invalidVers", MISMATCH))
            }
            ConflictShape::Timeout => {
                Self::error(StatusCode::REQUEST_TIMEOUT, "client.timeout", "The request timed out.")
            }
        };
        Self { cause: Some(cause), ..reply }
    }

    /// The answer of a failing server or gateway with `status`.
    pub(super) fn failure(status: u16, body: Body) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let code = match status.as_u16() {
            500 => "internal.server.error",
            502 => "bad.gateway",
            503 => "service.unavailable",
            504 => "request.timeout",
            _ => "error",
        };
        Self::error(status, code, "The service failed to process the request.").garbled(body)
    }

    /// The answer of a portal or of a server that has moved.
    pub(super) fn redirect(status: u16, location: &str) -> Self {
        let reply = Self::failure(status, Body::NotJson);
        match HeaderValue::from_str(location) {
            Ok(location) => reply.with_header(LOCATION, location),
            Err(_) => reply,
        }
    }

    pub(super) fn garbled(self, body: Body) -> Self {
        let payload = match body {
            Body::Json => self.payload,
            Body::Empty => Payload::Empty,
            Body::NotJson => Payload::Html,
            Body::WrongType => Payload::Json(json!([1, "two", null])),
            Body::Truncated => self.payload.changed(|bytes| bytes.truncate(bytes.len() / 2)),
            Body::InvalidUtf8 => self.payload.changed(|bytes| {
                if let Some(byte) = bytes.iter_mut().find(|byte| byte.is_ascii_alphanumeric()) {
                    *byte = 0xff;
                }
            }),
        };
        Self { payload, ..self }
    }

    /// Returns the document, if the answer has one with fields.
    pub(super) fn document_mut(&mut self) -> Option<&mut Map<String, Value>> {
        match &mut self.payload {
            Payload::Json(document) | Payload::Scim(document) => document.as_object_mut(),
            Payload::Empty | Payload::Html | Payload::Raw(_) => None,
        }
    }

    #[must_use]
    pub(super) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Sets a field of the document.
    #[must_use]
    pub(super) fn with_field(mut self, name: &str, value: Value) -> Self {
        if let Some(document) = self.document_mut() {
            document.insert(name.to_owned(), value);
        }
        self
    }

    /// Removes or nulls fields of a listing as the scenario says. Only fields that a listing of its kind has become
    /// null.
    #[must_use]
    pub(super) fn paged(mut self, route: Route, paging: &Paging) -> Self {
        let concerned = paging.routes.is_empty() || paging.routes.contains(&route);
        if let Some(listing) = self.document_mut()
            && concerned
            && ["entities", "results"].iter().any(|list| listing.contains_key(*list))
        {
            let linked = listing.contains_key("selfUri");
            let has =
                |name: &&String| listing.contains_key(name.as_str()) || (linked && NEIGHBOURS.contains(&name.as_str()));
            let null: Vec<String> = paging.null.iter().filter(has).cloned().collect();
            listing.retain(|name, _| !paging.left_out.contains(name));
            listing.extend(null.into_iter().map(|name| (name, Value::Null)));
        }
        self
    }

    pub(super) fn into_response(self, correlation: Uuid) -> Response<Bytes> {
        let (content_type, body) = match self.payload {
            Payload::Empty => (None, Bytes::new()),
            Payload::Json(mut document) => {
                if let Some(context) = document.get_mut("contextId") {
                    *context = Value::String(correlation.to_string());
                }
                (Some("application/json"), Bytes::from(document.to_string()))
            }
            Payload::Scim(document) => (Some("application/scim+json"), Bytes::from(document.to_string())),
            Payload::Raw(bytes) => (Some("application/json"), Bytes::from(bytes)),
            Payload::Html => (Some("text/html"), Bytes::from_static(b"<html><body>Bad gateway</body></html>")),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.extend(self.headers.into_iter().map(|(name, value)| (Some(name), value)));
        if let Some(content_type) = content_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        if let Ok(correlation) = HeaderValue::from_str(&correlation.to_string()) {
            headers.insert(CORRELATION_ID, correlation);
        }
        response
    }
}

fn scim_error(status: StatusCode, scim_type: &str, detail: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "status": status.as_str(), "scimType": scim_type, "detail": detail,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_its_correlation_id_in_header_and_body() {
        let correlation = Uuid::from_u128(9);
        let response = Reply::rate_limited(42).into_response(correlation);
        assert_eq!(response.headers()[CORRELATION_ID], correlation.to_string());
        assert_eq!(response.headers()[RETRY_AFTER], "42");
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(body["contextId"], correlation.to_string());
        assert_eq!(body["message"], "Rate limit exceeded the maximum. Retry the request in [42] seconds");
    }

    #[test]
    fn every_shape_of_a_conflict_has_its_status_and_mark() {
        for (shape, status, mark) in [
            (ConflictShape::Conflict, 409, "\"code\":\"conflict\""),
            (ConflictShape::GeneralConflict, 409, "general.conflict"),
            (ConflictShape::VersionMessage, 400, "does not match the current version"),
            (ConflictShape::ScimInvalidVersion, 400, "invalidVers"),
            (ConflictShape::Timeout, 408, "client.timeout"),
        ] {
            let response = Reply::conflict(ConflictCause::ForeignWriter, shape).into_response(Uuid::nil());
            let body = String::from_utf8(response.body().to_vec()).unwrap();
            assert_eq!(response.status(), status);
            assert!(body.contains(mark), "{body}");
        }
    }
}
