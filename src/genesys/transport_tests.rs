//! The wire over real sockets: what only they show.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::Request as AxumRequest;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tower::ServiceExt;

use super::*;
use crate::lifecycle::Lifecycle;

/// Serves `router` on a port of its own.
async fn served(router: Router, lifecycle: &Lifecycle) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    lifecycle.spawn_until_stop(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

fn get(address: &str) -> Request<Bytes> {
    Request::get(address).header("authorization", "Bearer t").body(Bytes::new()).unwrap()
}

#[tokio::test]
async fn a_redirect_is_handed_over_and_not_followed() {
    let lifecycle = Lifecycle::default();
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let elsewhere = Router::new().fallback(move || async move { counter.fetch_add(1, Ordering::Relaxed).to_string() });
    let elsewhere = served(elsewhere, &lifecycle).await;
    let redirecting = move || async move { (StatusCode::FOUND, [("location", elsewhere)]).into_response() };
    let home = served(Router::new().fallback(redirecting), &lifecycle).await;
    let answer = over_http(&TransportSettings::default()).unwrap().oneshot(get(&home)).await.unwrap();
    assert_eq!(answer.status(), 302);
    assert_eq!(asked.load(Ordering::Relaxed), 0, "the token goes to no other host");
}

#[tokio::test]
async fn a_connection_serves_many_calls() {
    let lifecycle = Lifecycle::default();
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let home = format!("http://{}", listener.local_addr().unwrap());
    let listener = listener.tap_io(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    lifecycle.spawn_until_stop(async move { axum::serve(listener, Router::new()).await.unwrap() });
    let transport = over_http(&TransportSettings::default()).unwrap();
    for _ in 0..20 {
        assert_eq!(transport.clone().oneshot(get(&home)).await.unwrap().status(), 404);
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_answer_that_is_too_large_or_too_slow_is_given_up() {
    let lifecycle = Lifecycle::default();
    let slow = || async { tokio::time::sleep(Duration::from_secs(30)).await };
    let router = Router::new()
        .route("/large", axum::routing::get(|| async { vec![b' '; 10_001] }))
        .route("/fits", axum::routing::get(|| async { vec![b' '; 10_000] }))
        .route("/slow", axum::routing::get(slow));
    let home = served(router, &lifecycle).await;
    let settings = TransportSettings {
        most_answer_bytes: 10_000,
        attempt_timeout: Duration::from_millis(200),
        ..TransportSettings::default()
    };
    let transport = over_http(&settings).unwrap();
    let ask = |path: &str| transport.clone().oneshot(get(&format!("{home}{path}")));
    assert_eq!(ask("/fits").await.unwrap().body().len(), 10_000);
    let too_large = TransportError::NoAnswer("the answer is larger than 10000 bytes".to_owned());
    assert_eq!(ask("/large").await.unwrap_err(), too_large);
    assert_eq!(ask("/slow").await.unwrap_err(), TransportError::NoAnswer("timed out".to_owned()));
}

#[tokio::test]
async fn nobody_listening_means_that_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let refused = over_http(&TransportSettings::default()).unwrap().oneshot(get(&address)).await.unwrap_err();
    assert!(matches!(refused, TransportError::NotSent(_)), "{refused:?}");
}

#[tokio::test]
async fn everything_goes_through_the_proxy_if_there_is_one() {
    let lifecycle = Lifecycle::default();
    let proxy = Router::new().fallback(|request: AxumRequest| async move { request.uri().to_string() });
    let proxy = served(proxy, &lifecycle).await;
    let transport = over_http(&TransportSettings { proxy: Some(proxy), ..TransportSettings::default() }).unwrap();
    let answer = transport.oneshot(get("http://genesys.test/api")).await.unwrap();
    assert_eq!(answer.body(), "http://genesys.test/api");
}

#[test]
fn settings_that_cannot_be_used_name_their_key() {
    let proxy = TransportSettings { proxy: Some("::".to_owned()), ..TransportSettings::default() };
    assert!(over_http(&proxy).unwrap_err().to_string().starts_with("genesys.proxy"));
    let ca = TransportSettings { extra_ca: Some(b"nothing".to_vec()), ..TransportSettings::default() };
    assert!(over_http(&ca).unwrap_err().to_string().starts_with("genesys.ca_file"));
    let ca = include_bytes!("testdata/ca.pem").to_vec();
    assert!(over_http(&TransportSettings { extra_ca: Some(ca), ..TransportSettings::default() }).is_ok());
}
