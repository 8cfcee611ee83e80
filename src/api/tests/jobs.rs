//! Jobs from submission to end.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{BILLING, PlainGenesys, TestApi, job};
use crate::api::context::ApiSettings;

#[tokio::test(start_paused = true)]
async fn a_submitted_job_is_readable_at_once_under_its_location() {
    let api = TestApi::with(PlainGenesys { unreachable: true, ..PlainGenesys::default() }, ApiSettings::default());
    let accepted = api.submit(job(10).to_string()).await;
    assert_eq!(accepted.status, 202);
    assert_eq!(accepted.header("retry-after"), "4");
    let location = accepted.header("location");
    assert_eq!(location, format!("/v1/sync-jobs/{}", accepted.body["id"].as_str().unwrap()));
    let read = api.get(location).await;
    assert_eq!(read.status, 200);
    assert_eq!(read.header("cache-control"), "no-store");
    let defaults = json!({"mode": "managed", "lane": "bulk", "dryRun": false, "label": null});
    for (name, value) in defaults.as_object().unwrap() {
        assert_eq!(&read.body[name], value, "{name}");
    }
    assert_eq!(read.body["counts"]["total"], 10);
    // Plus one listing of the catalogue and ten look-ups.
    assert_eq!(read.body["calls"], json!({"made": 0, "estimated": 31}));
    // Twenty calls at five per second.
    assert_eq!(accepted.body["createdAt"], "2026-11-22T20:15:00Z");
    assert_eq!(accepted.body["estimatedFinishAt"], "2026-11-22T20:15:04Z");
}

#[tokio::test(start_paused = true)]
async fn a_job_shows_what_became_of_each_entry() {
    let api = TestApi::start();
    let location = api.submit(job(11).to_string()).await.header("location").to_owned();
    let done = api.finished(&location).await;
    assert_eq!(done["status"], "completed");
    assert_eq!((&done["counts"]["applied"], &done["counts"]["failed"]), (&json!(10), &json!(1)));
    assert_eq!(done["estimatedFinishAt"], Value::Null);
    let entries = api.get(&format!("{location}/entries")).await.body;
    assert!(entries.get("nextCursor").is_none());
    let first = &entries["items"][0];
    let group = json!({"id": Uuid::from_u128(BILLING), "name": "Billing T2", "proficiency": null});
    assert_eq!(first["added"], json!([group]));
    assert_eq!(first["user"], json!({"employeeId": "E0"}));
    assert_eq!((&first["state"], &first["ref"], &first["reason"]), (&json!("applied"), &json!("row-0"), &Value::Null));
    let last = &entries["items"][10];
    assert_eq!((&last["state"], &last["reason"]), (&json!("failed"), &json!("userNotFound")));
}

#[tokio::test(start_paused = true)]
async fn a_cursor_holds_while_entries_change_their_states() {
    let api = TestApi::with(PlainGenesys { unreachable: true, ..PlainGenesys::default() }, ApiSettings::default());
    let location = api.submit(job(5).to_string()).await.header("location").to_owned();
    let first = api.get(&format!("{location}/entries?limit=2")).await.body;
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    let cursor = first["nextCursor"].as_str().unwrap();
    api.post(&format!("{location}/cancel"), "").await;
    let second = api.get(&format!("{location}/entries?limit=2&cursor={cursor}")).await.body;
    assert_eq!(second["items"][0]["index"], 2);
    let cancelled = api.get(&format!("{location}/entries?state=cancelled&cursor={cursor}")).await.body;
    assert_eq!(cancelled["items"].as_array().unwrap().len(), 3);
    assert!(cancelled.get("nextCursor").is_none());
    let pending = api.get(&format!("{location}/entries?state=pending")).await.body;
    assert_eq!(pending, json!({"items": []}));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_job_ends_and_cancelling_again_changes_nothing() {
    let api = TestApi::with(PlainGenesys { unreachable: true, ..PlainGenesys::default() }, ApiSettings::default());
    let location = api.submit(job(3).to_string()).await.header("location").to_owned();
    for _ in 0..2 {
        let answer = api.post(&format!("{location}/cancel"), "").await;
        assert_eq!((answer.status.as_u16(), &answer.body["status"]), (200, &json!("cancelled")));
        assert_eq!(answer.body["counts"]["cancelled"], 3);
    }
}

#[tokio::test]
async fn wrong_query_parameters_are_named() {
    let api = TestApi::start();
    let location = api.submit(job(1).to_string()).await.header("location").to_owned();
    for (query, names) in [
        ("limit=0", &["limit"][..]),
        ("limit=1001", &["limit"]),
        ("limit=x&state=done&cursor=zz", &["state", "limit", "cursor"]),
        ("status=failed", &["status"]),
        ("limit=1&limit=2", &["limit"]),
        ("limit=", &["limit"]),
        ("limit=-1", &["limit"]),
    ] {
        let answer = api.get(&format!("{location}/entries?{query}")).await;
        answer.assert_problem(400, "/problems/invalid-request");
        assert_eq!(answer.places(), names, "{query}");
    }
    assert_eq!(api.get(&format!("{location}/entries?limit=1000&state=failed")).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn jobs_are_listed_newest_first_page_by_page() {
    let api = TestApi::start();
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(api.submit(job(1).to_string()).await.body["id"].clone());
    }
    ids.reverse();
    let listed =
        |page: &Value| page["items"].as_array().unwrap().iter().map(|job| job["id"].clone()).collect::<Vec<_>>();
    let first = api.get("/v1/sync-jobs?limit=2").await.body;
    let newer = api.submit(job(1).to_string()).await.body["id"].clone();
    let cursor = first["nextCursor"].as_str().unwrap();
    let second = api.get(&format!("/v1/sync-jobs?limit=3&cursor={cursor}")).await.body;
    assert_eq!([listed(&first), listed(&second)].concat(), ids);
    assert!(second.get("nextCursor").is_none());
    api.finished(&format!("/v1/sync-jobs/{}", newer.as_str().unwrap())).await;
    assert_eq!(listed(&api.get("/v1/sync-jobs?status=completed").await.body).len(), 6);
    assert_eq!(api.get("/v1/sync-jobs?status=held").await.body, json!({"items": []}));
    let wrong = api.get("/v1/sync-jobs?status=done&cursor=ZW50cmllczox&limit=0&x=1").await;
    wrong.assert_problem(400, "/problems/invalid-request");
    assert_eq!(wrong.places(), ["x", "status", "limit", "cursor"]);
}

#[tokio::test(start_paused = true)]
async fn a_user_is_shown_with_what_is_owned_and_what_was_asked() {
    let api = TestApi::start();
    let location = api.submit(job(1).to_string()).await.header("location").to_owned();
    api.finished(&location).await;
    let user = api.get("/v1/users/E0").await;
    assert_eq!(user.status, 200);
    assert_eq!(user.body["entries"][0]["entry"]["state"], "applied");
    assert_eq!(user.body["owned"][1]["assignments"][0]["name"], "Billing T2");
    let by_id = api.get(&format!("/v1/users/{}", user.body["id"].as_str().unwrap())).await;
    assert_eq!(by_id.body, user.body);
    for unknown in ["E77", "ana@example.com", "workday:1", "%ff", "0199a3f2-7c55-7d2e-9d3e-1f6a5b1c2d3e"] {
        api.get(&format!("/v1/users/{unknown}")).await.assert_problem(404, "/problems/user-not-known");
    }
}

#[tokio::test]
async fn nothing_new_is_taken_while_too_much_is_open() {
    let settings = ApiSettings { max_open_entries: 3, ..ApiSettings::default() };
    let api = TestApi::with(PlainGenesys { unreachable: true, ..PlainGenesys::default() }, settings);
    let location = api.submit(job(3).to_string()).await.header("location").to_owned();
    let full = api.submit(job(1).to_string()).await;
    full.assert_problem(503, "/problems/full");
    assert_ne!(full.header("retry-after"), "");
    api.post(&format!("{location}/cancel"), "").await;
    assert_eq!(api.submit(job(1).to_string()).await.status, 202);
}
