//! Removal thresholds: what is held, what it costs to find out, and what becomes of a held job.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use genesys_simulator::{
    Assignment, Fault, FaultKind, Generated, Latency, Outage, Population, Route, Scenario, Simulator,
    Target as SimTarget,
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use skillsync::app;
use skillsync::config::Config;
use skillsync::domain::entry::EntryRequest;
use skillsync::domain::job::{JobSpec, JobStatus, SameUser};
use skillsync::domain::{EntryState, JobId, Mode, Target, UserId, UserRef};
use skillsync::engine::JobSnapshot;
use tower::ServiceExt;

use crate::bed::{Bed, employee, in_state};

const USERS: usize = 50;

fn org(groups_per_user: usize) -> Scenario {
    let population = Generated { users: USERS, groups: 12, groups_per_user, ..Generated::default() };
    Scenario { population: Population::Generated(population), ..Scenario::default() }
}

async fn submit(bed: &Bed, mode: Mode, users: usize, groups: &[&str]) -> JobId {
    bed.submit(Target::WfmSkillGroups, mode, (1..=users).map(|n| employee(n, groups)).collect()).await
}

/// Waits until a job has ended or is held.
async fn decided(bed: &Bed, job: JobId) -> JobSnapshot {
    let mut revisions = bed.service.engine.watch(job).unwrap();
    loop {
        let snapshot = bed.service.engine.job(job).unwrap();
        if snapshot.finished_at.is_some() || snapshot.status == JobStatus::Held {
            return snapshot;
        }
        revisions.changed().await.unwrap();
    }
}

/// Everybody has these, and they are ours.
async fn assigned(bed: &Bed, groups: &[&str]) {
    let job = submit(bed, Mode::Managed, USERS, groups).await;
    assert_eq!(decided(bed, job).await.status, JobStatus::Completed);
}

async fn call(bed: &Bed, method: Method, path: String) -> (u16, Value) {
    call_as(bed, None, method, path).await
}

/// The same with keys configured, and one of them sent.
async fn call_as(bed: &Bed, key: Option<&str>, method: Method, path: String) -> (u16, Value) {
    let minimal = "[genesys]\napi_url = 'http://g'\nlogin_url = 'http://g'\nclient_id = 'i'\nclient_secret = 's'";
    let of = |name: &str| {
        let (digest, mut sum) = (Sha256::digest(name), String::new());
        digest.iter().for_each(|byte| write!(sum, "{byte:02x}").unwrap());
        format!("\n[[server.api_keys]]\nname = '{name}'\nsha256 = '{sum}'\nrole = '{name}'")
    };
    let keys = key.map(|_| of("submit") + &of("admin")).unwrap_or_default();
    let config = Config::from_toml(&format!("{minimal}{keys}")).unwrap();
    let router = app::router(&config, &bed.service, &bed.lifecycle);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {}", key.unwrap_or_default()));
    let request = request.body(Body::empty()).unwrap();
    let answer = router.oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(&to_bytes(answer.into_body(), usize::MAX).await.unwrap()).unwrap())
}

/// Reads and writes that Genesys has seen.
fn calls(simulator: &Simulator) -> (usize, usize) {
    let count = |route| simulator.ledger().requests().iter().filter(|request| request.route == route).count();
    (count(Route::WfmRead), count(Route::WfmWrite))
}

#[tokio::test(start_paused = true)]
async fn a_job_that_takes_too_much_away_is_held_with_a_summary_until_it_is_applied() {
    let bed = Bed::start(&org(0), "");
    assigned(&bed, &["Group 1", "Group 2"]).await;
    let before = calls(&bed.simulator);
    let job = submit(&bed, Mode::Managed, USERS, &["Group 2"]).await;
    decided(&bed, job).await;
    let path = format!("/v1/sync-jobs/{job}");
    let (_, view) = call(&bed, Method::GET, path.clone()).await;
    assert_eq!((&view["status"], &view["counts"]["held"]), (&"held".into(), &USERS.into()), "{view}");
    assert!(view["finishedAt"].is_null() && view["estimatedFinishAt"].is_null(), "it waits for somebody, {view}");
    let held = &view["held"];
    assert_eq!((&held["users"], &held["usersPercent"]), (&50.into(), &100.0.into()), "{held}");
    assert_eq!(held["skills"].as_array().unwrap().len(), 1);
    assert_eq!(held["skills"][0]["name"], "Group 1");
    assert_eq!((&held["skills"][0]["users"], &held["skills"][0]["holdersPercent"]), (&50.into(), &100.0.into()));
    let message = held["message"].as_str().unwrap();
    assert!(message.contains("50 of its 50 users") && message.contains("\"Group 1\""), "{message}");
    let (_, entries) = call(&bed, Method::GET, format!("{path}/entries?state=held&limit=1")).await;
    assert!(entries["items"][0]["message"].as_str().unwrap().contains("apply"), "{entries}");
    let (_, list) = call(&bed, Method::GET, "/v1/sync-jobs?status=held".to_owned()).await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert_eq!(calls(&bed.simulator), (before.0 + USERS, before.1), "read, and nothing written");

    let (status, view) = call(&bed, Method::POST, format!("{path}/apply")).await;
    assert_eq!((status, &view["id"]), (202, &job.to_string().into()), "the same job goes on");
    assert!(view["held"].is_null() && view["status"] != "held", "{view}");
    let (status, again) = call(&bed, Method::POST, format!("{path}/apply")).await;
    assert_eq!((status, &again["id"]), (202, &view["id"]), "once is enough, and twice does no harm");
    let done = decided(&bed, job).await;
    assert_eq!((done.status, in_state(&done, EntryState::Applied)), (JobStatus::Completed, 50));
    assert_eq!(done.conflicts.total(), 0);
    assert_eq!(calls(&bed.simulator), (before.0 + USERS, before.1 + USERS), "what was weighed is not read again");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_take_too_much_away_is_not_weighed() {
    let bed = Bed::start(&org(4), "");
    assigned(&bed, &["Group 1", "Group 2"]).await;
    let before = calls(&bed.simulator);
    // Ten of fifty lose a group: a fifth is not more than a fifth.
    let entries = (1..=USERS).map(|n| employee(n, if n <= 10 { &["Group 2"] } else { &["Group 1", "Group 2"] }));
    let job = bed.submit(Target::WfmSkillGroups, Mode::Managed, entries.collect()).await;
    assert_eq!(decided(&bed, job).await.status, JobStatus::Completed);
    // Who loses nothing is read once, to know that there is nothing to do; who does is written without a read.
    assert_eq!(calls(&bed.simulator), (before.0 + USERS - 10, before.1 + 10));
}

#[tokio::test(start_paused = true)]
async fn what_users_really_have_is_what_counts() {
    let bed = Bed::start(&org(0), "");
    let job = submit(&bed, Mode::Remove, USERS, &["Group 1"]).await;
    let done = decided(&bed, job).await;
    assert_eq!((done.status, in_state(&done, EntryState::Unchanged)), (JobStatus::Completed, 50), "nobody has it");
}

#[tokio::test(start_paused = true)]
async fn one_skill_taken_from_most_of_those_who_have_it_is_too_much() {
    let bed = Bed::start(&org(0), "[sync]\nhold_users_percent = 100");
    let group = bed.simulator.catalogue(SimTarget::WfmSkillGroups)[0].id;
    for user in bed.simulator.users().iter().take(36) {
        bed.simulator.foreign_set(user.id, SimTarget::WfmSkillGroups, &[Assignment::group(group)]);
    }
    for (takers, status) in [(18, JobStatus::Completed), (26, JobStatus::Held)] {
        let entries = (1..=USERS).map(|n| employee(n, if n <= takers { &[] } else { &["Group 1"] })).collect();
        let job = bed.submit(Target::WfmSkillGroups, Mode::Replace, entries).await;
        let job = decided(&bed, job).await;
        assert_eq!(job.status, status, "{takers} {:?}", job.hold);
        bed.service.engine.cancel(job.id).await;
        // Now everybody has it.
        let job = submit(&bed, Mode::Add, USERS, &["Group 1"]).await;
        bed.finish(job).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_held_job_goes_on_only_for_an_admin_and_anybody_who_submits_may_cancel_it() {
    let bed = Bed::start(&org(4), "");
    for (verb, submit_may) in [("apply", 403), ("cancel", 200)] {
        let job = submit(&bed, Mode::Replace, USERS, &[]).await;
        assert_eq!(decided(&bed, job).await.status, JobStatus::Held);
        let path = format!("/v1/sync-jobs/{job}/{verb}");
        assert_eq!(call_as(&bed, Some("submit"), Method::POST, path.clone()).await.0, submit_may, "{verb}");
        assert_eq!(bed.service.engine.job(job).unwrap().status == JobStatus::Held, verb == "apply");
    }
    let job = submit(&bed, Mode::Replace, USERS, &[]).await;
    decided(&bed, job).await;
    assert_eq!(call_as(&bed, Some("admin"), Method::POST, format!("/v1/sync-jobs/{job}/apply")).await.0, 202);
}

#[tokio::test(start_paused = true)]
async fn a_held_job_that_is_cancelled_has_done_nothing() {
    let bed = Bed::start(&org(4), "");
    let job = submit(&bed, Mode::Replace, USERS, &[]).await;
    assert_eq!(decided(&bed, job).await.status, JobStatus::Held);
    let (_, view) = call(&bed, Method::POST, format!("/v1/sync-jobs/{job}/cancel")).await;
    assert_eq!((&view["status"], &view["counts"]["cancelled"]), (&"cancelled".into(), &USERS.into()), "{view}");
    assert!(view["held"].is_null() && view["finishedAt"].is_string(), "{view}");
    assert_eq!(call(&bed, Method::POST, format!("/v1/sync-jobs/{job}/apply")).await.0, 409);
    assert_eq!(bed.simulator.statistics().client_writes, 0);
    assert_eq!((bed.service.engine.occupied_slots(), bed.service.engine.open_entries()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_restart_finds_a_held_job_held_and_a_released_one_released() {
    let bed = Bed::start(&org(4), "");
    let job = submit(&bed, Mode::Replace, USERS, &[]).await;
    let hold = decided(&bed, job).await.hold;
    let restart = |bed: Bed| {
        bed.lifecycle.begin_stop();
        Bed::resume(bed.simulator.clone(), Arc::clone(&bed.kept), &org(4))
    };
    let bed = restart(bed);
    let before = calls(&bed.simulator);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let found = bed.service.engine.job(job).unwrap();
    assert_eq!((found.status, &found.hold), (JobStatus::Held, &hold));
    assert_eq!(calls(&bed.simulator), before, "it is not weighed again");
    bed.service.engine.release(job).await.unwrap().unwrap();
    // At once, and then in the middle of it.
    let bed = restart(bed);
    tokio::time::sleep(Duration::from_secs(4)).await;
    let bed = restart(bed);
    let done = decided(&bed, job).await;
    assert_eq!((done.status, in_state(&done, EntryState::Held)), (JobStatus::Completed, 0));
    assert!(bed.simulator.users().iter().all(|user| user.groups.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn what_is_released_late_does_not_undo_what_came_after_it() {
    let bed = Bed::start(&org(4), "");
    let job = submit(&bed, Mode::Replace, USERS, &[]).await;
    assert_eq!(decided(&bed, job).await.status, JobStatus::Held);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let newer = bed.submit(Target::WfmSkillGroups, Mode::Add, vec![employee(1, &["Group 1"])]).await;
    bed.finish(newer).await;
    bed.service.engine.release(job).await.unwrap().unwrap();
    let done = decided(&bed, job).await;
    assert_eq!(in_state(&done, EntryState::Applied), 50);
    // It is folded below what came after it: what that added stays, and everything else goes.
    let added: Vec<_> = bed.entries(newer)[0].result.effects.difference.added.iter().map(|(id, _)| id.0).collect();
    assert_eq!(added.len(), 1);
    assert_eq!(bed.simulator.users()[0].groups, added);
    assert!(bed.simulator.users()[1..].iter().all(|user| user.groups.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn a_job_is_weighed_at_its_place_below_what_came_after_it() {
    let mut slow = org(0);
    let page = Latency { fixed: Duration::from_secs(30), spread: Duration::ZERO };
    slow.behaviour.faults = vec![Fault::on(&[Route::Users], FaultKind::Delay(page))];
    let bed = Bed::start(&slow, "");
    let nightly = submit(&bed, Mode::Managed, USERS, &["Group 1"]).await;
    let changed: Vec<_> = bed.simulator.users().into_iter().take(30).map(|user| user.id).collect();
    let by_id = |id| EntryRequest { user: UserRef::Id(UserId(id)), ..employee(0, &["Group 2"]) };
    for id in changed {
        let newer = bed.submit(Target::WfmSkillGroups, Mode::Managed, vec![by_id(id)]).await;
        assert_eq!(in_state(&decided(&bed, newer).await, EntryState::Applied), 1);
    }
    assert_eq!(bed.service.engine.job(nightly).unwrap().counts.open(), 50);
    // By what everybody has now it would take the second group from all thirty who have it.
    let done = decided(&bed, nightly).await;
    assert_eq!(done.status, JobStatus::Completed, "{:?}", done.hold);
    assert_eq!((in_state(&done, EntryState::Applied), in_state(&done, EntryState::Superseded)), (20, 30));
}

#[tokio::test(start_paused = true)]
async fn weighing_waits_out_an_outage_and_ends_with_a_cancelled_job() {
    let bed = Bed::start(&org(4), "");
    let first = submit(&bed, Mode::Replace, USERS, &[]).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    bed.simulator.set_outage(Some(Outage::Unavailable));
    tokio::time::sleep(Duration::from_secs(600)).await;
    let (read, written) = calls(&bed.simulator);
    assert!(read > 0 && written == 0 && bed.service.engine.job(first).unwrap().status != JobStatus::Held);
    bed.simulator.set_outage(None);
    assert_eq!(decided(&bed, first).await.status, JobStatus::Held);

    let second = submit(&bed, Mode::Replace, USERS, &[]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = calls(&bed.simulator).0;
    bed.service.engine.cancel(second).await;
    assert_eq!(decided(&bed, second).await.status, JobStatus::Cancelled);
    tokio::time::sleep(Duration::from_secs(600)).await;
    let after = calls(&bed.simulator).0;
    assert!(after < before + USERS / 2, "{before} {after}");
}

fn replacing() -> JobSpec {
    JobSpec { same_user: SameUser::InOrder, ..JobSpec::new(Target::WfmSkillGroups, Mode::Replace) }
}

#[tokio::test(start_paused = true)]
async fn what_needs_an_admin_needs_one_by_way_of_a_plan_too() {
    let bed = Bed::start(&org(0), "");
    assigned(&bed, &["Group 1", "Group 2"]).await;
    for (key, goes_on) in [("submit", false), ("admin", true)] {
        let before = calls(&bed.simulator);
        let spec = JobSpec { dry_run: true, ..replacing() };
        let everybody = (1..=USERS).map(|n| employee(n, &[])).collect();
        let plan = bed.service.engine.submit(spec, everybody).await.unwrap().id;
        assert_eq!(in_state(&decided(&bed, plan).await, EntryState::Planned), 50);
        let (status, applied) = call_as(&bed, Some(key), Method::POST, format!("/v1/sync-jobs/{plan}/apply")).await;
        assert_eq!(status, 202, "{applied}");
        let applied: JobId = JobId(applied["id"].as_str().unwrap().parse().unwrap());
        let decision = decided(&bed, applied).await;
        if goes_on {
            assert_eq!(in_state(&decision, EntryState::Applied), 50, "{decision:?}");
            continue;
        }
        assert_eq!(decision.status, JobStatus::Held, "{decision:?}");
        assert_eq!(calls(&bed.simulator).1, before.1, "nothing is written");
        // Nor by a retry of what is held.
        let (status, again) = call_as(&bed, Some(key), Method::POST, format!("/v1/sync-jobs/{applied}/retry")).await;
        assert_eq!(status, 202, "{again}");
        let again = JobId(again["id"].as_str().unwrap().parse().unwrap());
        assert_eq!(decided(&bed, again).await.status, JobStatus::Held);
        for held in [applied, again] {
            let (status, _) = call_as(&bed, Some(key), Method::POST, format!("/v1/sync-jobs/{held}/apply")).await;
            assert_eq!(status, 403);
            bed.service.engine.cancel(held).await.unwrap();
        }
    }
}
