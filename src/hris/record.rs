//! Reads the record of a person when a sender only reports who has changed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use parking_lot::Mutex;
use reqwest::Url;
use secrecy::ExposeSecret;
use tower::util::BoxCloneSyncService;
use tower::{ServiceExt, service_fn};

use crate::address;
use crate::charset;
use crate::config::{ConfigError, FetchMethod, RecordConfig, WebhookConfig};
use crate::outbound::{self, Proxies, innermost_cause};

/// Placeholder for the sender's id of a person.
const PLACEHOLDER: &str = "{id}";

/// Checks everything about `record` that can be checked without a call.
pub(super) fn check(config: &WebhookConfig, record: &RecordConfig) -> Result<(), ConfigError> {
    let fault = |key: &str, problem: String| config.fault(format!("record.{key}"), problem);
    let url = Url::parse(&record.url.replace(PLACEHOLDER, "4711"));
    let url = url.map_err(|error| fault("url", format!("{:?}: {error}", record.url)))?;
    let host = Url::parse(&record.url.replace(PLACEHOLDER, "4712"))
        .ok()
        .and_then(|url| url.host().map(|host| host.to_owned()));
    if host.is_none() || host != url.host().map(|host| host.to_owned()) {
        return Err(fault("url", "must have a host that does not contain {id}".to_owned()));
    }
    if url.scheme() != "https" && !(url.scheme() == "http" && address::is_local(&url)) {
        return Err(fault(
            "url",
            "must begin with https://, because the call carries a secret and personal data".to_owned(),
        ));
    }
    match (record.method, &record.body) {
        (FetchMethod::Get, Some(_)) => return Err(fault("body", "requires method = \"POST\"".to_owned())),
        (FetchMethod::Post, Some(body)) => {
            if let Err(error) = serde_json::from_str::<serde_json::Value>(&body.replace(PLACEHOLDER, "4711")) {
                return Err(fault("body", format!("is not JSON: {error}")));
            }
        }
        (FetchMethod::Get | FetchMethod::Post, None) => {}
    }
    if !record.url.contains(PLACEHOLDER) && !record.body.as_ref().is_some_and(|body| body.contains(PLACEHOLDER)) {
        return Err(fault(
            "url",
            "does not say whose record to read; put {id} where the sender's id belongs, here or in body".to_owned(),
        ));
    }
    if record.authorization.is_some() && record.authorization_file.is_some() {
        return Err(fault("authorization", "conflicts with authorization_file; set only one of them".to_owned()));
    }
    authorization(record).map_err(|Unauthorized { key, problem }| {
        let file = record.authorization_file.as_ref().map(|file| format!("{}: ", file.display()));
        fault(key, file.unwrap_or_default() + &problem)
    })?;
    if let Some(proxy) = &record.proxy {
        client(Some(proxy)).map_err(|problem| fault("proxy", problem.to_owned()))?;
    }
    for (name, value) in &record.headers {
        let good = name.parse::<HeaderName>().is_ok() && HeaderValue::from_str(value).is_ok();
        if !good {
            return Err(fault(
                "headers",
                format!("{name:?} is not a valid header name, or its value is not a valid header value"),
            ));
        }
    }
    Ok(())
}

/// Carries one call to an HR system and its answer back. [`over_http`] creates the real ones; tests bring their own.
pub type RecordTransport = BoxCloneSyncService<Request<Bytes>, Response<Bytes>, String>;

/// The answer of an HR system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fetched {
    /// The record, which is still to be checked.
    Record(Bytes),
    /// The person no longer exists there.
    Gone,
}

/// Maximum size of an answer in bytes; a larger one is not the record of a single person.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// The proxy of a call, passed on in the extensions of the request.
#[derive(Debug, Clone)]
struct Through(String);

/// Creates a transport over real connections. It follows no redirects and ignores proxies from the environment, so that
/// the authorization is sent only to the configured address.
pub fn over_http() -> Result<RecordTransport, ConfigError> {
    let direct =
        client(None).map_err(|problem| ConfigError::Contradiction { key: "webhooks", problem: problem.to_owned() })?;
    let proxied = Arc::new(Mutex::new(HashMap::<String, reqwest::Client>::new()));
    let choose = move |request: &Request<Bytes>| {
        let Some(Through(proxy)) = request.extensions().get::<Through>() else { return Ok(direct.clone()) };
        let mut proxied = proxied.lock();
        if let Some(known) = proxied.get(proxy) {
            return Ok(known.clone());
        }
        // Proxies of earlier configurations may no longer be in use.
        if proxied.len() >= MAX_PROXIES {
            proxied.clear();
        }
        let client = client(Some(proxy)).map_err(str::to_owned)?;
        proxied.insert(proxy.clone(), client.clone());
        Ok(client)
    };
    Ok(BoxCloneSyncService::new(service_fn(move |request| exchange(choose(&request), request))))
}

/// Maximum number of proxies whose connections are kept.
const MAX_PROXIES: usize = 16;

/// Builds a client that uses this proxy, or none.
fn client(proxy: Option<&String>) -> Result<reqwest::Client, &'static str> {
    let mut builder = outbound::client_builder(Proxies::Configured).connect_timeout(Duration::from_secs(10));
    if let Some(proxy) = proxy {
        if !proxy.starts_with("http://") && !proxy.starts_with("https://") {
            return Err("must begin with http:// or https://");
        }
        builder = builder.proxy(reqwest::Proxy::all(proxy).map_err(|_| "is not a valid proxy URL")?);
    }
    builder.build().map_err(|_| "the HTTP client for HR systems cannot be created")
}

/// Sends one request and reads the answer up to [`MAX_ANSWER_BYTES`].
async fn exchange(client: Result<reqwest::Client, String>, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
    let request = reqwest::Request::try_from(request).map_err(|error| innermost_cause(&error))?;
    outbound::exchange(&client?, request, MAX_ANSWER_BYTES).await.map_err(|error| error.to_string())
}

/// Why a record could not be used, without ids, secrets or the content of the answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Setback {
    /// A later call may succeed.
    #[error("{0}")]
    Passing(String),
    /// Repeating the call would not help.
    #[error("{0}")]
    Final(String),
}

/// Requests one record, once. Errors contain no ids or secrets.
pub(super) async fn fetch(transport: &RecordTransport, record: &RecordConfig, id: &str) -> Result<Fetched, Setback> {
    let request = request(record, id)?;
    let exchange = tokio::time::timeout(record.timeout, transport.clone().oneshot(request)).await;
    let exchange = exchange.map_err(|_| Setback::Passing(format!("no answer within {:?}", record.timeout)))?;
    let answer = exchange.map_err(Setback::Passing)?;
    match answer.status() {
        status if status.is_success() => Ok(Fetched::Record(answer.into_body())),
        StatusCode::NOT_FOUND | StatusCode::GONE => Ok(Fetched::Gone),
        status => Err(Setback::Passing(format!("the answer is {status}"))),
    }
}

/// Builds the request for one record.
fn request(record: &RecordConfig, id: &str) -> Result<Request<Bytes>, Setback> {
    let method = match record.method {
        FetchMethod::Get => Method::GET,
        FetchMethod::Post => Method::POST,
    };
    let url = address::fill(&record.url, PLACEHOLDER, id).map_err(|error| Setback::Final(error.to_string()))?;
    let mut request = Request::builder().method(method).uri(url.as_str()).header(ACCEPT, "application/json");
    if let Some(proxy) = &record.proxy {
        request = request.extension(Through(proxy.clone()));
    }
    for (name, value) in &record.headers {
        request = request.header(name, value);
    }
    if let Some(authorization) = authorization(record)? {
        request = request.header(AUTHORIZATION, authorization);
    }
    let body = record.body.as_ref().map(|body| {
        // The id is escaped like the inside of a JSON text; the template provides the quotation marks.
        let quoted = serde_json::to_string(id).unwrap_or_default();
        body.replace(PLACEHOLDER, quoted.trim_start_matches('"').trim_end_matches('"'))
    });
    if body.is_some() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    request.body(body.unwrap_or_default().into()).map_err(|_| Setback::Final("the request cannot be built".to_owned()))
}

/// Why the header cannot be built, without its value.
struct Unauthorized {
    key: &'static str,
    problem: String,
}

impl From<Unauthorized> for Setback {
    /// Passing, because the file may be rewritten in the meantime.
    fn from(Unauthorized { key, problem }: Unauthorized) -> Self {
        Self::Passing(format!("record.{key}: {problem}"))
    }
}

/// Returns the header with the authorization, read anew from its file if it has one.
fn authorization(record: &RecordConfig) -> Result<Option<HeaderValue>, Unauthorized> {
    let (key, text) = match (&record.authorization, &record.authorization_file) {
        (Some(secret), _) => ("authorization", Ok(secret.expose_secret().to_owned())),
        (None, Some(file)) => ("authorization_file", charset::text_of_file(file).map_err(|error| error.to_string())),
        (None, None) => return Ok(None),
    };
    let fault = |problem: String| Unauthorized { key, problem };
    let text = text.map_err(fault)?;
    if text.trim().is_empty() {
        return Err(fault("is empty".to_owned()));
    }
    let mut value = HeaderValue::from_str(text.trim()).map_err(|_| fault("is not a valid header value".to_owned()))?;
    value.set_sensitive(true);
    Ok(Some(value))
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
