//! The servers: skillsync beside a simulator in memory, with and without a journal, and a bare axum router.

use std::convert::Infallible;
use std::future::Future;
use std::io::Read as _;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::response::sse::{Event, Sse};
use axum::routing::get;
use futures_util::{Stream, StreamExt, stream};
use genesys_simulator::{Behaviour, Generated, Latency, Limits, Population, Scenario, Simulator};
use serde_json::Value;
use sha2::{Digest, Sha256};
use skillsync::app::{self, Dependencies};
use skillsync::clock::WallClock;
use skillsync::config::Config;
use skillsync::genesys::rate_limiter::Start;
use skillsync::journal::{Journal, NoJournal, Recovered, SqliteJournal};
use skillsync::lifecycle::Lifecycle;
use skillsync::telemetry;
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::process::KEY;

const USERS: usize = 20_000;
/// As many as a job may have entries.
pub(crate) const USERS_OF_THE_LARGEST_JOB: usize = 100_000;

/// Says where it listens, and serves until its parent is gone.
pub(crate) async fn run(kind: &str) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let lifecycle = Lifecycle::default();
    let serving: std::pin::Pin<Box<dyn Future<Output = ()>>> = match kind {
        "bare" => Box::pin(async move { axum::serve(listener, bare()).await.expect("it serves") }),
        "memory" => Box::pin(service(listener, Arc::new(NoJournal), "10/1s, 300/60s", lifecycle)),
        "durable" => {
            let (journal, _) = SqliteJournal::open(&folder(), NonZeroU64::MAX).expect("an empty folder");
            Box::pin(service(listener, Arc::new(journal), "10/1s, 300/60s", lifecycle))
        }
        "fast" => Box::pin(service(listener, Arc::new(NoJournal), "100/1s", lifecycle)),
        "simulator" => {
            let simulator = genesys(USERS_OF_THE_LARGEST_JOB, Duration::ZERO);
            Box::pin(async move { simulator.serve(listener, std::future::pending()).await.expect("it serves") })
        }
        other => panic!("no server is called {other}"),
    };
    println!("{address}");
    // The pipe ends with the parent, however that ends.
    std::thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    serving.await;
}

/// An empty folder on the disk that is built on.
pub(crate) fn folder() -> PathBuf {
    let folder = Path::new(FOLDERS).join(Uuid::new_v4().to_string());
    std::fs::create_dir_all(&folder).expect("the build's folder can be written");
    folder
}

/// Takes away the folders of runs before.
pub(crate) fn tidy_up() {
    let _ = std::fs::remove_dir_all(FOLDERS);
}

const FOLDERS: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/api");

async fn service(listener: TcpListener, journal: Arc<dyn Journal>, limits: &'static str, lifecycle: Lifecycle) {
    let simulator = genesys(USERS, Duration::from_millis(50));
    let digest: String = Sha256::digest(KEY).iter().map(|byte| format!("{byte:02x}")).collect();
    let config = Config::from_toml(&format!(
        "[genesys]\napi_url = 'http://g'\nlogin_url = 'http://g'\nclient_id = 'skillsync-simulated'\n\
         client_secret = 'not-a-secret'\nlimits = '{limits}'\nmax_in_flight = 100\n\
         [server]\nrequests_per_second = 1000000\nmax_connections = 4096\nmax_open_entries = 4000000\n\
         max_memory_bytes = 17179869184\n\
         [[server.api_keys]]\nname = 'load'\nrole = 'admin'\nsha256 = '{digest}'"
    ))
    .expect("a good configuration");
    // As `skillsync serve` does; what is logged goes nowhere, but is put into words.
    telemetry::start("skillsync=info,warn");
    let around = Dependencies {
        transport: app::in_memory(&simulator, Duration::from_secs(60)),
        rate_limiter_start: Start::Empty,
        journal,
        recovered: Recovered::default(),
        clock: WallClock::System,
        seed: 1,
    };
    let service = app::start(&config, around, &lifecycle).expect("the service starts");
    let router = app::router(&config, &service, &lifecycle);
    app::serve(&config, listener, router, lifecycle).await.expect("it serves");
}

fn genesys(users: usize, latency: Duration) -> Simulator {
    Simulator::new(Scenario {
        population: Population::Generated(Generated { users, groups_per_user: 0, ..Generated::default() }),
        limits: Limits { windows: Vec::new(), ..Limits::default() },
        behaviour: Behaviour { latency: Latency { fixed: latency, spread: Duration::ZERO }, ..Behaviour::default() },
        ..Scenario::default()
    })
}

/// The same routes with the least that answers them: bytes that are there, a body that is read as JSON, events from a timer.
fn bare() -> Router {
    Router::new()
        .route("/v1/sync-jobs/{id}", get(|| async { ([(CONTENT_TYPE, "application/json")], ANSWER) }))
        .route("/v1/sync-jobs", axum::routing::post(taken))
        .route("/v1/sync-jobs/{id}/events", get(|| async { Sse::new(events()) }))
}

async fn taken(Json(_): Json<Value>) -> impl IntoResponse {
    (StatusCode::ACCEPTED, [(CONTENT_TYPE, "application/json")], ANSWER)
}

/// Ten events a second.
fn events() -> impl Stream<Item = Result<Event, Infallible>> {
    let ticks = stream::unfold(tokio::time::interval(Duration::from_millis(100)), |mut interval| async move {
        interval.tick().await;
        Some(((), interval))
    });
    ticks.map(|()| Ok(Event::default().event("entry").id("1").data(ANSWER.trim_end())))
}

/// As long as the answer to a poll.
const ANSWER: &str = include_str!("answer.json");
