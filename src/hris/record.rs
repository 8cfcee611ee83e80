//! Where the record of a person is read when a sender only says who has changed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
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

/// What stands for the sender's id of a person.
const PLACEHOLDER: &str = "{id}";

/// Whether a record could be read, as far as that can be told without trying.
pub(super) fn check(config: &WebhookConfig, record: &RecordConfig) -> Result<(), ConfigError> {
    let fault = |key: &str, problem: String| config.fault(format!("record.{key}"), problem);
    let url = Url::parse(&record.url.replace(PLACEHOLDER, "4711"));
    let url = url.map_err(|error| fault("url", format!("{:?}: {error}", record.url)))?;
    let host = Url::parse(&record.url.replace(PLACEHOLDER, "4712"))
        .ok()
        .and_then(|url| url.host().map(|host| host.to_owned()));
    if host.is_none() || host != url.host().map(|host| host.to_owned()) {
        return Err(fault("url", "must have a host, without {id} in it".to_owned()));
    }
    if url.scheme() != "https" && !(url.scheme() == "http" && address::is_local(&url)) {
        return Err(fault("url", "must begin with https://, since it carries a secret and personal data".to_owned()));
    }
    match (record.method, &record.body) {
        (FetchMethod::Get, Some(_)) => return Err(fault("body", "belongs to method = \"POST\"".to_owned())),
        (FetchMethod::Post, Some(body)) => {
            if let Err(error) = serde_json::from_str::<serde_json::Value>(&body.replace(PLACEHOLDER, "4711")) {
                return Err(fault("body", format!("is not JSON: {error}")));
            }
        }
        (FetchMethod::Get | FetchMethod::Post, None) => {}
    }
    if !record.url.contains(PLACEHOLDER) && !record.body.as_ref().is_some_and(|body| body.contains(PLACEHOLDER)) {
        return Err(fault("url", "says nowhere whose record it is: put {id} where the sender's id goes".to_owned()));
    }
    if record.authorization.is_some() && record.authorization_file.is_some() {
        return Err(fault("authorization", "is given as well as authorization_file".to_owned()));
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
            return Err(fault("headers", format!("{name:?} is not the name of a header, or its value is none")));
        }
    }
    Ok(())
}

/// Carries one call to an HR system and its answer back. Real ones are made by [`over_http`]; tests bring their own.
pub type RecordTransport = BoxCloneSyncService<Request<Bytes>, Response<Bytes>, String>;

/// What an HR system answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fetched {
    Record(Bytes),
    /// It has no such person any more.
    Gone,
}

/// Answers larger than this are no record of one person.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// The proxy that a call goes through; travels in the request's extensions.
#[derive(Debug, Clone)]
struct Through(String);

/// A transport over real connections. Redirects are not followed and the proxies of the environment not asked: the
/// authorization goes where the configuration says, and nowhere else.
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
        // Configurations that were read anew may have named others, which nobody uses any more.
        if proxied.len() >= MAX_PROXIES {
            proxied.clear();
        }
        let client = client(Some(proxy)).map_err(str::to_owned)?;
        proxied.insert(proxy.clone(), client.clone());
        Ok(client)
    };
    Ok(BoxCloneSyncService::new(service_fn(move |request| exchange(choose(&request), request))))
}

/// Connections are kept for so many proxies.
const MAX_PROXIES: usize = 16;

fn client(proxy: Option<&String>) -> Result<reqwest::Client, &'static str> {
    // Fails only when a provider is installed already, and then that one serves.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .no_proxy()
        .connect_timeout(Duration::from_secs(10))
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("skillsync/", env!("CARGO_PKG_VERSION")));
    if let Some(proxy) = proxy {
        if !proxy.starts_with("http://") && !proxy.starts_with("https://") {
            return Err("must begin with http:// or https://");
        }
        builder = builder.proxy(reqwest::Proxy::all(proxy).map_err(|_| "is not the address of a proxy")?);
    }
    builder.build().map_err(|_| "the connections to HR systems cannot be set up")
}

async fn exchange(client: Result<reqwest::Client, String>, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
    let client = client?;
    // Without the address: the id of a person is in it.
    let said = |error: reqwest::Error| error.without_url().to_string();
    let request = reqwest::Request::try_from(request).map_err(said)?;
    #[expect(clippy::disallowed_methods, reason = "this call goes to the HR system, which the gate has no part in")]
    let mut answer = client.execute(request).await.map_err(said)?;
    let mut body = BytesMut::new();
    while let Some(chunk) = answer.chunk().await.map_err(said)? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(format!("the answer is larger than {MAX_ANSWER_BYTES} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    let mut response = Response::new(body.freeze());
    *response.status_mut() = answer.status();
    Ok(response)
}

/// Why a record came to nothing; said without ids, secrets and what the answer says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Setback {
    /// A later call may go better.
    #[error("{0}")]
    Passing(String),
    /// No repetition would help.
    #[error("{0}")]
    Final(String),
}

/// Asks for one record, once; what went wrong is said without ids and secrets.
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
        // As the inside of a JSON text; the quotes are the template's.
        let quoted = serde_json::to_string(id).unwrap_or_default();
        body.replace(PLACEHOLDER, quoted.trim_start_matches('"').trim_end_matches('"'))
    });
    if body.is_some() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    request
        .body(body.unwrap_or_default().into())
        .map_err(|_| Setback::Final("the call cannot be put together".to_owned()))
}

/// Why there is no header, without what was to be in it.
struct Unauthorized {
    key: &'static str,
    problem: String,
}

impl From<Unauthorized> for Setback {
    /// Files may be written anew meanwhile.
    fn from(Unauthorized { key, problem }: Unauthorized) -> Self {
        Self::Passing(format!("record.{key}: {problem}"))
    }
}

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
    let mut value = HeaderValue::from_str(text.trim()).map_err(|_| fault("is no header".to_owned()))?;
    value.set_sensitive(true);
    Ok(Some(value))
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
