//! Repeated submissions with an idempotency key.

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::join_all;
use serde_json::Value;

use super::{Answer, TestApi, job};

async fn submit(api: &TestApi, key: &str, body: impl Into<Body>) -> Answer {
    api.submit_as("", &[("content-type", "application/json"), ("idempotency-key", key)], body).await
}

#[tokio::test]
async fn the_same_submission_is_the_same_job_and_another_is_refused() {
    let api = TestApi::start();
    let body = job(3).to_string();
    let first = submit(&api, "a", body.clone()).await;
    let second = submit(&api, "a", body.clone()).await;
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (202, 202));
    assert_eq!(first.header("location"), second.header("location"));
    assert_ne!(submit(&api, "b", body.clone()).await.header("location"), first.header("location"));
    submit(&api, "a", body.clone() + " ").await.assert_problem(422, "/problems/idempotency-key-reused");
    let headers = [("content-type", "application/json"), ("idempotency-key", "a")];
    api.submit_as("?mode=add", &headers, body).await.assert_problem(422, "/problems/idempotency-key-reused");
    assert_eq!(api.get("/v1/sync-jobs").await.body["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_refused_submission_does_not_use_up_its_key() {
    let api = TestApi::start();
    submit(&api, "a", "{").await.assert_problem(400, "/problems/malformed-body");
    assert_eq!(submit(&api, "a", job(1).to_string()).await.status, 202);
    for bad in [" ", "", &"x".repeat(256)] {
        submit(&api, bad, job(1).to_string()).await.assert_problem(400, "/problems/invalid-request");
    }
}

#[tokio::test]
async fn a_submission_that_is_still_being_received_keeps_others_out() {
    let api = TestApi::start();
    let (sender, receiver) = tokio::sync::oneshot::channel::<Bytes>();
    let body = Body::from_stream(futures_util::stream::once(receiver));
    let slow = submit(&api, "a", body);
    let others = async {
        tokio::task::yield_now().await;
        let early = submit(&api, "a", job(1).to_string()).await;
        early.assert_problem(409, "/problems/still-being-accepted");
        assert_eq!(early.header("retry-after"), "1");
        sender.send(job(1).to_string().into()).unwrap();
    };
    let (slow, ()) = tokio::join!(slow, others);
    assert_eq!(slow.status, 202);
    assert_eq!(submit(&api, "a", job(1).to_string()).await.header("location"), slow.header("location"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_at_once_make_one_job() {
    let api = TestApi::start();
    let body = job(500).to_string();
    let answers = join_all((0..50).map(|_| submit(&api, "a", body.clone()))).await;
    for answer in &answers {
        assert!([202, 409].contains(&answer.status.as_u16()), "{answer:?}");
    }
    assert!(answers.iter().any(|answer| answer.status == 202));
    let jobs = api.get("/v1/sync-jobs").await.body;
    assert_eq!(jobs["items"].as_array().map(Vec::len), Some(1), "{}", Value::from(answers.len()));
}
