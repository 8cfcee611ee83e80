//! The API as its callers meet it: requests in, answers out, without a socket.

mod described;
mod errors;
mod jobs;
mod refused;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::sync::watch;
use tower::ServiceExt;
use uuid::Uuid;

use super::{ApiContext, ApiSettings, LimitsSource, LimitsView, Readiness, router};
use crate::clock::WallClock;
use crate::domain::conflict::ConflictPolicy;
use crate::domain::user::DirectoryUser;
use crate::domain::{AssignmentId, Assignments, Target, UserId, UserKey};
use crate::engine::port::{
    AssignmentWrite, CallError, CatalogueItem, Errand, Genesys, Observed, UpstreamAnswer, UserListing, Version,
};
use crate::engine::{Engine, EngineSettings};
use crate::lifecycle::Lifecycle;

/// A Genesys with the employees E0 to E9 and the group `Billing T2`, where everybody has nothing and every write passes.
#[derive(Debug, Default)]
struct PlainGenesys {
    /// Whether users can be listed; jobs stay open while they cannot.
    unreachable: bool,
}

const BILLING: u128 = 0xb1;

fn ready<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, Result<T, CallError>> {
    Box::pin(std::future::ready(Ok(value)))
}

fn nothing_assigned() -> Observed {
    Observed { assignments: Assignments::default(), version: Some(Version(1)) }
}

impl Genesys for PlainGenesys {
    fn read<'a>(&'a self, _: &'a Errand, _: UserKey) -> BoxFuture<'a, Result<Observed, CallError>> {
        ready(nothing_assigned())
    }

    fn write<'a>(
        &'a self,
        _: &'a Errand,
        _: UserKey,
        write: &'a AssignmentWrite,
    ) -> BoxFuture<'a, Result<Option<Observed>, CallError>> {
        ready(Some(Observed { assignments: write.desired.clone(), version: Some(Version(2)) }))
    }

    fn list_users<'a>(
        &'a self,
        _: &'a Errand,
        listing: UserListing,
    ) -> BoxFuture<'a, Result<Vec<DirectoryUser>, CallError>> {
        if self.unreachable {
            let answer = UpstreamAnswer { message: "down".into(), ..UpstreamAnswer::default() };
            return Box::pin(std::future::ready(Err(CallError::Unavailable { answer, retry_at: None })));
        }
        let user = |n: u128| DirectoryUser {
            id: UserId(Uuid::from_u128(n + 1)),
            email: Some(format!("e{n}@example.com").into()),
            employee_id: Some(format!("E{n}").into()),
            active: true,
        };
        ready(if listing == UserListing::Active { (0..10).map(user).collect() } else { Vec::new() })
    }

    fn find_user<'a>(&'a self, _: &'a Errand, _: UserId) -> BoxFuture<'a, Result<Option<DirectoryUser>, CallError>> {
        ready(None)
    }

    fn find_external<'a>(
        &'a self,
        _: &'a Errand,
        _: &'a str,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Option<DirectoryUser>, CallError>> {
        ready(None)
    }

    fn list_catalogue<'a>(&'a self, _: &'a Errand, _: Target) -> BoxFuture<'a, Result<Vec<CatalogueItem>, CallError>> {
        ready(vec![CatalogueItem { id: AssignmentId(Uuid::from_u128(BILLING)), name: "Billing T2".into() }])
    }

    fn sustained_calls_per_second(&self) -> f64 {
        5.0
    }
}

#[derive(Debug)]
struct NoLimits;

impl LimitsSource for NoLimits {
    fn limits(&self) -> LimitsView {
        LimitsView::default()
    }
}

/// The API over an engine of its own.
struct TestApi {
    router: Router,
    lifecycle: Lifecycle,
    readiness: watch::Sender<Readiness>,
}

/// An answer, read to its end.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl TestApi {
    fn start() -> Self {
        Self::with(PlainGenesys::default(), ApiSettings::default())
    }

    fn with(genesys: PlainGenesys, settings: ApiSettings) -> Self {
        let lifecycle = Lifecycle::default();
        let clock = WallClock::following("2026-11-22T20:15:00Z".parse().unwrap());
        let engine = Engine::start(Arc::new(genesys), engine_settings(), clock, &lifecycle);
        let (sender, readiness) = watch::channel(Readiness::Ready);
        let limits = Arc::new(NoLimits);
        let context = ApiContext { engine, clock, readiness, limits, settings, lifecycle: lifecycle.clone() };
        Self { router: router(context), lifecycle, readiness: sender }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        let request = Request::post(path).header("content-type", "application/json");
        self.send(request.body(body.into()).unwrap()).await
    }

    async fn submit(&self, body: impl Into<Body>) -> Answer {
        self.post("/v1/sync-jobs", body).await
    }
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// Asserts what holds for every error.
    fn assert_problem(&self, status: u16, kind: &str) {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        assert_eq!(self.body["type"], kind, "{self:?}");
        assert_eq!(self.body["status"], status);
        assert_eq!(self.body["requestId"], self.header("x-request-id"));
        assert!(!self.header("x-request-id").is_empty());
        assert_eq!(self.header("cache-control"), "no-store");
        assert!(self.body["title"].is_string() && self.body["detail"].is_string());
    }

    /// The places that a problem names, in order.
    fn places(&self) -> Vec<&str> {
        let errors = self.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        errors.iter().map(|e| e["pointer"].as_str().or(e["parameter"].as_str()).unwrap()).collect()
    }
}

fn engine_settings() -> EngineSettings {
    EngineSettings {
        conflicts: ConflictPolicy {
            patience: Duration::from_secs(120),
            attempts: 10,
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(30),
        },
        patience: Duration::from_secs(86_400),
        write_without_read: true,
        seats: 4,
        managed: Vec::new(),
        cache_max_age: Duration::from_secs(600),
        recheck_names_after: Duration::from_secs(60),
        seed: 1,
    }
}
