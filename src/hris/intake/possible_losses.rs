//! Whether somebody who has left may have something of ours.

use super::Intake;
use super::known::called;
use crate::domain::{UserId, UserRef};
use crate::hris::mapped::Mapped;
use crate::hris::source::Source;

/// What people of a source may lose.
pub(super) struct PossibleLosses<'i> {
    intake: &'i Intake,
    source: &'i Source,
}

impl Intake {
    pub(super) fn possible_losses<'i>(&'i self, source: &'i Source) -> PossibleLosses<'i> {
        PossibleLosses { intake: self, source }
    }
}

impl PossibleLosses<'_> {
    pub(super) fn may_lose(&self, user: &UserRef) -> bool {
        !self.has_nothing(user) && self.may_have_something(user)
    }

    /// Whether somebody may have something of ours under this name: not if it never led to anybody, and nothing that is under
    /// way may lead it to somebody.
    pub(super) fn may_have_something(&self, user: &UserRef) -> bool {
        let engine = &self.intake.0.engine;
        // One that ended meanwhile may have led to somebody.
        self.user_of(user).is_some() || engine.is_open_name(user) || self.user_of(user).is_some()
    }

    fn user_of(&self, named: &UserRef) -> Option<UserId> {
        self.intake.0.known.user_of(self.source, named, &self.intake.0.engine)
    }

    /// Names whoever leaves by who they are known to be at Genesys: their name may be another's there by now, or nobody's.
    pub(super) fn name_leavers(&self, people: &mut [Mapped]) {
        for person in people.iter_mut().filter(|person| person.leaver) {
            let Some(user) = self.user_of(&person.user) else { continue };
            // Whoever is just being looked up may be another one.
            if self.intake.0.engine.is_open_name(&person.user) {
                continue;
            }
            person.called = called(&person.user);
            person.user = UserRef::Id(user);
        }
    }

    /// Whether the engine knows that nothing of ours is with somebody.
    pub(super) fn has_nothing(&self, user: &UserRef) -> bool {
        let Some(user) = self.intake.0.engine.user(user) else { return false };
        // While something is under way for them, what they have is about to change.
        let settled = user.entries.iter().all(|(_, _, entry)| entry.state.is_terminal());
        settled && user.owned.iter().all(|(target, owned)| *target != self.source.target || owned.is_empty())
    }
}
