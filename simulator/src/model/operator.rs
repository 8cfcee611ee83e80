//! What the operator of the simulation can do to it and see of it.

use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::super::ledger::WriteKind;
use super::super::resource::{AssignmentSet, Origin, Target};
use super::super::scenario::{CatalogueEntry, ConflictCause, SimUser, UserState};
use super::org::User;
use super::{Model, Write};

impl Model {
    /// Lets a foreign writer set a user's assignments; false if there is no such user.
    pub(crate) fn foreign_set(&mut self, at: Instant, user: Uuid, target: Target, set: AssignmentSet) -> bool {
        if self.org.living_mut(user).is_none() {
            return false;
        }
        let (origin, kind) = (Origin::OnDemand, WriteKind::Foreign);
        self.write(Write { at, user, target, set, origin, kind, request: None, lag: Duration::ZERO });
        true
    }

    pub(crate) fn revoke_tokens(&mut self) {
        self.tokens.revoke_all();
    }

    pub(crate) fn use_up_rate(&mut self, calls: u32, now: Instant) {
        self.tokens.use_up(calls, now);
    }

    /// Changes a user's state in the directory; false if there is no such user.
    pub(crate) fn set_state(&mut self, user: Uuid, state: UserState) -> bool {
        let Some(user) = self.org.user_mut(user) else { return false };
        user.profile.state = state;
        user.directory_version += 1;
        true
    }

    /// Gives a user another employee id, or removes it; false if there is no such user.
    pub(crate) fn set_employee_id(&mut self, user: Uuid, employee_id: Option<String>) -> bool {
        let Some(user) = self.org.user_mut(user) else { return false };
        user.profile.employee_id = employee_id;
        user.directory_version += 1;
        true
    }

    /// Changes a skill's state; false if there is no such skill.
    pub(crate) fn set_skill_state(&mut self, skill: Uuid, state: UserState) -> bool {
        self.org.skills.set_state(skill, state)
    }

    /// Returns a user with their real state, whatever reads show.
    pub(crate) fn user_now(&self, user: Uuid) -> Option<SimUser> {
        self.org.user(user).map(User::snapshot)
    }

    pub(crate) fn users_now(&self) -> Vec<SimUser> {
        self.org.users().map(User::snapshot).collect()
    }

    /// Returns a user's real assignments and their version.
    pub(crate) fn assignments_of(&self, user: Uuid, target: Target) -> Option<(u64, AssignmentSet)> {
        let state = self.org.user(user)?.resource(target).current();
        Some((state.version, AssignmentSet::clone(&state.set)))
    }

    /// Returns everything that can be assigned on a target.
    pub(crate) fn assignable(&self, target: Target) -> &[CatalogueEntry] {
        &self.org.catalogue(target).entries
    }

    /// Returns what only foreign writers assign on a target.
    pub(crate) fn foreign_pool(&self, target: Target) -> &[Uuid] {
        &self.org.catalogue(target).foreign
    }

    pub(crate) fn fated(&self, cause: ConflictCause) -> Vec<Uuid> {
        self.fates.of(cause)
    }
}
