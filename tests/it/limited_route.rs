//! A limit or a trouble of one route holds up nobody who does not use it.

use std::time::Duration;

use genesys_simulator::{
    Body, Fault, FaultKind, Generated, Limits, Moment, Population, RateLimit, Route, RouteLimit, Scenario,
};
use skillsync::domain::{EntryState, Mode, Target};
use tokio::time::{Instant, sleep};

use crate::bed::{Bed, employee, in_state};

fn org() -> Scenario {
    let per_minute = RateLimit { calls: 10, per: Duration::from_secs(60) };
    let limit = RouteLimit {
        routes: vec![Route::UserSkillsAdd, Route::UserSkillsReplace, Route::UserSkillRemove],
        limit: per_minute,
        key: "skill.assign.rate.per.minute".to_owned(),
        namespace: "routing".to_owned(),
    };
    let population = Generated { users: 400, groups_per_user: 0, skills_per_user: 0, ..Generated::default() };
    Scenario {
        population: Population::Generated(population),
        limits: Limits { routes: vec![limit], ..Limits::default() },
        ..Scenario::default()
    }
}

/// Every call of the partner endpoint fails with 503.
fn org_without_wfm() -> Scenario {
    let status = FaultKind::Status { status: 503, moment: Moment::BeforeEffect, body: Body::Empty };
    let mut scenario = org();
    scenario.limits.routes.clear();
    scenario.behaviour.faults = vec![Fault::on(&[Route::WfmRead, Route::WfmWrite], status)];
    scenario
}

/// How long a job of 60 users takes on one target, three minutes after a job of 200 began that cannot get on on the other.
async fn free_target(scenario: &Scenario, (free, listed): (Target, &str), stuck: Option<(Target, &str)>) -> Duration {
    let bed = Bed::start(scenario, "");
    let stuck = if let Some((target, listed)) = stuck {
        let entries = (1..=200).map(|n| employee(n, &[listed])).collect();
        Some(bed.submit(target, Mode::Add, entries).await)
    } else {
        None
    };
    // Until the limit or the trouble is known, and the minute is over in which it was learned.
    sleep(Duration::from_secs(180)).await;
    let begun = Instant::now();
    let entries = (201..=260).map(|n| employee(n, &[listed])).collect();
    let job = bed.submit(free, Mode::Add, entries).await;
    let done = bed.finish(job).await;
    let took = begun.elapsed();
    assert_eq!(in_state(&done, EntryState::Failed), 0);
    if let Some(stuck) = stuck {
        let open = bed.service.engine.job(stuck).unwrap().counts.open();
        assert!(open > 100, "the other job was still at it: {open}");
    }
    took
}

const SKILLS: (Target, &str) = (Target::RoutingSkills, "Skill 1");
const GROUPS: (Target, &str) = (Target::WfmSkillGroups, "Group 1");

async fn is_as_fast_as_alone(scenario: &Scenario, free: (Target, &str), stuck: (Target, &str)) {
    let (alone, beside) = (free_target(scenario, free, None).await, free_target(scenario, free, Some(stuck)).await);
    println!("{free:?}: alone {alone:?}, beside {stuck:?} {beside:?}");
    assert!(beside.as_secs_f64() <= alone.as_secs_f64() * 1.1, "{beside:?} instead of {alone:?}");
}

#[tokio::test(start_paused = true)]
async fn a_limited_route_leaves_the_other_target_as_fast_as_alone() {
    is_as_fast_as_alone(&org(), GROUPS, SKILLS).await;
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_down_leaves_the_other_target_as_fast_as_alone() {
    is_as_fast_as_alone(&org_without_wfm(), SKILLS, GROUPS).await;
}
