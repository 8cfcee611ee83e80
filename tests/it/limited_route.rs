//! A limit of one route holds up nobody who does not use it.

use std::time::Duration;

use skillsync::domain::{EntryState, Mode, Target};
use skillsync::simulator::{Generated, Limits, Population, RateLimit, Route, RouteLimit, Scenario};
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

/// How long a job of 60 users takes on the target without a limit of its own.
async fn free_target(beside_a_limited_one: bool) -> Duration {
    let bed = Bed::start(&org(), "");
    let limited = if beside_a_limited_one {
        let entries = (1..=200).map(|n| employee(n, &["Skill 1"])).collect();
        Some(bed.submit(Target::RoutingSkills, Mode::Add, entries).await)
    } else {
        None
    };
    // Until the limit is known, and the minute is over in which it was learned.
    sleep(Duration::from_secs(180)).await;
    let begun = Instant::now();
    let entries = (201..=260).map(|n| employee(n, &["Group 1"])).collect();
    let job = bed.submit(Target::WfmSkillGroups, Mode::Add, entries).await;
    let done = bed.finish(job).await;
    let took = begun.elapsed();
    assert_eq!(in_state(&done, EntryState::Failed), 0);
    if let Some(limited) = limited {
        let open = bed.service.engine.job(limited).unwrap().counts.open();
        assert!(open > 100, "the limited job was still at it: {open}");
    }
    took
}

#[tokio::test(start_paused = true)]
async fn a_limited_route_leaves_the_other_target_as_fast_as_alone() {
    let (alone, beside) = (free_target(false).await, free_target(true).await);
    println!("alone {alone:?}, beside a limited target {beside:?}");
    assert!(beside.as_secs_f64() <= alone.as_secs_f64() * 1.1, "{beside:?} instead of {alone:?}");
}
