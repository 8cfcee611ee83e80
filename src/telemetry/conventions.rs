//! Defines which parts of a span are exported, and under which names.
//!
//! Logs and spans share their fields and field names; here the fields are renamed to OpenTelemetry's semantic
//! conventions. This is an allow-list: a field that is not listed is not exported, so that one added for the logs
//! cannot reach a collector unnoticed.

use opentelemetry::trace::{SpanKind, Status};
use opentelemetry::{Key, KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;

/// Routes that machines call every few seconds. Their spans are not exported, because they would bury the others.
const PROBES: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Fields that are integers. The OpenTelemetry layer passes unsigned integers on as text.
const NUMBERS: [&str; 3] = ["status", "entry", "entries"];

/// The exported form of spans of one name.
struct AttributeForm {
    kind: SpanKind,
    /// The lowest HTTP status that counts as an error.
    errors_from: i64,
    /// Exported fields with their external names.
    attributes: &'static [(&'static str, &'static str)],
}

const STATUS: (&str, &str) = ("status", "http.response.status_code");

fn form(name: &str) -> Option<AttributeForm> {
    let (kind, errors_from, attributes): (_, _, &'static [_]) = match name {
        "request" => {
            let attributes = &[
                ("method", "http.request.method"),
                ("route", "http.route"),
                STATUS,
                ("request_id", "skillsync.request_id"),
                ("caller", "skillsync.caller"),
            ];
            (SpanKind::Server, 500, attributes)
        }
        "job" => (SpanKind::Internal, i64::MAX, &[("job", "skillsync.job.id")]),
        "pass" => {
            let attributes = &[
                ("target", "skillsync.target"),
                ("entry", "skillsync.entry.index"),
                ("entries", "skillsync.pass.entries"),
            ];
            (SpanKind::Internal, i64::MAX, attributes)
        }
        "genesys_call" => {
            let attributes = &[
                ("route", "skillsync.genesys.route"),
                ("lane", "skillsync.gate.lane"),
                STATUS,
                ("correlation_id", "skillsync.genesys.correlation_id"),
            ];
            (SpanKind::Internal, 400, attributes)
        }
        "attempt" => (SpanKind::Client, 400, &[STATUS]),
        _ => return None,
    };
    Some(AttributeForm { kind, errors_from, attributes })
}

/// Returns the exported form of a span, or `None` if the span is not exported.
pub(super) fn exported(mut span: SpanData) -> Option<SpanData> {
    let form = form(&span.name)?;
    let field = |name: &str| {
        let found = span.attributes.iter().find(|of| of.key.as_str() == name)?;
        let number = NUMBERS.contains(&name).then(|| found.value.as_str().parse::<i64>().ok()).flatten();
        Some(number.map_or_else(|| found.value.clone(), Value::I64))
    };
    if span.name == "request" {
        let route = field("route")?;
        if PROBES.iter().any(|probe| route.as_str() == *probe) {
            return None;
        }
        span.name = format!("{} {route}", field("method")?).into();
    }
    let named = |(name, outside): &(&'static str, &'static str)| Some(KeyValue::new(Key::new(*outside), field(name)?));
    let attributes = form.attributes.iter().filter_map(named).collect();
    if matches!(field("status"), Some(Value::I64(status)) if status >= form.errors_from) {
        span.status = Status::error("");
    }
    span.span_kind = form.kind;
    span.attributes = attributes;
    span.dropped_attributes_count = 0;
    span.events.events.clear();
    Some(span)
}

#[cfg(test)]
#[path = "conventions_tests.rs"]
mod tests;
