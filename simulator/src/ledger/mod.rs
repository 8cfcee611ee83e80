//! What happened: every request and every effect, for proofs about a run.
//!
//! A failure is a claim of a test about this ledger that does not hold, e.g. a lost foreign change. A conflict, a 429
//! or an injected fault is none: those are what the client has to live with.

mod queries;
mod statistics;

use std::collections::HashSet;
use std::sync::Arc;

use http::Method;
use serde::Serialize;
use tokio::time::Instant;
use uuid::Uuid;

pub use self::queries::{LostChange, Overlap};
pub use self::statistics::Statistics;
use super::resource::{Assignment, AssignmentSet, Target};
use super::route::Route;
use super::scenario::ConflictCause;

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct RequestRecord {
    pub arrived_at: Instant,
    /// When its answer was with the client, or the client had given up; none while it is in flight.
    pub ended_at: Option<Instant>,
    pub outcome: Outcome,
    pub method: Method,
    pub route: Route,
    pub user: Option<Uuid>,
    pub sent_version: Option<u64>,
    /// The cause, if the answer was a conflict.
    pub conflict: Option<ConflictCause>,
    pub correlation_id: Uuid,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Pending,
    Answered(u16),
    /// The connection was closed without an answer.
    Reset,
    /// The client stopped waiting; what the request had done stays done.
    Abandoned,
}

impl Outcome {
    /// The status that reached the client.
    pub fn status(self) -> Option<u16> {
        match self {
            Self::Answered(status) => Some(status),
            Self::Pending | Self::Reset | Self::Abandoned => None,
        }
    }
}

/// Who wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Writer {
    Client,
    Foreign,
}

/// In which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum WriteKind {
    /// Listed assignments added or updated, the others left.
    Add,
    /// Exactly the listed assignments remain.
    Replace,
    /// One assignment removed.
    Remove,
    /// Somebody else's change.
    Foreign,
}

/// A write that took place.
#[derive(Debug, Clone)]
pub struct Effect {
    pub at: Instant,
    pub user: Uuid,
    pub target: Target,
    pub writer: Writer,
    pub kind: WriteKind,
    pub version_before: u64,
    pub version_after: u64,
    pub before: Arc<[Assignment]>,
    pub after: Arc<[Assignment]>,
    /// The client's request, as an index into [`Ledger::requests`].
    pub request: Option<usize>,
    pub correlation_id: Option<Uuid>,
}

/// Requests in order of arrival, effects in order of taking place.
#[derive(Debug, Clone)]
pub struct Ledger {
    started: Instant,
    requests: Vec<RequestRecord>,
    effects: Vec<Effect>,
    foreign_pool: Arc<HashSet<Uuid>>,
}

impl Ledger {
    pub(super) fn new(started: Instant, foreign_pool: HashSet<Uuid>) -> Self {
        Self { started, requests: Vec::new(), effects: Vec::new(), foreign_pool: Arc::new(foreign_pool) }
    }

    /// When the simulation began.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Every request that arrived, in order of arrival.
    pub fn requests(&self) -> &[RequestRecord] {
        &self.requests
    }

    /// Every write that took place, in order.
    pub fn effects(&self) -> &[Effect] {
        &self.effects
    }

    /// The writes to one user's resource, in order.
    pub fn effects_on(&self, user: Uuid, target: Target) -> impl Iterator<Item = &Effect> {
        self.effects.iter().filter(move |effect| effect.user == user && effect.target == target)
    }

    pub(super) fn open(&mut self, record: RequestRecord) -> usize {
        self.requests.push(record);
        self.requests.len() - 1
    }

    pub(super) fn request_mut(&mut self, number: usize) -> Option<&mut RequestRecord> {
        self.requests.get_mut(number)
    }

    pub(super) fn close(&mut self, number: usize, at: Instant, outcome: Outcome) {
        if let Some(record) = self.requests.get_mut(number) {
            record.ended_at = Some(at);
            record.outcome = outcome;
        }
    }

    pub(super) fn enter(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub(super) fn correlation_of(&self, number: usize) -> Option<Uuid> {
        self.requests.get(number).map(|record| record.correlation_id)
    }
}

/// Whether two sets differ in `assignment`, and if so, whether the later one has it.
fn changed(before: &AssignmentSet, after: &AssignmentSet, assignment: Uuid) -> Option<bool> {
    let has = |set: &AssignmentSet| set.iter().any(|entry| entry.id == assignment);
    (has(before) != has(after)).then(|| has(after))
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::*;

    pub(crate) const POOL: u128 = 900;

    pub(crate) fn empty(started: Instant) -> Ledger {
        Ledger::new(started, HashSet::from([Uuid::from_u128(POOL), Uuid::from_u128(POOL + 1)]))
    }

    /// A request on `route` that arrives after `arrived` milliseconds and ends at `ended`.
    pub(crate) fn request(ledger: &mut Ledger, route: Route, user: u128, arrived: u64, ended: u64) -> usize {
        let at = |millis| ledger.started + Duration::from_millis(millis);
        let record = RequestRecord {
            arrived_at: at(arrived),
            ended_at: Some(at(ended)),
            outcome: Outcome::Answered(200),
            method: Method::GET,
            route,
            user: Some(Uuid::from_u128(user)),
            sent_version: None,
            conflict: None,
            correlation_id: Uuid::nil(),
        };
        ledger.open(record)
    }

    pub(crate) fn effect(ledger: &mut Ledger, writer: Writer, before: &[u128], after: &[u128]) {
        let set = |ids: &[u128]| ids.iter().map(|id| Assignment::group(Uuid::from_u128(*id))).collect();
        let version = u64::try_from(ledger.effects.len()).unwrap();
        ledger.enter(Effect {
            at: ledger.started,
            user: Uuid::from_u128(1),
            target: Target::WfmSkillGroups,
            writer,
            kind: WriteKind::Replace,
            version_before: version,
            version_after: version + 1,
            before: set(before),
            after: set(after),
            request: None,
            correlation_id: None,
        });
    }
}
