//! Whether a leaver may have owned assignments.

use std::collections::BTreeSet;

use super::Intake;
use super::known::{called, written};
use crate::domain::{UserId, UserRef};
use crate::hris::mapped::Mapped;
use crate::hris::source::Source;

/// Answers what people of a source may lose.
pub(super) struct PossibleLosses<'i> {
    /// Names that are about to be given something.
    told: &'i BTreeSet<Box<str>>,
    intake: &'i Intake,
    source: &'i Source,
}

impl Intake {
    /// Returns what people of this source may lose.
    pub(super) fn possible_losses<'i>(
        &'i self,
        source: &'i Source,
        told: &'i BTreeSet<Box<str>>,
    ) -> PossibleLosses<'i> {
        PossibleLosses { told, intake: self, source }
    }
}

impl PossibleLosses<'_> {
    /// Returns whether a leaver of this name may lose something.
    pub(super) fn may_lose(&self, user: &UserRef) -> bool {
        let is_told = written(user).is_some_and(|text| self.told.contains(&text));
        is_told || (!self.has_nothing(user) && self.may_have_something(user))
    }

    /// Returns whether a person of this name may have owned assignments: not if the name never led to a user and
    /// nothing under way may lead it to one.
    pub(super) fn may_have_something(&self, user: &UserRef) -> bool {
        let engine = &self.intake.0.engine;
        // Asked again, because an entry that ended in the meantime may have led to a user.
        self.user_of(user).is_some() || engine.is_open_name(user) || self.user_of(user).is_some()
    }

    /// Returns the user that a name led to last.
    fn user_of(&self, named: &UserRef) -> Option<UserId> {
        self.intake.0.known.user_of(self.source, named, &self.intake.0.engine)
    }

    /// Replaces the names of leavers by the users that they are known to be, since the name may belong to someone else
    /// in Genesys by now, or to no one.
    pub(super) fn name_leavers(&self, people: &mut [Mapped]) {
        for person in people.iter_mut().filter(|person| person.leaver) {
            let Some(user) = self.user_of(&person.user) else { continue };
            // A look-up under way may lead the name to another user.
            if self.intake.0.engine.is_open_name(&person.user) {
                continue;
            }
            person.called = called(&person.user);
            person.user = UserRef::Id(user);
        }
    }

    /// Returns whether the engine knows that the user has no owned assignments on the target of the source.
    pub(super) fn has_nothing(&self, user: &UserRef) -> bool {
        let Some(user) = self.intake.0.engine.user(user) else { return false };
        // Pending entries are about to change what the user has.
        let settled = user.entries.iter().all(|(_, _, entry)| entry.state.is_terminal());
        settled && user.owned.iter().all(|(target, owned)| *target != self.source.target || owned.is_empty())
    }
}
