//! One user whose every write fails costs the others next to nothing, and ends.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use genesys_simulator::{Behaviour, Generated, Latency, Population, Scenario, Simulator};
use http::{Method, StatusCode};
use serde_json::Value;
use skillsync::lifecycle::Lifecycle;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tower::ServiceExt;
use uuid::Uuid;

use super::service::Service;
use crate::process::{job_for, submit};

const USERS: usize = 40;
/// The group that the job gives.
const GROUP: &str = "Group 1";

fn org() -> Simulator {
    let latency = Latency { fixed: Duration::from_millis(2), spread: Duration::ZERO };
    let population = Generated { users: USERS, groups_per_user: 0, ..Generated::default() };
    let mut scenario = Scenario {
        population: Population::Generated(population),
        behaviour: Behaviour { latency, ..Behaviour::default() },
        ..Scenario::default()
    };
    scenario.limits.windows.clear();
    Simulator::new(scenario)
}

/// A gateway that answers every write for one user with 500 before anybody has seen it, and counts them.
#[derive(Debug, Clone)]
struct Gateway {
    simulator: Simulator,
    bad: Option<Uuid>,
    refused: Arc<Mutex<Vec<Instant>>>,
}

async fn passed_on(State(gateway): State<Gateway>, request: Request) -> Response {
    let bad = gateway.bad.is_some_and(|user| request.uri().path().contains(&user.to_string()));
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let answer = if bad && parts.method == Method::PATCH {
        gateway.refused.lock().unwrap().push(Instant::now());
        None
    } else {
        gateway.simulator.service().oneshot(Request::from_parts(parts, body)).await.ok()
    };
    answer.map_or_else(failure, |answer| answer.map(Body::from))
}

fn failure() -> Response {
    let mut answer = Response::new(Body::from("{}"));
    *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    answer
}

struct Night {
    /// From the first call of the job until the last write of the others.
    took: Duration,
    /// The bad user's entry, and how many writes of it were refused.
    bad: Value,
    refused: usize,
    /// All calls until then.
    calls: usize,
}

/// A job for everybody; with `failing`, one user's writes are answered with 500.
async fn night(failing: bool) -> Night {
    let (simulator, lifecycle) = (org(), Lifecycle::default());
    let bad_id = simulator.users()[5].id;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let genesys = format!("http://{}", listener.local_addr().unwrap());
    let gateway = Gateway { simulator: simulator.clone(), bad: failing.then_some(bad_id), refused: Arc::default() };
    let refused = Arc::clone(&gateway.refused);
    let (app, stopping) = (Router::new().fallback(passed_on).with_state(gateway), lifecycle.clone());
    lifecycle.spawn(async move {
        axum::serve(listener, app).with_graceful_shutdown(async move { stopping.stopping().await }).await.unwrap();
    });
    let settings = vec![("SKILLSYNC__GENESYS__LIMITS", "4/200ms"), ("SKILLSYNC__SYNC__PATIENCE", "20s")];
    let mut service = Service::at(genesys, simulator, lifecycle, settings).await;
    let (_, job) = submit(&service.client, "all", &job_for(1..=USERS, GROUP)).await.unwrap();
    let path = format!("/v1/sync-jobs/{}", job["id"].as_str().unwrap());
    let ended = service.client.until(&path, |view| view["finishedAt"].is_string());
    let ended = tokio::time::timeout(Duration::from_secs(60), ended).await;
    assert!(ended.is_ok(), "the job of one bad user ends within its patience");
    let (_, page) = service.client.get(&format!("{path}/entries?limit=1000")).await.unwrap();
    let bad = page["items"].as_array().unwrap().iter().find(|entry| entry["index"] == 5).unwrap().clone();
    service.end().await;
    assert!(service.violations.is_empty(), "{:?}", service.violations);
    let ledger = service.simulator.ledger();
    let first = ledger.api_requests().map(|request| request.arrived_at).min().unwrap();
    let others = ledger.effects().iter().filter(|effect| effect.user != bad_id).map(|effect| effect.at).max();
    let (last, refused) = (others.unwrap(), refused.lock().unwrap().clone());
    let meanwhile =
        ledger.api_requests().filter(|request| request.arrived_at <= last).map(|request| request.arrived_at);
    let calls = meanwhile.chain(refused.iter().copied().filter(|at| *at <= last)).count();
    Night { took: last - first, calls, bad, refused: refused.len() }
}

/// The clock of a busy machine says little; at a fixed rate it is the calls that cost time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_whose_writes_all_fail_costs_the_others_little_and_ends() {
    let (healthy, night) = (night(false).await, night(true).await);
    println!("the others took {:?}, beside a bad one {:?}: {} writes", healthy.took, night.took, night.refused);
    assert_eq!(healthy.bad["state"], "applied");
    assert_eq!(night.bad["reason"], "upstreamUnavailable", "{}", night.bad);
    assert!(10 * night.calls <= 11 * healthy.calls, "{} calls instead of {}", night.calls, healthy.calls);
    assert!(night.refused <= 9, "{} writes for one user", night.refused);
}
