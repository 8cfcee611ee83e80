//! `/docs`: complete, without other hosts, and open to everybody.

use axum::body::{Body, to_bytes};
use axum::http::Request;
use sha2::{Digest as _, Sha256};
use tower::ServiceExt;

use super::{PlainGenesys, TestApi};
use crate::api::callers::caller::ApiKey;
use crate::api::callers::caller::Role;
use crate::api::context::ApiSettings;

#[tokio::test]
async fn the_reader_needs_no_key_and_names_no_other_host() {
    let key = ApiKey::new("hr", Sha256::digest(b"key").into(), Role::Read);
    let api = TestApi::with(PlainGenesys::default(), ApiSettings { api_keys: vec![key], ..ApiSettings::default() });
    let page = api.get("/docs").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
    let text = page.body.as_str().unwrap().to_owned();
    assert!(!text.contains("http://") && !text.contains("https://") && !text.contains("//cdn"), "{text}");
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let loaded: Vec<_> = text.split('"').filter(|part| part.starts_with("/docs/")).collect();
    assert_eq!(loaded.len(), 3, "{loaded:?}");
    for path in loaded {
        let response = api.router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let compressed = response.headers().get("content-encoding").is_some_and(|coding| coding == "gzip");
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        assert_eq!(compressed, body.starts_with(&[0x1f, 0x8b]), "{path}");
    }
    api.get("/docs/nothing.js").await.assert_problem(404, "/problems/not-found");
}
