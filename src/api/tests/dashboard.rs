//! The dashboard at `/` and its files.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Answer, PlainGenesys, TestApi};
use crate::api::callers::caller::ApiKey;
use crate::api::callers::caller::Role;
use crate::api::context::ApiSettings;

const FILES: [&str; 3] = ["/", "/dashboard/app.js", "/dashboard/base.css"];

/// Returns a service that requires an API key.
fn guarded() -> TestApi {
    let key = ApiKey::new("boss", Sha256::digest("boss").into(), Role::Admin);
    TestApi::with(PlainGenesys::default(), ApiSettings { api_keys: vec![key], ..ApiSettings::default() })
}

fn text(answer: &Answer) -> &str {
    answer.body.as_str().unwrap_or_default()
}

/// Returns the paths below `/dashboard/` that a file names.
fn named_in(content: &str) -> BTreeSet<String> {
    let quoted = content.split('"').skip(1).step_by(2);
    let absolute = |name: &str| match name.strip_prefix("./") {
        Some(file) => Some(format!("/dashboard/{file}")),
        None => name.starts_with("/dashboard/").then(|| name.to_owned()),
    };
    quoted.filter_map(absolute).collect()
}

#[tokio::test]
async fn the_page_and_all_that_it_loads_are_served_without_a_key() {
    let api = guarded();
    let (mut open, mut seen) = (vec!["/".to_owned()], BTreeSet::new());
    while let Some(path) = open.pop() {
        let answer = api.get(&path).await;
        assert_eq!(answer.status, 200, "{path}");
        let expected = match path.rsplit_once('.').map(|(_, ending)| ending) {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => "text/html; charset=utf-8",
        };
        assert_eq!(answer.header("content-type"), expected, "{path}");
        open.extend(named_in(text(&answer)).into_iter().filter(|name| seen.insert(name.clone())));
    }
    assert!(seen.len() > 20, "only {seen:?}");
    api.get("/v1/sync-jobs").await.assert_problem(401, "/problems/unauthorized");
}

#[tokio::test]
async fn the_page_may_load_and_ask_nothing_but_this_service() {
    let api = TestApi::start();
    for path in FILES {
        let answer = api.get(path).await;
        let policy = answer.header("content-security-policy");
        let directives: BTreeSet<&str> = policy.split(';').map(str::trim).collect();
        for needed in ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"] {
            assert!(directives.contains(needed), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
    }
    let page = api.get("/").await;
    assert!(!text(&page).contains(" style=") && !text(&page).contains("<style") && !text(&page).contains(" onclick"));
}

#[tokio::test]
async fn a_file_that_is_known_is_not_sent_again() {
    let api = TestApi::start();
    let mut tags = BTreeSet::new();
    for path in FILES {
        let first = api.get(path).await;
        let tag = first.header("etag").to_owned();
        assert_eq!(first.header("cache-control"), "no-cache", "{path}");
        for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
            let request = Request::get(path).header("if-none-match", known).body(Body::empty()).unwrap();
            let again = api.send(request).await;
            assert_eq!((again.status.as_u16(), text(&again)), (304, ""), "{path}");
            assert_eq!(again.header("etag"), tag);
            assert!(!again.header("content-security-policy").is_empty());
        }
        let request = Request::get(path).header("if-none-match", "\"other\"").body(Body::empty()).unwrap();
        assert_eq!(api.send(request).await.status, 200, "{path}");
        assert!(tags.insert(tag), "{path} has the tag of another file");
    }
}

#[tokio::test]
async fn head_tells_of_the_page_without_sending_it() {
    let api = TestApi::start();
    for path in FILES {
        let whole = api.get(path).await;
        let head = api.send(Request::builder().method(Method::HEAD).uri(path).body(Body::empty()).unwrap()).await;
        assert_eq!((head.status.as_u16(), text(&head)), (200, ""), "{path}");
        assert_eq!(head.header("etag"), whole.header("etag"));
        assert_eq!(head.header("content-length"), text(&whole).len().to_string());
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_a_problem_like_any_other() {
    let api = guarded();
    for path in ["/dashboard/nothing.js", "/dashboard/../Cargo.toml", "/dashboard/%2e%2e/mod.rs", "/dashboard/a/b"] {
        api.get(path).await.assert_problem(404, "/problems/not-found");
    }
    let posted = api.post("/", Body::empty()).await;
    posted.assert_problem(405, "/problems/method-not-allowed");
    assert_eq!(posted.body["errors"], Value::Null);
}
