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
use super::service::SimulatorService;

/// A simulated Genesys org. Clones share it; what its verbs return are copies.
#[derive(Debug, Clone)]
pub struct Simulator {
    model: Arc<Mutex<Model>>,
}

impl Simulator {
    /// Starts a simulation; its time begins now.
    pub fn new(scenario: Scenario) -> Self {
        Self { model: Arc::new(Mutex::new(Model::new(scenario, Instant::now()))) }
    }

    /// A way into the simulation that needs no socket.
    pub fn service(&self) -> SimulatorService {
        SimulatorService::new(self.clone())
    }

    /// Every request and effect so far.
    pub fn ledger(&self) -> Ledger {
        self.caught_up().ledger().clone()
    }

    /// The run so far in numbers.
    pub fn statistics(&self) -> Statistics {
        self.caught_up().ledger().statistics(Instant::now())
    }

    /// Every user with the assignments that they really have now, whatever reads show; in the order of listings.
    pub fn users(&self) -> Vec<SimUser> {
        self.caught_up().users_now()
    }

    /// The users whom this client may not see.
    pub fn hidden_users(&self) -> Vec<Uuid> {
        self.model().hidden()
    }

    /// One user with the assignments that they really have now.
    pub fn user(&self, user: Uuid) -> Option<SimUser> {
        self.caught_up().user_now(user)
    }

    /// A user's real assignments on a target.
    pub fn assignments_of(&self, user: Uuid, target: Target) -> Option<Vec<Assignment>> {
        self.caught_up().assignments_of(user, target).map(|(_, set)| set.to_vec())
    }

    /// The real version of a user's assignments on a target.
    pub fn version_of(&self, user: Uuid, target: Target) -> Option<u64> {
        self.caught_up().assignments_of(user, target).map(|(version, _)| version)
    }

    /// Everything that can be assigned on a target, the foreign writers' own included.
    pub fn catalogue(&self, target: Target) -> Vec<CatalogueEntry> {
        self.model().assignable(target).to_vec()
    }

    /// What only foreign writers assign on a target.
    pub fn foreign_pool(&self, target: Target) -> Vec<Uuid> {
        self.model().foreign_pool(target).to_vec()
    }

    /// The users whose fate a cause is, in order of id; none for causes that are the client's doing.
    pub fn fated(&self, cause: ConflictCause) -> Vec<Uuid> {
        self.model().fated(cause)
    }

    /// How the org misbehaves at present.
    pub fn behaviour(&self) -> Behaviour {
        self.model().behaviour.clone()
    }

    /// Changes how the org misbehaves from now on. Fates are drawn again, with the same outcome where nothing changed;
    /// faults that are limited in number start to count again. `change` runs on a copy, so it may ask the simulator.
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

    /// Makes every token invalid that was issued so far.
    pub fn revoke_tokens(&self) {
        self.caught_up().revoke_tokens();
    }

    /// Lets another application use so many calls of every token's limits.
    pub fn use_up_rate(&self, calls: u32) {
        self.caught_up().use_up_rate(calls, Instant::now());
    }

    /// Lets somebody else give or take an assignment of the foreign pool now; false if there is no such user.
    pub fn foreign_write(&self, user: Uuid, target: Target) -> bool {
        self.caught_up().foreign_write(Instant::now(), user, target, Origin::OnDemand, false)
    }

    /// Lets somebody else give the user exactly these assignments now; false if there is no such user.
    pub fn foreign_set(&self, user: Uuid, target: Target, assignments: &[Assignment]) -> bool {
        self.caught_up().foreign_set(Instant::now(), user, target, assignments.into())
    }

    /// Lets somebody else create a skill now.
    pub fn foreign_skill(&self, name: &str) -> Uuid {
        self.caught_up().add_skill(name.to_owned(), None).id
    }

    /// Changes a user's state in the directory; false if there is no such user.
    pub fn set_user_state(&self, user: Uuid, state: UserState) -> bool {
        self.caught_up().set_state(user, state)
    }

    /// Gives a user another employee id, or takes theirs away; false if there is no such user.
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

    /// A model that somebody panicked over is still worth looking at: that somebody is a failing test.
    fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock()
    }
}
