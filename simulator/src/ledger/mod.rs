//! Records what happened: every request and every effect, to prove what a run has done.
//!
//! A failure is an assertion of a test about this ledger that does not hold, for example a lost foreign change. A
//! conflict, a 429 or an injected fault is not a failure: clients must cope with those.

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
    /// When it arrived.
    pub arrived_at: Instant,
    /// When the client had its answer, or had given up; `None` while it is in flight.
    pub ended_at: Option<Instant>,
    /// How it ended.
    pub outcome: Outcome,
    /// Its method.
    pub method: Method,
    /// Its route.
    pub route: Route,
    /// The user whom its path names, if any.
    pub user: Option<Uuid>,
    /// The version that it carried, if it was a versioned write.
    pub sent_version: Option<u64>,
    /// The cause, if the answer was a conflict.
    pub conflict: Option<ConflictCause>,
    /// The correlation id of its answer.
    pub correlation_id: Uuid,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is still in flight.
    Pending,
    /// It was answered with this status.
    Answered(u16),
    /// The connection was closed without an answer.
    Reset,
    /// The client stopped waiting; the effect of the request remains.
    Abandoned,
}

impl Outcome {
    /// Returns the status that reached the client.
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
    /// The client under test.
    Client,
    /// A foreign writer.
    Foreign,
}

/// The kind of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum WriteKind {
    /// Listed assignments are added or updated, and the others stay.
    Add,
    /// Exactly the listed assignments remain.
    Replace,
    /// One assignment is removed.
    Remove,
    /// A change by a foreign writer.
    Foreign,
}

/// A write that took effect.
#[derive(Debug, Clone)]
pub struct Effect {
    /// When it took effect.
    pub at: Instant,
    /// The user.
    pub user: Uuid,
    /// The target.
    pub target: Target,
    /// Who wrote.
    pub writer: Writer,
    /// The kind of the write.
    pub kind: WriteKind,
    /// The version before it.
    pub version_before: u64,
    /// The version after it.
    pub version_after: u64,
    /// The assignments before it.
    pub before: Arc<[Assignment]>,
    /// The assignments after it.
    pub after: Arc<[Assignment]>,
    /// The client's request, as an index into [`Ledger::requests`].
    pub request: Option<usize>,
    /// The correlation id of that request.
    pub correlation_id: Option<Uuid>,
}

/// Requests in the order of their arrival, effects in the order in which they happened.
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

    /// Returns when the simulation began.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Returns every request that arrived, in order of arrival.
    pub fn requests(&self) -> &[RequestRecord] {
        &self.requests
    }

    /// Returns every write that took effect, in order.
    pub fn effects(&self) -> &[Effect] {
        &self.effects
    }

    /// Returns the writes to one user's resource, in order.
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

/// Returns whether `assignment` is in the later set, if it is in only one of the two.
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

    /// Adds a request on `route` that arrives after `arrived` milliseconds and ends at `ended`.
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
