//! What only sockets show: the service over HTTP, started while Genesys is unreachable, and stopped while it works.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use genesys_simulator::{Generated, Latency, Population, Scenario, Simulator};
use http::{Method, Request, Response};
use serde_json::{Value, json};
use skillsync::api::ServeSettings;
use skillsync::app::{self, Dependencies};
use skillsync::clock::WallClock;
use skillsync::config::Config;
use skillsync::genesys::rate_limiter::Start;
use skillsync::genesys::transport::{Transport, TransportSettings, over_http};
use skillsync::journal::{NoJournal, Recovered};
use skillsync::lifecycle::Lifecycle;
use tokio::net::TcpListener;
use tower::ServiceExt;

/// A service on a free port.
pub(crate) struct TestApp {
    pub(crate) url: String,
    client: Transport,
    pub(crate) lifecycle: Lifecycle,
}

impl TestApp {
    pub(crate) async fn start(genesys_url: &str) -> Self {
        Self::start_with(genesys_url, ServeSettings::default()).await
    }

    /// The same with bounds on connections.
    pub(crate) async fn start_with(genesys_url: &str, settings: ServeSettings) -> Self {
        let config = Config::from_toml(&format!(
            "[genesys]\napi_url = '{genesys_url}'\nlogin_url = '{genesys_url}'\n\
             client_id = 'skillsync-simulated'\nclient_secret = 'not-a-secret'\nlimits = '200/1s'"
        ))
        .unwrap();
        let lifecycle = Lifecycle::default();
        let transport = over_http(&TransportSettings::default()).unwrap();
        let around = Dependencies {
            transport: transport.clone(),
            rate_limiter_start: Start::Empty,
            journal: Arc::new(NoJournal),
            recovered: Recovered::default(),
            clock: WallClock::System,
            seed: 1,
        };
        let service = app::start(&config, around, &lifecycle).unwrap();
        let router = app::router(&config, &service, &lifecycle);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stopping = lifecycle.clone();
        lifecycle.spawn(async move {
            skillsync::api::serve(listener, router, settings, stopping).await.unwrap();
        });
        Self { url, client: transport, lifecycle }
    }

    async fn call(&self, method: Method, path: &str, body: &Value) -> Response<Bytes> {
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("content-type", "application/json")
            .body(body)
            .unwrap();
        self.client.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        let answer = self.call(Method::GET, path, &Value::Null).await;
        (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap_or_default())
    }

    /// Asks until `done` says so.
    async fn until(&self, path: &str, done: impl Fn(u16, &Value) -> bool) -> Value {
        loop {
            let (status, body) = self.get(path).await;
            if done(status, &body) {
                return body;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn org(users: usize) -> Simulator {
    let mut scenario = Scenario {
        population: Population::Generated(Generated { users, ..Generated::default() }),
        ..Scenario::default()
    };
    scenario.limits.windows.clear();
    scenario.behaviour.latency = Latency { fixed: Duration::from_millis(20), spread: Duration::ZERO };
    Simulator::new(scenario)
}

fn job(users: usize) -> Value {
    let entries: Vec<_> = (1..=users)
        .map(|n| json!({ "user": { "employeeId": format!("E{}", 1000 + n) }, "assignments": [{ "name": "Group 1" }] }))
        .collect();
    json!({ "target": "wfmSkillGroups", "entries": entries })
}

fn simulate(simulator: Simulator, listener: TcpListener, lifecycle: &Lifecycle) {
    let stopping = lifecycle.clone();
    lifecycle.spawn(async move { simulator.serve(listener, async move { stopping.stopping().await }).await.unwrap() });
}

#[tokio::test]
async fn a_service_that_starts_before_genesys_says_why_it_is_not_ready_and_its_jobs_wait() {
    // Takes the port, so that nobody else gets it, but does not answer on it yet.
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let app = TestApp::start(&format!("http://{address}")).await;
    let problem = app.until("/readyz", |_, body| body["detail"].is_string()).await;
    assert!(problem["detail"].as_str().unwrap().contains("login host"), "{problem}");
    assert_eq!(app.get("/healthz").await.0, 200);

    let answer = app.call(Method::POST, "/v1/sync-jobs", &job(3)).await;
    assert_eq!(answer.status(), 202);
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(app.get(&location).await.1["counts"]["pending"], 3);

    let genesys = Lifecycle::default();
    simulate(org(3), TcpListener::bind(address).await.unwrap(), &genesys);
    let view = app.until(&location, |_, body| body["finishedAt"].is_string()).await;
    assert_eq!(view["status"], "completed");
    app.until("/readyz", |status, _| status == 200).await;
    assert!(app.lifecycle.stop(Duration::from_secs(5)).await);
    genesys.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_stop_lets_writes_in_flight_finish_and_begins_nothing_new() {
    let genesys = Lifecycle::default();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let simulator = org(500);
    simulate(simulator.clone(), listener, &genesys);
    let app = TestApp::start(&url).await;
    let answer = app.call(Method::POST, "/v1/sync-jobs", &job(500)).await;
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    app.until(&location, |_, body| body["counts"]["applied"].as_u64().unwrap_or_default() > 20).await;
    assert!(app.lifecycle.stop(Duration::from_secs(5)).await, "everything ended within the grace time");
    let ledger = simulator.ledger();
    assert!(ledger.requests().iter().all(|request| request.outcome.status().is_some()), "no call was cut short");
    assert!(ledger.api_requests().count() < 1000, "the rest was not begun");
    genesys.stop(Duration::from_secs(5)).await;
}
