//! What only the front on a socket shows.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::*;

/// A simulator that serves on a port of its own until the test drops it.
struct Served {
    simulator: Simulator,
    address: std::net::SocketAddr,
    _shutdown: oneshot::Sender<()>,
}

async fn served(change: impl FnOnce(&mut Behaviour)) -> Served {
    let still = Latency { fixed: std::time::Duration::ZERO, ..Latency::default() };
    let simulator = Simulator::new(misbehaving(3, |behaviour| {
        behaviour.latency = still;
        change(behaviour);
    }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (shutdown, stopped) = oneshot::channel::<()>();
    let server = simulator.clone();
    #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
    tokio::spawn(async move {
        let stop = async move { drop(stopped.await) };
        server.serve(listener, stop).await.unwrap();
    });
    Served { simulator, address, _shutdown: shutdown }
}

/// Sends one request and reads until the server closes the connection.
async fn exchange(served: &Served, head: &str, body: &str) -> io::Result<String> {
    let mut connection = TcpStream::connect(served.address).await?;
    let length = body.len();
    let request = format!("{head}\r\nHost: sim\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    connection.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

async fn login_on(served: &Served) -> String {
    let Credentials { client_id, client_secret, .. } = Credentials::default();
    let basic = STANDARD.encode(format!("{client_id}:{client_secret}"));
    let head = format!("POST /oauth/token HTTP/1.1\r\nAuthorization: Basic {basic}");
    exchange(served, &head, "grant_type=client_credentials").await.unwrap()
}

const LISTING: &str = "GET /api/v2/users HTTP/1.1\r\nAuthorization: Bearer simulated-token-1";

#[tokio::test]
async fn the_socket_serves_logins_the_api_and_the_control_surface() {
    let served = served(|_| {}).await;
    assert!(login_on(&served).await.contains("\"access_token\":\"simulated-token-1\""));
    let listing = exchange(&served, LISTING, "").await.unwrap();
    assert!(listing.starts_with("HTTP/1.1 200 OK") && listing.contains("\"total\":3"), "{listing}");
    let user = served.simulator.users()[0].id;
    let write = format!("POST /_simulator/users/{user}/foreign-write/wfmSkillGroups HTTP/1.1");
    assert!(exchange(&served, &write, "").await.unwrap().starts_with("HTTP/1.1 204"));
    let statistics = exchange(&served, "GET /_simulator/statistics HTTP/1.1", "").await.unwrap();
    assert!(statistics.contains("\"foreignWrites\":1") && statistics.contains("\"apiRequests\":1"), "{statistics}");
    let effects = exchange(&served, "GET /_simulator/ledger/effects?limit=1 HTTP/1.1", "").await.unwrap();
    assert!(effects.contains("\"writer\":\"foreign\""), "{effects}");
}

#[tokio::test]
async fn behaviour_is_changed_over_the_control_surface() {
    let served = served(|_| {}).await;
    login_on(&served).await;
    let head = "PUT /_simulator/behaviour HTTP/1.1\r\nContent-Type: application/json";
    assert!(exchange(&served, head, r#"{"outage":"unavailable"}"#).await.unwrap().starts_with("HTTP/1.1 204"));
    assert!(exchange(&served, LISTING, "").await.unwrap().starts_with("HTTP/1.1 503"));
    assert!(exchange(&served, head, r#"{"outrage":true}"#).await.unwrap().starts_with("HTTP/1.1 422"));
}

#[tokio::test]
async fn a_reset_breaks_the_answer_off() {
    let served = served(|behaviour| {
        behaviour.faults = vec![Fault::on(&[], FaultKind::Reset { moment: Moment::AfterEffect })];
    })
    .await;
    login_on(&served).await;
    let answer = exchange(&served, LISTING, "").await.unwrap_or_default();
    assert!(!answer.contains("\r\n0\r\n"), "a complete answer: {answer}");
    assert_eq!(served.simulator.statistics().resets, 1);
}

#[tokio::test]
async fn a_trickled_answer_is_complete_in_the_end() {
    let served = served(|behaviour| {
        let kind = FaultKind::Trickle { bytes: 7, pause: std::time::Duration::ZERO };
        behaviour.faults = vec![Fault::on(&[], kind)];
    })
    .await;
    login_on(&served).await;
    let answer = exchange(&served, LISTING, "").await.unwrap();
    assert!(answer.contains("transfer-encoding: chunked") && answer.ends_with("\r\n0\r\n\r\n"), "{answer}");
}
