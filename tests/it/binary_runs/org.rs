//! The simulated org of a plan, and what goes wrong in it.

use std::time::Duration;

use genesys_simulator::{
    Behaviour, Body, Conflicts, Fault, FaultKind, ForeignWriter, Generated, Latency, Moment, Population, ReadLag,
    Route, Scenario, Share,
};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::plan::{ITEMS, Plan};

impl Plan {
    pub(super) fn scenario(&self) -> Scenario {
        let population = Generated {
            users: self.users,
            skills: ITEMS,
            groups: ITEMS,
            skills_per_user: self.assigned,
            groups_per_user: self.assigned,
            ..Generated::default()
        };
        let mut faults = self.faults.clone();
        let slow = Latency { fixed: self.lookups, spread: Duration::ZERO };
        faults.push(Fault::on(&[Route::Users, Route::UserSearch, Route::UserByExternalId], FaultKind::Delay(slow)));
        let share = |such: bool| if such { Share::Rate(0.6) } else { Share::Users(0) };
        let conflicts = Conflicts {
            foreign_writer: ForeignWriter { share: share(self.foreign_writer), times: 1, touches_ordinary: true },
            read_lag: ReadLag { share: share(!self.lag.is_zero()), lag: self.lag, times: 0, own_writes: true },
            ..Conflicts::default()
        };
        let latency = Latency { fixed: self.latency, spread: self.latency };
        let mut scenario = Scenario {
            seed: self.seed,
            population: Population::Generated(population),
            behaviour: Behaviour { latency, conflicts, faults, ..Behaviour::default() },
            ..Scenario::default()
        };
        scenario.limits.windows.clear();
        scenario
    }
}

/// A few lost answers, or look-ups that fail.
pub(super) fn fault(dice: &mut StdRng) -> Fault {
    let writes = [Route::WfmWrite, Route::UserSkillsAdd, Route::UserSkillsReplace, Route::UserSkillRemove];
    let reads = [Route::WfmRead, Route::UserSkillsRead, Route::Users, Route::UserSearch, Route::UserByExternalId];
    let moment = if dice.random_bool(0.7) { Moment::AfterEffect } else { Moment::BeforeEffect };
    let status = *[500, 502, 504].choose(dice).unwrap();
    let (routes, kind): (&[Route], _) = match dice.random_range(0..4) {
        0 => (&writes, FaultKind::Status { status, moment, body: Body::Json }),
        1 | 2 => (&writes, FaultKind::Reset { moment }),
        _ => (&reads, FaultKind::Status { status, moment: Moment::BeforeEffect, body: Body::NotJson }),
    };
    Fault::on(routes, kind).at_rate(dice.random_range(0.2..1.0)).at_most(dice.random_range(1..4))
}
