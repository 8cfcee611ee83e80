//! An invalid job is refused as a whole, and all its faults are reported.

use axum::body::Body;
use proptest::prelude::*;
use serde_json::json;

use super::{Answer, TestApi};
use crate::api::shapes::rules;

const ID: &str = "0199a3f2-7c55-7d2e-9d3e-1f6a5b1c2d3e";

async fn refused(body: &str) -> Answer {
    let answer = TestApi::start().submit(body.to_owned()).await;
    answer.assert_problem(400, "/problems/invalid-request");
    answer
}

/// Returns a job for routing skills with this text as its only entry.
fn with_entry(entry: &str) -> String {
    format!(r#"{{"entries":[{entry}],"target":"routingSkills"}}"#)
}

/// Returns a job for routing skills of one user with this text as the only assignment.
fn with_assignment(assignment: &str) -> String {
    with_entry(&format!(r#"{{"user":{{"employeeId":"E1"}},"assignments":[{assignment}]}}"#))
}

/// Returns a job for routing skills with this text as the user reference.
fn with_user(user: &str) -> String {
    with_entry(&format!(r#"{{"user":{user},"assignments":[]}}"#))
}

#[tokio::test]
async fn faults_of_the_job_are_named() {
    let entries = r#""entries":[{"user":{"employeeId":"E1"},"assignments":[]}]"#;
    let long = "x".repeat(rules::MAX_LABEL_LENGTH + 1);
    for (body, pointers) in [
        ("[]".to_owned(), &[""][..]),
        ("\"job\"".to_owned(), &[""]),
        ("null".to_owned(), &[""]),
        ("{}".to_owned(), &["/target", "/entries"]),
        (format!("{{{entries}}}"), &["/target"]),
        (format!(r#"{{"target":"skills",{entries}}}"#), &["/target"]),
        (format!(r#"{{"target":7,{entries}}}"#), &["/target"]),
        (format!(r#"{{"target":null,{entries}}}"#), &["/target"]),
        (format!(r#"{{"target":"routingSkills","target":"routingSkills",{entries}}}"#), &["/target"]),
        (format!(r#"{{"target":"routingSkills","mode":"merge",{entries}}}"#), &["/mode"]),
        (format!(r#"{{"target":"routingSkills","dryRun":"yes",{entries}}}"#), &["/dryRun"]),
        (format!(r#"{{"target":"routingSkills","label":"",{entries}}}"#), &["/label"]),
        (format!(r#"{{"target":"routingSkills","label":"{long}",{entries}}}"#), &["/label"]),
        (format!(r#"{{"target":"routingSkills","label":"a\nb",{entries}}}"#), &["/label"]),
        (format!(r#"{{"target":"routingSkills","label":"\ud800",{entries}}}"#), &["/label"]),
        (format!(r#"{{"target":"routingSkills","lane":"fast",{entries}}}"#), &["/lane"]),
        (format!(r#"{{"target":"routingSkills","dry/run~":true,{entries}}}"#), &["/dry~1run~0"]),
        (format!(r#"{{"target":"routingSkills","{long}":true,{entries}}}"#), &[""]),
        (r#"{"target":"routingSkills","entries":[]}"#.to_owned(), &["/entries"]),
        (r#"{"target":"routingSkills","entries":{}}"#.to_owned(), &["/entries"]),
        (r#"{"target":"routingSkills","entries":null}"#.to_owned(), &["/entries"]),
    ] {
        assert_eq!(refused(&body).await.places(), pointers, "{body}");
    }
}

#[tokio::test]
async fn faults_of_an_entry_are_named() {
    let long = "x".repeat(rules::MAX_USER_KEY_LENGTH + 1);
    for (body, pointers) in [
        (with_entry("7"), &["/entries/0"][..]),
        (with_entry(r#"["row-1",{"employeeId":"E1"},[],null]"#), &["/entries/0"]),
        (with_entry("{}"), &["/entries/0/user", "/entries/0/assignments"]),
        (with_entry(r#"{"user":null,"assignments":null}"#), &["/entries/0/user", "/entries/0/assignments"]),
        (with_entry(r#"{"user":{"id":1},"assignments":{}}"#), &["/entries/0/user/id", "/entries/0/assignments"]),
        (with_entry(r#"{"ref":1,"user":{"email":"a@b"},"assignments":[],"x":1}"#), &["/entries/0/x", "/entries/0/ref"]),
        (
            with_entry(r#"{"user":{"email":"a@b"},"assignments":[],"occurredAt":"yesterday"}"#),
            &["/entries/0/occurredAt"],
        ),
        (
            with_entry(r#"{"user":{"email":"a@b"},"assignments":[],"occurredAt":1732300000}"#),
            &["/entries/0/occurredAt"],
        ),
        (with_user("{}"), &["/entries/0/user"]),
        (with_user("[]"), &["/entries/0/user"]),
        (with_user(r#"{"email":null}"#), &["/entries/0/user"]),
        (with_user(r#"{"email":"a@b","employeeId":"E1"}"#), &["/entries/0/user"]),
        (with_user(r#"{"email":"a@b","email":"c@d"}"#), &["/entries/0/user/email"]),
        (with_user(r#"{"employeeID":"E1"}"#), &["/entries/0/user/employeeID", "/entries/0/user"]),
        (with_user(r#"{"id":"E1"}"#), &["/entries/0/user/id"]),
        (with_user(r#"{"email":" "}"#), &["/entries/0/user/email"]),
        (with_user(&format!(r#"{{"email":"{long}"}}"#)), &["/entries/0/user/email"]),
        (with_user(r#"{"employeeId":"E\u00001"}"#), &["/entries/0/user/employeeId"]),
        (with_user(r#"{"employeeId":1001}"#), &["/entries/0/user/employeeId"]),
        (with_user(r#"{"externalId":"1001"}"#), &["/entries/0/user/externalId"]),
    ] {
        assert_eq!(refused(&body).await.places(), pointers, "{body}");
    }
}

#[tokio::test]
async fn faults_of_an_assignment_are_named() {
    let at = "/entries/0/assignments/0";
    for (assignment, below) in [
        ("\"Billing\"".to_owned(), ""),
        ("{}".to_owned(), ""),
        (format!(r#"{{"id":"{ID}","name":"Billing"}}"#), ""),
        (r#"{"id":"no-uuid"}"#.to_owned(), "/id"),
        (r#"{"name":""}"#.to_owned(), "/name"),
        (r#"{"name":["Billing"]}"#.to_owned(), "/name"),
        (r#"{"name":"Billing","level":3}"#.to_owned(), "/level"),
        (r#"{"name":"Billing","proficiency":5.1}"#.to_owned(), "/proficiency"),
        (r#"{"name":"Billing","proficiency":-1}"#.to_owned(), "/proficiency"),
        (r#"{"name":"Billing","proficiency":"4"}"#.to_owned(), "/proficiency"),
        (r#"{"name":"Billing","proficiency":1e999}"#.to_owned(), "/proficiency"),
    ] {
        let answer = refused(&with_assignment(&assignment)).await;
        assert_eq!(answer.places(), [format!("{at}{below}")], "{assignment}");
    }
    let many = vec![r#"{"name":"Billing"}"#; rules::MAX_ASSIGNMENTS + 1].join(",");
    assert_eq!(refused(&with_assignment(&many)).await.places(), ["/entries/0/assignments"]);
}

#[tokio::test]
async fn a_proficiency_of_a_skill_group_is_refused_wherever_the_target_stands() {
    let entries = r#""entries":[{"user":{"employeeId":"E1"},"assignments":[{"name":"B","proficiency":1}]}]"#;
    for body in
        [format!(r#"{{{entries},"target":"wfmSkillGroups"}}"#), format!(r#"{{"target":"wfmSkillGroups",{entries}}}"#)]
    {
        assert_eq!(refused(&body).await.places(), ["/entries/0/assignments/0/proficiency"]);
    }
}

#[tokio::test]
async fn the_number_of_entries_is_bounded() {
    let entries = |count| vec![r#"{"user":{"employeeId":"E1"},"assignments":[]}"#; count].join(",");
    let job = |lane: &str, count| {
        let entries = entries(count);
        format!(r#"{{"target":"routingSkills","sameUser":"inOrder","lane":"{lane}","entries":[{entries}]}}"#)
    };
    assert_eq!(refused(&job("interactive", 21)).await.places(), ["/lane"]);
    assert_eq!(refused(&job("bulk", rules::MAX_ENTRIES + 1)).await.places(), ["/entries"]);
    let api = TestApi::start();
    assert_eq!(api.submit(job("interactive", 20)).await.status, 202);
    assert_eq!(api.submit(job("bulk", rules::MAX_ENTRIES)).await.status, 202);
}

#[tokio::test]
async fn all_faults_are_named_at_once() {
    let body = json!({"target": "skills", "mode": "merge", "x": 1, "entries": [
        {"user": {"email": ""}, "assignments": [{"name": "A"}, {"proficiency": 9}]},
        {"user": {"employeeId": "E1"}, "assignments": []},
        {"user": {}, "assignments": 1, "occurredAt": "?"},
    ]});
    let answer = refused(&body.to_string()).await;
    let expected = [
        "/x",
        "/target",
        "/mode",
        "/entries/0/user/email",
        "/entries/0/assignments/1",
        "/entries/0/assignments/1/proficiency",
        "/entries/2/user",
        "/entries/2/assignments",
        "/entries/2/occurredAt",
    ];
    assert_eq!(answer.places(), expected);
    assert_eq!(answer.body["errors"][1]["detail"], "must be one of routingSkills, wfmSkillGroups, not \"skills\"");
}

#[tokio::test]
async fn faults_beyond_the_cap_are_counted() {
    let entries = vec!["7"; rules::MAX_FAULTS + 11].join(",");
    let answer = refused(&with_entry(&entries)).await;
    assert_eq!(answer.places().len(), rules::MAX_FAULTS);
    assert_eq!(answer.body["moreErrors"], 11);
}

#[tokio::test]
async fn what_is_no_json_is_a_malformed_body() {
    let deep = "[".repeat(100_000);
    let broken = [
        &b"{\"target\":\"\xff\"}"[..],
        b"",
        b" ",
        b"{\"target\":",
        b"{\"a\":\"\0\"}",
        b"\0",
        b"{} {}",
        deep.as_bytes(),
    ];
    for body in broken {
        let answer = TestApi::start().submit(body.to_vec()).await;
        answer.assert_problem(400, "/problems/malformed-body");
    }
    let answer = TestApi::start().submit("{\n  \"target\": routingSkills\n}").await;
    assert_eq!(answer.body["detail"], "the body is not valid JSON: expected value, at line 2, column 13");
}

#[tokio::test]
async fn no_depth_of_nesting_is_too_deep() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(refused(&with_entry(&deep)).await.places(), ["/entries/0"]);
    assert_eq!(refused(&with_assignment(&deep)).await.places(), ["/entries/0/assignments/0"]);
}

#[tokio::test]
async fn what_senders_often_do_is_taken() {
    let body = format!(
        "\u{feff} {{\"target\":\"routingSkills\",\"label\":null,\"entries\":[{{\"ref\":null,\"occurredAt\":null,\
         \"user\":{{\"id\":\"{ID}\",\"email\":null}},\"assignments\":[{{\"name\":\"A\",\"id\":null,\"proficiency\":5}}]}}]}}"
    );
    assert_eq!(TestApi::start().submit(body).await.status, 202);
}

async fn status_of(body: Vec<u8>) -> u16 {
    TestApi::start().submit(Body::from(body)).await.status.as_u16()
}

fn any_json() -> impl Strategy<Value = String> {
    let words = ["target", "entries", "user", "assignments", "email", "routingSkills", "x", "ref", "lane"];
    let word = proptest::sample::select(words.map(str::to_owned).to_vec());
    let leaf = prop_oneof![
        word.clone().prop_map(|word| format!("\"{word}\"")),
        any::<f64>().prop_map(|number| number.to_string()),
        Just("null".to_owned()),
        any::<String>().prop_map(|text| json!(text).to_string()),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        let members = proptest::collection::vec((word.clone(), inner.clone()), 0..5);
        prop_oneof![
            proptest::collection::vec(inner, 0..5).prop_map(|items| format!("[{}]", items.join(","))),
            members.prop_map(|members| {
                let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_body_makes_the_service_fail(
        bytes in proptest::collection::vec(any::<u8>(), 0..200), json in any_json(), cut in any::<prop::sample::Index>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let truncated = json.as_bytes()[..cut.index(json.len())].to_vec();
        for body in [bytes, json.into_bytes(), truncated] {
            let status = runtime.block_on(status_of(body));
            prop_assert!(status == 202 || status == 400, "{status}");
        }
    }
}
