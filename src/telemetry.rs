//! Logging, as text on a terminal and as JSON lines otherwise; and, if configured, the export of spans to an
//! OpenTelemetry collector.

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
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::{Compact, DefaultFields, Format, Writer};
use tracing_subscriber::fmt::{self, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

pub use self::export::{ExportSettings, SpanExport, SpanExportError, spans_to};
use crate::terminal::Plain;

/// Starts logging to standard error, at `default_level` unless `RUST_LOG` is set. A second call has no effect.
pub fn start(default_level: &str) {
    start_beside(logs(default_level));
}

/// Like [`start`], and exports spans until [`SpanExport::finish`]. Returns an error if the settings are invalid.
pub fn start_exporting(default_level: &str, settings: &ExportSettings) -> Result<SpanExport, SpanExportError> {
    let (spans, export) = export::over_http(settings)?;
    start_beside(logs(default_level).and_then(spans).boxed());
    Ok(export)
}

type Subscribed = Box<dyn Layer<Registry> + Send + Sync>;

fn start_beside(layer: Subscribed) {
    // Fails only if a subscriber is already set, which then stays in use.
    let _ = tracing_subscriber::registry().with(layer).try_init();
}

fn logs(default_level: &str) -> Subscribed {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default_level));
    let lines = fmt::layer().with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        for_people(lines).with_filter(filter).boxed()
    } else {
        lines.json().with_current_span(false).with_filter(filter).boxed()
    }
}

fn for_people<W>(
    lines: fmt::Layer<Registry, DefaultFields, Format, W>,
) -> fmt::Layer<Registry, PlainFields, Format<Compact>, W>
where
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    lines.compact().fmt_fields(PlainFields)
}

/// Formats fields for people. Text from elsewhere is escaped and cannot control the terminal.
struct PlainFields;

impl<'writer> FormatFields<'writer> for PlainFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> std::fmt::Result {
        let mut plain = Plain::line(&mut writer);
        DefaultFields::new().format_fields(Writer::new(&mut plain), fields)
    }
}

/// Makes the span of a request part of the trace that its caller names in `traceparent` (W3C Trace Context). Must be
/// called before anything else happens in the span. Has no effect if no spans are exported.
pub fn join_trace(span: &Span, headers: &HeaderMap) {
    if !headers.contains_key("traceparent") {
        return;
    }
    let context = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
    if context.span().span_context().is_valid() {
        // Fails if no spans are exported.
        let _ = span.set_parent(context);
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_for_a_terminal_is_one_line_whatever_is_in_it() {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = for_people(fmt::layer().with_writer(move || writer.clone()).with_ansi(false));
        let evil = "\u{1b}]0;pwned\u{7}\u{202e}\r\nfake line";
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let span = tracing::info_span!("request", path = evil, late = tracing::field::Empty);
            span.record("late", evil);
            let _entered = span.enter();
            tracing::warn!(error = %evil, debug = ?evil, "failed: {evil}");
        });
        let written = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(written.lines().count(), 1, "{written}");
        assert!(written.ends_with('\n') && !written.trim_end().contains(|c: char| c.is_control() || c == '\u{202e}'));
        assert_eq!(written.matches("pwned").count(), 5, "{written}");
    }
}
