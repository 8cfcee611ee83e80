//! `skillsync journal` as operators use it: beside a running service, on a backup, and on a file that is damaged.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use genesys_simulator::{Generated, Latency, Population, Scenario, Simulator};
use serde_json::Value;
use skillsync::lifecycle::Lifecycle;

use crate::process::{Client, Folder, Process, free_port, job_for, serve_genesys, submit};

const USERS: usize = 20;

/// What the command says about a journal or a backup.
fn journal(command: &[&str], of: &Path) -> Output {
    let mut process = Command::new(env!("CARGO_BIN_EXE_skillsync"));
    process.arg("journal").args(command).arg("--path").arg(of).output().unwrap()
}

fn said(output: &Output) -> (Option<i32>, String) {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[tokio::test]
async fn a_running_service_is_looked_at_backed_up_and_restored() {
    let mut scenario = Scenario {
        population: Population::Generated(Generated { users: USERS, ..Generated::default() }),
        ..Scenario::default()
    };
    scenario.limits.windows.clear();
    let (simulator, lifecycle, port) = (Simulator::new(scenario), Lifecycle::default(), free_port());
    let genesys = serve_genesys(&simulator, &lifecycle).await;
    let (folder, client) = (Folder::new("commands"), Client::new(format!("http://127.0.0.1:{port}")));
    let process = Process::start(port, &genesys, &folder.journal());
    client.until("/readyz", |_| true).await;
    let job = |answer: Option<(u16, Value)>| format!("/v1/sync-jobs/{}", answer.unwrap().1["id"].as_str().unwrap());
    let over = job(submit(&client, "first", &job_for(1..=USERS / 2, "Group 1")).await);
    client.until(&over, |job| job["finishedAt"].is_string()).await;
    // From now on no call comes back, so that the next job stays open. It is durable, and so is what was over before.
    let slow = Latency { fixed: Duration::from_hours(1), spread: Duration::ZERO };
    simulator.with_behaviour(|behaviour| behaviour.latency = slow);
    let open = job(submit(&client, "second", &job_for(1..=USERS, "Group 2")).await);

    let (code, stats) = said(&journal(&["stats"], &folder.journal()));
    let figures: Vec<_> = stats.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    for known in [&["jobs", "2,"][..], &["entries", "30"], &["applied", "10"], &["open", "20"], &["keys", "2"]] {
        assert!(figures.iter().any(|line| line.starts_with(known)), "{known:?} is not in:\n{stats}");
    }
    let (sound, verdict) = said(&journal(&["verify"], &folder.journal()));
    assert!(verdict.lines().any(|line| line.starts_with("sound: ")), "{verdict}");
    let exported = journal(&["export"], &folder.journal());
    let lines: Vec<Value> =
        exported.stdout.split(|byte| *byte == b'\n').filter_map(|l| serde_json::from_slice(l).ok()).collect();
    assert_eq!((code, sound, exported.status.code()), (Some(0), Some(0), Some(0)));
    assert_eq!(String::from_utf8(exported.stderr).unwrap(), format!("{} records\n", lines.len()));

    let backup = folder.0.join("backup.sqlite");
    let file = backup.to_str().unwrap();
    let copied = said(&journal(&["backup", file], &folder.journal()));
    assert_eq!(copied, (Some(0), format!("{file}: {} bytes\n", fs::metadata(&backup).unwrap().len())));
    let again = said(&journal(&["backup", file], &folder.journal()));
    assert!(again.0 == Some(1) && again.1.contains("exists"), "{again:?}");
    let second = Process::start(free_port(), &genesys, &folder.journal()).ended().await;
    assert!(!second.success() && folder.log().contains("in use"), "{}", folder.log());

    // The service is gone with its journal; a new one starts with the backup.
    drop(process);
    let restored = Folder::new("restored");
    fs::rename(&backup, restored.journal().join("journal.sqlite")).unwrap();
    simulator.with_behaviour(|behaviour| behaviour.latency = Latency::default());
    let process = Process::start(port, &genesys, &restored.journal());
    let job = client.until(&open, |job| job["finishedAt"].is_string()).await;
    let done = ["applied", "unchanged"].map(|state| job["counts"][state].as_u64().unwrap()).iter().sum::<u64>();
    assert_eq!(done, USERS as u64, "{job}");
    assert_eq!(client.get(&over).await.unwrap().1["counts"]["applied"], USERS / 2);
    process.stop().await;

    let damaged = restored.0.join("damaged.sqlite");
    let mut bytes = fs::read(restored.journal().join("journal.sqlite")).unwrap();
    // Behind the first page, which says where the tables are.
    bytes[4096..].chunks_mut(512).for_each(|chunk| chunk[0] ^= 0xFF);
    fs::write(&damaged, bytes).unwrap();
    let (code, verdict) = said(&journal(&["verify"], &damaged));
    assert!(
        code == Some(1) && verdict.contains("fault: ") && verdict.contains("not sound: restore a backup"),
        "{verdict}"
    );
    lifecycle.stop(Duration::from_secs(5)).await;
}
