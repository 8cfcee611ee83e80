//! A small JSON client for a running service.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap};
use http::{Method, Request, StatusCode};
use serde::Serialize;
use serde_json::Value;
use tower::ServiceExt;

use crate::genesys::transport::{Transport, TransportSettings, over_http};

/// A JSON client for one host.
#[derive(Debug, Clone)]
pub(super) struct JsonClient {
    transport: Transport,
    base: String,
}

/// A response with any status.
#[derive(Debug)]
pub(super) struct JsonAnswer {
    pub(super) status: StatusCode,
    pub(super) body: Value,
}

impl JsonClient {
    pub(super) fn new(base: String) -> Result<Self> {
        Ok(Self { transport: over_http(&TransportSettings::default())?, base })
    }

    /// Sends a request and returns the response. A body that is not JSON becomes null.
    pub(super) async fn exchange(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<JsonAnswer> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base)).body(body)?;
        *request.headers_mut() = headers;
        let answer = self.transport.clone().oneshot(request).await.with_context(|| format!("{}{path}", self.base))?;
        let body = serde_json::from_slice(answer.body()).unwrap_or_default();
        Ok(JsonAnswer { status: answer.status(), body })
    }

    /// Reads a resource. A status other than success becomes an error with the response body.
    pub(super) async fn get(&self, path: &str) -> Result<Value> {
        self.exchange(Method::GET, path, HeaderMap::new(), Bytes::new()).await?.successful()
    }

    /// Posts a JSON document. A status other than success becomes an error with the response body.
    pub(super) async fn post(&self, path: &str, body: &impl Serialize) -> Result<Value> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
        self.exchange(Method::POST, path, headers, serde_json::to_vec(body)?.into()).await?.successful()
    }
}

impl JsonAnswer {
    fn successful(self) -> Result<Value> {
        if !self.status.is_success() {
            bail!("{}: {}", self.status, self.body);
        }
        Ok(self.body)
    }
}
