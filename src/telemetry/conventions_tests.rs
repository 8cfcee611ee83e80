//! Tests of spans before and after their conversion.

use std::time::SystemTime;

use opentelemetry::InstrumentationScope;
use opentelemetry::trace::{SpanContext, SpanId};
use opentelemetry_sdk::trace::{SpanEvents, SpanLinks};

use super::*;

fn span(name: &'static str, attributes: &[(&'static str, Value)]) -> SpanData {
    SpanData {
        span_context: SpanContext::empty_context(),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: name.into(),
        start_time: SystemTime::UNIX_EPOCH,
        end_time: SystemTime::UNIX_EPOCH,
        attributes: attributes.iter().map(|(name, value)| KeyValue::new(*name, value.clone())).collect(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::default(),
    }
}

fn request(route: &'static str, status: i64) -> SpanData {
    span("request", &[("method", "POST".into()), ("route", route.into()), ("status", status.to_string().into())])
}

#[test]
fn a_request_is_named_as_the_conventions_have_it() {
    let sent = exported(request("/v1/sync-jobs", 202)).unwrap();
    assert_eq!((sent.name.as_ref(), &sent.span_kind), ("POST /v1/sync-jobs", &SpanKind::Server));
    let attributes: Vec<_> = sent.attributes.iter().map(|of| (of.key.as_str(), of.value.to_string())).collect();
    let expected = [
        ("http.request.method", "POST".to_owned()),
        ("http.route", "/v1/sync-jobs".to_owned()),
        ("http.response.status_code", "202".to_owned()),
    ];
    assert_eq!(attributes, expected);
}

#[test]
fn what_is_an_error_depends_on_who_is_to_blame() {
    let call = |status: i64| span("attempt", &[("status", status.to_string().into())]);
    for (span, is_error) in [
        (request("/v1/sync-jobs", 422), false),
        (request("/v1/sync-jobs", 503), true),
        (call(200), false),
        (call(409), true),
    ] {
        let sent = exported(span).unwrap();
        assert_eq!(matches!(sent.status, Status::Error { .. }), is_error, "{sent:?}");
    }
}

#[test]
fn whole_numbers_go_out_as_numbers_and_nothing_else_does() {
    let sent = exported(span(
        "request",
        &[
            ("method", "GET".into()),
            ("route", "/v1/limits".into()),
            ("status", "200".into()),
            ("request_id", "4711".into()),
        ],
    ));
    let values: Vec<_> = sent.unwrap().attributes.into_iter().map(|of| of.value).collect();
    assert_eq!(values, ["GET".into(), "/v1/limits".into(), Value::I64(200), "4711".into()]);
}

#[test]
fn fields_that_are_not_listed_stay_here() {
    let sent = exported(span("job", &[("job", "0197".into()), ("user", "ana@example.com".into())])).unwrap();
    assert_eq!(sent.attributes, [KeyValue::new("skillsync.job.id", "0197")]);
}

#[test]
fn probes_and_spans_without_a_form_are_left_out() {
    assert_eq!(exported(request("/readyz", 200)), None);
    assert_eq!(exported(span("something_new", &[])), None);
}
