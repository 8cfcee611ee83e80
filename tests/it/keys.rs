//! Keys that submissions are sent under: the same key is the same job, at once, later, and after a restart.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use futures_util::future::join_all;
use genesys_simulator::{Generated, Population, Scenario};
use http::Request;
use serde_json::{Value, json};
use skillsync::app;
use skillsync::config::Config;
use skillsync::domain::acceptance::KeySpace;
use skillsync::domain::job::{JobSpec, Lane, SameUser};
use skillsync::domain::{JobId, Mode, Target};
use tower::ServiceExt;

use crate::bed::{Bed, employee};

fn scenario() -> Scenario {
    Scenario {
        population: Population::Generated(Generated { users: 60, groups: 5, ..Generated::default() }),
        ..Scenario::default()
    }
}

async fn deliver(bed: &Bed, source: &str, key: &str) -> (JobId, bool) {
    let lane = Lane::Interactive;
    let spec = JobSpec { lane, same_user: SameUser::InOrder, ..JobSpec::new(Target::WfmSkillGroups, Mode::Add) };
    let space = KeySpace::of_deliveries(&source.into());
    let (job, seen_before) = bed.submit_once(&space, key, spec, vec![employee(1, &["Group 1"])]).await.unwrap();
    assert!(bed.service.engine.job(job).is_some(), "who is told of a job can read it");
    (job, seen_before)
}

fn jobs(bed: &Bed) -> usize {
    bed.service.engine.jobs(None, None, 1000).0.len()
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_comes_fifty_times_at_once_and_after_a_restart_is_one_job() {
    let bed = Bed::start(&scenario(), "");
    let told = join_all((0..50).map(|_| deliver(&bed, "workday", "d-1"))).await;
    assert_eq!(told.iter().filter(|(_, seen_before)| !seen_before).count(), 1);
    let (first, _) = told[0];
    assert!(told.iter().all(|(job, _)| *job == first));
    let (other, seen_before) = deliver(&bed, "personio", "d-1").await;
    assert!(other != first && !seen_before, "another source's delivery is another delivery");
    let bed = bed.restart(&scenario(), Duration::from_secs(60)).await;
    let told = join_all((0..50).map(|_| deliver(&bed, "workday", "d-1"))).await;
    assert!(told.iter().all(|told| *told == (first, true)));
    assert_eq!(jobs(&bed), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn deliveries_on_many_threads_make_one_job_each() {
    let bed = Arc::new(Bed::start(&scenario(), ""));
    for round in 0..20 {
        let key = format!("d-{round}");
        let at_once = (0..50).map(|_| {
            let (bed, key) = (Arc::clone(&bed), key.clone());
            async move { deliver(&bed, "workday", &key).await }
        });
        let told = join_all(at_once.map(in_a_task)).await;
        assert_eq!(told.iter().filter(|(_, seen_before)| !seen_before).count(), 1);
        assert!(told.iter().all(|(job, _)| *job == told[0].0));
    }
    assert_eq!(jobs(&bed), 20);
}

#[expect(clippy::disallowed_methods, reason = "the test's own callers are no tasks of the service")]
async fn in_a_task<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    tokio::spawn(work).await.unwrap()
}

async fn post(bed: &Bed, path: &str, key: &str, body: &Value) -> (u16, Value) {
    let config = Config::from_toml("[genesys]\nregion = 'eu-west-1'\nclient_id = 'id'\nclient_secret = 's'\n").unwrap();
    let router = app::router(&config, &bed.service, &bed.lifecycle);
    let request = Request::post(path).header("content-type", "application/json").header("idempotency-key", key);
    let answer = router.oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
    let (parts, body) = answer.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    (parts.status.as_u16(), serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test(start_paused = true)]
async fn an_idempotency_key_outlives_a_restart_and_ends_after_a_day() {
    let bed = Bed::start(&scenario(), "");
    let entries = [json!({ "user": { "employeeId": "E1001" }, "assignments": [{ "name": "no such group" }] })];
    let body = json!({ "target": "wfmSkillGroups", "entries": entries });
    let other = json!({ "target": "wfmSkillGroups", "mode": "add", "entries": entries });
    let (status, first) = post(&bed, "/v1/sync-jobs", "nightly", &body).await;
    assert_eq!(status, 202, "{first}");
    let id: uuid::Uuid = first["id"].as_str().unwrap().parse().unwrap();
    bed.finish(JobId(id)).await;
    let retry = format!("/v1/sync-jobs/{id}/retry");
    let (status, retried) = post(&bed, &retry, "again", &json!({})).await;
    assert_eq!(status, 202, "{retried}");

    let bed = bed.restart(&scenario(), Duration::from_secs(60)).await;
    assert_eq!(post(&bed, "/v1/sync-jobs", "nightly", &body).await.1["id"], first["id"]);
    assert_eq!(post(&bed, "/v1/sync-jobs", "nightly", &other).await.0, 422);
    assert_eq!(post(&bed, &retry, "again", &json!({})).await.1["id"], retried["id"]);
    assert_eq!(post(&bed, &format!("/v1/sync-jobs/{id}/apply"), "again", &json!({})).await.0, 422);
    assert_eq!(jobs(&bed), 2);

    tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
    let (status, anew) = post(&bed, "/v1/sync-jobs", "nightly", &body).await;
    assert_eq!(status, 202);
    assert_ne!(anew["id"], first["id"]);
    let kept = bed.kept.recovered().keys;
    assert_eq!(kept.len(), 1, "the key of the retry is gone, and the new one is there: {kept:?}");
}
