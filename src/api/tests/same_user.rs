//! Several rows for one user: refused if one would be lost, unless the job says how to treat them.

use serde_json::{Value, json};

use super::{Answer, TestApi};
use crate::api::shapes::rules;

const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";
const CSV: &str = "text/csv";

/// `E1` in the first and third place, in two spellings.
fn entries() -> [Value; 3] {
    ["E1", "E2", " E1 "].map(|id| json!({"user": {"employeeId": id}, "assignments": [{"name": "Billing"}]}))
}

async fn submit(media_type: &str, query: &str, body: impl Into<axum::body::Body>) -> Answer {
    TestApi::start().submit_as(query, &[("content-type", media_type)], body).await
}

/// Returns the same three entries in each body format, with these members of the job.
async fn in_every_form(members: &[(&str, &str)]) -> [Answer; 3] {
    let mut job = json!({"target": "routingSkills", "entries": entries()});
    let mut query = "?target=routingSkills".to_owned();
    for (name, value) in members {
        job[*name] = json!(value);
        query = format!("{query}&{name}={value}");
    }
    let lines = entries().map(|entry| entry.to_string()).join("\n\n");
    let rows = "employee_id,assignments\nE1,Billing\nE2,Billing\n E1 ,Billing\n";
    [submit(JSON, "", job.to_string()).await, submit(LINES, &query, lines).await, submit(CSV, &query, rows).await]
}

fn errors(answer: &Answer) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let errors = answer.body["errors"].as_array().expect("a list of faults");
    errors.iter().map(|error| (text(error.get("line").unwrap_or(&error["pointer"])), text(&error["detail"]))).collect()
}

#[tokio::test]
async fn rows_about_one_user_are_refused_with_both_places_and_the_ways_out() {
    for mode in ["managed", "replace"] {
        let places = [("/entries/2/user", "/entries/0"), ("5", "line 1"), ("4", "line 2")];
        for (answer, (place, first)) in in_every_form(&[("mode", mode)]).await.iter().zip(places) {
            answer.assert_problem(400, "/problems/invalid-request");
            let errors = errors(answer);
            assert_eq!((errors.len(), errors[0].0.as_str()), (1, place), "{answer:?}");
            for part in [first, mode, "sameUser=merge", "sameUser=inOrder"] {
                assert!(errors[0].1.contains(part), "{part}: {errors:?}");
            }
            assert!(!answer.body.to_string().contains("E1"), "the user is named: {answer:?}");
        }
    }
    for answer in in_every_form(&[]).await {
        answer.assert_problem(400, "/problems/invalid-request");
    }
}

#[tokio::test]
async fn a_job_that_says_what_they_mean_is_accepted_and_shows_it() {
    for word in ["merge", "inOrder"] {
        for answer in in_every_form(&[("mode", "replace"), ("sameUser", word)]).await {
            assert_eq!((answer.status.as_u16(), &answer.body["sameUser"]), (202, &json!(word)), "{answer:?}");
        }
    }
    for mode in ["add", "remove"] {
        for answer in in_every_form(&[("mode", mode)]).await {
            assert_eq!((answer.status.as_u16(), answer.body.get("sameUser")), (202, None), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn rows_about_one_user_that_all_have_a_date_are_accepted() {
    let dated = |date: &str| format!("email,assignments,occurred_at\na@b,,2026-11-22T20:00:00Z\nA@B,,{date}\n");
    for (date, status) in [("2026-11-22T20:00:00Z", 202), ("2026-11-21T20:00:00Z", 202), ("", 400)] {
        assert_eq!(submit(CSV, "?target=routingSkills", dated(date)).await.status, status, "{date:?}");
    }
}

#[tokio::test]
async fn every_kind_of_key_is_compared_and_kinds_are_not_mixed() {
    let id = "0199a3f2-7c55-7d2e-9d3e-1f6a5b1c2d3e";
    for (one, other, same) in [
        (json!({"email": "Ana@example.com"}), json!({"email": "ana@EXAMPLE.com"}), true),
        (json!({"id": id}), json!({"id": id.to_uppercase()}), true),
        (json!({"externalId": "wd:1"}), json!({"externalId": "wd: 1"}), true),
        (json!({"externalId": "wd:1"}), json!({"externalId": "bob:1"}), false),
        (json!({"employeeId": "e1"}), json!({"employeeId": "E1"}), false),
        (json!({"employeeId": "a@b"}), json!({"email": "a@b"}), false),
    ] {
        let entries = [&one, &other].map(|user| json!({"user": user, "assignments": []}));
        let answer = TestApi::start().submit(json!({"target": "routingSkills", "entries": entries}).to_string()).await;
        assert_eq!(answer.status == 400, same, "{one} and {other}: {answer:?}");
    }
}

#[tokio::test]
async fn they_are_named_together_with_all_other_faults_and_only_if_the_job_is_clear() {
    let rows = "employee_id,assignments\nE1,\nE2,:4\nE1,\n,A\nE1,\n";
    let answer = submit(CSV, "?target=routingSkills", rows).await;
    let places: Vec<_> = errors(&answer).into_iter().map(|(place, _)| place).collect();
    assert_eq!(places, ["3", "5", "4", "6"], "{answer:?}");
    for (member, wrong) in [("sameUser", "both"), ("mode", "merge")] {
        let answer = &in_every_form(&[(member, wrong)]).await;
        assert_eq!(answer[0].places(), [format!("/{member}")]);
        assert_eq!((answer[1].places(), answer[2].places()), (vec![member], vec![member]));
    }
}

#[tokio::test]
async fn no_more_of_them_are_listed_than_of_other_faults() {
    let rows = 1000 + rules::MAX_FAULTS;
    let answer = submit(CSV, "?target=routingSkills", format!("email,assignments\n{}", "a@b,\n".repeat(rows))).await;
    assert_eq!(answer.body["errors"].as_array().map(Vec::len), Some(rules::MAX_FAULTS));
    assert_eq!(answer.body["moreErrors"], 999);
}
