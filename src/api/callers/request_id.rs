//! Request ids, as used in headers, logs and problem documents.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use uuid::Uuid;

/// The header that carries the request id, in requests and responses.
pub(in crate::api) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request, attached to it as an extension.
#[derive(Debug, Clone)]
pub(in crate::api) struct RequestId(pub(in crate::api) HeaderValue);

impl RequestId {
    /// Returns the caller's id if it is safe in logs and documents without escaping, otherwise a new UUID.
    pub(in crate::api) fn of(request: &Request) -> Self {
        let given = request.headers().get(REQUEST_ID).filter(|value| is_presentable(value.as_bytes()));
        let made = || HeaderValue::try_from(Uuid::now_v7().to_string());
        match given.cloned().map_or_else(made, Ok) {
            Ok(value) => Self(value),
            // Unreachable: a UUID is always a valid header value.
            Err(_) => Self(HeaderValue::from_static("unknown")),
        }
    }

    /// Returns the id as text.
    pub(in crate::api) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// Returns the id as shared text.
    pub(in crate::api) fn shared(&self) -> Arc<str> {
        self.as_str().into()
    }
}

fn is_presentable(id: &[u8]) -> bool {
    const MAX_LENGTH: usize = 128;
    (1..=MAX_LENGTH).contains(&id.len())
        && id.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte))
}
