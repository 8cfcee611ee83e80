//! Jobs created from other jobs: retry and apply.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use super::{PlainGenesys, TestApi, job};
use crate::api::context::ApiSettings;

#[tokio::test(start_paused = true)]
async fn what_failed_or_was_cancelled_is_retried_in_a_new_job() {
    let api = TestApi::start();
    let location = api.submit(job(12).to_string()).await.header("location").to_owned();
    assert_eq!(api.finished(&location).await["counts"]["failed"], 2);
    let again = api.post(&format!("{location}/retry"), "").await;
    assert_eq!(again.status, 202);
    let new = again.header("location");
    assert_ne!(new, location);
    assert_eq!(api.finished(new).await["counts"]["total"], 2);
    assert_eq!(api.get(&format!("{new}/entries")).await.body["items"][0]["ref"], "row-10");
    let whole = api.submit(job(1).to_string()).await.header("location").to_owned();
    api.finished(&whole).await;
    api.post(&format!("{whole}/retry"), "").await.assert_problem(409, "/problems/nothing-to-do");
}

async fn dry_run(api: &TestApi) -> String {
    let mut dry = job(3);
    dry["dryRun"] = json!(true);
    let location = api.submit(dry.to_string()).await.header("location").to_owned();
    assert_eq!(api.finished(&location).await["counts"]["planned"], 3);
    location
}

#[tokio::test(start_paused = true)]
async fn a_plan_is_carried_out_as_it_is() {
    let api = TestApi::start();
    let plan = dry_run(&api).await;
    let applied = api.post(&format!("{plan}/apply"), "").await;
    assert_eq!((applied.status.as_u16(), &applied.body["dryRun"]), (202, &json!(false)));
    let done = api.finished(applied.header("location")).await;
    assert_eq!(done["counts"]["applied"], 3, "{done}");
    api.post(&format!("{}/apply", applied.header("location")), "").await.assert_problem(409, "/problems/nothing-to-do");
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_no_longer_fits_is_refused_entry_by_entry() {
    let version = Arc::new(AtomicU64::new(0));
    let genesys = PlainGenesys { version: Arc::clone(&version), ..PlainGenesys::default() };
    let api = TestApi::with(genesys, ApiSettings::default());
    let mut dry = job(3);
    dry["dryRun"] = json!(true);
    dry["mode"] = json!("replace");
    let plan = api.submit(dry.to_string()).await.header("location").to_owned();
    api.finished(&plan).await;
    // Another writer assigns something, which `replace` would remove although the plan does not say so.
    version.store(1, Ordering::Relaxed);
    let applied = api.post(&format!("{plan}/apply"), "").await.header("location").to_owned();
    assert_eq!(api.finished(&applied).await["counts"]["failed"], 3);
    let entries = api.get(&format!("{applied}/entries")).await.body;
    let reasons: Vec<&Value> = entries["items"].as_array().unwrap().iter().map(|entry| &entry["reason"]).collect();
    assert_eq!(reasons, ["planOutdated"; 3]);
}
