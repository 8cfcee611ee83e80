//! The handle of a running simulation.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;
use uuid::Uuid;

use super::ledger::{Ledger, Outcome, Statistics};
use super::model::{Arrival, Model, Voyage};
use super::resource::{Assignment, Origin, Target};
use super::scenario::{Behaviour, CatalogueEntry, ConflictCause, Outage, Scenario, SimUser, UserState};

/// A simulated Genesys org. Clones share it; its methods return copies.
#[derive(Debug, Clone)]
pub struct Simulator {
    model: Arc<Mutex<Model>>,
}

impl Simulator {
    /// Starts a simulation; its time begins now.
    pub fn new(scenario: Scenario) -> Self {
        Self { model: Arc::new(Mutex::new(Model::new(scenario, Instant::now()))) }
    }

    /// Returns every request and effect so far.
    pub fn ledger(&self) -> Ledger {
        self.caught_up().ledger().clone()
    }

    /// Returns the statistics of the run so far.
    pub fn statistics(&self) -> Statistics {
        self.caught_up().ledger().statistics(Instant::now())
    }

    /// Returns every user with their real present assignments, whatever reads show, in the order of listings.
    pub fn users(&self) -> Vec<SimUser> {
        self.caught_up().users_now()
    }

    /// Returns the users whom this client may not see.
    pub fn hidden_users(&self) -> Vec<Uuid> {
        self.model().hidden()
    }

    /// Returns a user with their real present assignments; `None` if there is no such user.
    pub fn user(&self, user: Uuid) -> Option<SimUser> {
        self.caught_up().user_now(user)
    }

    /// Returns the real assignments of a user on a target.
    pub fn assignments_of(&self, user: Uuid, target: Target) -> Option<Vec<Assignment>> {
        self.caught_up().assignments_of(user, target).map(|(_, set)| set.to_vec())
    }

    /// Returns the real version of a user's assignments on a target.
    pub fn version_of(&self, user: Uuid, target: Target) -> Option<u64> {
        self.caught_up().assignments_of(user, target).map(|(version, _)| version)
    }

    /// Returns everything that can be assigned on a target, including what only foreign writers assign.
    pub fn catalogue(&self, target: Target) -> Vec<CatalogueEntry> {
        self.model().assignable(target).to_vec()
    }

    /// Returns what only foreign writers assign on a target.
    pub fn foreign_pool(&self, target: Target) -> Vec<Uuid> {
        self.model().foreign_pool(target).to_vec()
    }

    /// Returns the users who are fated to meet a cause of conflict, ordered by id; none for causes that the client
    /// itself produces.
    pub fn fated(&self, cause: ConflictCause) -> Vec<Uuid> {
        self.model().fated(cause)
    }

    /// Returns how the org behaves at present.
    pub fn behaviour(&self) -> Behaviour {
        self.model().behaviour.clone()
    }

    /// Changes how the org behaves from now on. Fates are drawn again, with the same result where nothing changed;
    /// faults with a maximum number start to count again. `change` runs on a copy, so it may use the simulator.
    pub fn with_behaviour(&self, change: impl FnOnce(&mut Behaviour)) {
        let mut behaviour = self.behaviour();
        change(&mut behaviour);
        let mut model = self.caught_up();
        model.behaviour = behaviour;
        model.refresh(Instant::now());
    }

    /// Takes the org down, or brings it back.
    pub fn set_outage(&self, outage: Option<Outage>) {
        self.caught_up().behaviour.outage = outage;
    }

    /// Invalidates every token that was issued so far.
    pub fn revoke_tokens(&self) {
        self.caught_up().revoke_tokens();
    }

    /// Lets another application use this many calls of the limits of every token.
    pub fn use_up_rate(&self, calls: u32) {
        self.caught_up().use_up_rate(calls, Instant::now());
    }

    /// Lets a foreign writer add or remove an assignment of the foreign pool now; false if there is no such user or
    /// nothing to change.
    pub fn foreign_write(&self, user: Uuid, target: Target) -> bool {
        self.caught_up().foreign_write(Instant::now(), user, target, Origin::OnDemand, false)
    }

    /// Lets a foreign writer give the user exactly these assignments now; false if there is no such user.
    pub fn foreign_set(&self, user: Uuid, target: Target, assignments: &[Assignment]) -> bool {
        self.caught_up().foreign_set(Instant::now(), user, target, assignments.into())
    }

    /// Lets a foreign writer create a skill now, and returns its id.
    pub fn foreign_skill(&self, name: &str) -> Uuid {
        self.caught_up().add_skill(name.to_owned(), None).id
    }

    /// Changes a user's state in the directory; false if there is no such user.
    pub fn set_user_state(&self, user: Uuid, state: UserState) -> bool {
        self.caught_up().set_state(user, state)
    }

    /// Gives a user another employee id, or removes it; false if there is no such user.
    pub fn set_employee_id(&self, user: Uuid, employee_id: Option<&str>) -> bool {
        self.caught_up().set_employee_id(user, employee_id.map(str::to_owned))
    }

    /// Changes a skill's state in the catalogue; false if there is no such skill.
    pub fn set_skill_state(&self, skill: Uuid, state: UserState) -> bool {
        self.caught_up().set_skill_state(skill, state)
    }

    pub(super) fn depart(&self, request: &Request<Bytes>) -> Voyage {
        self.model().depart(Instant::now(), request)
    }

    pub(super) fn arrive(&self, voyage: &Voyage, request: &Request<Bytes>) -> Arrival {
        self.model().arrive(Instant::now(), voyage, request)
    }

    pub(super) fn close(&self, number: usize, outcome: Outcome) {
        self.model().close(Instant::now(), number, outcome);
    }

    fn caught_up(&self) -> MutexGuard<'_, Model> {
        let mut model = self.model();
        model.advance(Instant::now());
        model
    }

    /// A panic of another thread does not poison the model, so a failing test can still inspect it.
    fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock()
    }
}
