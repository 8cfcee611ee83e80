//! Plans drawn at random.

use std::collections::BTreeMap;
use std::time::Duration;

use genesys_simulator::{
    Behaviour, Blocked, Body, Busy, ConflictShape, Conflicts, Fault, FaultKind, ForeignWriter, Generated, Latency,
    Limits, Moment, Outage, Population, RateLimit, ReadLag, Route, Scenario, Share, StaleWindow, Target,
};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use skillsync::domain::Mode;
use skillsync::domain::job::SameUser;

use super::plan::{Naming, Operation, Plan, Settings, Submission, What, Wish};

/// Items of each catalogue that jobs and meddlers choose from.
pub(super) const ITEMS: usize = 6;
/// Those on whose behalf jobs assign.
pub(super) const OWNERS: [&str; 3] = ["default", "hr", "lms"];
/// Nothing happens to the org after so many milliseconds.
pub(super) const SPAN: u64 = 40_000;

impl Plan {
    /// The same seed, the same plan.
    pub(super) fn from_seed(seed: u64) -> Self {
        let dice = &mut StdRng::seed_from_u64(seed);
        let users = dice.random_range(1..=3);
        let mut operations: Vec<Operation> =
            (0..dice.random_range(2..=9)).map(|_| Operation { at: moment(dice), what: what(dice, users) }).collect();
        operations.push(Operation { at: 0, what: What::Submit(submission(dice, users)) });
        operations.sort_by_key(|operation| operation.at);
        let scenario = scenario(dice, seed, users);
        let settings = Settings { write_without_read: dice.random_bool(0.7), ..Settings::default() };
        Self { scenario, settings, operations, hostile: None }
    }
}

/// Mostly close together, so that things meet.
pub(super) fn moment(dice: &mut StdRng) -> u64 {
    if dice.random_bool(0.6) { dice.random_range(0..3_000) } else { dice.random_range(0..SPAN) }
}

fn target(dice: &mut StdRng) -> Target {
    if dice.random_bool(0.5) { Target::WfmSkillGroups } else { Target::RoutingSkills }
}

fn what(dice: &mut StdRng, users: usize) -> What {
    let user = dice.random_range(0..users);
    match dice.random_range(0..20) {
        0..8 => What::Submit(submission(dice, users)),
        8..11 => What::Submit(nightly(dice, users)),
        11 => What::Cancel(dice.random_range(0..8)),
        12 | 13 => What::Foreign(user, target(dice)),
        14..17 => What::Toggle(user, target(dice), dice.random_range(0..ITEMS)),
        17 => {
            let outage = if dice.random_bool(0.5) { Outage::Reset } else { Outage::Unavailable };
            What::Outage(outage, dice.random_range(50..20_000))
        }
        18 => What::Revoke,
        _ => What::UseUpRate(dice.random_range(1..300)),
    }
}

pub(super) fn submission(dice: &mut StdRng, users: usize) -> Submission {
    let modes = [Mode::Add, Mode::Remove, Mode::Managed, Mode::Managed, Mode::Replace];
    Submission {
        target: target(dice),
        mode: *modes.choose(dice).unwrap(),
        dry_run: dice.random_bool(0.05),
        urgent: dice.random_bool(0.3),
        same_user: SameUser::InOrder,
        owner: OWNERS[0],
        entries: {
            let naming = if dice.random_bool(0.5) { Naming::Id } else { Naming::EmployeeId };
            (0..dice.random_range(1..=3)).map(|_| wish(dice, users, naming)).collect()
        },
    }
}

/// Everybody once, most of them with what they have: what a listing is read for.
fn nightly(dice: &mut StdRng, users: usize) -> Submission {
    let one = |dice: &mut StdRng, user| {
        let items = (0..dice.random_range(0..=2)).map(|_| (dice.random_range(0..ITEMS), None)).collect();
        Wish { user, naming: Naming::EmployeeId, items, occurred: None }
    };
    Submission {
        target: Target::RoutingSkills,
        mode: *[Mode::Add, Mode::Managed].choose(dice).unwrap(),
        dry_run: dice.random_bool(0.1),
        urgent: false,
        same_user: SameUser::InOrder,
        owner: OWNERS[0],
        entries: (0..users).map(|user| one(dice, user)).collect(),
    }
}

fn wish(dice: &mut StdRng, users: usize, naming: Naming) -> Wish {
    let rating = |dice: &mut StdRng| dice.random_bool(0.5).then(|| dice.random_range(1..=3));
    let items = (0..dice.random_range(0..=3)).map(|_| (dice.random_range(0..ITEMS), rating(dice))).collect();
    let occurred = dice.random_bool(0.3).then(|| dice.random_range(-5..30));
    Wish { user: dice.random_range(0..users), naming, items, occurred }
}

fn scenario(dice: &mut StdRng, seed: u64, users: usize) -> Scenario {
    let window = |calls, seconds| RateLimit { calls, per: Duration::from_secs(seconds) };
    let population = Generated {
        users,
        skills: ITEMS,
        groups: ITEMS,
        skills_per_user: dice.random_range(0..4),
        groups_per_user: dice.random_range(0..4),
        ..Generated::default()
    };
    Scenario {
        seed,
        population: Population::Generated(population),
        limits: Limits { windows: vec![window(10, 1), window(300, 60)], ..Limits::default() },
        behaviour: behaviour(dice),
        ..Scenario::default()
    }
}

fn behaviour(dice: &mut StdRng) -> Behaviour {
    let mut faults: Vec<Fault> = (0..dice.random_range(0..4)).map(|_| fault(dice)).collect();
    // Of two such delays together the request would not arrive before it is given up.
    let mut delays = 0;
    faults.retain(|fault| !matches!(fault.kind, FaultKind::Delay(_)) || std::mem::replace(&mut delays, 1) == 0);
    Behaviour {
        latency: Latency {
            fixed: Duration::from_millis(dice.random_range(2..100)),
            spread: Duration::from_millis(dice.random_range(0..200)),
        },
        conflicts: conflicts(dice),
        faults,
        expand_drops_skills: if dice.random_bool(0.3) { 0.5 } else { 0.0 },
        ..Behaviour::default()
    }
}

fn share(dice: &mut StdRng) -> Share {
    Share::Rate(if dice.random_bool(0.35) { 0.5 } else { 0.0 })
}

fn conflicts(dice: &mut StdRng) -> Conflicts {
    let shapes = [
        ConflictShape::GeneralConflict,
        ConflictShape::VersionMessage,
        ConflictShape::ScimInvalidVersion,
        ConflictShape::Timeout,
    ];
    let routes = [Route::WfmWrite, Route::UserSkillsAdd, Route::UserSkillsReplace, Route::UserSkillRemove];
    let maybe = |dice: &mut StdRng| dice.random_bool(0.4).then(|| *shapes.choose(dice).unwrap());
    let shapes: BTreeMap<_, _> = routes.iter().filter_map(|route| Some((*route, maybe(dice)?))).collect();
    let blocked = Blocked { share: Share::Rate(if dice.random_bool(0.1) { 0.5 } else { 0.0 }), ..Blocked::default() };
    Conflicts {
        foreign_writer: ForeignWriter {
            share: share(dice),
            times: dice.random_range(1..=3),
            touches_ordinary: dice.random_bool(0.5),
        },
        read_lag: ReadLag {
            share: share(dice),
            lag: Duration::from_millis(dice.random_range(200..8_000)),
            times: dice.random_range(0..=2),
            own_writes: dice.random_bool(0.5),
        },
        busy: Busy { share: share(dice), lasts: Duration::from_millis(dice.random_range(100..8_000)) },
        blocked,
        stale_window: StaleWindow {
            writes_per_second: if dice.random_bool(0.2) { dice.random_range(0.1..1.0) } else { 0.0 },
            target: target(dice),
            touches_ordinary: dice.random_bool(0.5),
            until: Some(Duration::from_millis(SPAN)),
        },
        shapes,
    }
}

fn fault(dice: &mut StdRng) -> Fault {
    let writes = [Route::WfmWrite, Route::UserSkillsAdd, Route::UserSkillsReplace, Route::UserSkillRemove];
    let reads = [Route::WfmRead, Route::UserSkillsRead, Route::Users, Route::User];
    let anywhere = [Route::WfmWrite, Route::UserSkillsAdd, Route::WfmRead, Route::UserSkillsRead];
    let moment = if dice.random_bool(0.6) { Moment::AfterEffect } else { Moment::BeforeEffect };
    let body = *[Body::Json, Body::Empty, Body::NotJson].choose(dice).unwrap();
    let status = *[408, 500, 502, 503, 504].choose(dice).unwrap();
    let (routes, kind): (&[Route], _) = match dice.random_range(0..6) {
        0 | 1 => (&writes, FaultKind::Status { status, moment, body }),
        2 => (&writes, FaultKind::Reset { moment }),
        3 => (&reads, FaultKind::Status { status, moment: Moment::BeforeEffect, body }),
        4 => (&anywhere, FaultKind::RateLimited { retry_after: Duration::from_secs(dice.random_range(1..5)) }),
        _ if dice.random_bool(0.5) => {
            (&anywhere, FaultKind::Delay(Latency { fixed: Duration::from_secs(70), spread: Duration::ZERO }))
        }
        _ => (&anywhere, FaultKind::Garbled { body: Body::NotJson }),
    };
    Fault::on(routes, kind).at_rate(dice.random_range(0.2..1.0)).at_most(dice.random_range(1..4))
}
