//! A job over everybody whose listing takes long, while small jobs change some of its users: the small ones are newer.
//!
//! For 10,000 users whose listing takes a minute: `NIGHT_USERS=10000 NIGHT_PAGE_MS=3000`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use genesys_simulator::{
    Behaviour, Fault, FaultKind, Generated, Latency, Population, Route, Scenario, SimUser, Simulator, Target,
};
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::service::Service;
use crate::process::{job_for, submit};
use crate::sim::setting;

/// For how long small jobs come in.
const CHANGES: Duration = Duration::from_secs(3);
/// Everything has ended after this, or it never does.
const PATIENCE: Duration = Duration::from_secs(600);

fn org(users: usize) -> Simulator {
    let page = Latency { fixed: Duration::from_millis(setting("NIGHT_PAGE_MS", 500)), spread: Duration::ZERO };
    let behaviour = Behaviour {
        latency: Latency { fixed: Duration::from_millis(1), spread: Duration::ZERO },
        faults: vec![Fault::on(&[Route::Users], FaultKind::Delay(page))],
        ..Behaviour::default()
    };
    let population = Generated { users, groups_per_user: 0, skills_per_user: 0, ..Generated::default() };
    let mut scenario = Scenario { population: Population::Generated(population), behaviour, ..Scenario::default() };
    scenario.limits.windows.clear();
    Simulator::new(scenario)
}

/// A job of one row that leaves its user with the second group alone.
fn change(user: &SimUser) -> Value {
    json!({
        "target": "wfmSkillGroups", "mode": "managed", "lane": "interactive",
        "entries": [{ "user": { "email": user.email }, "assignments": [{ "name": "Group 2" }] }]
    })
}

async fn night(users: usize, changes: usize, killed: bool) {
    let settings = vec![("SKILLSYNC__GENESYS__LIMITS", "1000/1s")];
    let mut service = Service::beside(org(users), settings).await;
    let people = service.simulator.users();
    let mut body = job_for(1..=users, "Group 1");
    body["mode"] = json!("managed");
    let nightly = accepted(&service, "nightly", &body).await;
    let newer: Vec<&SimUser> = people.iter().step_by(users / changes).take(changes).collect();
    let mut small = Vec::new();
    for (nth, user) in newer.iter().enumerate() {
        if killed && nth == changes / 2 {
            service.kill();
            service.start().await;
        }
        small.push(accepted(&service, &format!("change-{nth}"), &change(user)).await);
        tokio::time::sleep(CHANGES / u32::try_from(changes).unwrap()).await;
    }
    let begun = Instant::now();
    let mut last = BTreeMap::new();
    for job in small.iter().chain([&nightly]) {
        let path = format!("/v1/sync-jobs/{job}");
        let view = service.client.until(&path, |view| view["finishedAt"].is_string());
        let view = tokio::time::timeout(PATIENCE, view).await.expect("ends");
        last.insert(job.clone(), view);
    }
    println!("{users} users, {changes} changes, killed: {killed}; all ended {:?} after the last one", begun.elapsed());
    check(&service, &newer, &small, &last, &nightly);
    service.end().await;
    assert!(service.violations.is_empty(), "{:?}", service.violations);
}

async fn accepted(service: &Service, key: &str, body: &Value) -> String {
    loop {
        match submit(&service.client, key, body).await {
            Some((200 | 202, job)) => return job["id"].as_str().unwrap().to_owned(),
            Some((429 | 503, _)) | None => tokio::time::sleep(Duration::from_millis(20)).await,
            Some((status, problem)) => panic!("{status} {problem}"),
        }
    }
}

/// Who was changed has the later job's state, everybody else what the night brings; and nobody waited for the listing.
fn check(service: &Service, changed: &[&SimUser], small: &[String], last: &BTreeMap<String, Value>, nightly: &str) {
    let counts = &last[nightly]["counts"];
    let of = |state: &str| counts[state].as_u64().unwrap();
    assert_eq!(of("applied") + of("superseded"), of("total"), "{counts}");
    let groups: BTreeMap<String, Uuid> =
        service.simulator.catalogue(Target::WfmSkillGroups).into_iter().map(|group| (group.name, group.id)).collect();
    let newer: BTreeSet<Uuid> = changed.iter().map(|user| user.id).collect();
    let wrong: Vec<(String, Vec<Uuid>)> = service
        .simulator
        .users()
        .into_iter()
        .filter(|user| {
            let due = groups[if newer.contains(&user.id) { "Group 2" } else { "Group 1" }];
            user.groups != [due]
        })
        .map(|user| (user.name, user.groups))
        .collect();
    let of_newer = wrong.iter().filter(|(name, _)| changed.iter().any(|user| user.name == *name)).count();
    assert!(wrong.is_empty(), "{of_newer} of {} changed users lost their change: {wrong:?}", changed.len());
    for job in small {
        let counts = &last[job]["counts"];
        assert_eq!(counts["applied"], 1, "its group was not there before: {counts}");
    }
    let listed = service.simulator.ledger();
    let listing = listed.requests().iter().filter(|request| request.route == Route::Users);
    assert!(listing.count() > 1, "the listing took several pages");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_during_a_nightly_job_outlast_it() {
    night(users(), changes(), false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_during_a_nightly_job_outlast_it_over_a_kill() {
    night(users(), changes(), true).await;
}

fn users() -> usize {
    usize::try_from(setting("NIGHT_USERS", 1_000)).unwrap()
}

fn changes() -> usize {
    users() / 50
}
