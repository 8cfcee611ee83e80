//! Who asked for what: on the audit record, on the job, and in the log.

use std::fmt::Write as _;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use futures_util::StreamExt as _;
use genesys_simulator::{Generated, Population, Scenario};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use skillsync::app;
use skillsync::config::Config;
use skillsync::domain::{EntryState, JobId};
use tower::ServiceExt as _;

use crate::bed::{Bed, in_state};
use crate::logs::Captured;

fn org() -> Scenario {
    let population = Generated { users: 40, groups: 3, groups_per_user: 2, ..Generated::default() };
    Scenario { population: Population::Generated(population), ..Scenario::default() }
}

fn sum(key: &str) -> String {
    let (digest, mut sum) = (Sha256::digest(key), String::new());
    digest.iter().for_each(|byte| write!(sum, "{byte:02x}").unwrap());
    sum
}

/// A key for each role, called like it.
fn keys() -> String {
    let of =
        |name: &str| format!("\n[[server.api_keys]]\nname = 'the {name}'\nsha256 = '{}'\nrole = '{name}'", sum(name));
    of("read") + &of("submit") + &of("admin")
}

async fn call(bed: &Bed, key: &str, id: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    let request = request.header("authorization", format!("Bearer {key}")).header("x-request-id", id);
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    let (status, text) = bed.send(request.body(body).unwrap()).await;
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

fn job(mode: &str, dry_run: bool) -> Value {
    let entry = |n| json!({ "user": { "employeeId": format!("E{}", 1000 + n) }, "assignments": [] });
    let entries: Vec<_> = (1..=40).map(entry).collect();
    json!({ "target": "wfmSkillGroups", "mode": mode, "dryRun": dry_run, "entries": entries })
}

#[tokio::test(start_paused = true)]
async fn everything_that_is_asked_for_is_on_the_record_with_who_asked() {
    let (captured, _log) = Captured::start();
    let bed = Bed::start(&org(), &keys());
    let post = async |key, id, path: &str, body| call(&bed, key, id, "POST", path, &body).await;
    let (status, held) = post("submit", "r-submit", "/v1/sync-jobs", job("replace", false)).await;
    assert_eq!((status, &held["submittedBy"]), (202, &json!({"kind": "key", "name": "the submit"})), "{held}");
    let path = format!("/v1/sync-jobs/{}", held["id"].as_str().unwrap());
    while call(&bed, "read", "r-look", "GET", &path, &Value::Null).await.1["status"] != "held" {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(post("submit", "r-denied", &format!("{path}/apply"), Value::Null).await.0, 403);
    assert_eq!(post("read", "r-read", &format!("{path}/cancel"), Value::Null).await.0, 403);
    assert_eq!(post("admin", "r-release", &format!("{path}/apply"), Value::Null).await.0, 202);
    let id = JobId(held["id"].as_str().unwrap().parse().unwrap());
    assert!(in_state(&bed.finish(id).await, EntryState::Applied) > 0);
    // What has ended cannot be cancelled, and cancelling once more changes nothing: neither is on the record.
    post("submit", "r-late", &format!("{path}/cancel"), Value::Null).await;
    let (_, more) = post("submit", "r-more", "/v1/sync-jobs", job("managed", false)).await;
    for id in ["r-cancel", "r-again"] {
        let path = format!("/v1/sync-jobs/{}/cancel", more["id"].as_str().unwrap());
        assert_eq!(post("submit", id, &path, Value::Null).await.0, 200);
    }
    let (_, plan) = post("submit", "r-plan", "/v1/sync-jobs", job("managed", true)).await;
    bed.finish(JobId(plan["id"].as_str().unwrap().parse().unwrap())).await;

    let audit =
        async |key, query: &str| call(&bed, key, "r-audit", "GET", &format!("/v1/audit{query}"), &Value::Null).await;
    assert_eq!(audit("submit", "").await.0, 403);
    let (status, page) = audit("admin", "").await;
    assert_eq!(status, 200, "{page}");
    let told: Vec<_> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|record| {
            let text = |name: &str| record[name].as_str().unwrap_or_default();
            format!(
                "{} by {} in {}: {}",
                text("action"),
                record["by"]["name"].as_str().unwrap(),
                text("requestId"),
                text("about")
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "submitted by the submit in r-submit: ",
            "refused by the submit in r-denied: POST /v1/sync-jobs/{jobId}/apply",
            "refused by the read in r-read: POST /v1/sync-jobs/{jobId}/cancel",
            "released by the admin in r-release: ",
            "submitted by the submit in r-more: ",
            "cancelled by the submit in r-cancel: ",
            "submitted by the submit in r-plan: ",
            "refused by the submit in r-audit: GET /v1/audit",
        ]
    );
    let (_, of_job) = audit("admin", &format!("?jobId={id}")).await;
    assert_eq!(of_job["items"].as_array().unwrap().len(), 4, "{of_job}");
    let (_, first) = audit("admin", "?limit=2").await;
    let (_, next) = audit("admin", &format!("?limit=2&cursor={}", first["nextCursor"].as_str().unwrap())).await;
    assert_ne!(first["items"][1], next["items"][0]);

    // The log: each line of a request has its id, its route and its caller.
    let lines: Vec<Value> = captured.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (id, caller, status) in
        [("r-denied", "the submit", 403), ("r-release", "the admin", 202), ("r-read", "the read", 403)]
    {
        let is_of = |line: &&Value| {
            line["spans"].as_array().is_some_and(|spans| spans.iter().any(|span| span["request_id"] == id))
        };
        let answered = lines.iter().filter(is_of).find(|line| line["fields"]["message"] == "answered");
        let answered = answered.unwrap_or_else(|| panic!("no line of {id}"));
        assert_eq!((&answered["fields"]["status"], &answered["fields"]["caller"]), (&json!(status), &json!(caller)));
        assert!(answered["spans"][0]["route"].as_str().unwrap().starts_with("/v1/sync-jobs/"), "{answered}");
    }
    for name in ["Group 1", "Group 2", "Group 3", "E1001"] {
        assert!(!captured.text().contains(name), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_without_end_leave_few_records() {
    let bed = Bed::start(&org(), &keys());
    let router = app::router(&bed.config, &bed.service, &bed.lifecycle);
    for _ in 0..50 {
        let request = Request::post("/v1/sync-jobs").header("authorization", "Bearer read");
        let answer = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 403);
    }
    let (_, page) = call(&bed, "admin", "r", "GET", "/v1/audit", &Value::Null).await;
    assert_eq!(page["items"].as_array().unwrap().len(), 12);
}

/// A configuration with these keys.
fn config_with(keys: &str) -> Config {
    let genesys = "[genesys]\napi_url = 'http://g'\nlogin_url = 'http://g'\nclient_id = 'i'\nclient_secret = 's'";
    Config::from_toml(&format!("{genesys}{keys}")).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_taken_away_or_expires_ends_what_was_begun_with_it() {
    for expires in [false, true] {
        let bed = Bed::start(&org(), &keys());
        let held = call(&bed, "submit", "r", "POST", "/v1/sync-jobs", &job("replace", false)).await.1;
        let path = format!("/v1/sync-jobs/{}", held["id"].as_str().unwrap());
        while call(&bed, "read", "r", "GET", &path, &Value::Null).await.1["status"] != "held" {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let soon = bed.clock.now() + jiff::SignedDuration::from_secs(10);
        let until = if expires { format!("\nexpires = '{soon}'") } else { String::new() };
        let config =
            config_with(&keys().split("\n[[").skip(1).fold(String::new(), |all, key| all + "\n[[" + key + &until));
        let in_use = app::api_keys(&config);
        let router = app::router_for(&config, &bed.service, &in_use, &bed.lifecycle);
        let open = async |path: String| {
            let request = Request::get(path).header("authorization", "Bearer read").body(Body::empty()).unwrap();
            router.clone().oneshot(request).await.unwrap()
        };
        let mut events = open(format!("{path}/events")).await.into_body().into_data_stream();
        assert!(events.next().await.is_some(), "it is followed");
        let late = async {
            let body = Body::from_stream(futures_util::stream::once(async {
                tokio::time::sleep(Duration::from_secs(20)).await;
                Ok::<_, std::io::Error>(job("add", false).to_string())
            }));
            let request = Request::post("/v1/sync-jobs").header("authorization", "Bearer submit");
            let request = request.header("content-type", "application/json").body(body).unwrap();
            router.clone().oneshot(request).await.unwrap().status().as_u16()
        };
        let taken_away = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            if !expires {
                let others = keys().replace(&sum("read"), &sum("x")).replace(&sum("submit"), &sum("y"));
                app::reload(&bed.service, &in_use, Ok(&config_with(&others))).unwrap();
            }
        };
        let (answer, late, ()) = tokio::join!(open(format!("{path}?wait=60s")), late, taken_away);
        assert_eq!((answer.status().as_u16(), late), (401, 401), "expires: {expires}");
        bed.service.engine.cancel(JobId(held["id"].as_str().unwrap().parse().unwrap())).await;
        while let Some(event) = events.next().await {
            assert!(!event.unwrap().starts_with(b"event"), "nothing is told any more");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_record_comes_as_lines_too() {
    let bed = Bed::start(&org(), "");
    let (status, _) = call(&bed, "", "=1+1", "POST", "/v1/sync-jobs", &job("managed", true)).await;
    assert_eq!(status, 202);
    for (accept, line) in
        [("text/csv", ",submitted,keyless,,,'=1+1,"), ("application/x-ndjson", "\"requestId\":\"=1+1\"")]
    {
        let request = Request::get("/v1/audit").header("accept", accept).body(Body::empty()).unwrap();
        let (status, text) = bed.send(request).await;
        assert!(status == 200 && text.contains(line), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_erased_by_one_name_is_gone_by_another_that_nobody_had_looked_up() {
    let scenario = org();
    let bed = Bed::start(&scenario, "");
    let users = bed.simulator.users();
    let (one, other) = (&users[0], &users[1]);
    let entry =
        |id: &str| json!({ "ref": "r", "user": { "employeeId": id }, "assignments": [{ "name": "No such group" }] });
    let ids = [one, other].map(|user| user.employee_id.clone().unwrap());
    let failing = json!({ "target": "wfmSkillGroups", "mode": "add", "entries": [entry(&ids[0]), entry(&ids[1])] });
    let job = call(&bed, "", "r", "POST", "/v1/sync-jobs", &failing).await.1["id"].as_str().unwrap().to_owned();
    bed.finish(JobId(job.parse().unwrap())).await;
    let bed = bed.restart(&scenario, Duration::from_secs(1)).await;
    let path = format!("/v1/users/{}", one.email);
    let (status, erased) = call(&bed, "", "r", "DELETE", &path, &Value::Null).await;
    assert_eq!((status, &erased["entries"]), (200, &json!(1)), "{erased}");
    let (_, left) = call(&bed, "", "r", "GET", &format!("/v1/sync-jobs/{job}/entries"), &Value::Null).await;
    assert_eq!((&left["items"][0]["erased"], &left["items"][1]["user"]["employeeId"]), (&json!(true), &json!(ids[1])));
}
