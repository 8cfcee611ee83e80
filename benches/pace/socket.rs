//! Windows of a second over real connections.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use genesys_simulator::{Behaviour, Generated, Latency, Limits, Population, Scenario, Simulator};
use http::Request;
use serde_json::Value;
use skillsync::genesys::transport::{Transport, TransportSettings, over_http};
use skillsync::lifecycle::Lifecycle;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};
use tower::ServiceExt;

use crate::limiters::{Kind, Limiter, answered};
use crate::percent;

const WINDOW: Duration = Duration::from_secs(1);

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[derive(Debug, Clone, Copy)]
struct Cell {
    kind: Kind,
    rate: u32,
    latency: Latency,
}

struct Found {
    utilisation: f64,
    peak: usize,
}

pub(crate) async fn run() {
    println!("## Windows of 1 s, over a socket\n");
    println!("| calls per second | latency | {} |", Kind::ALL.map(Kind::name).join(" | "));
    println!("|---|---|{}", "---|".repeat(Kind::ALL.len()));
    let fixed = |latency| Latency { fixed: ms(latency), spread: Duration::ZERO };
    let latencies = [fixed(5), fixed(50), fixed(200), Latency { fixed: ms(50), spread: WINDOW / 10 }];
    let row = |rate, latency| Kind::ALL.map(|kind| Cell { kind, rate, latency });
    let slow: Vec<_> = [5, 10].into_iter().flat_map(|rate| latencies.map(|latency| row(rate, latency))).collect();
    // Cells that leave the machine idle run side by side; the fast ones one after the other.
    print(&join_all(slow.into_iter().flatten().map(measure)).await);
    for latency in latencies {
        print(&join_all(row(100, latency).map(measure)).await);
    }
    for latency in latencies {
        let mut found = Vec::new();
        for cell in row(1000, latency) {
            found.push(measure(cell).await);
        }
        print(&found);
    }
    println!();
}

fn print(found: &[(Cell, Found)]) {
    for row in found.chunks(Kind::ALL.len()) {
        let Cell { rate, latency, .. } = row[0].0;
        let spread =
            if latency.spread.is_zero() { String::new() } else { format!(" to {:?}", latency.fixed + latency.spread) };
        let cell = |(cell, found): &(Cell, Found)| {
            let above = found.peak > cell.rate as usize;
            let mark = if above { "**" } else { "" };
            format!("{:.1} %, peak {mark}{}{mark}", found.utilisation, found.peak)
        };
        println!("| {rate} | {:?}{spread} | {} |", latency.fixed, row.iter().map(cell).collect::<Vec<_>>().join(" | "));
    }
}

/// Keeps enough callers waiting that only the limiter holds them back.
async fn measure(cell: Cell) -> (Cell, Found) {
    let lifecycle = Lifecycle::default();
    let (simulator, home) = served(cell.latency, &lifecycle).await;
    let transport = over_http(&TransportSettings::default()).expect("a transport");
    let token = log_in(&transport, &home).await;
    let users: Arc<Vec<_>> = Arc::new(simulator.users().into_iter().map(|user| user.id).collect());
    let longest = cell.latency.fixed + cell.latency.spread + ms(100);
    let callers = usize::try_from(u128::from(cell.rate) * longest.as_millis() / 1000).unwrap_or(0) + 10;
    let limiter = Limiter::new(cell.kind, cell.rate, WINDOW, callers, &lifecycle);
    for caller in 0..callers {
        let (limiter, transport, token, users) =
            (limiter.clone(), transport.clone(), token.clone(), Arc::clone(&users));
        let path = format!("{home}/api/v2/wfm/users/{}/assignments", users[caller % users.len()]);
        lifecycle.spawn_until_stop(async move {
            loop {
                let permit = limiter.admit().await;
                let request =
                    Request::get(&path).header("authorization", &token).body(Bytes::new()).expect("a request");
                let answer = transport.clone().oneshot(request).await.expect("an answer");
                answered(permit);
                assert_eq!(answer.status(), 200);
            }
        });
    }
    // Until the rate limiter knows the latency.
    sleep(Duration::from_secs_f64(80.0 / f64::from(cell.rate)).clamp(ms(2000), ms(12_000))).await;
    let length = if cell.rate < 100 { ms(15_000) } else { ms(4000) };
    let (from, to) = (Instant::now(), Instant::now() + length);
    tokio::time::sleep_until(to).await;
    let ledger = simulator.ledger();
    lifecycle.stop(ms(500)).await;
    let made = ledger.api_requests().filter(|call| call.arrived_at >= from && call.arrived_at < to).count();
    let utilisation = percent(made as f64, f64::from(cell.rate) * length.as_secs_f64());
    (cell, Found { utilisation, peak: ledger.peak_in_any(WINDOW) })
}

async fn served(latency: Latency, lifecycle: &Lifecycle) -> (Simulator, String) {
    let simulator = Simulator::new(Scenario {
        population: Population::Generated(Generated { users: 500, ..Generated::default() }),
        limits: Limits { windows: Vec::new(), ..Limits::default() },
        behaviour: Behaviour { latency, ..Behaviour::default() },
        ..Scenario::default()
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let home = format!("http://{}", listener.local_addr().expect("an address"));
    let served = simulator.clone();
    lifecycle.spawn_until_stop(async move { served.serve(listener, std::future::pending()).await.expect("serves") });
    (simulator, home)
}

async fn log_in(transport: &Transport, home: &str) -> String {
    // `skillsync-simulated:not-a-secret`, which the simulator takes by default.
    let basic = "Basic c2tpbGxzeW5jLXNpbXVsYXRlZDpub3QtYS1zZWNyZXQ=";
    let request = Request::post(format!("{home}/oauth/token"))
        .header("authorization", basic)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from_static(b"grant_type=client_credentials"))
        .expect("a request");
    let answer = transport.clone().oneshot(request).await.expect("an answer");
    let answer: Value = serde_json::from_slice(answer.body()).expect("a token");
    format!("Bearer {}", answer["access_token"].as_str().expect("a token"))
}
