//! Access control: which callers are admitted.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use sha2::{Digest, Sha256};

use super::{PlainGenesys, TestApi};
use crate::api::callers::caller::ApiKey;
use crate::api::callers::caller::Caller;
use crate::api::callers::caller::Role;
use crate::api::context::ApiSettings;
use crate::api::updates::streams::Streams;

const JOBS: &str = "/v1/sync-jobs";

fn guarded(requests_per_second: u32) -> TestApi {
    let key = |name: &str, role| ApiKey::new(name, Sha256::digest(name).into(), role);
    let settings = ApiSettings {
        api_keys: vec![key("reader", Role::Read), key("sender", Role::Submit), key("boss", Role::Admin)],
        requests_per_second: requests_per_second.try_into().unwrap(),
        ..ApiSettings::default()
    };
    TestApi::with(PlainGenesys::default(), settings)
}

fn request(method: &str, path: &str, authorization: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    request.header("authorization", authorization).body(Body::from("{}")).unwrap()
}

#[tokio::test]
async fn without_a_key_only_what_describes_the_service_is_open() {
    let api = guarded(100);
    for open in ["/healthz", "/readyz", "/openapi.json"] {
        assert_eq!(api.get(open).await.status, 200, "{open}");
    }
    for closed in [JOBS, "/v1/users/E1", "/v1/nothing", "/nothing", "/dashboard"] {
        let answer = api.get(closed).await;
        answer.assert_problem(401, "/problems/unauthorized");
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"skillsync\"");
    }
    for wrong in ["Bearer nobody", "Bearer ", "Basic reader", "reader", "Bearerreader", "Bearer reader x"] {
        api.send(request("GET", JOBS, wrong)).await.assert_problem(401, "/problems/unauthorized");
    }
}

#[tokio::test]
async fn a_role_permits_what_it_says() {
    let api = guarded(100);
    for (key, get, post) in [("reader", 200, 403), ("sender", 200, 400), ("boss", 200, 400)] {
        for scheme in ["Bearer", "bearer"] {
            let authorization = format!("{scheme} {key}");
            assert_eq!(api.send(request("GET", JOBS, &authorization)).await.status, get, "{key}");
            assert_eq!(api.send(request("POST", JOBS, &authorization)).await.status, post, "{key}");
        }
    }
    api.send(request("POST", JOBS, "Bearer reader")).await.assert_problem(403, "/problems/forbidden");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_asks_too_often_is_told_when_to_ask_again() {
    let api = guarded(5);
    for _ in 0..5 {
        assert_eq!(api.send(request("GET", JOBS, "Bearer reader")).await.status, 200);
    }
    let answer = api.send(request("GET", JOBS, "Bearer reader")).await;
    answer.assert_problem(429, "/problems/too-many-requests");
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(api.send(request("GET", JOBS, "Bearer sender")).await.status, 200, "others are not held up");
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    assert_eq!(api.send(request("GET", JOBS, "Bearer reader")).await.status, 200);
}

#[tokio::test]
async fn one_of_several_keys_has_half_of_the_streams_at_most() {
    let key = |name: &str| ApiKey::new(name, Sha256::digest(name).into(), Role::Read);
    let caller = |name: &str| Caller { key: Some(Arc::new(key(name))), address: None, request_id: None };
    let streams = Streams::new(3);
    let held: Vec<_> = (0..2).map(|_| streams.take(&caller("a"), 2).unwrap()).collect();
    assert!(streams.take(&caller("a"), 2).is_err(), "the other key is left some");
    let other = streams.take(&caller("b"), 2).unwrap();
    assert!(streams.take(&caller("b"), 2).is_err() && streams.open() == 3, "all are taken");
    drop(held);
    assert!(streams.take(&caller("b"), 2).is_ok() && streams.open() == 1);
    drop(other);
    let alone = Streams::new(3);
    let held: Vec<_> = (0..3).map(|_| alone.take(&caller("a"), 1).unwrap()).collect();
    assert!(alone.take(&caller("a"), 1).is_err() && held.len() == 3);
}
