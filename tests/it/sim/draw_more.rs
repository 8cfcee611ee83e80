//! What extended plans have on top of the plain ones: slow and faulty look-ups, restarts, retries and applies, several rows
//! of one user, dates, writes that stay uncertain.

use std::time::Duration;

use genesys_simulator::{Access, Body, Fault, FaultKind, Latency, Moment, ReadLag, Route, Scenario, Share};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use skillsync::domain::job::SameUser;

use super::draw::{OWNERS, SPAN, moment, submission};
use super::plan::{Hostile, ListingFault, Naming, Operation, Plan, Restart, Settings, Submission, What};
use crate::dying::Left;

/// Everything that finds users and assignments.
const LOOKS: [Route; 7] = [
    Route::Users,
    Route::User,
    Route::UserByExternalId,
    Route::UserSearch,
    Route::ScimUsers,
    Route::RoutingSkills,
    Route::SkillGroups,
];
const WRITES: [Route; 4] = [Route::WfmWrite, Route::UserSkillsAdd, Route::UserSkillsReplace, Route::UserSkillRemove];

impl Plan {
    /// The plain plan of the seed, and more.
    pub(super) fn extended(seed: u64) -> Self {
        let mut plan = Self::from_seed(seed);
        let dice = &mut StdRng::seed_from_u64(seed ^ 0x5eed_0f0f_7ab1_e000);
        let users = plan.users();
        for operation in &mut plan.operations {
            if let What::Submit(submission) = &mut operation.what {
                vary(dice, submission, users);
            }
        }
        let more = (0..dice.random_range(0..=5)).map(|_| Operation { at: moment(dice), what: what(dice, users) });
        let more: Vec<_> = more.collect();
        plan.operations.extend(more);
        if dice.random_bool(0.5) {
            let restarts: Vec<_> = (0..dice.random_range(1..=3)).map(|_| restart(dice)).collect();
            plan.operations.extend(restarts);
        }
        let close = plan.around_restarts(dice);
        plan.operations.extend(close);
        plan.operations.sort_by_key(|operation| operation.at);
        plan.settings.holds = dice.random_bool(0.15);
        plan.hostile = dice.random_bool(0.3).then(|| hostile(dice));
        looks(dice, &mut plan.scenario);
        plan.scenario.behaviour.scim = *[Access::Granted, Access::Refused, Access::Absent].choose(dice).unwrap();
        lag(dice, &mut plan.scenario);
        if dice.random_bool(0.15) {
            lasting_trouble(dice, &mut plan.scenario, &mut plan.settings);
        }
        if dice.random_bool(0.5) {
            plan.of_several_owners(dice);
        }
        plan
    }

    fn of_several_owners(&mut self, dice: &mut StdRng) {
        for operation in &mut self.operations {
            if let What::Submit(submission) = &mut operation.what {
                submission.owner = OWNERS.choose(dice).unwrap();
            }
        }
    }

    /// Jobs shortly before and after restarts: what was just written is what the next process may not see yet. And cancels
    /// that the next process gets before anything else.
    fn around_restarts(&self, dice: &mut StdRng) -> Vec<Operation> {
        let mut close = Vec::new();
        for operation in &self.operations {
            let What::Restart(Restart::Stopped { pause } | Restart::Killed { pause, .. }) = operation.what else {
                continue;
            };
            if !dice.random_bool(0.6) {
                continue;
            }
            if dice.random_bool(0.4) {
                let cancel = |nth| Operation { at: operation.at + 1, what: What::Cancel(nth) };
                close.extend([dice.random_range(0..8), dice.random_range(0..8)].map(cancel));
            }
            let before = operation.at.saturating_sub(dice.random_range(300..2_000));
            let after = operation.at + pause + dice.random_range(1..1_500);
            for at in [before, after] {
                let mut submission = submission(dice, self.users());
                vary(dice, &mut submission, self.users());
                close.push(Operation { at, what: What::Submit(submission) });
            }
        }
        close
    }

    pub(super) fn users(&self) -> usize {
        use genesys_simulator::Population;
        match &self.scenario.population {
            Population::Generated(generated) => generated.users,
            Population::Explicit(explicit) => explicit.users.len(),
        }
    }
}

/// Names by anything, users whom nobody knows, dates that are before, after and equal to others'.
fn vary(dice: &mut StdRng, submission: &mut Submission, users: usize) {
    let namings = [Naming::Id, Naming::Id, Naming::Email, Naming::EmployeeId, Naming::ExternalId];
    let dated = dice.random_bool(0.35);
    let one_way = dice.random_bool(0.6).then(|| *namings.choose(dice).unwrap());
    for wish in &mut submission.entries {
        wish.naming = one_way.unwrap_or_else(|| *namings.choose(dice).unwrap());
        wish.occurred = dated.then(|| *[-60, -5, 0, 0, 2, 5, 5, 20].choose(dice).unwrap());
        if dice.random_bool(0.03) {
            wish.user = users;
        }
    }
    submission.dry_run = dice.random_bool(0.12);
    submission.same_user =
        *[SameUser::InOrder, SameUser::InOrder, SameUser::Merge, SameUser::Refuse].choose(dice).unwrap();
    if submission.same_user == SameUser::Merge {
        let first = submission.entries[0].occurred;
        submission.entries.iter_mut().for_each(|wish| wish.occurred = first);
    }
    // What the API would refuse does not come this far.
    if submission.same_user == SameUser::Refuse && one_way.is_some() {
        submission.entries.sort_by_key(|wish| wish.user);
        submission.entries.dedup_by_key(|wish| wish.user);
    }
}

fn what(dice: &mut StdRng, users: usize) -> What {
    let nth = dice.random_range(0..8);
    match dice.random_range(0..9) {
        0 | 1 => What::Retry(nth),
        2 | 3 => What::Apply(nth),
        4 | 5 => What::Release(nth),
        6 | 7 => What::Cancel(nth),
        _ => What::Employ(dice.random_range(0..users), dice.random_bool(0.5)),
    }
}

fn restart(dice: &mut StdRng) -> Operation {
    let pause = dice.random_range(500..6_000);
    let how = if dice.random_bool(0.35) {
        Restart::Stopped { pause }
    } else {
        let after = dice.random_bool(0.6).then(|| (dice.random_range(0..12), dice.random_bool(0.5)));
        let left = *[Left::Nothing, Left::Half, Left::Everything].choose(dice).unwrap();
        Restart::Killed { after, left, pause }
    };
    Operation { at: moment(dice), what: What::Restart(how) }
}

fn hostile(dice: &mut StdRng) -> Hostile {
    let faults = [ListingFault::None, ListingFault::Short, ListingFault::Empty, ListingFault::Repeating];
    Hostile { fault: *faults.choose(dice).unwrap(), times: dice.random_range(1..=3) }
}

/// Look-ups take their time, and fail for a while.
fn looks(dice: &mut StdRng, scenario: &mut Scenario) {
    let faults = &mut scenario.behaviour.faults;
    for route in LOOKS {
        if dice.random_bool(0.3) {
            let most = Duration::from_millis(dice.random_range(100..12_000));
            let latency = Latency { fixed: most / 2, spread: most / 2 };
            faults.push(Fault::on(&[route], FaultKind::Delay(latency)).at_rate(dice.random_range(0.3..=1.0)));
        }
    }
    if dice.random_bool(0.4) {
        let body = *[Body::Json, Body::Empty, Body::NotJson].choose(dice).unwrap();
        let status = *[500, 502, 503, 504].choose(dice).unwrap();
        let kind = match dice.random_range(0..3) {
            0 => FaultKind::Status { status, moment: Moment::BeforeEffect, body },
            1 => FaultKind::Reset { moment: Moment::BeforeEffect },
            _ => FaultKind::Garbled { body: Body::NotJson },
        };
        let from = Duration::from_millis(dice.random_range(0..5_000));
        let until = from + Duration::from_millis(dice.random_range(500..20_000));
        faults.push(Fault::on(&LOOKS, kind).at_rate(dice.random_range(0.3..=1.0)).during(from, until));
    }
}

/// Replicas that lag behind our own writes for so long that a restart falls into it.
fn lag(dice: &mut StdRng, scenario: &mut Scenario) {
    if dice.random_bool(0.25) {
        scenario.behaviour.conflicts.read_lag = ReadLag {
            share: Share::Rate(0.7),
            lag: Duration::from_millis(dice.random_range(2_000..9_000)),
            times: dice.random_range(0..=1),
            own_writes: true,
        };
    }
}

/// Writes of some users whose answers never come, and headers that nobody can mean.
fn lasting_trouble(dice: &mut StdRng, scenario: &mut Scenario, settings: &mut Settings) {
    settings.patience = Some(dice.random_range(60..180));
    let moment = if dice.random_bool(0.5) { Moment::AfterEffect } else { Moment::BeforeEffect };
    let (kind, routes): (_, &[Route]) = match dice.random_range(0..4) {
        0 | 1 => (FaultKind::Status { status: 500, moment, body: Body::Json }, &WRITES),
        2 => (FaultKind::Reset { moment }, &WRITES),
        _ => {
            let seconds = *[3_601, 1_795_000_000, u64::from(u32::MAX) + 1, u64::MAX].choose(dice).unwrap();
            (FaultKind::RateLimited { retry_after: Duration::from_secs(seconds) }, &[])
        }
    };
    let absurd = matches!(kind, FaultKind::RateLimited { .. });
    let fault = Fault::on(routes, kind);
    scenario.behaviour.faults.push(match (absurd, dice.random_bool(0.5)) {
        (true, _) => fault.at_rate(0.3).at_most(dice.random_range(1..=2)),
        (false, true) => fault.for_users(0.5),
        (false, false) => {
            fault.for_users(0.5).during(Duration::ZERO, Duration::from_millis(dice.random_range(5_000..SPAN)))
        }
    });
}
