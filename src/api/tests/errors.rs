//! Every error, wherever it originates, is a problem document that carries the request id.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use bytes::Bytes;
use tower::ServiceExt;

use super::{PlainGenesys, TestApi};
use crate::api::callers::access::Access;
use crate::api::callers::access::ApiKeys;
use crate::api::context::ApiSettings;
use crate::api::layers;
use crate::api::layers::Witness;
use crate::api::listener::serve::ServeSettings;
use crate::api::service::readiness::Readiness;
use crate::clock::WallClock;

const JOB: &str = "/v1/sync-jobs/0199a3f2-7c55-7d2e-9d3e-1f6a5b1c2d3e";

#[tokio::test]
async fn what_is_not_there_is_a_problem() {
    let api = TestApi::start();
    api.get("/v2/nothing").await.assert_problem(404, "/problems/not-found");
    api.get(JOB).await.assert_problem(404, "/problems/job-not-found");
    api.get(&format!("{JOB}/entries")).await.assert_problem(404, "/problems/job-not-found");
    api.post(&format!("{JOB}/cancel"), "").await.assert_problem(404, "/problems/job-not-found");
    api.get("/v1/sync-jobs/no-id").await.assert_problem(404, "/problems/job-not-found");
    api.get("/v1/sync-jobs/%ff").await.assert_problem(404, "/problems/job-not-found");
}

#[tokio::test]
async fn a_wrong_method_is_a_problem_that_names_the_right_ones() {
    let api = TestApi::start();
    let answer = api.send(Request::delete(JOB).body(Body::empty()).unwrap()).await;
    answer.assert_problem(405, "/problems/method-not-allowed");
    assert_eq!(answer.header("allow"), "GET,HEAD");
}

#[tokio::test]
async fn a_body_of_another_form_is_a_problem() {
    let api = TestApi::start();
    for (name, value) in [("content-type", "text/plain"), ("x-none", ""), ("content-type", "application/jsonx")] {
        let request = Request::post("/v1/sync-jobs").header(name, value).body(Body::from("{}")).unwrap();
        api.send(request).await.assert_problem(415, "/problems/unsupported-media-type");
    }
    let zipped = Request::post("/v1/sync-jobs")
        .header("content-type", "application/json; charset=utf-8")
        .header("content-encoding", "br");
    let refused = api.send(zipped.body(Body::from("{}")).unwrap()).await;
    refused.assert_problem(415, "/problems/unsupported-media-type");
    assert_eq!(refused.header("accept-encoding"), "gzip, zstd");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_a_problem_announced_or_not() {
    let settings = ApiSettings { max_body_bytes: 100, ..ApiSettings::default() };
    let api = TestApi::with(PlainGenesys::default(), settings);
    let long = vec![b' '; 101];
    let announced =
        Request::post("/v1/sync-jobs").header("content-type", "application/json").header("content-length", 101);
    api.send(announced.body(Body::from(long.clone())).unwrap()).await.assert_problem(413, "/problems/body-too-large");
    let chunk = Ok::<_, std::io::Error>(Bytes::from(long));
    let chunks = Body::from_stream(futures_util::stream::iter([chunk]));
    api.submit(chunks).await.assert_problem(413, "/problems/body-too-large");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_a_problem() {
    let api = TestApi::start();
    let stuck = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
    api.submit(stuck).await.assert_problem(408, "/problems/timeout");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_problem() {
    let api = TestApi::start();
    let broken = Body::from_stream(futures_util::stream::iter([Err::<Bytes, _>(std::io::Error::other("reset"))]));
    api.submit(broken).await.assert_problem(400, "/problems/malformed-body");
}

#[tokio::test]
async fn a_panic_is_a_problem_that_tells_nothing() {
    async fn panics() {
        panic!("secret");
    }
    let api = TestApi::start();
    let panicking = Router::new().route("/", get(panics));
    let settings = ApiSettings::default();
    let access = Access {
        keys: ApiKeys::new(&settings.api_keys, settings.requests_per_second),
        open_metrics: false,
        proxies: Vec::new(),
        clock: WallClock::System,
    };
    let witness =
        Witness { requests: Arc::default(), engine: api.engine.clone(), refusals: parking_lot::Mutex::default() };
    let router = layers::around(panicking, &settings, access, witness);
    let response = router.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 500);
    let id = response.headers()[crate::api::callers::request_id::REQUEST_ID].to_str().unwrap().to_owned();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    assert!(body.contains(&id) && body.contains("/problems/internal") && !body.contains("secret"), "{body}");
}

#[tokio::test]
async fn a_presentable_request_id_is_kept_and_another_replaced() {
    let api = TestApi::start();
    let long = "x".repeat(129);
    for (given, kept) in [("abc-123", true), ("a b", false), ("\"}{\"", false), (long.as_str(), false)] {
        for path in ["/healthz", "/nothing"] {
            let request = Request::get(path).header("x-request-id", given).body(Body::empty()).unwrap();
            let answer = api.send(request).await;
            assert_eq!(answer.header("x-request-id") == given, kept, "{given}");
            assert!(!answer.header("x-request-id").is_empty());
        }
    }
}

#[tokio::test]
async fn readiness_says_what_is_missing() {
    let api = TestApi::start();
    assert_eq!(api.get("/readyz").await.status, 200);
    api.readiness.send_replace(Readiness::Starting);
    api.get("/readyz").await.assert_problem(503, "/problems/not-ready");
    api.readiness.send_replace(Readiness::NotReady { detail: "Genesys refuses the login".to_owned() });
    let answer = api.get("/readyz").await;
    answer.assert_problem(503, "/problems/not-ready");
    assert_eq!(answer.body["detail"], "Genesys refuses the login");
    assert_eq!(api.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn nothing_new_is_taken_while_the_service_stops() {
    let api = TestApi::start();
    api.lifecycle.begin_stop();
    let submission = api.submit("{}").await;
    submission.assert_problem(503, "/problems/stopping");
    assert_ne!(submission.header("retry-after"), "");
    api.get("/readyz").await.assert_problem(503, "/problems/stopping");
    assert_eq!(api.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_stopping_server_ends_its_accept_loop() {
    let api = TestApi::start();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let serving = crate::api::serve(listener, api.router.clone(), ServeSettings::default(), api.lifecycle.clone());
    api.lifecycle.begin_stop();
    tokio::time::timeout(Duration::from_secs(5), serving).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_body_that_is_refused_unread_ends_its_connection() {
    let api = TestApi::start();
    let request = |media_type| Request::post("/v1/sync-jobs").header("content-type", media_type).body(Body::from("{}"));
    assert_eq!(api.send(request("text/plain").unwrap()).await.header("connection"), "close");
    assert_eq!(api.send(request("application/json").unwrap()).await.header("connection"), "", "it was read");
}
