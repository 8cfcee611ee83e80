//! A disk that is full for a while, below the real service.

use std::time::Duration;

use genesys_simulator::{Generated, Latency, Population, Scenario, Simulator};
use skillsync::lifecycle::Lifecycle;

use super::shim;
use crate::process::{Client, Folder, Process, free_port, job_for, serve_genesys, submit};

const USERS: usize = 150;

fn org() -> Simulator {
    let mut scenario = Scenario {
        population: Population::Generated(Generated { users: USERS, ..Generated::default() }),
        ..Scenario::default()
    };
    scenario.behaviour.latency = Latency { fixed: Duration::from_millis(10), spread: Duration::ZERO };
    scenario.limits.windows.clear();
    Simulator::new(scenario)
}

#[tokio::test]
async fn a_full_disk_refuses_submissions_loses_nothing_and_is_over_when_there_is_room() {
    let (folder, lifecycle, simulator, port) = (Folder::new("full"), Lifecycle::default(), org(), free_port());
    let (shim, full) = (shim(&folder.0), folder.0.join("full"));
    let genesys = serve_genesys(&simulator, &lifecycle).await;
    let client = Client::new(format!("http://127.0.0.1:{port}"));
    let journal = folder.journal();
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let (preload, of, whilst) = (text(&shim), text(&journal), text(&full));
    let faults = [
        ("LD_PRELOAD", &*preload),
        ("FAULT_FOLDER", &*of),
        ("FAULT_WHILE", &*whilst),
        // Slow enough that the lease of the last calls ends long before the job.
        ("SKILLSYNC__GENESYS__LIMITS", "10/200ms"),
    ];
    let process = Process::start_with(port, &genesys, &journal, &faults);
    client.until("/healthz", |_| true).await;
    let (status, first) = submit(&client, "first", &job_for(1..=USERS, "Group 1")).await.unwrap();
    assert_eq!(status, 202, "{first}");
    let first = format!("/v1/sync-jobs/{}", first["id"].as_str().unwrap());
    client.until(&first, |job| job["counts"]["applied"].as_u64() > Some(20)).await;

    std::fs::write(&full, "").unwrap();
    let second = job_for(1..=3, "Group 2");
    let (status, problem) = submit(&client, "second", &second).await.unwrap();
    assert_eq!(status, 503, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("send it again"), "{problem}");
    // What was under way ends; nothing new begins, because nothing can be written down before it.
    let calls = || simulator.ledger().requests().len();
    let mut before = 0;
    while before != calls() {
        before = calls();
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    let (_, job) = client.get(&first).await.unwrap();
    assert!(job["finishedAt"].is_null(), "{job}");
    let metrics = client.text("/metrics").await;
    assert!(metrics.lines().any(|line| line.starts_with("skillsync_journal_failures_total") && !line.ends_with(" 0")));

    std::fs::remove_file(&full).unwrap();
    let (status, accepted) = submit(&client, "second", &second).await.unwrap();
    assert_eq!(status, 202, "{accepted}");
    let second = format!("/v1/sync-jobs/{}", accepted["id"].as_str().unwrap());
    for path in [&first, &second] {
        let job = client.until(path, |job| job["finishedAt"].is_string()).await;
        let counts = &job["counts"];
        let done = counts["applied"].as_u64().unwrap() + counts["unchanged"].as_u64().unwrap();
        assert_eq!(Some(done), counts["total"].as_u64(), "{counts}");
    }
    assert!(folder.log().contains("the journal cannot write"));
    while !client.text("/metrics").await.lines().any(|line| line == "skillsync_journal_unwritten_records 0") {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(process);

    let _process = Process::start(port, &genesys, &journal);
    for path in [&first, &second] {
        let job = client.until(path, |_| true).await;
        assert!(job["finishedAt"].is_string(), "what ended while there was no room is written down: {job}");
    }
    assert_eq!(simulator.ledger().lost_foreign_changes(), []);
    lifecycle.stop(Duration::from_secs(5)).await;
}
