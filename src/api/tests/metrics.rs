//! `/metrics`: the metrics of the HTTP API, and who may read them.

use super::{PlainGenesys, TestApi};
use crate::api::callers::caller::ApiKey;
use crate::api::callers::caller::Role;
use crate::api::context::ApiSettings;
use crate::api::service::statistics::WebhookResult;
use crate::api::service::statistics::WebhookStatistics;
use crate::metrics::MetricsText;

fn guarded(open_metrics: bool) -> TestApi {
    let key = ApiKey::new("reader", [0; 32], Role::Read);
    TestApi::with(PlainGenesys::default(), ApiSettings { api_keys: vec![key], open_metrics, ..ApiSettings::default() })
}

#[tokio::test]
async fn metrics_need_a_key_unless_they_are_opened() {
    guarded(false).get("/metrics").await.assert_problem(401, "/problems/unauthorized");
    let open = guarded(true);
    assert_eq!(open.get("/metrics").await.status, 200);
    open.get("/v1/sync-jobs").await.assert_problem(401, "/problems/unauthorized");
}

#[tokio::test]
async fn requests_are_counted_by_route_and_never_by_what_callers_write() {
    let api = TestApi::start();
    for path in ["/v1/sync-jobs", "/v1/users/ana@example.com", "/v1/users/E1", "/nothing/ana", "/other"] {
        api.get(path).await;
    }
    let answer = api.get("/metrics").await;
    assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4"));
    let text = answer.body.as_str().unwrap();
    for line in [
        "skillsync_http_requests_total{method=\"GET\",route=\"/v1/sync-jobs\",status=\"200\"} 1",
        "skillsync_http_requests_total{method=\"GET\",route=\"/v1/users/{userRef}\",status=\"404\"} 2",
        "skillsync_http_requests_total{method=\"GET\",route=\"unmatched\",status=\"404\"} 2",
        "skillsync_http_request_duration_seconds_count{route=\"/v1/users/{userRef}\"} 2",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("ana"), "{text}");
}

#[test]
fn deliveries_are_counted_by_source_and_result() {
    let (webhooks, mut text) = (WebhookStatistics::default(), MetricsText::default());
    webhooks.count("workday", WebhookResult::Accepted);
    webhooks.count("workday", WebhookResult::Accepted);
    webhooks.count("bamboo", WebhookResult::Unauthorized);
    webhooks.count_future_dates("workday", 2);
    webhooks.count_future_dates("workday", 1);
    webhooks.count_future_dates("bamboo", 0);
    webhooks.count_dates_not_read("bamboo", 2);
    webhooks.count_dates_not_read("workday", 0);
    webhooks.write(&mut text);
    let text = text.finish();
    assert!(text.contains("skillsync_webhooks_total{source=\"workday\",result=\"accepted\"} 2"), "{text}");
    assert!(text.contains("skillsync_webhooks_total{source=\"bamboo\",result=\"unauthorized\"} 1"), "{text}");
    let series = |name: &str| text.lines().filter(|line| line.starts_with(name)).collect::<Vec<_>>();
    let future = series("skillsync_webhook_future_dates_total{");
    assert_eq!(future, ["skillsync_webhook_future_dates_total{source=\"workday\"} 3"]);
    let not_read = series("skillsync_webhook_dates_not_read_total{");
    assert_eq!(not_read, ["skillsync_webhook_dates_not_read_total{source=\"bamboo\"} 2"]);
}
