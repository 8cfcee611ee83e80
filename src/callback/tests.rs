//! Tests of the HTTP client for callbacks against a local socket.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::post;
use tokio::net::TcpListener;

use super::*;
use crate::domain::callback::CallbackRules;

const OPEN: CallbackRules = CallbackRules { enabled: true, allow_http: true, allow_private_networks: true };

type Seen = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

/// Starts a receiver on a free port that answers with this status, and returns what it received.
async fn receiver(status: StatusCode) -> (u16, Seen) {
    let seen = Seen::default();
    let log = Arc::clone(&seen);
    let take = move |headers: HeaderMap, body: Bytes| {
        log.lock().unwrap().push((headers, body));
        let answer = [(header::LOCATION, "/elsewhere"), (header::RETRY_AFTER, "120")];
        async move { (status, answer).into_response() }
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let router = Router::new().fallback(post(take));
    Lifecycle::default().spawn(async move { axum::serve(listener, router).await.unwrap() });
    (port, seen)
}

fn message() -> CallbackMessage {
    let at = Timestamp::from_second(1_614_265_330).unwrap();
    CallbackMessage { id: "job_1_ended".to_owned(), at, signature: "v1,x".to_owned(), body: Bytes::from_static(b"{}") }
}

#[tokio::test]
async fn a_message_arrives_as_the_standard_says_and_redirects_are_not_followed() {
    for status in [StatusCode::OK, StatusCode::TEMPORARY_REDIRECT] {
        let (port, seen) = receiver(status).await;
        let url = CallbackUrl::new(&format!("http://127.0.0.1:{port}/hook"), OPEN).unwrap();
        let answer = CallbackWire::new(OPEN).unwrap().send(&url, message()).await.unwrap();
        assert_eq!(answer, Answer { status: status.as_u16(), retry_after: Some(Duration::from_secs(120)) });
        let seen = seen.lock().unwrap();
        let [(headers, body)] = seen.as_slice() else { panic!("{} came", seen.len()) };
        assert_eq!(&body[..], b"{}");
        for (name, value) in [
            ("webhook-id", "job_1_ended"),
            ("webhook-timestamp", "1614265330"),
            ("webhook-signature", "v1,x"),
            ("content-type", "application/json"),
        ] {
            assert_eq!(headers[name], value);
        }
    }
}

#[tokio::test]
async fn the_address_that_is_connected_to_is_what_is_looked_at() {
    let (port, seen) = receiver(StatusCode::OK).await;
    let strict = CallbackRules { allow_private_networks: false, ..OPEN };
    // A name is judged by the addresses to which it resolves.
    let url = CallbackUrl::new(&format!("http://localhost:{port}/"), strict).unwrap();
    let error = CallbackWire::new(strict).unwrap().send(&url, message()).await.unwrap_err();
    assert!(error.contains("private network"), "{error}");
    // A URL that was accepted under earlier rules.
    for url in [format!("http://127.0.0.1:{port}/"), format!("http://[::ffff:127.0.0.1]:{port}/")] {
        let error =
            CallbackWire::new(strict).unwrap().send(&CallbackUrl::kept(url.into()), message()).await.unwrap_err();
        assert!(error.contains("private"), "{error}");
    }
    let plain = CallbackRules { allow_http: false, ..OPEN };
    let url = CallbackUrl::kept(format!("http://127.0.0.1:{port}/").into());
    assert!(CallbackWire::new(plain).unwrap().send(&url, message()).await.is_err());
    assert_eq!(seen.lock().unwrap().len(), 0);
}
