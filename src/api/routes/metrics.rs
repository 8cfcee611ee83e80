//! `GET /metrics`: the metrics for Prometheus.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::api::context::ApiContext;
use crate::hris::UnreadCounts;
use crate::metrics::{Family, MetricsText};

const RECORDS: Family = Family::gauge(
    "skillsync_webhook_records",
    "Records not yet read from the HR system, by configured source: waiting to be read, or failed.",
);

/// Read the metrics
///
/// Returns the metrics in the Prometheus text format, version 0.0.4. `docs/OPERATIONS.md` explains each metric.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "getMetrics",
    tag = "service",
    responses((status = 200, description = "All metrics.", body = String, content_type = "text/plain")),
)]
pub(in crate::api) async fn get_metrics(State(api): State<Arc<ApiContext>>) -> Response {
    let mut text = MetricsText::default();
    api.metrics.write(&mut text);
    api.shared.requests.write(&mut text);
    api.shared.webhooks.write(&mut text);
    text.family(&RECORDS);
    let configured = api.intake.sources().all();
    let mut unread: BTreeMap<_, _> =
        configured.iter().map(|source| (Arc::clone(&source.name), UnreadCounts::default())).collect();
    unread.extend(api.intake.unread());
    for (source, UnreadCounts { waiting, failed, problem: _ }) in &unread {
        for (state, count) in [("waiting", waiting), ("failed", failed)] {
            text.series(&[("source", source), ("state", state)], count);
        }
    }
    ([(CONTENT_TYPE, MetricsText::MEDIA_TYPE)], text.finish()).into_response()
}
