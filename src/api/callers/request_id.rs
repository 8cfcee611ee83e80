//! The id of a request, in headers, logs and problem documents.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use uuid::Uuid;

/// The header that carries the request id, both ways.
pub(in crate::api) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request, as its extension.
#[derive(Debug, Clone)]
pub(in crate::api) struct RequestId(pub(in crate::api) HeaderValue);

impl RequestId {
    /// The caller's id if it is one that can go into logs and documents as it is, else a new one.
    pub(in crate::api) fn of(request: &Request) -> Self {
        let given = request.headers().get(REQUEST_ID).filter(|value| is_presentable(value.as_bytes()));
        let made = || HeaderValue::try_from(Uuid::now_v7().to_string());
        match given.cloned().map_or_else(made, Ok) {
            Ok(value) => Self(value),
            // A UUID is always a valid header; the type does not know.
            Err(_) => Self(HeaderValue::from_static("unknown")),
        }
    }

    pub(in crate::api) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    pub(in crate::api) fn shared(&self) -> Arc<str> {
        self.as_str().into()
    }
}

fn is_presentable(id: &[u8]) -> bool {
    const MAX_LENGTH: usize = 128;
    (1..=MAX_LENGTH).contains(&id.len())
        && id.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte))
}
