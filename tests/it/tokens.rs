//! Tokens that end, are revoked, are refused or cannot be had, while there is work to do.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use genesys_simulator::{
    Behaviour, Body as FaultBody, Credentials, Fault, FaultKind, Generated, Latency, Limits, Moment, Population,
    RateLimit, Route, Scenario,
};
use skillsync::app;
use skillsync::config::Config;
use skillsync::domain::job::JobStatus;
use skillsync::domain::{EntryState, Mode, Target};
use skillsync::lifecycle::Lifecycle;
use tokio::time::sleep;
use tower::ServiceExt;

use crate::bed::{Bed, employee, in_state};

const USERS: usize = 150;

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn org() -> Scenario {
    Scenario {
        seed: 21,
        population: Population::Generated(Generated { users: USERS, ..Generated::default() }),
        behaviour: Behaviour {
            latency: Latency { fixed: Duration::from_millis(900), ..Latency::default() },
            ..Behaviour::default()
        },
        limits: Limits { windows: Vec::new(), ..Limits::default() },
        ..Scenario::default()
    }
}

/// Enough of a limit to keep ten calls in flight.
const FAST: &str = "limits = '100/1s'";

async fn submit(bed: &Bed) -> skillsync::domain::JobId {
    let entries = (1..=USERS).map(|n| employee(n, &["Group 1"])).collect();
    bed.submit(Target::WfmSkillGroups, Mode::Add, entries).await
}

fn logins(bed: &Bed) -> usize {
    bed.simulator.ledger().requests().iter().filter(|request| request.route == Route::Token).count()
}

async fn readiness(bed: &Bed, lifecycle: &Lifecycle) -> (u16, String) {
    let minimal = "[genesys]\napi_url = 'http://g'\nlogin_url = 'http://g'\nclient_id = 'i'\nclient_secret = 's'";
    let router = app::router(&Config::from_toml(minimal).unwrap(), &bed.service, lifecycle);
    sleep(secs(1)).await;
    let answer = router.oneshot(Request::get("/readyz").body(Body::empty()).unwrap()).await.unwrap();
    let status = answer.status().as_u16();
    (status, String::from_utf8(to_bytes(answer.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn revocation_with_ten_calls_in_flight_costs_one_login_and_at_most_a_second_try_each() {
    let bed = Bed::start(&org(), FAST);
    let job = submit(&bed).await;
    sleep(secs(8)).await;
    assert_eq!(bed.service.rate_limiter.snapshot().in_flight, 10);
    bed.simulator.revoke_tokens();
    let job = bed.finish(job).await;
    assert_eq!(in_state(&job, EntryState::Failed), 0);
    let refused: usize = bed.simulator.ledger().answers().values().filter_map(|answers| answers.get(&401)).sum();
    assert_eq!(logins(&bed), 2);
    // Those under way. What waited in the rate limiter goes with the token that is good when it goes.
    assert!((1..=10).contains(&refused), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_ends_early_does_so_unnoticed() {
    let credentials = Credentials { token_lifetime: secs(10), ..Credentials::default() };
    let bed = Bed::start(&Scenario { credentials, ..org() }, FAST);
    let job = submit(&bed).await;
    let job = bed.finish(job).await;
    assert_eq!(in_state(&job, EntryState::Failed), 0);
    let took = job.finished_at.unwrap().duration_since(job.created_at).as_secs_f64();
    let expected = took / 9.5 + 2.0;
    assert!(logins(&bed) as f64 <= expected, "{} logins in {took} s", logins(&bed));
}

#[tokio::test(start_paused = true)]
async fn with_a_wrong_secret_jobs_wait_and_say_why_and_so_does_readyz() {
    let bed = Bed::start_with_secret(&org(), FAST, "wrong");
    let lifecycle = Lifecycle::default();
    let job = submit(&bed).await;
    sleep(secs(120)).await;
    let waiting = bed.service.engine.job(job).unwrap();
    assert_eq!(in_state(&waiting, EntryState::Waiting) as usize, USERS, "{:?}", waiting.counts);
    let message = bed.entries(job)[0].result.message.clone().unwrap();
    assert!(message.contains("genesys.client_secret"), "{message}");
    let (status, body) = readiness(&bed, &lifecycle).await;
    assert_eq!(status, 503);
    assert!(body.contains("genesys.client_secret"), "{body}");
    assert!(logins(&bed) <= 12, "{} logins in two minutes", logins(&bed));
    assert_eq!(bed.simulator.ledger().api_requests().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_disabled_is_not_answered_with_a_storm_of_logins() {
    let refused = FaultKind::Status { status: 401, moment: Moment::BeforeEffect, body: FaultBody::default() };
    let mut scenario = org();
    scenario.behaviour.faults = vec![Fault::on(&[], refused).during(secs(5), secs(605))];
    let bed = Bed::start(&scenario, FAST);
    let job = submit(&bed).await;
    sleep(secs(300)).await;
    let (status, body) = readiness(&bed, &Lifecycle::default()).await;
    println!("{status} {body} {} logins", logins(&bed));
    assert!(logins(&bed) <= 25, "{}", logins(&bed));
    let job = bed.finish(job).await;
    assert_eq!(job.status, JobStatus::Completed);
    assert_eq!(in_state(&job, EntryState::Failed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_token_endpoint_is_asked_again_later_and_work_goes_on() {
    let throttle = RateLimit { calls: 1, per: secs(120) };
    let mut scenario = org();
    scenario.limits.token_endpoint = Some(throttle);
    let bed = Bed::start(&scenario, FAST);
    let job = submit(&bed).await;
    sleep(secs(6)).await;
    bed.simulator.revoke_tokens();
    sleep(secs(60)).await;
    let (_, body) = readiness(&bed, &Lifecycle::default()).await;
    assert!(body.contains("limits the rate of logins"), "{body}");
    let job = bed.finish(job).await;
    assert_eq!(in_state(&job, EntryState::Failed), 0);
    assert!(logins(&bed) <= 10, "{} logins", logins(&bed));
}
