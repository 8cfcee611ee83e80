//! The client of the service for `push`. It repeats every call while the service is unavailable, so that a restart
//! during a job does not end the command. A service that has never answered is given up soon, because the address is
//! probably wrong.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use async_compression::tokio::bufread::GzipEncoder;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::time::Instant;
use tower::ServiceExt;

use super::source::PushSource;
use crate::clock::WallClock;
use crate::genesys::transport::{Transport, TransportSettings, over_http};
use crate::retry_after::retry_after;

/// How long the service holds a response back for a change.
const HELD_BACK: &str = "25s";
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const MAX_PAUSE: Duration = Duration::from_secs(10);
/// Maximum time until the first response of the service.
const FIRST_ANSWER: Duration = Duration::from_secs(10);
/// Maximum number of failures that are shown individually.
pub(super) const MAX_SHOWN: usize = 10;

/// The client of one service.
pub(super) struct Remote {
    transport: Transport,
    base: String,
    authorization: Option<HeaderValue>,
    patience: Duration,
    /// Whether the address has ever answered.
    answered: AtomicBool,
}

/// A repeatable call.
struct RemoteCall {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

impl RemoteCall {
    fn get(path: String) -> Self {
        Self { method: Method::GET, path, headers: HeaderMap::new(), body: Bytes::new() }
    }

    fn post(path: String) -> Self {
        Self { method: Method::POST, ..Self::get(path) }
    }

    fn with(mut self, name: HeaderName, value: &str) -> Result<Self> {
        self.headers.insert(name, HeaderValue::from_str(value).context("the text is not valid in a header")?);
        Ok(self)
    }
}

impl Remote {
    /// Returns a client for the service at `url` that retries for at most `patience`.
    pub(super) fn new(url: &str, key: Option<String>, patience: Duration) -> Result<Self> {
        let authorization = key.map(|key| HeaderValue::try_from(format!("Bearer {key}"))).transpose();
        let mut authorization =
            authorization.context("the API key contains characters that are not valid in a header")?;
        if let Some(value) = &mut authorization {
            value.set_sensitive(true);
        }
        let settings = TransportSettings { most_answer_bytes: 512 * 1024 * 1024, ..TransportSettings::default() };
        Ok(Self {
            transport: over_http(&settings)?,
            base: url.trim_end_matches('/').to_owned(),
            authorization,
            patience,
            answered: AtomicBool::new(false),
        })
    }

    /// Returns the URL of a job.
    pub(super) fn address_of(&self, id: &str) -> String {
        format!("{}/v1/sync-jobs/{id}", self.base)
    }

    /// Submits a job and returns its view.
    pub(super) async fn submit(&self, source: &PushSource, key: &str, gzip: bool) -> Result<Value> {
        let mut call = RemoteCall::post(format!("/v1/sync-jobs{}", source.query))
            .with(CONTENT_TYPE, &source.media_type)?
            .with(HeaderName::from_static("idempotency-key"), key)?;
        call.body = source.body.clone().into();
        if let Some(packed) = source.packed {
            call = call.with(CONTENT_ENCODING, packed.name())?;
        } else if gzip {
            call = call.with(CONTENT_ENCODING, "gzip")?;
            call.body = compressed(&source.body).await?;
        }
        json(&self.send(&call).await?)
    }

    /// Returns the job with its `ETag`, or `None` if it still has the tag `known`.
    pub(super) async fn job(&self, id: &str, known: Option<&str>) -> Result<Option<(Value, Option<String>)>> {
        let mut call = RemoteCall::get(format!("/v1/sync-jobs/{id}?wait={HELD_BACK}"));
        if let Some(known) = known {
            call = call.with(IF_NONE_MATCH, known)?;
        }
        let answer = self.send(&call).await?;
        if answer.status() == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        let tag = answer.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        Ok(Some((json(&answer)?, tag)))
    }

    /// Applies a dry run, and returns the view of the new job.
    pub(super) async fn apply(&self, id: &str) -> Result<Value> {
        json(&self.send(&RemoteCall::post(format!("/v1/sync-jobs/{id}/apply"))).await?)
    }

    /// Returns one page of entries.
    pub(super) async fn entries(&self, id: &str, state: &str, limit: usize, cursor: Option<&str>) -> Result<Value> {
        let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        json(
            &self
                .send(&RemoteCall::get(format!("/v1/sync-jobs/{id}/entries?state={state}&limit={limit}{cursor}")))
                .await?,
        )
    }

    /// Returns the first failed entries, at most [`MAX_SHOWN`].
    pub(super) async fn failures(&self, id: &str) -> Result<Vec<Value>> {
        let page = self.entries(id, "failed", MAX_SHOWN, None).await?;
        Ok(page.get("items").and_then(Value::as_array).cloned().unwrap_or_default())
    }

    /// Returns all failed entries as CSV rows that can be submitted again.
    pub(super) async fn failed_rows(&self, id: &str) -> Result<Bytes> {
        let call = RemoteCall::get(format!("/v1/sync-jobs/{id}/entries?state=failed")).with(ACCEPT, "text/csv")?;
        Ok(self.send(&call).await?.into_body())
    }

    /// Repeats a call until the service answers it. Repeating is harmless: submissions carry an idempotency key, and
    /// applying twice finds nothing left to do.
    async fn send(&self, call: &RemoteCall) -> Result<Response<Bytes>> {
        let (begun, mut pause, mut told) = (Instant::now(), FIRST_PAUSE, String::new());
        loop {
            let trouble = match self.attempt(call).await? {
                Ok(answer) if !is_passing(answer.status()) => return accepted(answer),
                Ok(answer) => {
                    pause = pause.max(retry_after(answer.headers(), WallClock::System.now()).unwrap_or_default());
                    problem(&answer)
                }
                Err(error) => error,
            };
            let answered = self.answered.load(Ordering::Relaxed);
            let patience = if answered { self.patience } else { self.patience.min(FIRST_ANSWER) };
            if begun.elapsed() + pause > patience {
                let hint =
                    if answered { "" } else { "; check that the service is running and that --url is its address" };
                bail!("{}: {trouble}{hint}", self.base);
            }
            // Each problem is printed once, however long it lasts.
            if trouble != told {
                eprintln!("{}: {trouble}; retrying for up to {} s", self.base, patience.as_secs());
                told = trouble;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }

    async fn attempt(&self, call: &RemoteCall) -> Result<Result<Response<Bytes>, String>> {
        let mut request = Request::builder()
            .method(&call.method)
            .uri(format!("{}{}", self.base, call.path))
            .body(call.body.clone())
            .with_context(|| format!("--url: {} is not a valid URL", self.base))?;
        *request.headers_mut() = call.headers.clone();
        request.headers_mut().extend(self.authorization.clone().map(|value| (AUTHORIZATION, value)));
        let answer = self.transport.clone().oneshot(request).await;
        self.answered.fetch_or(answer.is_ok(), Ordering::Relaxed);
        Ok(answer.map_err(|error| error.to_string()))
    }
}

/// Returns whether the status is temporary: the service is starting, stopping or overloaded, or the request rate was
/// exceeded.
fn is_passing(status: StatusCode) -> bool {
    [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::BAD_GATEWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ]
    .contains(&status)
}

fn accepted(answer: Response<Bytes>) -> Result<Response<Bytes>> {
    if answer.status().is_success() || answer.status() == StatusCode::NOT_MODIFIED {
        return Ok(answer);
    }
    bail!("{}", problem(&answer))
}

/// Formats a problem document with all its faults.
fn problem(answer: &Response<Bytes>) -> String {
    let document: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let faults = document.get("errors").and_then(Value::as_array).into_iter().flatten();
    let faults = faults.map(|fault| {
        let place = [text(fault, "pointer"), text(fault, "parameter")].concat();
        let line = fault.get("line").and_then(Value::as_u64).map(|line| format!("line {line} ")).unwrap_or_default();
        let cell = fault.get("cell").and_then(Value::as_str).map(|cell| format!("{cell} "));
        format!("\n  {}{place} {}", cell.unwrap_or(line), text(fault, "detail"))
    });
    format!("{} {}{}", answer.status(), text(&document, "detail"), faults.collect::<String>())
}

fn json(answer: &Response<Bytes>) -> Result<Value> {
    serde_json::from_slice(answer.body())
        .context("the response is not JSON; check that --url is the address of a skillsync service")
}

/// Returns the id in the view of a job.
pub(super) fn id_of(view: &Value) -> Result<&str> {
    view.get("id")
        .and_then(Value::as_str)
        .context("the response has no id; check that --url is the address of a skillsync service")
}

async fn compressed(body: &[u8]) -> Result<Bytes> {
    let mut packed = Vec::new();
    GzipEncoder::new(body).read_to_end(&mut packed).await?;
    Ok(packed.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_of_a_refused_file_is_told_with_its_place() {
        let body = br#"{"detail":"2 faults","errors":[{"line":3,"pointer":"/user","detail":"is missing"},
            {"parameter":"target","detail":"is missing"}]}"#;
        let mut answer = Response::new(Bytes::from_static(body));
        *answer.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        let told = accepted(answer).unwrap_err().to_string();
        assert!(told.contains("2 faults\n  line 3 /user is missing\n  target is missing"), "{told}");
    }
}
