//! Dates of changes: accepted ones determine the place in time, impossible ones are refused with their location.

use serde_json::{Value, json};

use super::{Answer, TestApi};

const CSV: &str = "text/csv";
const LINES: &str = "application/x-ndjson";
/// The time of the clock in these tests, and how far a date may be ahead of it.
const LATEST: &str = "2026-11-22T20:25:00Z";

fn entry(date: &str) -> Value {
    json!({"user": {"employeeId": "E1"}, "assignments": [], "occurredAt": date})
}

/// Returns one entry with this date in every body format.
async fn in_every_form(api: &TestApi, date: &str) -> [Answer; 3] {
    let job = json!({"target": "routingSkills", "entries": [entry(date)]}).to_string();
    let row = format!("employee_id,assignments,occurred_at\nE1,,{date}\n");
    let query = "?target=routingSkills";
    [
        api.submit(job).await,
        api.submit_as(query, &[("content-type", LINES)], entry(date).to_string()).await,
        api.submit_as(query, &[("content-type", CSV)], row).await,
    ]
}

#[tokio::test(start_paused = true)]
async fn a_date_in_the_future_is_refused_with_its_place() {
    let api = TestApi::start();
    for date in
        ["2026-11-22T20:25:00.001Z", "2062-01-01T00:00:00Z", "9999-12-30T22:00:00Z", "2026-11-22T20:25:00-00:01"]
    {
        let places = ["/entries/0/occurredAt", "/occurredAt", "/occurred_at"];
        for (answer, place) in in_every_form(&api, date).await.iter().zip(places) {
            answer.assert_problem(400, "/problems/invalid-request");
            assert_eq!(answer.places(), [place], "{date}");
            let detail = answer.body["errors"][0]["detail"].as_str().unwrap();
            assert!(detail.contains("is later than now (2026-11-22T20:15:00Z)"), "{detail}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_offset_of_a_day_or_more_is_refused_with_its_place() {
    let api = TestApi::start();
    for date in ["2026-11-22T20:15:00+25:00", "2026-11-22T20:15:00-24:00"] {
        for answer in in_every_form(&api, date).await {
            answer.assert_problem(400, "/problems/invalid-request");
            let detail = answer.body["errors"][0]["detail"].as_str().unwrap();
            assert!(detail.contains("must be an RFC 3339 date"), "{detail}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_date_in_the_future_is_named_with_the_other_faults_of_its_entry() {
    let mut entry = entry("2062-01-01T00:00:00Z");
    entry["user"] = json!({});
    let answer = TestApi::start().submit(json!({"target": "routingSkills", "entries": [entry]}).to_string()).await;
    assert_eq!(answer.places(), ["/entries/0/user", "/entries/0/occurredAt"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_accepted_comes_back_as_the_same_moment() {
    let api = TestApi::start();
    for (date, moment) in [
        (LATEST, LATEST),
        ("2026-11-22T21:25:00+01:00", LATEST),
        ("2026-11-22T15:25:00-05:00", LATEST),
        ("2026-11-22T20:15:00.123456789Z", "2026-11-22T20:15:00.123456789Z"),
        // A leap second counts as the last second of its minute.
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("-009999-01-02T01:59:59Z", "-009999-01-02T01:59:59Z"),
    ] {
        for answer in in_every_form(&api, date).await {
            assert_eq!(answer.status, 202, "{date}: {answer:?}");
            let request = http::Request::get(format!("{}/entries", answer.header("location")));
            let request = request.header("accept", LINES).body(axum::body::Body::empty()).unwrap();
            let kept = api.send(request).await;
            assert_eq!(kept.body["occurredAt"], moment, "{date}: {kept:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_moment_is_refused_with_its_place() {
    let api = TestApi::start();
    for date in [
        // Without an offset, the date does not identify a moment.
        "2026-11-22T20:15:00",
        "2026-11-22",
        "2026-02-30T20:15:00Z",
        "2026-11-22T24:15:00Z",
        "2026-11-22T20:15:61Z",
        "2026-11-22T20:15:00+26:00",
        "10000-01-01T00:00:00Z",
        "22.11.2026 20:15",
        "1732300000",
    ] {
        for answer in in_every_form(&api, date).await {
            answer.assert_problem(400, "/problems/invalid-request");
            assert_eq!(answer.places().len(), 1, "{date}");
        }
    }
}
