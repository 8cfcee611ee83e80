//! What only sockets show of the API: many callers at a time, and callers who are slow or too many.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use genesys_simulator::{Generated, Population, Scenario, Simulator};
use serde_json::{Value, json};
use skillsync::api::{ServeSettings, serve};
use skillsync::app::{self, Dependencies};
use skillsync::clock::WallClock;
use skillsync::config::Config;
use skillsync::genesys::rate_limiter::Start;
use skillsync::journal::{NoJournal, Recovered};
use skillsync::lifecycle::Lifecycle;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A service on a free port, beside a simulator in memory that lets one call through.
async fn start(server: &str, settings: ServeSettings) -> (SocketAddr, Lifecycle) {
    let population = Population::Generated(Generated { users: 10, ..Generated::default() });
    let simulator = Simulator::new(Scenario { population, ..Scenario::default() });
    let config = Config::from_toml(&format!(
        "[genesys]\napi_url = 'http://genesys.test'\nlogin_url = 'http://genesys.test'\nclient_id = 'i'\n\
         client_secret = 's'\nlimits = '1/3600s'\n[server]\n{server}"
    ))
    .unwrap();
    let lifecycle = Lifecycle::default();
    let around = Dependencies {
        transport: app::in_memory(&simulator, Duration::from_secs(60)),
        rate_limiter_start: Start::AsIfFull,
        journal: Arc::new(NoJournal),
        recovered: Recovered::default(),
        clock: WallClock::System,
        seed: 1,
    };
    let service = app::start(&config, around, &lifecycle).unwrap();
    let router = app::router(&config, &service, &lifecycle);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stopping = lifecycle.clone();
    lifecycle.spawn(async move { serve(listener, router, settings, stopping).await.unwrap() });
    (address, lifecycle)
}

/// A request that asks for the connection to be closed, so that an answer ends with it.
fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
}

/// What comes back up to `until`, or up to the end of the connection.
async fn answer(stream: &mut TcpStream, until: Option<&str>) -> String {
    let (mut got, mut part) = (Vec::new(), vec![0; 16 * 1024]);
    loop {
        let text = String::from_utf8_lossy(&got);
        if until.is_some_and(|until| text.contains(until)) {
            return text.into_owned();
        }
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return String::from_utf8_lossy(&got).into_owned(),
            Ok(read) => got.extend_from_slice(&part[..read]),
        }
    }
}

async fn ask(address: SocketAddr, request: &str, until: Option<&str>) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    answer(&mut stream, until).await
}

fn body(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// Submits a job and reads it back by every route, the moment that it is accepted.
async fn submit_and_read(address: SocketAddr, nth: usize) {
    let entry =
        json!({"ref": format!("row-{nth}"), "user": {"employeeId": "E1001"}, "assignments": [{"name": "Group 1"}]});
    let job = json!({"target": "wfmSkillGroups", "label": format!("job {nth}"), "entries": [entry]}).to_string();
    let head = "host: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n";
    let request = format!("POST /v1/sync-jobs HTTP/1.1\r\n{head}content-length: {}\r\n\r\n{job}", job.len());
    let accepted = ask(address, &request, None).await;
    assert!(accepted.starts_with("HTTP/1.1 202"), "{accepted}");
    let id = body(&accepted)["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/sync-jobs/{id}");
    assert_eq!(body(&ask(address, &get(&path), None).await)["label"], format!("job {nth}"));
    let entries = body(&ask(address, &get(&format!("{path}/entries")), None).await);
    assert_eq!(entries["items"][0]["ref"], format!("row-{nth}"));
    let told = ask(address, &get(&format!("{path}/events")), Some("event: job")).await;
    assert!(told.contains(&id), "{told}");
    // Newer jobs may come before it, so as many are listed as there can be.
    let list = ask(address, &get("/v1/sync-jobs?limit=200"), None).await;
    assert!(list.contains(&id), "job {nth} is not listed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_two_hundred_submitters_at_a_time_send_is_readable_at_once_by_every_route() {
    let (address, lifecycle) = start("", ServeSettings::default()).await;
    join_all((0..200).map(|nth| submit_and_read(address, nth))).await;
    lifecycle.begin_stop();
}

#[tokio::test]
async fn who_is_slow_to_say_what_they_want_is_cut_off_and_others_are_not() {
    let settings = ServeSettings { header_timeout: Duration::from_millis(200), ..ServeSettings::default() };
    let (address, lifecycle) = start("", settings).await;
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nhost:").await.unwrap();
    assert!(ask(address, &get("/healthz"), None).await.starts_with("HTTP/1.1 200"));
    let cut = answer(&mut slow, None).await;
    assert!(!cut.contains("200 OK"), "the connection ended without an answer to what was not asked: {cut}");
    lifecycle.begin_stop();
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let (address, lifecycle) = start("request_timeout = '200ms'", ServeSettings::default()).await;
    let head = "POST /v1/sync-jobs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{";
    let refused = ask(address, head, None).await;
    assert!(refused.starts_with("HTTP/1.1 408") && refused.contains("connection: close"), "{refused}");
    assert_eq!(body(&refused)["type"], "/problems/timeout");
    lifecycle.begin_stop();
}

#[tokio::test]
async fn beyond_the_most_connections_idle_ones_make_room_and_busy_ones_do_not() {
    let settings = ServeSettings { max_connections: 2, ..ServeSettings::default() };
    let (address, lifecycle) = start("max_streams = 1", settings).await;
    let events = format!("{}/events", submitted(address).await);
    let mut busy = TcpStream::connect(address).await.unwrap();
    busy.write_all(get(&events).as_bytes()).await.unwrap();
    assert!(answer(&mut busy, Some("event: job")).await.starts_with("HTTP/1.1 200"));
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    assert!(answer(&mut idle, Some("\"ok\"")).await.starts_with("HTTP/1.1 200"));
    // On the reserve, until the idle one has been so for a while.
    while !ask(address, &get("/v1/limits"), None).await.starts_with("HTTP/1.1 200") {
        assert!(ask(address, &get("/healthz"), None).await.starts_with("HTTP/1.1 200"));
    }
    assert_eq!(answer(&mut idle, None).await, "", "it was closed");
    let still_there = tokio::time::timeout(Duration::from_millis(50), busy.read_u8()).await;
    assert!(!matches!(still_there, Ok(Err(_))), "{still_there:?}");
    lifecycle.begin_stop();
}

#[tokio::test]
async fn streams_and_waiting_polls_are_fewer_than_connections_and_give_their_seats_back() {
    let (address, lifecycle) = start("max_streams = 3", ServeSettings::default()).await;
    let path = submitted(address).await;
    let events = format!("{path}/events");
    let mut streams = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(get(&events).as_bytes()).await.unwrap();
        assert!(answer(&mut stream, Some("event: job")).await.starts_with("HTTP/1.1 200"));
        streams.push(stream);
    }
    let mut waiting = TcpStream::connect(address).await.unwrap();
    waiting.write_all(get(&format!("{path}?wait=60s")).as_bytes()).await.unwrap();
    let refused = loop {
        // Until the one that waits has been heard.
        let refused = ask(address, &get(&events), Some("event: job")).await;
        if !refused.starts_with("HTTP/1.1 200") {
            break refused;
        }
    };
    assert!(refused.starts_with("HTTP/1.1 503") && refused.to_lowercase().contains("retry-after: 5"), "{refused}");
    assert_eq!(body(&refused)["type"], "/problems/full");
    let refused = ask(address, &get(&format!("{path}?wait=1s")), None).await;
    assert_eq!(body(&refused)["type"], "/problems/full");
    assert!(ask(address, &get(&path), None).await.starts_with("HTTP/1.1 200"), "who does not wait is answered");
    drop(streams);
    while !ask(address, &get(&events), Some("event: job")).await.starts_with("HTTP/1.1 200") {}
    lifecycle.begin_stop();
}

/// The path of a job that stays open.
async fn submitted(address: SocketAddr) -> String {
    let entry = json!({"user": {"employeeId": "E1001"}, "assignments": [{"name": "Group 1"}]});
    let job = json!({"target": "wfmSkillGroups", "entries": [entry]}).to_string();
    let head = "host: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n";
    let request = format!("POST /v1/sync-jobs HTTP/1.1\r\n{head}content-length: {}\r\n\r\n{job}", job.len());
    let accepted = ask(address, &request, None).await;
    format!("/v1/sync-jobs/{}", body(&accepted)["id"].as_str().unwrap())
}
