//! What comes in before anybody is known: connections whose peers do not go on, and requests that are none.

use std::time::Duration;

use serde_json::Value;
use skillsync::api::ServeSettings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::sockets::TestApp;

const LONG: Duration = Duration::from_secs(20);

async fn app(settings: ServeSettings) -> TestApp {
    // Nobody is there, and nothing here needs Genesys.
    TestApp::start_with("http://127.0.0.1:9", settings).await
}

async fn connect(app: &TestApp) -> TcpStream {
    TcpStream::connect(app.url.trim_start_matches("http://")).await.unwrap()
}

/// Sends something, and reads until the service ends the connection.
async fn told(app: &TestApp, request: &[u8]) -> String {
    let mut stream = connect(app).await;
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ = timeout(LONG, stream.read_to_end(&mut answer)).await.expect("the service ends the connection");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Head and body of an answer.
fn parts(answer: &str) -> (&str, Value) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
    (head, serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer:?}")))
}

#[tokio::test]
async fn peers_that_do_not_go_on_keep_nobody_out() {
    const MAX: usize = 8;
    let app = app(ServeSettings { max_connections: MAX, ..ServeSettings::default() }).await;
    let a_page = "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(12);
    let a_job = "POST /v1/sync-jobs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                 content-length: 1000000\r\n\r\n{";
    for stuck in [a_page.as_str(), "", "GET / HT", a_job] {
        let mut held = Vec::new();
        for _ in 0..5 * MAX {
            let mut stream = connect(&app).await;
            let _ = stream.write_all(stuck.as_bytes()).await;
            held.push(stream);
        }
        let begun = Instant::now();
        for _ in 0..5 {
            assert_eq!(timeout(LONG, app.get("/healthz")).await.expect(stuck).0, 200);
        }
        assert!(begun.elapsed() < LONG / 2, "{:?} after {stuck:.20?}", begun.elapsed());
    }
    app.lifecycle.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn who_does_not_read_is_let_go() {
    let settings = ServeSettings { write_timeout: Duration::from_millis(300), ..ServeSettings::default() };
    let app = app(settings).await;
    let mut stream = connect(&app).await;
    let pages = "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(100);
    stream.write_all(pages.as_bytes()).await.unwrap();
    // Writing to it fails once the service has let go of the connection.
    let let_go = async {
        while stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LONG, let_go).await.expect("the connection is closed");
    app.lifecycle.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_delivery_of_an_unknown_source_is_refused_by_its_head() {
    let app = app(ServeSettings::default()).await;
    let head = "POST /v1/webhooks/nobody HTTP/1.1\r\nhost: localhost\r\ncontent-length: 8000000\r\n\r\n";
    let answer = told(&app, head.as_bytes()).await;
    let (head, body) = parts(&answer);
    assert!(head.starts_with("HTTP/1.1 404") && body["type"] == "/problems/no-such-source", "{answer}");
    app.lifecycle.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn who_is_refused_by_the_head_sends_on_and_is_told() {
    let app = app(ServeSettings::default()).await;
    for (path, status) in [("/v1/webhooks/nobody", 404), ("/v1/sync-jobs", 415), ("/v1/imports/nobody?scope=full", 404)]
    {
        let mut stream = connect(&app).await;
        let body = vec![b'x'; 8_000_000];
        let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await.unwrap();
        // All of it, although it was refused long before: nobody is told of a reset.
        timeout(LONG, stream.write_all(&body)).await.expect("it is received").expect("and not reset");
        let mut answer = Vec::new();
        timeout(LONG, stream.read_to_end(&mut answer)).await.expect("the connection ends").unwrap();
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {answer}");
    }
    app.lifecycle.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn what_is_no_request_gets_a_problem_document_with_a_request_id() {
    let app = app(ServeSettings::default()).await;
    let many = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n".to_owned() + &"x: y\r\n".repeat(500) + "\r\n";
    let long = format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "x".repeat(100_000));
    let close = "connection: close\r\n\r\n";
    for (request, status) in [
        ("nonsense\r\n\r\n".to_owned(), 400),
        ("GET /healthz HTTP/9.9\r\n\r\n".to_owned(), 400),
        ("GET /healthz HTTP/1.1\r\nhost localhost\r\n\r\n".to_owned(), 400),
        ("GET /healthz HTTP/1.1\r\nhost: localhost\r\ncontent-length: x\r\n\r\n".to_owned(), 400),
        (many, 431),
        (long, 431),
        (format!("GET /healthz HTTP/1.1\r\n{close}"), 400),
        (format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n{close}"), 400),
    ] {
        let answer = told(&app, request.as_bytes()).await;
        let (head, body) = parts(&answer);
        let head = head.to_ascii_lowercase();
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{request:.60?}: {answer}");
        assert_eq!(body["status"], status, "{answer}");
        assert!(body["detail"].is_string() && body["title"].is_string(), "{answer}");
        let id = body["requestId"].as_str().unwrap();
        for header in [
            format!("x-request-id: {id}"),
            "x-content-type-options: nosniff".to_owned(),
            "content-type: application/problem+json".to_owned(),
        ] {
            assert!(head.contains(&header), "{header}: {answer}");
        }
    }
    app.lifecycle.stop(Duration::from_secs(5)).await;
}
