//! Tests of the HTTP API from the caller's view: requests in, responses out, without a socket.

mod access;
mod again;
mod bodies;
mod callbacks;
mod dashboard;
mod dates;
mod described;
mod erasure;
mod errors;
mod follow;
mod idempotency;
mod jobs;
mod matrix;
mod metrics;
mod reader;
mod refused;
mod same_user;
mod tables;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;
use tower::ServiceExt;
use uuid::Uuid;

use super::{
    ApiContext, ApiKeys, ApiSettings, LimitsSource, LimitsView, MetricsSource, Readiness, RequestState, router,
};
use crate::clock::WallClock;
use crate::domain::conflict::ConflictPolicy;
use crate::domain::hold::{HoldThresholds, Percent};
use crate::domain::user::DirectoryUser;
use crate::domain::{AssignmentId, Assignments, Target, UserId, UserKey};
use crate::engine::port::{
    AssignmentWrite, CallError, CallOptions, CatalogueItem, CatalogueListing, Expand, Extent, Genesys, ListedUser,
    LookUp, Observed, Pace, UpstreamAnswer, UserListing, Version, WriteError, Written,
};
use crate::engine::{Engine, EngineSettings};
use crate::hris::filter::FilterRunner;
use crate::hris::{Intake, IntakeDependencies, Sources};
use crate::journal::{NoJournal, Recovered};
use crate::lifecycle::Lifecycle;
use crate::metrics::MetricsText;

/// A Genesys with the employees E0 to E9 and the group `Billing T2`, in which no user has any assignment and every
/// write succeeds.
#[derive(Debug, Default)]
struct PlainGenesys {
    /// Whether users can be listed; jobs stay open while they cannot.
    unreachable: bool,
    /// The version of every user's assignments; each later version adds one assignment made by others.
    version: Arc<AtomicU64>,
}

const BILLING: u128 = 0xb1;

/// Returns the assignments made by others up to a version.
fn foreign(version: u64) -> Observed {
    let assignments: Assignments =
        (0..version).map(|n| (AssignmentId(Uuid::from_u128(0xf0 + u128::from(n))), None)).collect();
    Observed { assignments: assignments.into(), version: Some(Version(version + 1)), tag: None }
}

/// Returns ten active users without known skills.
fn users() -> impl Iterator<Item = ListedUser> {
    let user = |n: u128| DirectoryUser {
        id: UserId(Uuid::from_u128(n + 1)),
        email: Some(format!("e{n}@example.com").into()),
        employee_id: Some(format!("E{n}").into()),
        active: true,
    };
    (0..10).map(move |n| ListedUser { user: user(n), skills: None })
}

fn down<T>() -> Result<T, CallError> {
    let answer = UpstreamAnswer { message: "down".into(), ..UpstreamAnswer::default() };
    Err(CallError::Unavailable { answer, retry_at: None })
}

#[async_trait]
impl Genesys for PlainGenesys {
    async fn read(&self, _: &CallOptions, _: UserKey) -> Result<Observed, CallError> {
        Ok(foreign(self.version.load(Ordering::Relaxed)))
    }

    async fn write(&self, _: &CallOptions, _: UserKey, write: &AssignmentWrite) -> Result<Written, WriteError> {
        if write.base != foreign(self.version.load(Ordering::Relaxed)).version {
            return Err(CallError::Conflict(UpstreamAnswer::default()).into());
        }
        let after = Observed { assignments: write.desired.clone().into(), version: Some(Version(2)), tag: None };
        Ok(Written { after: Some(after), gone: Vec::new() })
    }

    async fn list_users(
        &self,
        _: &CallOptions,
        listing: UserListing,
        _: Expand,
        take: &mut (dyn FnMut(ListedUser) + Send),
    ) -> Result<Extent, CallError> {
        if self.unreachable {
            return down();
        }
        let users: Vec<_> = users().filter(|_| listing == UserListing::Active).collect();
        let total = users.len();
        users.into_iter().for_each(take);
        Ok(Extent { pages: 1, shown: total, total: Some(total), complete: true, is_cut: false })
    }

    async fn look_up(&self, _: &CallOptions, who: LookUp<'_>) -> Result<Vec<DirectoryUser>, CallError> {
        match who {
            LookUp::Emails(_) | LookUp::EmployeeId(_) if self.unreachable => down(),
            LookUp::Emails(emails) => {
                let named = |user: &DirectoryUser| user.email.as_deref().is_some_and(|email| emails.contains(&email));
                Ok(users().map(|listed| listed.user).filter(named).collect())
            }
            LookUp::EmployeeId(id) => {
                let named = |user: &DirectoryUser| user.employee_id.as_deref() == Some(id);
                Ok(users().map(|listed| listed.user).filter(named).collect())
            }
            LookUp::Ids(_) | LookUp::ExternalId { .. } => Ok(Vec::new()),
        }
    }

    async fn list_catalogue(&self, _: &CallOptions, _: Target) -> Result<CatalogueListing, CallError> {
        let items = vec![CatalogueItem { id: AssignmentId(Uuid::from_u128(BILLING)), name: "Billing T2".into() }];
        let extent = Extent { pages: 1, shown: 1, total: Some(1), complete: true, is_cut: false };
        Ok(CatalogueListing { items, extent })
    }

    async fn create_skill(&self, _: &CallOptions, _: &str) -> Result<CatalogueItem, CallError> {
        down()
    }

    fn pace(&self, _: Target) -> Pace {
        Pace { calls_per_second: 5.0, bulk_share: 1.0, opens_at: Instant::now() }
    }
}

/// Returns a job for skill groups of the employees E0 and following.
fn job(entries: u32) -> Value {
    let entry = |n| {
        let user = json!({"employeeId": format!("E{n}")});
        json!({"ref": format!("row-{n}"), "user": user, "assignments": [{"name": "Billing T2"}]})
    };
    json!({"entries": (0..entries).map(entry).collect::<Vec<_>>(), "target": "wfmSkillGroups"})
}

#[derive(Debug)]
struct NoLimits;

impl LimitsSource for NoLimits {
    fn limits(&self) -> LimitsView {
        LimitsView::default()
    }
}

#[derive(Debug)]
struct NoMetrics;

impl MetricsSource for NoMetrics {
    fn write(&self, _: &mut MetricsText) {}
}

/// The API with its own engine.
struct TestApi {
    router: Router,
    engine: Engine,
    lifecycle: Lifecycle,
    readiness: watch::Sender<Readiness>,
}

/// A response, read to its end.
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
        let engine = Engine::start(
            Arc::new(genesys),
            Arc::new(NoJournal),
            Recovered::default(),
            engine_settings(),
            clock,
            &lifecycle,
        );
        let (sender, readiness) = watch::channel(Readiness::Ready);
        let (lifecycle_of_api, shared, limits) = (lifecycle.clone(), RequestState::new(&settings), Arc::new(NoLimits));
        let intake = Intake::start(IntakeDependencies {
            sources: Sources::compile(&[], FilterRunner::of_this_program()).unwrap(),
            engine: engine.clone(),
            journal: Arc::new(NoJournal),
            memos: Vec::new(),
            clock,
            lifecycle: lifecycle.clone(),
            transport: crate::hris::over_http().unwrap(),
            retention: Duration::from_secs(7 * 24 * 3600),
        });
        let metrics = Arc::new(NoMetrics);
        let context = ApiContext {
            intake,
            engine,
            clock,
            readiness,
            limits,
            metrics,
            keys: ApiKeys::new(&settings.api_keys, settings.requests_per_second),
            settings: Arc::new(settings),
            lifecycle: lifecycle_of_api,
            shared,
        };
        let engine = context.engine.clone();
        Self { router: router(context), engine, lifecycle, readiness: sender }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::String(text));
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        let request = Request::post(path).header("content-type", "application/json");
        self.send(request.body(body.into()).unwrap()).await
    }

    /// Submits a body of this media type with additional headers.
    async fn submit_as(&self, query: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request = Request::post(format!("/v1/sync-jobs{query}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    /// Waits until a job has ended.
    async fn finished(&self, location: &str) -> Value {
        loop {
            let answer = self.get(&format!("{location}?wait=60s")).await;
            if !answer.body["finishedAt"].is_null() {
                return answer.body;
            }
        }
    }

    async fn submit(&self, body: impl Into<Body>) -> Answer {
        self.post("/v1/sync-jobs", body).await
    }
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// Asserts what applies to every error.
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

    /// Returns the places that a problem names, in order.
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
        future_tolerance: Duration::from_secs(600),
        write_without_read: true,
        default_proficiency: None,
        seats: 4,
        most_created_skills: 0,
        managed: Vec::new(),
        callback: None,
        hold: HoldThresholds {
            users_percent: Percent::ALL,
            users_min: 0,
            floor: 0,
            skill_percent: Percent::ALL,
            skill_left: 0,
        },
        renew_after: Duration::from_secs(600),
        use_until: Duration::from_secs(1800),
        retention: Duration::from_secs(7 * 86_400),
        audit_retention: Duration::from_secs(365 * 86_400),
        job_room: 64 * 1024 * 1024,
        seed: 1,
    }
}
