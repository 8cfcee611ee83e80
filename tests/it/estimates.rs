//! When a job says that it will be done, against when it is: at a tenth, at half and at nine tenths of its time.
//!
//! Prints the table of `docs/API.md`: `cargo test --test it estimates -- --nocapture`.

use std::time::Duration;

use futures_util::future::{Either, select};
use genesys_simulator::{
    Behaviour, Generated, Latency, Limits, Population, RateLimit, Route, RouteLimit, Scenario, SimUser,
    Target as SimTarget, UserState,
};
use skillsync::domain::entry::{AssignmentName, EntryRequest, ListedAssignment};
use skillsync::domain::job::{JobSpec, Lane, SameUser};
use skillsync::domain::{AssignmentId, EntryState, JobId, Mode, Proficiency, Target, UserRef};
use tokio::time::{Instant, sleep};

use crate::bed::{Bed, employee};
use crate::main_job::original_report;

/// How far an estimated end may lie from the true one, in percent of the time that the job takes in all; and estimated
/// calls from those made.
const TOLERANCE: f64 = 10.0;

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn org(users: usize, latency: Duration) -> Scenario {
    let population = Generated { users, groups: 30, groups_per_user: 0, ..Generated::default() };
    let latency = Latency { fixed: latency, spread: Duration::ZERO };
    Scenario {
        seed: 5,
        population: Population::Generated(population),
        behaviour: Behaviour { latency, ..Behaviour::default() },
        ..Scenario::default()
    }
}

fn plain(users: usize) -> Scenario {
    org(users, Duration::from_millis(50))
}

fn all(users: std::ops::RangeInclusive<usize>, group: &str) -> Vec<EntryRequest> {
    users.map(|n| employee(n, &[group])).collect()
}

async fn add(bed: &Bed, entries: Vec<EntryRequest>) -> JobId {
    bed.submit(Target::WfmSkillGroups, Mode::Add, entries).await
}

/// What was estimated at one moment, in seconds since the job was accepted.
struct Told {
    at: f64,
    end: f64,
    calls: u32,
}

/// A row of the table: what was off at each of the moments, in percent.
struct Row {
    took: f64,
    end: [f64; 3],
    calls: [f64; 3],
}

/// Looks at a job until it has ended, and holds what it said against what came.
async fn watch(bed: &Bed, job: JobId) -> Row {
    let (began, engine, mut told) = (Instant::now(), &bed.service.engine, Vec::new());
    let done = loop {
        let job = engine.job(job).expect("the job exists");
        if job.finished_at.is_some() {
            break job;
        }
        let forecast = engine.forecast(&job);
        let end = forecast.ends_at.expect("an open job has an end").duration_since(job.created_at).as_secs_f64();
        told.push(Told { at: began.elapsed().as_secs_f64(), end, calls: job.calls_made + forecast.calls_ahead });
        sleep(Duration::from_millis(500)).await;
    };
    let took = done.finished_at.expect("it has ended").duration_since(done.created_at).as_secs_f64();
    let at =
        |share: f64| told.iter().find(|told| told.at >= share * took).unwrap_or_else(|| told.last().expect("looked"));
    let moments = [0.1, 0.5, 0.9].map(at);
    let off = |estimate: f64, truth: f64| 100.0 * (estimate - truth) / truth;
    Row {
        took,
        end: moments.map(|told| off(told.end, took)),
        calls: moments.map(|told| off(f64::from(told.calls), f64::from(done.calls_made))),
    }
}

/// The same while something else goes on, for as long as the job takes.
async fn watch_beside(bed: &Bed, job: JobId, beside: impl Future<Output = ()>) -> Row {
    match select(Box::pin(watch(bed, job)), Box::pin(beside)).await {
        Either::Left((row, _)) => row,
        Either::Right(((), watching)) => watching.await,
    }
}

fn show(name: &str, row: &Row) {
    let cells = |of: [f64; 3]| of.map(|percent| format!("{percent:+.0} %")).join(" | ");
    println!("| {name} | {:.0} s | {} | {} |", row.took, cells(row.end), cells(row.calls));
}

fn check(name: &str, row: &Row) {
    show(name, row);
    for off in row.end.iter().chain(&row.calls) {
        assert!(off.abs() <= TOLERANCE, "{name}: {off:.1} % off, at most {TOLERANCE} % are said");
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_job_that_has_the_service_to_itself() {
    let bed = Bed::start(&plain(1000), "");
    let job = add(&bed, all(1..=1000, "Group 1")).await;
    check("alone, 1,000 users", &watch(&bed, job).await);
}

#[tokio::test(start_paused = true)]
async fn of_a_job_that_finds_half_of_the_users_done() {
    let bed = Bed::start(&plain(1000), "[sync]\nwrite_without_read = false");
    bed.finish(add(&bed, all(1..=1000, "Group 1").into_iter().step_by(2).collect()).await).await;
    let job = add(&bed, all(1..=1000, "Group 1")).await;
    check("half of 1,000 users unchanged", &watch(&bed, job).await);
}

#[tokio::test(start_paused = true)]
async fn of_a_small_and_a_large_job_side_by_side() {
    let bed = Bed::start(&plain(3000), "");
    let large = add(&bed, all(1..=2000, "Group 1")).await;
    sleep(secs(60)).await;
    let small = add(&bed, all(2001..=2200, "Group 2")).await;
    let (large, small) = tokio::join!(watch(&bed, large), watch(&bed, small));
    check("200 users beside 2,000", &small);
    check("2,000 users beside 200", &large);
}

#[tokio::test(start_paused = true)]
async fn of_a_job_that_meets_conflicts() {
    for users in [2000, 500] {
        let bed = Bed::start(&original_report(users, 2026), "");
        let job = bed.submit(Target::WfmSkillGroups, Mode::Managed, all(1..=users, "Group 1")).await;
        let row = watch(&bed, job).await;
        show(&format!("15 % conflicts, 3 of {users} users blocked"), &row);
        // Who is blocked is known only once their conflicts were waited out, which takes two minutes.
        let unforeseen = 100.0 * 120.0 / row.took;
        assert!(row.end.iter().all(|off| off.abs() <= TOLERANCE + unforeseen), "{:?}", row.end);
        assert!(row.calls.iter().all(|off| off.abs() <= TOLERANCE), "{:?}", row.calls);
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_job_whose_users_are_known() {
    let bed = Bed::start(&plain(1000), "");
    bed.finish(add(&bed, all(1..=500, "Group 1")).await).await;
    let job = add(&bed, all(1..=500, "Group 2")).await;
    check("500 users of known version", &watch(&bed, job).await);
    let job = add(&bed, all(1..=1000, "Group 3")).await;
    check("500 users of known version, 500 of unknown", &watch(&bed, job).await);
}

fn as_it_is(user: &SimUser) -> EntryRequest {
    let listed = user.skills.iter().map(|skill| ListedAssignment {
        name: AssignmentName::Id(AssignmentId(skill.id)),
        proficiency: skill.proficiency.and_then(Proficiency::new),
        because: None,
        left_as_is: false,
    });
    let user = UserRef::EmployeeId(user.employee_id.clone().expect("generated ones have one").into());
    EntryRequest { reference: None, user, assignments: listed.collect(), occurred_at: None }
}

#[tokio::test(start_paused = true)]
async fn of_a_night_in_which_a_listing_ends_most_entries() {
    let bed = Bed::start(&plain(9000), "");
    let everybody = bed.simulator.users();
    for user in everybody.iter().step_by(20) {
        bed.simulator.foreign_set(user.id, SimTarget::RoutingSkills, &user.skills[1..]);
    }
    let active = everybody.iter().filter(|user| user.state == UserState::Active);
    let job = bed.submit(Target::RoutingSkills, Mode::Managed, active.map(as_it_is).collect()).await;
    check("a night: 9,000 users, 450 changed", &watch(&bed, job).await);
}

#[tokio::test(start_paused = true)]
async fn while_genesys_answers_slowly() {
    let bed = Bed::start(&org(500, secs(5)), "");
    let job = add(&bed, all(1..=500, "Group 1")).await;
    check("5 s a call, 10 in flight", &watch(&bed, job).await);
}

#[tokio::test(start_paused = true)]
async fn while_others_use_up_half_of_each_window() {
    let scenario = Scenario { limits: Limits { headers: true, ..Limits::default() }, ..plain(1000) };
    let bed = Bed::start(&scenario, "");
    let job = add(&bed, all(1..=1000, "Group 1")).await;
    let others = async {
        loop {
            sleep(secs(6)).await;
            bed.simulator.use_up_rate(15);
        }
    };
    check("others use half of the token's calls", &watch_beside(&bed, job, others).await);
}

#[tokio::test(start_paused = true)]
async fn while_a_route_has_a_limit_of_its_own() {
    let own = RouteLimit {
        routes: vec![Route::WfmWrite],
        limit: RateLimit { calls: 60, per: secs(60) },
        key: "assignments.write.rate.per.minute".to_owned(),
        namespace: "workforce.management".to_owned(),
    };
    let bed = Bed::start(&Scenario { limits: Limits { routes: vec![own], ..Limits::default() }, ..plain(600) }, "");
    let job = add(&bed, all(1..=600, "Group 1")).await;
    let row = watch(&bed, job).await;
    show("60 writes a minute", &row);
    // Until the limit is learned, its refusals are taken for what every user costs.
    assert!(row.end.iter().all(|off| off.abs() <= TOLERANCE), "{:?}", row.end);
}

#[tokio::test(start_paused = true)]
async fn while_webhooks_keep_coming_in() {
    let bed = Bed::start(&plain(1500), "");
    let job = add(&bed, all(1..=1000, "Group 1")).await;
    let webhooks = async {
        for n in 1001..=1500 {
            sleep(Duration::from_millis(1500)).await;
            let spec = JobSpec {
                lane: Lane::Interactive,
                same_user: SameUser::InOrder,
                ..JobSpec::new(Target::WfmSkillGroups, Mode::Add)
            };
            bed.service.engine.submit(spec, vec![employee(n, &["Group 2"])]).await.expect("taken");
        }
    };
    check("webhooks take a quarter of the calls", &watch_beside(&bed, job, webhooks).await);
}

#[tokio::test(start_paused = true)]
async fn what_is_cancelled_is_expected_no_more() {
    let bed = Bed::start(&plain(1000), "");
    let kept = add(&bed, all(1..=100, "Group 1")).await;
    let cancelled = add(&bed, all(101..=1000, "Group 1")).await;
    sleep(secs(10)).await;
    let end = || {
        let engine = &bed.service.engine;
        engine.forecast(&engine.job(kept).expect("the job exists")).ends_at.expect("it is open")
    };
    let with_both = end();
    bed.service.engine.cancel(cancelled).await;
    let alone = end();
    let sooner = with_both.duration_since(alone).as_secs();
    assert!((15..=40).contains(&sooner), "{sooner}");
    let done = bed.finish(kept).await;
    assert_eq!(done.counts.of(EntryState::Applied), 100);
    assert_eq!(bed.service.engine.forecast(&done).ends_at, None);
    assert_eq!(bed.service.engine.forecast(&done).calls_ahead, 0);
}
