//! Logs: for people on a terminal, JSON lines otherwise. And, where it is configured, spans for an OpenTelemetry collector.

mod conventions;
mod export;

use std::io::IsTerminal;

use http::HeaderMap;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

pub use self::export::{Export, ExportError, ExportSettings, spans_to};

/// Starts logging to standard error; `default_level` holds unless `RUST_LOG` says otherwise. A second call has no effect.
pub fn start(default_level: &str) {
    start_beside(logs(default_level));
}

/// The same, and exports spans until [`Export::finish`].
pub fn start_exporting(default_level: &str, settings: &ExportSettings) -> Result<Export, ExportError> {
    let (spans, export) = export::over_http(settings)?;
    start_beside(logs(default_level).and_then(spans).boxed());
    Ok(export)
}

type Subscribed = Box<dyn Layer<Registry> + Send + Sync>;

fn start_beside(layer: Subscribed) {
    // Fails only if a subscriber is set already, and then that one serves.
    let _ = tracing_subscriber::registry().with(layer).try_init();
}

fn logs(default_level: &str) -> Subscribed {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default_level));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        lines.compact().with_filter(filter).boxed()
    } else {
        lines.json().with_current_span(false).with_filter(filter).boxed()
    }
}

/// Makes a request's span part of the trace that its caller names with `traceparent` (W3C Trace Context). Has to come
/// before anything else happens in the span; changes nothing where no spans are exported.
pub fn join_trace(span: &Span, headers: &HeaderMap) {
    if !headers.contains_key("traceparent") {
        return;
    }
    let context = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
    if context.span().span_context().is_valid() {
        // Fails where no spans are exported.
        let _ = span.set_parent(context);
    }
}
