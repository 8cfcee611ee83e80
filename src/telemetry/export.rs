//! OpenTelemetry: exports finished spans to a collector, in batches, over HTTP.
//!
//! Invariant: the service never waits for the collector. Spans enter a bounded queue without waiting and are dropped
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
use crate::outbound::{self, ExchangeError, Proxies};

/// The destination of spans.
#[derive(Debug, Clone)]
pub struct ExportSettings {
    /// The base URL of the collector.
    pub endpoint: String,
    /// The name of this service in the collector (`service.name`).
    pub service_name: String,
}

/// Why spans cannot be exported with these settings.
#[derive(Debug, thiserror::Error)]
pub enum SpanExportError {
    #[error("telemetry.otlp_endpoint: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    #[error("telemetry.otlp_endpoint: cannot create an HTTP client for it: {0}")]
    Client(#[from] reqwest::Error),
}

/// Maximum time for sending one batch.
const BATCH: Duration = Duration::from_secs(5);
/// Maximum time for which a stop waits for the last spans.
const LAST_SPANS: Duration = Duration::from_secs(5);
/// Maximum size of a collector's response, in bytes. Regular responses have only a few bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// A handle to the running export of spans.
#[derive(Debug)]
pub struct SpanExport(SdkTracerProvider);

impl SpanExport {
    /// Sends the remaining spans. Spans that end later are not exported.
    pub async fn finish(self) {
        let sent = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(LAST_SPANS)).await;
        if !matches!(sent, Ok(Ok(()))) {
            tracing::warn!("the last spans could not be exported to the collector");
        }
    }
}

/// Returns a layer that exports spans to the collector in `settings`. Must be called within a tokio runtime, which
/// drives the connections.
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

/// Returns a layer that exports the spans of this crate to `exporter`, with the names and attributes of the semantic
/// conventions.
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
        // Events are only logged; the attributes of a span describe what happened in it.
        .with_filter(
            filter_fn(|of| of.is_span() && of.target().starts_with(env!("CARGO_CRATE_NAME")))
                .with_max_level_hint(Level::INFO),
        );
    (layer, SpanExport(provider))
}

/// Converts spans to their exported form, and logs when the export begins to fail and when it works again.
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
                tracing::warn!(%error, "cannot export spans to the collector; they are dropped until it works again");
            }
            (Ok(()), true) => tracing::info!("the export of spans works again"),
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

/// Sends batches to the collector. The SDK's thread has no tokio runtime, so the service's runtime drives the
/// connections.
struct CollectorClient {
    client: reqwest::Client,
    runtime: Handle,
}

impl CollectorClient {
    fn new() -> Result<Self, reqwest::Error> {
        let client = outbound::client_builder(Proxies::Environment).connect_timeout(BATCH).timeout(BATCH).build()?;
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
        let request = reqwest::Request::try_from(request)?;
        let exchange = outbound::exchange(&self.client, request, MAX_ANSWER_BYTES);
        TokioContext::new(exchange, self.runtime.clone()).await.map_err(|error| match error {
            ExchangeError::TooLarge { .. } => ResponseBodyTooLarge::new().into(),
            ExchangeError::NotSent(_) | ExchangeError::NoAnswer(_) => error.into(),
        })
    }
}
