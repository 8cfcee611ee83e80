//! How the real binary stops: what waits for answers gets them, and being cut short loses nothing.

use std::time::Duration;

use genesys_simulator::{Generated, Latency, Population, Scenario, Simulator};
use skillsync::lifecycle::Lifecycle;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::process::{Client, Folder, Process, free_port, job_for, serve_genesys, submit};

const USERS: usize = 40;
const SLOW: Duration = Duration::from_secs(600);

/// A service with a job under way, and calls to Genesys that do not come back.
struct Stage {
    folder: Folder,
    lifecycle: Lifecycle,
    simulator: Simulator,
    genesys: String,
    port: u16,
    client: Client,
    job: String,
}

impl Stage {
    async fn new(environment: &[(&str, &str)]) -> (Self, Process) {
        let mut scenario = Scenario {
            population: Population::Generated(Generated { users: USERS, ..Generated::default() }),
            ..Scenario::default()
        };
        scenario.limits.windows.clear();
        scenario.behaviour.latency = Latency { fixed: Duration::from_millis(10), spread: Duration::ZERO };
        let (simulator, lifecycle, port) = (Simulator::new(scenario), Lifecycle::default(), free_port());
        let genesys = serve_genesys(&simulator, &lifecycle).await;
        let (folder, client) = (Folder::new("shutdown"), Client::new(format!("http://127.0.0.1:{port}")));
        let process = Process::start_with(port, &genesys, &folder.journal(), environment);
        client.until("/readyz", |_| true).await;
        let (_, first) = submit(&client, "first", &job_for(1..=USERS / 2, "Group 1")).await.unwrap();
        let first = format!("/v1/sync-jobs/{}", first["id"].as_str().unwrap());
        client.until(&first, |job| job["finishedAt"].is_string()).await;
        // From now on calls get stuck.
        let calls = simulator.ledger().requests().len();
        simulator.with_behaviour(|behaviour| behaviour.latency = Latency { fixed: SLOW * 2, spread: Duration::ZERO });
        let (_, job) = submit(&client, "second", &job_for(1..=USERS, "Group 2")).await.unwrap();
        let job = format!("/v1/sync-jobs/{}", job["id"].as_str().unwrap());
        client.until(&job, |job| job["counts"]["running"].as_u64() > Some(0)).await;
        assert_eq!(simulator.ledger().requests().len(), calls, "calls are on their way and do not arrive");
        (Self { folder, lifecycle, simulator, genesys, port, client, job }, process)
    }

    /// The next process brings everything to its end.
    async fn resumed(self) {
        self.simulator.with_behaviour(|behaviour| behaviour.latency.fixed = Duration::from_millis(10));
        let process = Process::start(self.port, &self.genesys, &self.folder.journal());
        let job = self.client.until(&self.job, |job| job["finishedAt"].is_string()).await;
        let done = ["applied", "unchanged"].map(|state| job["counts"][state].as_u64().unwrap()).iter().sum::<u64>();
        assert_eq!(done, USERS as u64, "{job}");
        let ledger = self.simulator.ledger();
        assert_eq!((ledger.lost_foreign_changes(), ledger.overlapping_writes()), (vec![], vec![]));
        drop(process);
        self.lifecycle.stop(Duration::from_secs(5)).await;
    }
}

#[tokio::test]
async fn a_second_signal_cuts_short_without_loss() {
    let (stage, process) = Stage::new(&[("SKILLSYNC__SERVER__SHUTDOWN_GRACE", "10m")]).await;
    process.terminate();
    stage.folder.logged(|line| line.contains("stopping; work in flight may finish")).await;
    process.terminate();
    assert!(process.ended().await.success());
    assert!(stage.folder.log().contains("a second stop signal"), "{}", stage.folder.log());
    stage.resumed().await;
}

#[tokio::test]
async fn the_end_of_grace_cuts_short_without_loss() {
    let (stage, process) = Stage::new(&[("SKILLSYNC__SERVER__SHUTDOWN_GRACE", "200ms")]).await;
    process.terminate();
    assert!(process.ended().await.success());
    assert!(stage.folder.log().contains("server.shutdown_grace is over"), "{}", stage.folder.log());
    stage.resumed().await;
}

/// The head of an answer and what follows, until the service closes the connection.
async fn rest(mut stream: BufReader<TcpStream>) -> String {
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    rest
}

/// Reads lines until one begins like this.
async fn line(stream: &mut BufReader<TcpStream>, begins: &str) {
    let mut line = String::new();
    while !line.starts_with(begins) {
        line.clear();
        assert!(stream.read_line(&mut line).await.unwrap() > 0, "the connection ended before {begins}");
    }
}

#[tokio::test]
async fn event_streams_and_long_polls_end_cleanly() {
    let (stage, process) = Stage::new(&[("SKILLSYNC__SERVER__SHUTDOWN_GRACE", "10m")]).await;
    let connect = || async { BufReader::new(TcpStream::connect(("127.0.0.1", stage.port)).await.unwrap()) };
    let (mut events, mut poll) = (connect().await, connect().await);
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    events.write_all(get(&format!("{}/events", stage.job)).as_bytes()).await.unwrap();
    line(&mut events, "event: job").await;
    // Two requests at once: by the answer to the first it is known that the second is there.
    let both = get("/healthz") + &get(&format!("{}?wait=60s", stage.job));
    poll.write_all(both.as_bytes()).await.unwrap();
    line(&mut poll, "HTTP/1.1 200").await;
    assert_eq!(stage.client.get("/healthz").await.unwrap().0, 200);
    let begun = Instant::now();
    process.terminate();
    let (events, poll) = tokio::join!(rest(events), rest(poll));
    assert!(begun.elapsed() < Duration::from_secs(10), "they were not left to wait: {:?}", begun.elapsed());
    assert!(events.ends_with("\r\n0\r\n\r\n"), "the stream came to its end: {events}");
    let answer = poll.split("HTTP/1.1 200").nth(1).unwrap_or_default();
    let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
    assert!(serde_json::from_str::<serde_json::Value>(body).unwrap()["finishedAt"].is_null(), "{poll}");
    assert!(stage.client.get("/readyz").await.is_none(), "nobody is let in any more");
    process.terminate();
    assert!(process.ended().await.success());
    stage.resumed().await;
}
