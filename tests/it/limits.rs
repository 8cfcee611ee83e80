//! What Genesys says about its limits, from the answer to what a caller of the service sees.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use genesys_simulator::{
    Behaviour, Fault, FaultKind, Generated, Limits, Population, RateLimit, Route, RouteLimit, Scenario,
};
use serde_json::Value;
use skillsync::app;
use skillsync::config::Config;
use skillsync::domain::job::JobStatus;
use skillsync::domain::{EntryState, Mode, Target};
use skillsync::lifecycle::Lifecycle;
use tokio::time::{Instant, sleep};
use tower::ServiceExt;

use crate::bed::{Bed, employee, in_state};

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn org(users: usize, faults: Vec<Fault>) -> Scenario {
    Scenario {
        seed: 5,
        population: Population::Generated(Generated { users, ..Generated::default() }),
        behaviour: Behaviour { faults, ..Behaviour::default() },
        ..Scenario::default()
    }
}

async fn submit(bed: &Bed, users: usize) -> skillsync::domain::JobId {
    bed.submit(Target::WfmSkillGroups, Mode::Add, (1..=users).map(|n| employee(n, &["Group 1"])).collect()).await
}

#[tokio::test(start_paused = true)]
async fn a_pause_of_ten_minutes_parks_the_job_without_seats_and_it_goes_on_by_itself() {
    let kind = FaultKind::RateLimited { retry_after: secs(600) };
    let fault = Fault::on(&[Route::WfmRead], kind).during(secs(5), secs(3600)).at_most(1);
    let bed = Bed::start(&org(200, vec![fault]), "");
    let began = Instant::now();
    let job = submit(&bed, 200).await;
    sleep(secs(15)).await;
    let parked = bed.service.engine.job(job).unwrap();
    assert_eq!(parked.status, JobStatus::Parked, "{parked:?}");
    let until = parked.parked_until.unwrap().duration_since(parked.created_at).as_secs();
    assert!((604..=607).contains(&until), "{until}");
    assert_eq!((in_state(&parked, EntryState::Running), in_state(&parked, EntryState::Pending)), (0, 0), "no seats");
    assert_eq!(bed.service.rate_limiter.snapshot().waiting(), 0, "nobody sleeps in the rate limiter");
    let waiting = bed.entries(job).into_iter().find(|entry| entry.state == EntryState::Waiting).unwrap();
    let message = waiting.result.message.unwrap();
    assert!(message.contains("limit"), "{message}");

    let made = parked.calls_made;
    sleep(secs(560)).await;
    assert_eq!(bed.service.engine.job(job).unwrap().calls_made, made, "nothing is sent meanwhile");
    let job = bed.finish(job).await;
    assert_eq!((job.status, job.parked_until), (JobStatus::Completed, None));
    assert_eq!(in_state(&job, EntryState::Failed), 0);
    println!("done after {:?}", began.elapsed());
    assert!(began.elapsed() < secs(600 + 100));
}

#[tokio::test(start_paused = true)]
async fn a_long_pause_before_the_first_read_parks_the_job_as_well() {
    let kind = FaultKind::RateLimited { retry_after: secs(600) };
    let bed = Bed::start(&org(20, vec![Fault::on(&[], kind).at_most(1)]), "");
    let job = submit(&bed, 20).await;
    sleep(secs(5)).await;
    let parked = bed.service.engine.job(job).unwrap();
    assert_eq!(parked.status, JobStatus::Parked, "{parked:?}");
    assert!(parked.parked_until.is_some());
    assert!(bed.entries(job).iter().all(|entry| entry.result.message.as_deref().unwrap().contains("429")));
    assert_eq!(bed.finish(job).await.status, JobStatus::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_one_route_is_learned_and_met_only_once() {
    let own = RouteLimit {
        routes: vec![Route::WfmWrite],
        limit: RateLimit { calls: 60, per: secs(60) },
        key: "assignments.write.rate.per.minute".to_owned(),
        namespace: "workforce.management".to_owned(),
    };
    let limits = Limits { routes: vec![own], ..Limits::default() };
    let bed = Bed::start(&Scenario { limits, ..org(400, Vec::new()) }, "");
    let job = submit(&bed, 400).await;
    let job = bed.finish(job).await;
    let ledger = bed.simulator.ledger();
    let took = job.finished_at.unwrap().duration_since(job.created_at).as_secs();
    println!("{} refusals, {took} s for {} writes", ledger.rate_limited(), in_state(&job, EntryState::Applied));
    assert_eq!(in_state(&job, EntryState::Failed), 0);
    assert!(ledger.rate_limited() <= 5, "{}", ledger.rate_limited());
    assert_eq!(bed.service.rate_limiter.snapshot().learned_limits.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn headers_that_reveal_others_lower_the_pace_and_it_recovers() {
    let limits = Limits { headers: true, ..Limits::default() };
    let bed = Bed::start(&Scenario { limits, ..org(300, Vec::new()) }, "");
    let job = submit(&bed, 300).await;
    sleep(secs(10)).await;
    bed.simulator.use_up_rate(200);
    let job = bed.finish(job).await;
    let took = job.finished_at.unwrap().duration_since(job.created_at).as_secs();
    println!("{took} s, {} refusals", bed.simulator.ledger().rate_limited());
    assert_eq!(bed.simulator.ledger().rate_limited(), 0, "seen in time");
    assert!((120..=200).contains(&took), "{took}");
    assert_eq!(bed.service.rate_limiter.snapshot().left_by_others, None);
}

#[tokio::test(start_paused = true)]
async fn the_limits_can_be_looked_at() {
    let kind = FaultKind::RateLimited { retry_after: secs(600) };
    let bed = Bed::start(&org(20, vec![Fault::on(&[Route::WfmWrite], kind).at_most(1)]), "");
    submit(&bed, 20).await;
    sleep(secs(15)).await;
    let minimal = "[genesys]\napi_url = 'http://g'\nlogin_url = 'http://g'\nclient_id = 'i'\nclient_secret = 's'";
    let router = app::router(&Config::from_toml(minimal).unwrap(), &bed.service, &Lifecycle::default());
    let answer = router.oneshot(Request::get("/v1/limits").body(Body::empty()).unwrap()).await.unwrap();
    let limits: Value = serde_json::from_slice(&to_bytes(answer.into_body(), usize::MAX).await.unwrap()).unwrap();
    assert_eq!(limits["windows"][1]["calls"], 300);
    assert_eq!(limits["windows"][1]["periodSeconds"], 60.0);
    assert!(limits["pausedUntil"].as_str().unwrap().starts_with("2026-11-22T22:10:"), "{limits}");
    assert_eq!(limits["lanes"][2]["lane"], "bulk");
    assert!(limits["lanes"][2]["granted"].as_u64().unwrap() > 0);
    assert_eq!(limits["breaker"]["open"], false);
}
