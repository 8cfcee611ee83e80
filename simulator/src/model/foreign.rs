//! What foreign writers do to the assignments of users.

use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::super::dice::Dice;
use super::super::ledger::WriteKind;
use super::super::resource::{Assignment, AssignmentSet, Origin, Target};
use super::super::scenario::ConflictCause;
use super::org::Catalogue;
use super::{Model, Write};

/// Maximum number of skills of a user.
pub(super) const MAX_ASSIGNMENTS: usize = 50;

/// Longer than any simulation, yet short enough to be added to an instant.
const NEVER: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Progress of the background writes.
#[derive(Debug, Default)]
pub(super) struct Background {
    done: u64,
    next_at: Option<Instant>,
}

impl Model {
    /// Carries out what others have done until `now`.
    pub(crate) fn advance(&mut self, now: Instant) {
        let settings = self.behaviour.conflicts.stale_window.clone();
        if settings.writes_per_second <= 0.0 {
            self.background.next_at = None;
            return;
        }
        let end = settings.until.map_or(now, |until| now.min(self.started + until));
        let mut due = self.background.next_at.unwrap_or_else(|| now + self.pause(settings.writes_per_second));
        while due <= end {
            let nth = self.background.done;
            self.background.done += 1;
            if let Some(user) = self.dice.pick(&self.eligible, "background", None, nth).copied() {
                self.foreign_write(due, user, settings.target, Origin::Background, settings.touches_ordinary);
            }
            due += self.pause(settings.writes_per_second);
        }
        self.background.next_at = Some(due);
    }

    fn pause(&self, per_second: f64) -> Duration {
        let around_one = 0.5 + self.dice.unit("background pause", None, self.background.done);
        Duration::try_from_secs_f64(around_one / per_second).unwrap_or(NEVER).min(NEVER)
    }

    /// After a read: lets a foreign writer act before the client's write.
    pub(super) fn follow_read(&mut self, now: Instant, user: Uuid, target: Target) {
        let settings = &self.behaviour.conflicts.foreign_writer;
        let (times, touches_ordinary) = (settings.times, settings.touches_ordinary);
        let fated = self.fates.has(ConflictCause::ForeignWriter, user);
        let progress = |model: &mut Self| model.org.living_mut(user).map(|user| user.resource_mut(target).progress);
        if fated && progress(self).is_some_and(|progress| progress.foreign_writes < times) {
            self.foreign_write(now, user, target, Origin::ForeignWriter, touches_ordinary);
        }
    }

    /// Before a read or a write: lets a foreign writer make a change that is not visible yet.
    pub(super) fn precede_contact(&mut self, now: Instant, user: Uuid, target: Target) {
        let times = self.behaviour.conflicts.read_lag.times;
        let fated = self.fates.has(ConflictCause::ReadLag, user);
        let due = |model: &mut Self| {
            let resource = model.org.living_mut(user).map(|user| user.resource(target));
            resource.is_some_and(|resource| resource.progress.lagging_writes < times && resource.is_settled(now))
        };
        if fated && due(self) {
            self.foreign_write(now, user, target, Origin::LaggingWriter, false);
        }
    }

    /// Lets a foreign writer change a user's assignments; false if there is no such user or nothing to change.
    pub(crate) fn foreign_write(
        &mut self,
        at: Instant,
        user: Uuid,
        target: Target,
        origin: Origin,
        touches_ordinary: bool,
    ) -> bool {
        let lag = if origin == Origin::LaggingWriter { self.behaviour.conflicts.read_lag.lag } else { Duration::ZERO };
        let Some(resource) = self.org.living_mut(user).map(|user| user.resource_mut(target)) else { return false };
        let progress = &mut resource.progress;
        let nth = u64::from(progress.foreign_total);
        progress.foreign_total += 1;
        match origin {
            Origin::ForeignWriter => {
                progress.foreign_writes += 1;
                progress.owes_conflict = true;
            }
            Origin::LaggingWriter => progress.lagging_writes += 1,
            Origin::Client | Origin::Background | Origin::OnDemand => {}
        }
        let set = AssignmentSet::clone(&resource.current().set);
        let change = Change { dice: self.dice, user, nth, target };
        let Some(set) = change.of(&set, self.org.catalogue(target), touches_ordinary) else { return false };
        self.write(Write { at, user, target, set, origin, kind: WriteKind::Foreign, request: None, lag });
        true
    }
}

/// The change of a foreign writer: mostly it adds an assignment of its own, sometimes it removes one.
#[derive(Debug, Clone, Copy)]
struct Change {
    dice: Dice,
    user: Uuid,
    nth: u64,
    target: Target,
}

impl Change {
    fn of(self, set: &AssignmentSet, catalogue: &Catalogue, touches_ordinary: bool) -> Option<AssignmentSet> {
        let ordinary = touches_ordinary && self.chance("touches ordinary") < 0.5;
        let pool = if ordinary { &catalogue.ordinary } else { &catalogue.foreign };
        let (held, free): (Vec<Uuid>, Vec<Uuid>) =
            pool.iter().copied().partition(|id| set.iter().any(|entry| entry.id == *id));
        let full = set.len() >= MAX_ASSIGNMENTS || free.is_empty();
        if !held.is_empty() && (full || self.chance("takes back") < 0.25) {
            let gone = *self.pick(&held, "taken")?;
            return Some(set.iter().filter(|entry| entry.id != gone).copied().collect());
        }
        let id = *self.pick(&free, "given").filter(|_| !full)?;
        Some(set.iter().copied().chain([self.assignment(id)]).collect())
    }

    fn assignment(self, id: Uuid) -> Assignment {
        match self.target {
            Target::WfmSkillGroups => Assignment::group(id),
            Target::RoutingSkills | Target::RoutingLanguages => {
                Assignment::skill(id, *self.pick(&[1.0, 2.0, 3.0, 4.0], "level").unwrap_or(&1.0))
            }
        }
    }

    fn chance(self, about: &str) -> f64 {
        self.dice.unit(about, Some(self.user), self.nth)
    }

    fn pick<'a, T>(self, items: &'a [T], about: &str) -> Option<&'a T> {
        self.dice.pick(items, about, Some(self.user), self.nth)
    }
}
