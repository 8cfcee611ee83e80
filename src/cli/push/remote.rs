//! The service, as `push` calls it: every call is repeated while the service is away, so that a restart of it in the middle
//! of a job does not end the following of it. A service that has never answered is given up soon: the address is wrong.

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

/// How long the service holds an answer back for a change.
const HELD_BACK: &str = "25s";
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const MAX_PAUSE: Duration = Duration::from_secs(10);
/// How long a service may take to be there at all.
const FIRST_ANSWER: Duration = Duration::from_secs(10);
/// Failures that are shown one by one.
pub(super) const MAX_SHOWN: usize = 10;

pub(super) struct Remote {
    transport: Transport,
    base: String,
    authorization: Option<HeaderValue>,
    patience: Duration,
    /// Whether anybody has ever answered at that address.
    answered: AtomicBool,
}

/// One call, which can be made again.
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
        self.headers.insert(name, HeaderValue::from_str(value).context("a header cannot hold that text")?);
        Ok(self)
    }
}

impl Remote {
    pub(super) fn new(url: &str, key: Option<String>, patience: Duration) -> Result<Self> {
        let authorization = key.map(|key| HeaderValue::try_from(format!("Bearer {key}"))).transpose();
        let mut authorization = authorization.context("the key holds characters that no key has")?;
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

    /// The address of a job.
    pub(super) fn address_of(&self, id: &str) -> String {
        format!("{}/v1/sync-jobs/{id}", self.base)
    }

    /// Submits a job and answers its view.
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

    /// The job with its tag, or nothing if it is as it is known to be.
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

    /// Has the plan of a dry run carried out, and answers the job that does it.
    pub(super) async fn apply(&self, id: &str) -> Result<Value> {
        json(&self.send(&RemoteCall::post(format!("/v1/sync-jobs/{id}/apply"))).await?)
    }

    /// One page of entries.
    pub(super) async fn entries(&self, id: &str, state: &str, limit: usize, cursor: Option<&str>) -> Result<Value> {
        let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        json(
            &self
                .send(&RemoteCall::get(format!("/v1/sync-jobs/{id}/entries?state={state}&limit={limit}{cursor}")))
                .await?,
        )
    }

    /// The first failed entries.
    pub(super) async fn failures(&self, id: &str) -> Result<Vec<Value>> {
        let page = self.entries(id, "failed", MAX_SHOWN, None).await?;
        Ok(page.get("items").and_then(Value::as_array).cloned().unwrap_or_default())
    }

    /// All failed entries as they were sent, to be sent again.
    pub(super) async fn failed_rows(&self, id: &str) -> Result<Bytes> {
        let call = RemoteCall::get(format!("/v1/sync-jobs/{id}/entries?state=failed")).with(ACCEPT, "text/csv")?;
        Ok(self.send(&call).await?.into_body())
    }

    /// Makes a call until it is answered by a service that works: repeating is harmless, as submissions carry their key
    /// and applying twice only finds nothing left to do.
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
                let hint = if answered { "" } else { "; is the service running, and --url its address?" };
                bail!("{}: {trouble}{hint}", self.base);
            }
            // The same trouble is told once, however long it lasts.
            if trouble != told {
                eprintln!("{}: {trouble}; asking again for {} s", self.base, patience.as_secs());
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
            .with_context(|| format!("--url: {} is not an address", self.base))?;
        *request.headers_mut() = call.headers.clone();
        request.headers_mut().extend(self.authorization.clone().map(|value| (AUTHORIZATION, value)));
        let answer = self.transport.clone().oneshot(request).await;
        self.answered.fetch_or(answer.is_ok(), Ordering::Relaxed);
        Ok(answer.map_err(|error| error.to_string()))
    }
}

/// What goes away by itself: the service is starting, stopping, full, or asked too often.
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

/// What a problem document says, with each of its faults.
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
    serde_json::from_slice(answer.body()).context("the answer is not JSON: is this the address of a skillsync service?")
}

/// The id in the view of a job.
pub(super) fn id_of(view: &Value) -> Result<&str> {
    view.get("id").and_then(Value::as_str).context("the answer has no id: is this the address of a skillsync service?")
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
