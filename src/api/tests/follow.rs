//! Following a job with long polls and event streams.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use serde_json::Value;
use tokio::time::Instant;

use super::{PlainGenesys, TestApi, job};
use crate::api::context::ApiSettings;

fn unreachable() -> TestApi {
    TestApi::with(PlainGenesys { unreachable: true, ..PlainGenesys::default() }, ApiSettings::default())
}

fn with(path: &str, name: &str, value: &str) -> Request<Body> {
    Request::get(path).header(name, value).body(Body::empty()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_known_is_not_sent_again() {
    let api = unreachable();
    let location = api.submit(job(3).to_string()).await.header("location").to_owned();
    let first = api.get(&location).await;
    assert_ne!(first.header("retry-after"), "");
    api.post(&format!("{location}/cancel"), "").await;
    let done = api.get(&location).await;
    assert_eq!(done.header("retry-after"), "");
    assert_ne!(first.header("etag"), done.header("etag"));
    for known in [done.header("etag"), "*", &format!("\"x\", {}", done.header("etag"))] {
        let answer = api.send(with(&location, "if-none-match", known)).await;
        assert_eq!((answer.status.as_u16(), answer.header("etag")), (304, done.header("etag")), "{known}");
    }
    assert_eq!(api.send(with(&location, "if-none-match", first.header("etag"))).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn an_answer_waits_for_a_change_and_no_longer_than_asked() {
    let api = unreachable();
    let location = api.submit(job(1).to_string()).await.header("location").to_owned();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let begun = Instant::now();
    let waiting = format!("{location}?wait=30s");
    let answer = api.get(&waiting).await;
    assert_eq!((answer.status.as_u16(), begun.elapsed().as_secs()), (200, 30));
    let known = api.send(with(&waiting, "if-none-match", answer.header("etag"))).await;
    assert_eq!((known.status.as_u16(), begun.elapsed().as_secs()), (304, 60));
    let cancel = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        api.post(&format!("{location}/cancel"), "").await
    };
    let (answer, _) = tokio::join!(api.get(&waiting), cancel);
    assert_eq!((&answer.body["status"], begun.elapsed().as_secs()), (&Value::from("cancelled"), 65));
    for wrong in ["61s", "x", "-1s", "2m", "", "30", "05s", "+5s"] {
        api.get(&format!("{location}?wait={wrong}")).await.assert_problem(400, "/problems/invalid-request");
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_is_not_cut_short_by_the_time_limit_but_by_the_stop_of_the_service() {
    let settings = ApiSettings { request_timeout: Duration::from_secs(1), ..ApiSettings::default() };
    let api = TestApi::with(PlainGenesys { unreachable: true, ..PlainGenesys::default() }, settings);
    let location = api.submit(job(1).to_string()).await.header("location").to_owned();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let stop = async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        api.lifecycle.begin_stop();
    };
    let begun = Instant::now();
    let waiting = format!("{location}?wait=60s");
    let events = format!("{location}/events");
    let (answer, events, ()) = tokio::join!(api.get(&waiting), api.get(&events), stop);
    assert_eq!((answer.status.as_u16(), events.status.as_u16(), begun.elapsed().as_secs()), (200, 200, 20));
    assert!(events.body.as_str().unwrap().contains(":\n\n"), "a heartbeat: {events:?}");
}

/// Returns the events of a stream, each as its name, id and data.
fn events(answer: &super::Answer) -> Vec<(String, String, Value)> {
    let text = answer.body.as_str().unwrap();
    let field = |event: &str, name: &str| {
        event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
    };
    let told = text.split("\n\n").filter(|event| event.contains("data:"));
    told.map(|event| {
        let data = serde_json::from_str(&field(event, "data:")).unwrap();
        (field(event, "event:"), field(event, "id:"), data)
    })
    .collect()
}

#[tokio::test(start_paused = true)]
async fn changes_are_told_to_their_end_and_from_where_one_left_off() {
    let api = TestApi::start();
    let location = api.submit(job(11).to_string()).await.header("location").to_owned();
    let path = format!("{location}/events");
    let all = api.get(&path).await;
    assert_eq!(all.header("content-type"), "text/event-stream");
    let told = events(&all);
    let (last, entries) = told.split_last().unwrap();
    assert_eq!((last.0.as_str(), &last.2["status"]), ("job", &Value::from("completed")));
    let ended: std::collections::BTreeSet<_> = entries
        .iter()
        .filter(|(name, _, data)| name == "entry" && !data["finishedAt"].is_null())
        .map(|(_, _, data)| data["index"].as_u64())
        .collect();
    assert_eq!(ended.len(), 11);
    let rest = events(&api.send(with(&path, "last-event-id", &told[told.len() - 4].1)).await);
    assert_eq!(rest, told[told.len() - 3..]);
    assert_eq!(api.send(with(&path, "last-event-id", &last.1)).await.status, 204);
    let another_run = api.send(with(&path, "last-event-id", "0-9999-1")).await;
    assert_eq!(events(&another_run).len(), 12);
}

#[tokio::test(start_paused = true)]
async fn many_followers_are_told_the_same_and_everything() {
    let api = TestApi::with(PlainGenesys { unreachable: true, ..PlainGenesys::default() }, ApiSettings::default());
    let location = api.submit(job(300).to_string()).await.header("location").to_owned();
    let path = format!("{location}/events");
    let cancel = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        api.post(&format!("{location}/cancel"), "").await;
    };
    // A late follower receives everything that the others have already received.
    let late = async {
        tokio::time::sleep(Duration::from_millis(1950)).await;
        api.get(&path).await
    };
    let (first, second, late, ()) = tokio::join!(api.get(&path), api.get(&path), late, cancel);
    let [first, second, late] = [first, second, late].map(|answer| events(&answer));
    assert_eq!(first, second);
    let cancelled =
        |told: &[(String, String, Value)]| told.iter().filter(|(_, _, data)| data["state"] == "cancelled").count();
    assert_eq!((cancelled(&first), cancelled(&late)), (300, 300));
    assert_eq!(first.last(), late.last());
}
