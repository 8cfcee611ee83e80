//! OpenTelemetry: finished spans go to a collector, in batches, over HTTP.
//!
//! Invariant: the service never waits for the collector. Spans go into a bounded queue without waiting, and are dropped
//! while it is full; a thread of the SDK sends them. Only a stop waits, and for `LAST_SPANS` at most.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{HttpClient, HttpError, ResponseBodyTooLarge};
use opentelemetry_otlp::{Protocol, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use tokio::runtime::Handle;
use tokio_util::context::TokioContext;
use tracing::Level;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

use super::conventions;

/// Where spans go.
#[derive(Debug, Clone)]
pub struct ExportSettings {
    /// Base URL of a collector.
    pub endpoint: String,
    /// What this service is called there.
    pub service_name: String,
}

/// Why spans cannot be exported with these settings.
#[derive(Debug, thiserror::Error)]
pub enum SpanExportError {
    #[error("telemetry.otlp_endpoint: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    #[error("telemetry.otlp_endpoint: no client for it: {0}")]
    Client(#[from] reqwest::Error),
}

/// How long one batch may take to be sent.
const BATCH: Duration = Duration::from_secs(5);
/// How long a stop may wait for the last spans.
const LAST_SPANS: Duration = Duration::from_secs(5);
/// A collector answers a few bytes; larger answers are not read.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// The way of spans out of the process.
#[derive(Debug)]
pub struct SpanExport(SdkTracerProvider);

impl SpanExport {
    /// Sends what is left; spans that end later are not exported any more.
    pub async fn finish(self) {
        let sent = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(LAST_SPANS)).await;
        if !matches!(sent, Ok(Ok(()))) {
            tracing::warn!("the last spans could not be exported");
        }
    }
}

/// A layer whose spans go to the collector of `settings`. To be called in a runtime, which carries the connections.
pub(super) fn over_http(
    settings: &ExportSettings,
) -> Result<(impl Layer<Registry> + Send + Sync + use<>, SpanExport), SpanExportError> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(CollectorClient::new()?)
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(BATCH)
        .with_endpoint(format!("{}/v1/traces", settings.endpoint.trim_end_matches('/')))
        .build()?;
    Ok(spans_to(exporter, settings.service_name.clone()))
}

/// A layer whose spans go to `exporter`: the spans of this crate, named and reduced as the conventions have it.
pub fn spans_to<S, E>(exporter: E, service_name: String) -> (impl Layer<S> + Send + Sync, SpanExport)
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    E: SpanExporter + 'static,
{
    let resource = Resource::builder()
        .with_service_name(service_name)
        .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let provider = SdkTracerProvider::builder()
        .with_resource(resource)
        .with_batch_exporter(Conventional { exporter, failing: AtomicBool::new(false) })
        .build();
    let layer = tracing_opentelemetry::layer()
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_tracer(provider.tracer("skillsync"))
        // Events stay in the logs: what happened in a span is in its attributes.
        .with_filter(
            filter_fn(|of| of.is_span() && of.target().starts_with(env!("CARGO_CRATE_NAME")))
                .with_max_level_hint(Level::INFO),
        );
    (layer, SpanExport(provider))
}

/// Brings spans into the form that goes out, and logs when exporting begins to fail and when it works again.
#[derive(Debug)]
struct Conventional<E> {
    exporter: E,
    failing: AtomicBool,
}

impl<E: SpanExporter + 'static> SpanExporter for Conventional<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let batch: Vec<_> = batch.into_iter().filter_map(conventions::exported).collect();
        if batch.is_empty() {
            return Ok(());
        }
        let result = self.exporter.export(batch).await;
        match (&result, self.failing.swap(result.is_err(), Ordering::Relaxed)) {
            (Err(error), false) => {
                tracing::warn!(%error, "spans cannot be exported, and are dropped until they can be");
            }
            (Ok(()), true) => tracing::info!("spans are exported again"),
            (Err(_), true) | (Ok(()), false) => {}
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// Carries batches to the collector. The SDK's thread has no runtime, so the service's carries the connections.
struct CollectorClient {
    client: reqwest::Client,
    runtime: Handle,
}

impl CollectorClient {
    fn new() -> Result<Self, reqwest::Error> {
        // Fails only when a provider is installed already, and then that one serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .connect_timeout(BATCH)
            .timeout(BATCH)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("skillsync/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, runtime: Handle::current() })
    }
}

impl fmt::Debug for CollectorClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CollectorClient")
    }
}

#[async_trait]
impl HttpClient for CollectorClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let exchange = exchange(self.client.clone(), reqwest::Request::try_from(request)?);
        TokioContext::new(exchange, self.runtime.clone()).await
    }
}

async fn exchange(client: reqwest::Client, request: reqwest::Request) -> Result<Response<Bytes>, HttpError> {
    #[expect(clippy::disallowed_methods, reason = "spans go to a collector, not to Genesys, so not through its gate")]
    let mut answer = client.execute(request).await?;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(ResponseBodyTooLarge::new().into());
        }
        body.extend_from_slice(&chunk);
    }
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = answer.status();
    *response.headers_mut() = std::mem::take(answer.headers_mut());
    Ok(response)
}
