//! Callers that send one request after the other, each on a connection of its own.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use skillsync::lifecycle::Lifecycle;
use tokio::time::{Instant, sleep};

use crate::connection::Connection;
use crate::process::Server;

/// What came of some seconds of load on one server.
#[derive(Debug, Default, Clone)]
pub(crate) struct Found {
    seconds: f64,
    cpu_seconds: f64,
    times: Vec<Duration>,
}

impl Found {
    pub(crate) fn per_second(&self) -> f64 {
        self.times.len() as f64 / self.seconds
    }

    /// CPU time of the server for one request.
    pub(crate) fn cpu_micros(&self) -> f64 {
        self.cpu_seconds * 1e6 / self.times.len() as f64
    }

    /// So many of a thousand requests took no longer.
    pub(crate) fn at(&self, per_mille: usize) -> f64 {
        let at = (self.times.len().saturating_sub(1)) * per_mille / 1000;
        self.times.get(at).map_or(0.0, Duration::as_secs_f64) * 1e3
    }

    /// The same over several rounds.
    pub(crate) fn join(mut self, other: Self) -> Self {
        self.seconds += other.seconds;
        self.cpu_seconds += other.cpu_seconds;
        self.times.extend(other.times);
        self.times.sort_unstable();
        self
    }

    pub(crate) fn row(&self, name: &str) {
        println!(
            "| {name} | {:.0} | {:.0} µs | {:.2} ms | {:.2} ms |",
            self.per_second(),
            self.cpu_micros(),
            self.at(500),
            self.at(990)
        );
    }
}

/// Sends the same request over so many connections for so long; every answer has to have this status.
pub(crate) async fn run(server: &Server, request: &str, status: u16, connections: usize, length: Duration) -> Found {
    let (lifecycle, times) = (Lifecycle::default(), Arc::new(Mutex::new(Vec::new())));
    let began = Instant::now();
    let cpu = server.cpu_seconds();
    for _ in 0..connections {
        let (request, times) = (request.to_owned(), Arc::clone(&times));
        let until = began + length;
        lifecycle.spawn(send_until(server.address, request, status, until, times));
    }
    sleep(length).await;
    let (cpu_seconds, seconds) = (server.cpu_seconds() - cpu, began.elapsed().as_secs_f64());
    lifecycle.stop(Duration::from_secs(60)).await;
    let mut times = std::mem::take(&mut *times.lock().expect("nobody panics with it"));
    times.sort_unstable();
    Found { seconds, cpu_seconds, times }
}

async fn send_until(address: SocketAddr, request: String, status: u16, until: Instant, all: Arc<Mutex<Vec<Duration>>>) {
    let (mut connection, mut times) = (Connection::open(address).await, Vec::new());
    while Instant::now() < until {
        let began = Instant::now();
        let (answered, body) = connection.exchange(&request).await;
        assert_eq!(answered, status, "{body}");
        times.push(began.elapsed());
    }
    all.lock().expect("nobody panics with it").extend(times);
}
