//! The control surface of the socket front: what a test in memory does through the handle.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;

use super::handle::Simulator;
use super::ledger::{Effect, Ledger, RequestRecord, Statistics, WriteKind, Writer};
use super::resource::{Assignment, Target};
use super::route::Route;
use super::scenario::{Behaviour, CatalogueEntry, ConflictCause, SimUser, UserState};

/// Returns the routes below `/_simulator`.
pub(super) fn router() -> Router<Simulator> {
    Router::new()
        .route("/statistics", get(statistics))
        .route("/ledger/effects", get(effects))
        .route("/ledger/requests", get(requests))
        .route("/catalogue/{target}", get(catalogue))
        .route("/behaviour", get(behaviour).put(set_behaviour))
        .route("/tokens/revoke", post(revoke_tokens))
        .route("/users", get(users))
        .route("/users/{user}", get(user))
        .route("/users/{user}/state", put(set_state))
        .route("/users/{user}/employee-id", put(set_employee_id))
        .route("/users/{user}/assignments/{target}", put(foreign_set))
        .route("/skills/{skill}/state", put(set_skill_state))
        .route("/users/{user}/foreign-write/{target}", post(foreign_write))
}

/// A part of a long list; by default, all of it.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Part {
    after: usize,
    limit: usize,
}

impl Default for Part {
    fn default() -> Self {
        Self { after: 0, limit: usize::MAX }
    }
}

impl Part {
    fn of<T, V>(&self, items: &[T], view: impl Fn(&T) -> V) -> Vec<V> {
        items.iter().skip(self.after).take(self.limit).map(view).collect()
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EffectView {
    at_seconds: f64,
    user: Uuid,
    target: Target,
    writer: Writer,
    kind: WriteKind,
    version_before: u64,
    version_after: u64,
    before: Vec<Assignment>,
    after: Vec<Assignment>,
    correlation_id: Option<Uuid>,
}

impl EffectView {
    fn of(ledger: &Ledger, effect: &Effect) -> Self {
        Self {
            at_seconds: seconds(ledger, effect.at),
            user: effect.user,
            target: effect.target,
            writer: effect.writer,
            kind: effect.kind,
            version_before: effect.version_before,
            version_after: effect.version_after,
            before: effect.before.to_vec(),
            after: effect.after.to_vec(),
            correlation_id: effect.correlation_id,
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestView {
    arrived_at_seconds: f64,
    ended_at_seconds: Option<f64>,
    method: String,
    route: Route,
    user: Option<Uuid>,
    status: Option<u16>,
    sent_version: Option<u64>,
    conflict: Option<ConflictCause>,
    correlation_id: Uuid,
}

impl RequestView {
    fn of(ledger: &Ledger, record: &RequestRecord) -> Self {
        Self {
            arrived_at_seconds: seconds(ledger, record.arrived_at),
            ended_at_seconds: record.ended_at.map(|at| seconds(ledger, at)),
            method: record.method.to_string(),
            route: record.route,
            user: record.user,
            status: record.outcome.status(),
            sent_version: record.sent_version,
            conflict: record.conflict,
            correlation_id: record.correlation_id,
        }
    }
}

fn seconds(ledger: &Ledger, at: Instant) -> f64 {
    at.saturating_duration_since(ledger.started()).as_secs_f64()
}

async fn statistics(State(simulator): State<Simulator>) -> Json<Statistics> {
    Json(simulator.statistics())
}

async fn effects(State(simulator): State<Simulator>, Query(part): Query<Part>) -> Json<Vec<EffectView>> {
    let ledger = simulator.ledger();
    Json(part.of(ledger.effects(), |effect| EffectView::of(&ledger, effect)))
}

async fn requests(State(simulator): State<Simulator>, Query(part): Query<Part>) -> Json<Vec<RequestView>> {
    let ledger = simulator.ledger();
    Json(part.of(ledger.requests(), |record| RequestView::of(&ledger, record)))
}

async fn catalogue(State(simulator): State<Simulator>, Path(target): Path<Target>) -> Json<Vec<CatalogueEntry>> {
    Json(simulator.catalogue(target))
}

async fn behaviour(State(simulator): State<Simulator>) -> Json<Behaviour> {
    Json(simulator.behaviour())
}

/// Replaces the whole behaviour, in the format of the scenario file; missing fields get their defaults.
async fn set_behaviour(State(simulator): State<Simulator>, Json(behaviour): Json<Behaviour>) -> StatusCode {
    simulator.with_behaviour(|current| *current = behaviour);
    StatusCode::NO_CONTENT
}

async fn revoke_tokens(State(simulator): State<Simulator>) -> StatusCode {
    simulator.revoke_tokens();
    StatusCode::NO_CONTENT
}

async fn users(State(simulator): State<Simulator>) -> Json<Vec<SimUser>> {
    Json(simulator.users())
}

async fn user(State(simulator): State<Simulator>, Path(user): Path<Uuid>) -> Result<Json<SimUser>, StatusCode> {
    simulator.user(user).map(Json).ok_or(StatusCode::NOT_FOUND)
}

async fn set_state(
    State(simulator): State<Simulator>,
    Path(user): Path<Uuid>,
    Json(state): Json<UserState>,
) -> StatusCode {
    done(simulator.set_user_state(user, state))
}

async fn set_employee_id(
    State(simulator): State<Simulator>,
    Path(user): Path<Uuid>,
    Json(employee_id): Json<Option<String>>,
) -> StatusCode {
    done(simulator.set_employee_id(user, employee_id.as_deref()))
}

async fn foreign_set(
    State(simulator): State<Simulator>,
    Path((user, target)): Path<(Uuid, Target)>,
    Json(assignments): Json<Vec<Assignment>>,
) -> StatusCode {
    done(simulator.foreign_set(user, target, &assignments))
}

async fn set_skill_state(
    State(simulator): State<Simulator>,
    Path(skill): Path<Uuid>,
    Json(state): Json<UserState>,
) -> StatusCode {
    done(simulator.set_skill_state(skill, state))
}

async fn foreign_write(State(simulator): State<Simulator>, Path((user, target)): Path<(Uuid, Target)>) -> StatusCode {
    done(simulator.foreign_write(user, target))
}

fn done(found: bool) -> StatusCode {
    if found { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}
