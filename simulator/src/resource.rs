//! The assignments of one user on one target, with the past states that a lagging replica would show.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;

/// What is assigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Target {
    /// The skills of a user.
    RoutingSkills,
    /// The languages of a user.
    RoutingLanguages,
    /// The skill groups of a user in workforce management.
    WfmSkillGroups,
}

/// A skill or language with a proficiency, or membership of a group without one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// Id of the skill, language or group.
    pub id: Uuid,
    /// Proficiency from 0.0 to 5.0, of a language a whole number; `None` for a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proficiency: Option<f64>,
}

impl Assignment {
    /// Membership of a group.
    pub fn group(id: Uuid) -> Self {
        Self { id, proficiency: None }
    }

    /// A language with a proficiency, which Genesys rounds to the nearest whole number.
    pub fn language(id: Uuid, proficiency: f64) -> Self {
        Self { id, proficiency: Some(proficiency.round()) }
    }

    /// A skill with a proficiency.
    pub fn skill(id: Uuid, proficiency: f64) -> Self {
        Self { id, proficiency: Some(proficiency) }
    }
}

/// A set of assignments. State, history and ledger share it, because most sets never change.
pub(super) type AssignmentSet = Arc<[Assignment]>;

/// Who wrote, and why; determines the cause of a conflict that follows from the write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Client,
    ForeignWriter,
    LaggingWriter,
    Background,
    /// Requested by the operator of the simulation.
    OnDemand,
}

/// A state of a resource, and when replicas begin to show it.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) version: u64,
    pub(super) set: AssignmentSet,
    origin: Origin,
    visible_at: Instant,
}

/// What the last read of a resource showed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown {
    pub(super) version: u64,
    pub(super) lagging: bool,
}

/// How far the causes of conflict have progressed for a resource.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Progress {
    pub(super) foreign_writes: u32,
    pub(super) foreign_total: u32,
    pub(super) lagging_writes: u32,
    pub(super) busy_until: Option<Instant>,
    pub(super) shown: Option<Shown>,
    /// The version that the last refused write carried.
    pub(super) refused: Option<u64>,
    /// Whether a resource without versions still has to refuse one write after a foreign one.
    pub(super) owes_conflict: bool,
}

/// Assignments with their version, and as much of their past as reads and the causes of conflicts need.
#[derive(Debug, Clone)]
pub(super) struct Resource {
    now: Snapshot,
    /// Oldest first, without the present state.
    past: VecDeque<Snapshot>,
    pub(super) progress: Progress,
}

/// Number of past states that are kept; a writer with an older version has waited too long in any case.
const REMEMBERED: usize = 16;

impl Resource {
    pub(super) fn new(version: u64, set: AssignmentSet, now: Instant) -> Self {
        let now = Snapshot { version, set, origin: Origin::Client, visible_at: now };
        Self { now, past: VecDeque::new(), progress: Progress::default() }
    }

    /// Returns the real state.
    pub(super) fn current(&self) -> &Snapshot {
        &self.now
    }

    /// Reads the state that replicas show at `now`: the newest one that has reached them.
    pub(super) fn read(&mut self, now: Instant) -> &Snapshot {
        let shown = self.shown_at(now);
        let (version, lagging) = (shown.version, shown.version != self.now.version);
        self.progress.shown = Some(Shown { version, lagging });
        if self.progress.refused == Some(version) {
            self.progress.refused = None;
        }
        self.shown_at(now)
    }

    /// Returns whether every write has reached the replicas.
    pub(super) fn is_settled(&self, now: Instant) -> bool {
        self.now.visible_at <= now
    }

    /// Returns what [`Self::read`] would, for a listing: being listed does not count as a read.
    pub(super) fn shown_at(&self, now: Instant) -> &Snapshot {
        let mut newest_first = std::iter::once(&self.now).chain(self.past.iter().rev());
        newest_first.find(|state| state.visible_at <= now).unwrap_or_else(|| self.past.front().unwrap_or(&self.now))
    }

    /// Replaces the state; reads show it after `lag`.
    pub(super) fn write(&mut self, set: AssignmentSet, origin: Origin, now: Instant, lag: Duration) {
        let next = Snapshot { version: self.now.version + 1, set, origin, visible_at: now + lag };
        self.past.push_back(std::mem::replace(&mut self.now, next));
        if self.past.len() > REMEMBERED {
            self.past.pop_front();
        }
    }

    /// Returns who of the others last wrote after `version`, if anyone did.
    pub(super) fn foreign_since(&self, version: u64) -> Option<Origin> {
        let newest_first = std::iter::once(&self.now).chain(self.past.iter().rev());
        newest_first.take_while(|s| s.version > version).map(|s| s.origin).find(|origin| *origin != Origin::Client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ids: &[u128]) -> AssignmentSet {
        ids.iter().map(|id| Assignment::group(Uuid::from_u128(*id))).collect()
    }

    #[test]
    fn a_lagging_write_is_real_at_once_and_visible_later() {
        let start = Instant::now();
        let mut resource = Resource::new(3, set(&[1]), start);
        resource.write(set(&[1, 2]), Origin::LaggingWriter, start, Duration::from_secs(5));
        assert_eq!(resource.current().version, 4);
        assert_eq!(resource.read(start + Duration::from_secs(4)).version, 3);
        assert!(resource.progress.shown.unwrap().lagging);
        assert_eq!(resource.read(start + Duration::from_secs(5)).version, 4);
        assert!(!resource.progress.shown.unwrap().lagging);
    }

    #[test]
    fn the_past_stays_bounded() {
        let start = Instant::now();
        let mut resource = Resource::new(1, set(&[]), start);
        for _ in 0..100 {
            resource.write(set(&[1]), Origin::Client, start, Duration::ZERO);
        }
        assert_eq!(resource.past.len(), REMEMBERED);
        assert_eq!(resource.foreign_since(50), None);
    }
}
