//! "Is there a wait time recommended between GET and PATCH?": a naive client tries, with several.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use genesys_simulator::{
    Behaviour, Conflicts, Credentials, Generated, Limits, Population, ReadLag, Scenario, Share, Simulator, StaleWindow,
};
use http::{HeaderValue, Method, Request, Response};
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

const USERS: usize = 500;

fn org(conflicts: Conflicts) -> Scenario {
    Scenario {
        seed: 2026,
        population: Population::Generated(Generated { users: USERS, ..Generated::default() }),
        limits: Limits { windows: Vec::new(), ..Limits::default() },
        behaviour: Behaviour { conflicts, ..Behaviour::default() },
        ..Scenario::default()
    }
}

async fn send(
    simulator: &Simulator,
    method: Method,
    path: &str,
    auth: &str,
    version: &str,
    body: Bytes,
) -> Response<Bytes> {
    let request = Request::builder().method(method).uri(path).header("authorization", auth).header("if-match", version);
    let request = request.header("content-type", HeaderValue::from_static("application/json"));
    simulator.service().oneshot(request.body(body).unwrap()).await.unwrap()
}

/// Reads a user, waits, and writes with the version just read; true if that was a conflict.
async fn conflicts(simulator: Simulator, token: String, user: Uuid, wait: Duration) -> bool {
    let path = format!("/api/v2/wfm/users/{user}/assignments");
    let read = send(&simulator, Method::GET, &path, &token, "", Bytes::new()).await;
    let state: Value = serde_json::from_slice(read.body()).unwrap();
    tokio::time::sleep(wait).await;
    let groups: Vec<&Value> = state["skillGroups"].as_array().unwrap().iter().map(|group| &group["id"]).collect();
    let (version, body) = (format!("\"{}\"", state["version"]), json!({ "skillGroupIds": groups }).to_string());
    send(&simulator, Method::PATCH, &path, &token, &version, body.into()).await.status() == 409
}

/// The share of the users whose first write conflicts, ten users begun a second.
fn share(wait: u64, causes: Conflicts) -> f64 {
    let clock = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    clock.block_on(async {
        let simulator = Simulator::new(org(causes));
        let login = Credentials::default();
        let basic = format!("Basic {}", STANDARD.encode(format!("{}:{}", login.client_id, login.client_secret)));
        let form = Bytes::from_static(b"grant_type=client_credentials");
        let answer = send(&simulator, Method::POST, "/oauth/token", &basic, "", form).await;
        let answer: Value = serde_json::from_slice(answer.body()).unwrap();
        let token = format!("Bearer {}", answer["access_token"].as_str().unwrap());
        let users = simulator.users().into_iter().zip(0_u64..).map(|(user, nth)| {
            let (simulator, token) = (simulator.clone(), token.clone());
            async move {
                tokio::time::sleep(Duration::from_millis(100 * nth)).await;
                conflicts(simulator, token, user.id, Duration::from_secs(wait)).await
            }
        });
        let refused = futures_util::future::join_all(users).await;
        refused.iter().filter(|refused| **refused).count() as f64 / USERS as f64
    })
}

#[test]
fn waiting_between_read_and_write_makes_conflicts_more_likely_and_lag_no_less() {
    println!("| wait between GET and PATCH | others write 5 times a second | 15 % of the reads are 5 s old |");
    let mut busy_org = Vec::new();
    for wait in [0, 1, 5, 30] {
        let stale_window = StaleWindow { writes_per_second: 5.0, ..StaleWindow::default() };
        let by_others = share(wait, Conflicts { stale_window, ..Conflicts::default() });
        let read_lag = ReadLag { share: Share::Users(75), ..ReadLag::default() };
        let by_lag = share(wait, Conflicts { read_lag, ..Conflicts::default() });
        println!("| {wait} s | {:.1} % | {:.1} % |", 100.0 * by_others, 100.0 * by_lag);
        busy_org.push(by_others);
        assert!((by_lag - 0.15).abs() < 0.01, "no wait after the read makes an old version new: {by_lag}");
    }
    assert!(busy_org[0] < 0.01 && busy_org.is_sorted() && busy_org[3] > 0.15, "{busy_org:?}");
}
