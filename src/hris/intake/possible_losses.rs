//! Whether somebody who has left may have something of ours.

use std::collections::HashSet;
use std::sync::OnceLock;

use super::Intake;
use super::known::called;
use crate::domain::UserRef;
use crate::hris::mapped::Mapped;
use crate::hris::source::Source;

/// What people of a source may lose; judged alike for all of one delivery or export.
pub(super) struct PossibleLosses<'i> {
    intake: &'i Intake,
    source: &'i Source,
    /// Names in open entries: looked for only if there is a name that has not led to anybody.
    open_names: OnceLock<HashSet<UserRef>>,
}

impl Intake {
    pub(super) fn possible_losses<'i>(&'i self, source: &'i Source) -> PossibleLosses<'i> {
        PossibleLosses { intake: self, source, open_names: OnceLock::new() }
    }
}

impl PossibleLosses<'_> {
    pub(super) fn may_lose(&self, user: &UserRef) -> bool {
        !self.has_nothing(user) && self.may_have_something(user)
    }

    /// Whether somebody may have something of ours under this name: not if it never led to anybody, and nothing that is under
    /// way may lead it to somebody.
    pub(super) fn may_have_something(&self, user: &UserRef) -> bool {
        let (known, engine) = (&self.intake.0.known, &self.intake.0.engine);
        if known.was_found(self.source, user, engine) {
            return true;
        }
        // One that ended meanwhile may have led to somebody.
        let open_names = self.open_names.get_or_init(|| engine.open_names());
        open_names.contains(&user.folded()) || known.was_found(self.source, user, engine)
    }

    /// Names whoever leaves by who they are known to be at Genesys: their name may be another's there by now, or nobody's.
    pub(super) fn name_leavers(&self, people: &mut [Mapped]) {
        let (known, engine) = (&self.intake.0.known, &self.intake.0.engine);
        for person in people.iter_mut().filter(|person| person.leaver) {
            let Some(user) = known.user_of(self.source, &person.user, engine) else { continue };
            // Who is just being looked up may be another one.
            if self.open_names.get_or_init(|| engine.open_names()).contains(&person.user.folded()) {
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
