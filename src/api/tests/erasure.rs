//! Erasing a person through the API.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use super::{Answer, PlainGenesys, TestApi, job};
use crate::api::context::ApiSettings;

async fn erase(api: &TestApi, user: &str) -> Answer {
    api.send(Request::delete(format!("/v1/users/{user}")).body(Body::empty()).unwrap()).await
}

async fn lines(api: &TestApi, location: &str, form: &str) -> String {
    let request = Request::get(format!("{location}/entries")).header("accept", form);
    let body = api.send(request.body(Body::empty()).unwrap()).await.body;
    body.as_str().map_or_else(|| body.to_string(), str::to_owned)
}

#[tokio::test(start_paused = true)]
async fn an_erased_person_leaves_states_and_nobody_to_submit_again() {
    let api = TestApi::start();
    let location = api.submit(job(12).to_string()).await.header("location").to_owned();
    let counts = api.finished(&location).await["counts"].clone();
    let tag = api.get(&location).await.header("etag").to_owned();
    // One user who was found, and one who is unknown.
    for (user, entries) in [("E3", 1), ("e3@example.com", 0), ("E11", 1), ("E11", 0), ("hris:nobody", 0)] {
        let answer = erase(&api, user).await;
        assert_eq!((answer.status.as_u16(), answer.body), (200, json!({"entries": entries})), "{user}");
    }
    let view = api.get(&location).await;
    assert_eq!(view.body["counts"], counts);
    assert_ne!(view.header("etag"), tag, "who polls is told");
    let page = api.get(&format!("{location}/entries")).await.body;
    let items = page["items"].as_array().unwrap();
    assert_eq!(items.len(), 12);
    for (n, state) in [(3, "applied"), (11, "failed")] {
        let entry = &items[n];
        assert_eq!((&entry["erased"], &entry["user"], &entry["state"]), (&json!(true), &json!({}), &json!(state)));
        assert!(entry["ref"].is_null() && entry["userId"].is_null() && entry["message"].is_null(), "{entry}");
    }
    assert!(items[4].get("erased").is_none() && items[4]["ref"] == "row-4");
    for form in ["text/csv", "application/x-ndjson"] {
        let lines = lines(&api, &location, form).await;
        assert!(lines.contains("row-4") && !lines.contains("row-3") && !lines.contains("row-11"), "{lines}");
    }
    api.get("/v1/users/E3").await.assert_problem(404, "/problems/user-not-known");
    assert_eq!(api.get("/v1/users/E4").await.status, 200);
    let again = api.post(&format!("{location}/retry"), "").await;
    assert_eq!(again.body["counts"]["total"], 1, "of two who failed, one is left");
    api.finished(again.header("location")).await;
}

#[tokio::test(start_paused = true)]
async fn an_erased_plan_is_not_applied() {
    let api = TestApi::start();
    let mut dry = job(1);
    dry["dryRun"] = json!(true);
    let plan = api.submit(dry.to_string()).await.header("location").to_owned();
    assert_eq!(api.finished(&plan).await["counts"]["planned"], 1);
    assert_eq!(erase(&api, "E0").await.body["entries"], 1);
    api.post(&format!("{plan}/apply"), "").await.assert_problem(409, "/problems/nothing-to-do");
}

#[tokio::test(start_paused = true)]
async fn who_is_still_worked_on_is_not_erased_and_the_jobs_are_named() {
    let api = TestApi::with(PlainGenesys { unreachable: true, ..PlainGenesys::default() }, ApiSettings::default());
    let location = api.submit(job(2).to_string()).await.header("location").to_owned();
    let answer = erase(&api, "E1").await;
    answer.assert_problem(409, "/problems/still-open");
    let id = location.rsplit_once('/').unwrap().1;
    assert!(answer.body["detail"].as_str().unwrap().contains(id), "{answer:?}");
    assert!(!answer.body.to_string().contains("E1"), "it names nobody");
    api.post(&format!("{location}/cancel"), "").await;
    api.finished(&location).await;
    // The person may also have been named by other references.
    erase(&api, "E1").await.assert_problem(503, "/problems/not-ready");
}
