//! `skillsync push` as its caller meets it: the real binary against a real service, which is killed in the middle.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use genesys_simulator::{Behaviour, Generated, Latency, Population, Scenario, Simulator};
use skillsync::lifecycle::Lifecycle;
use uuid::Uuid;

use crate::process::{Client, Process, free_port, serve_genesys};

const USERS: usize = 150;

/// A simulated Genesys, a folder for files, and the service as a process.
struct Stage {
    folder: PathBuf,
    genesys: String,
    simulator: Simulator,
    lifecycle: Lifecycle,
    client: Client,
    port: u16,
}

impl Stage {
    async fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("skillsync-push-{}", Uuid::new_v4()));
        std::fs::create_dir_all(folder.join("journal")).unwrap();
        let latency = Latency { fixed: Duration::from_millis(10), spread: Duration::ZERO };
        let mut scenario = Scenario {
            population: Population::Generated(Generated { users: USERS, ..Generated::default() }),
            behaviour: Behaviour { latency, ..Behaviour::default() },
            ..Scenario::default()
        };
        scenario.limits.windows.clear();
        let (simulator, lifecycle) = (Simulator::new(scenario), Lifecycle::default());
        let genesys = serve_genesys(&simulator, &lifecycle).await;
        let port = free_port();
        let client = Client::new(format!("http://127.0.0.1:{port}"));
        Self { folder, genesys, simulator, lifecycle, client, port }
    }

    async fn serve(&self) -> Process {
        let process = Process::start(self.port, &self.genesys, &self.folder.join("journal"));
        self.client.until("/readyz", |_| true).await;
        process
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let file = self.folder.join(name);
        std::fs::write(&file, text).unwrap();
        file
    }

    fn push(&self, file: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_skillsync"));
        command.arg("push").arg(file).args(["--url", &format!("http://127.0.0.1:{}", self.port)]).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Pushes to the end.
    async fn pushed(&self, file: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = self.push(file, arguments);
        told(tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap())
    }

    async fn end(self) {
        self.lifecycle.stop(Duration::from_secs(5)).await;
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}

fn told(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A roster of all users, and of one more if there is somebody nobody knows.
fn roster(stranger: bool) -> String {
    let known = (1..=USERS).map(|n| format!("row-{n},E{},Group 1\n", 1000 + n));
    let stranger = stranger.then(|| "row-x,E9999999,Group 1\n".to_owned());
    format!("ref,employee_id,assignments\n{}", known.chain(stranger).collect::<String>())
}

#[tokio::test]
async fn a_push_outlives_the_service_and_keeps_the_failed_rows_to_be_pushed_again() {
    let stage = Stage::new().await;
    let process = stage.serve().await;
    let file = stage.file("roster.csv", &roster(true));
    let child = stage.push(&file, &["--target", "wfmSkillGroups", "--gzip"]).spawn().unwrap();
    let applied = |view: &serde_json::Value| view["items"][0]["counts"]["applied"].as_u64().unwrap_or_default();
    stage.client.until("/v1/sync-jobs?limit=1", |view| applied(view) > 20).await;
    drop(process);
    let process = stage.serve().await;
    let (code, out, err) = told(tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap());
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(out.contains("row-x failed, userNotFound: "), "{out}");

    let kept = stage.folder.join("roster.failed.csv");
    let rows = std::fs::read_to_string(&kept).unwrap();
    assert_eq!(rows.lines().count(), 2, "{rows}");
    assert!(rows.lines().nth(1).unwrap().contains("E9999999"), "{rows}");
    let corrected = stage.file("corrected.csv", &rows.replace("E9999999", "E1001"));
    let (code, out, err) = stage.pushed(&corrected, &["--target", "wfmSkillGroups"]).await;
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("unchanged"), "{out}");
    drop(process);
    stage.end().await;
}

#[tokio::test]
async fn whoever_stops_following_is_told_that_the_job_goes_on() {
    let stage = Stage::new().await;
    let process = stage.serve().await;
    let file = stage.file("roster.csv", &roster(false));
    let mut child = stage.push(&file, &["--target", "wfmSkillGroups"]).spawn().unwrap();
    let ended = tokio::task::spawn_blocking(move || {
        let mut first = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut first).unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
        (first, child.wait_with_output().unwrap())
    });
    let (first, output) = ended.await.unwrap();
    let job = first.trim().trim_start_matches("job ").to_owned();
    let (code, out, err) = told(output);
    assert_eq!(code, Some(2), "{out}{err}");
    assert!(err.contains("the job goes on") && err.contains(&format!("/v1/sync-jobs/{job}/cancel")), "{err}");
    let done = |view: &serde_json::Value| view["finishedAt"].is_string();
    let view = stage.client.until(&format!("/v1/sync-jobs/{job}"), done).await;
    assert_eq!(view["counts"]["failed"], 0, "{view}");
    drop(process);
    stage.end().await;
}

#[tokio::test]
async fn a_plan_is_shown_and_carried_out_only_when_that_is_said() {
    let stage = Stage::new().await;
    let process = stage.serve().await;
    let file = stage.file(
        "one.ndjson",
        "{\"ref\":\"r\",\"user\":{\"employeeId\":\"E1001\"},\"assignments\":[{\"name\":\"Group 1\"}]}\n",
    );
    let options = ["--target", "wfmSkillGroups", "--mode", "add", "--dry-run"];
    let (code, out, err) = stage.pushed(&file, &options).await;
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("r E1001  + Group 1") && out.contains("nothing was written"), "{out}");
    assert!(stage.simulator.ledger().effects().is_empty());

    let (code, out, err) = stage.pushed(&file, &[&options[..], &["--yes"]].concat()).await;
    assert_eq!(code, Some(0), "{out}{err}");
    assert_eq!(stage.simulator.ledger().effects().len(), 1, "{out}");
    drop(process);
    stage.end().await;
}

#[tokio::test]
async fn what_cannot_be_done_ends_with_2_and_says_why() {
    let stage = Stage::new().await;
    let good = stage.file("roster.csv", &roster(false));
    let (code, _, err) = stage.pushed(&good, &["--target", "wfmSkillGroups", "--patience", "0"]).await;
    assert_eq!(code, Some(2), "nobody listens: {err}");
    assert!(err.contains("check that the service is running"), "{err}");
    let process = stage.serve().await;
    let (code, _, err) = stage.pushed(&good, &[]).await;
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("target is missing"), "{err}");
    let nameless = stage.file("roster", "");
    let (code, _, err) = stage.pushed(&nameless, &[]).await;
    assert_eq!((code, err.contains("--format")), (Some(2), true), "{err}");
    drop(process);
    stage.end().await;
}
