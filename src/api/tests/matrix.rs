//! Every operation of the OpenAPI document with every kind of credentials. A new operation needs a line here.

use axum::body::Body;
use axum::http::Request;
use sha2::{Digest, Sha256};

use super::{PlainGenesys, TestApi, job};
use crate::api::callers::caller::ApiKey;
use crate::api::callers::caller::Bounds;
use crate::api::callers::caller::Role;
use crate::api::context::ApiSettings;
use crate::api::router::openapi;
use crate::domain::{Mode, Target};

/// What an operation requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    /// It has its own authentication.
    Signature,
    A(Role),
}

const OPERATIONS: &[(&str, Needs)] = &[
    ("getHealth", Needs::Nothing),
    ("getReadiness", Needs::Nothing),
    ("getOpenApiDocument", Needs::Nothing),
    ("receiveWebhook", Needs::Signature),
    ("receiveUnsignedWebhook", Needs::Signature),
    ("getMetrics", Needs::A(Role::Read)),
    ("getLimits", Needs::A(Role::Read)),
    ("getUser", Needs::A(Role::Read)),
    ("getSyncJob", Needs::A(Role::Read)),
    ("followSyncJob", Needs::A(Role::Read)),
    ("listSyncJobs", Needs::A(Role::Read)),
    ("listSyncJobEntries", Needs::A(Role::Read)),
    ("listWebhookSources", Needs::A(Role::Read)),
    ("listUnreadRecords", Needs::A(Role::Read)),
    ("retryUnreadRecords", Needs::A(Role::Submit)),
    ("dismissUnreadRecords", Needs::A(Role::Admin)),
    ("createSyncJob", Needs::A(Role::Submit)),
    ("importPeople", Needs::A(Role::Submit)),
    ("cancelSyncJob", Needs::A(Role::Submit)),
    ("retrySyncJob", Needs::A(Role::Submit)),
    ("applySyncJob", Needs::A(Role::Submit)),
    ("eraseUser", Needs::A(Role::Admin)),
    ("listAuditRecords", Needs::A(Role::Admin)),
];

/// Returns the method, the path for `job` and the requirement of each operation.
fn operations(job: &str) -> Vec<(String, String, Needs)> {
    let document = serde_json::to_value(openapi()).unwrap();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(id) = operation["operationId"].as_str() else { continue };
            let known = OPERATIONS.iter().find(|(known, _)| *known == id);
            let (_, needs) = known.unwrap_or_else(|| panic!("{id} is not in the table"));
            let path = path.replace("{jobId}", job).replace("{userRef}", "E1");
            let path = path.replace("{source}", "nobody").replace("{secret}", "s");
            found.push((method.to_uppercase(), path, *needs));
        }
    }
    assert_eq!(found.len(), OPERATIONS.len());
    found
}

fn key(name: &str, role: Role) -> ApiKey {
    ApiKey::new(name, Sha256::digest(name).into(), role)
}

fn guarded() -> TestApi {
    let long_ago = "2026-11-22T20:14:59Z".parse().unwrap();
    let api_keys = vec![
        key("read", Role::Read),
        key("submit", Role::Submit),
        key("admin", Role::Admin),
        ApiKey { expires: Some(long_ago), ..key("expired", Role::Admin) },
        ApiKey {
            expires: Some("2026-11-23T00:00:00Z".parse().unwrap()),
            bounds: Bounds {
                targets: Some(vec![Target::WfmSkillGroups]),
                modes: Some(vec![Mode::Managed]),
                ..Bounds::default()
            },
            ..key("bound", Role::Submit)
        },
        ApiKey {
            bounds: Bounds { sources: Some(vec!["workday".into()]), ..Bounds::default() },
            ..key("of-source", Role::Submit)
        },
    ];
    TestApi::with(PlainGenesys::default(), ApiSettings { api_keys, ..ApiSettings::default() })
}

fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(Body::from("{}")).unwrap()
}

async fn job_of(api: &TestApi, headers: &[(&str, &str)]) -> String {
    let mut headers = headers.to_vec();
    headers.push(("content-type", "application/json"));
    let answer = api.submit_as("", &headers, job(1).to_string()).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.body["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_operation_takes_what_the_table_says() {
    let api = guarded();
    let job = job_of(&api, &[("authorization", "Bearer submit")]).await;
    for (method, path, needs) in operations(&job) {
        if path.ends_with("/events") {
            continue;
        }
        for (credentials, role) in [
            ("", None),
            ("Bearer wrong", None),
            ("Bearer expired", None),
            ("Basic admin", None),
            ("admin", None),
            ("Bearer read", Some(Role::Read)),
            ("Bearer submit", Some(Role::Submit)),
            ("Bearer admin", Some(Role::Admin)),
        ] {
            let headers = [("authorization", credentials)];
            let given = if credentials.is_empty() { &headers[..0] } else { &headers[..] };
            let answer = api.send(request(&method, &path, given)).await;
            let status = answer.status.as_u16();
            let expected = match (needs, role) {
                (Needs::Nothing | Needs::Signature, _) => ![401, 403].contains(&status),
                (Needs::A(_), None) => status == 401,
                (Needs::A(needed), Some(role)) if role < needed => status == 403,
                (Needs::A(_), Some(_)) => ![401, 403].contains(&status),
            };
            assert!(expected, "{method} {path} with {credentials:?}: {status}");
        }
    }
}

#[tokio::test]
async fn without_keys_every_operation_is_for_this_machine_alone() {
    let api = TestApi::start();
    let job = job_of(&api, &[("host", "localhost")]).await;
    for (method, path, _) in operations(&job) {
        if path.ends_with("/events") {
            continue;
        }
        for (headers, passes) in [
            (vec![("host", "localhost:8080")], true),
            (vec![("host", "127.0.0.1:8080"), ("origin", "http://127.0.0.1:8080")], true),
            (vec![("host", "[::1]:8080"), ("sec-fetch-site", "same-origin")], true),
            (vec![("host", "evil.example")], false),
            (vec![("host", "localhost:8080"), ("origin", "http://evil.example")], false),
            (vec![("host", "localhost:8080"), ("origin", "null")], false),
            (vec![("host", "localhost:8080"), ("sec-fetch-site", "cross-site")], false),
        ] {
            let answer = api.send(request(&method, &path, &headers)).await;
            assert_eq!(answer.status.as_u16() != 403, passes, "{method} {path} with {headers:?}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
            assert!(!answer.header("x-request-id").is_empty());
        }
    }
}

#[tokio::test]
async fn a_key_does_no_more_than_it_is_bound_to() {
    let api = guarded();
    let submit = |key: &'static str, target: &'static str, mode: &'static str| {
        let mut body = job(1);
        (body["target"], body["mode"]) = (target.into(), mode.into());
        let authorization = format!("Bearer {key}");
        let api = &api;
        async move {
            let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
            api.submit_as("", &headers, body.to_string()).await
        }
    };
    assert_eq!(submit("bound", "wfmSkillGroups", "managed").await.status, 202);
    for (key, target, mode, said) in [
        ("bound", "routingSkills", "managed", "routingSkills"),
        ("bound", "wfmSkillGroups", "replace", "replace"),
        ("of-source", "wfmSkillGroups", "managed", "workday"),
    ] {
        let answer = submit(key, target, mode).await;
        answer.assert_problem(403, "/problems/forbidden");
        assert!(answer.body["detail"].as_str().unwrap().contains(said), "{answer:?}");
    }
    // Nor through the jobs of other keys.
    let replaced = submit("admin", "wfmSkillGroups", "replace").await.body["id"].as_str().unwrap().to_owned();
    for what in ["cancel", "retry", "apply"] {
        for key in ["bound", "of-source"] {
            let path = format!("/v1/sync-jobs/{replaced}/{what}");
            let authorization = format!("Bearer {key}");
            let answer = api.send(request("POST", &path, &[("authorization", authorization.as_str())])).await;
            answer.assert_problem(403, "/problems/forbidden");
        }
    }
}
