//! The journal's files are removed, moved or replaced under the real binary: what was promised is kept, and what cannot be
//! kept is not promised.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use genesys_simulator::{Generated, Population, Scenario, Simulator};
use http::Method;
use serde_json::Value;
use skillsync::lifecycle::Lifecycle;
use tokio::time::Instant;

use crate::process::{Client, Folder, Process, free_port, job_for, serve_genesys, submit};

const USERS: usize = 10;

struct Bed {
    folder: Folder,
    lifecycle: Lifecycle,
    genesys: String,
    port: u16,
    client: Client,
    process: Process,
}

impl Bed {
    async fn new(name: &str) -> Self {
        let mut scenario = Scenario {
            population: Population::Generated(Generated { users: USERS, ..Generated::default() }),
            ..Scenario::default()
        };
        scenario.limits.windows.clear();
        let (lifecycle, port, folder) = (Lifecycle::default(), free_port(), Folder::new(name));
        let genesys = serve_genesys(&Simulator::new(scenario), &lifecycle).await;
        let client = Client::new(format!("http://127.0.0.1:{port}"));
        let process = Process::start(port, &genesys, &folder.journal());
        client.until("/readyz", |_| true).await;
        Self { folder, lifecycle, genesys, port, client, process }
    }

    /// Submits a job and waits for its end.
    async fn carried_out(&self, key: &str) -> String {
        let (status, job) = submit(&self.client, key, &job_for(1..=USERS, "Group 1")).await.unwrap();
        assert_eq!(status, 202, "{job}");
        let path = format!("/v1/sync-jobs/{}", job["id"].as_str().unwrap());
        self.client.until(&path, |job| job["finishedAt"].is_string()).await;
        path
    }

    /// Waits until the service says that it is not ready for such a reason.
    async fn not_ready(&self, reason: &str) {
        let begun = Instant::now();
        loop {
            let (status, body) = self.client.get("/readyz").await.unwrap();
            if status == 503 {
                assert!(body["detail"].as_str().unwrap().contains(reason), "{body}");
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "nobody noticed");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn second_is_refused(&self) {
        let second = Process::start(free_port(), &self.genesys, &self.folder.journal()).ended().await;
        assert!(!second.success() && self.folder.log().contains("in use by another process"), "{}", self.folder.log());
    }

    /// A restart knows all of these jobs.
    async fn knows_after_a_restart(mut self, jobs: &[String]) {
        self.process.stop().await;
        self.process = Process::start(self.port, &self.genesys, &self.folder.journal());
        self.client.until("/readyz", |_| true).await;
        for job in jobs {
            let known = self.client.call(Method::GET, job, &Value::Null).await.unwrap();
            assert!(known.0 == 200 && known.1["finishedAt"].is_string(), "{known:?}");
        }
        self.process.stop().await;
        self.lifecycle.stop(Duration::from_secs(5)).await;
    }
}

fn database(folder: &Path) -> std::path::PathBuf {
    folder.join("journal.sqlite")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_removed_is_put_back_with_everything_in_it() {
    for what in ["", "journal.sqlite", "journal.sqlite-wal", "lock"] {
        let bed = Bed::new("removed").await;
        let mut jobs = vec![bed.carried_out("before").await];
        let folder = bed.folder.journal();
        if what.is_empty() {
            fs::remove_dir_all(&folder).unwrap();
        } else {
            fs::remove_file(folder.join(what)).unwrap();
        }
        bed.folder.logged(|line| line.contains("they have been restored")).await;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&database(&folder))), (0o700, 0o600));
        bed.second_is_refused().await;
        bed.client.until("/readyz", |_| true).await;
        jobs.push(bed.carried_out("after").await);
        bed.knows_after_a_restart(&jobs).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_is_elsewhere_nothing_is_promised_and_what_was_accepted_goes_on() {
    for whole_folder in [true, false] {
        let bed = Bed::new("moved").await;
        let before = bed.carried_out("before").await;
        let folder = bed.folder.journal();
        let (here, there) = if whole_folder {
            (folder.clone(), bed.folder.0.join("elsewhere"))
        } else {
            (database(&folder), folder.join("other.sqlite"))
        };
        fs::rename(&here, &there).unwrap();
        bed.not_ready("moved away").await;
        let (status, answer) = submit(&bed.client, "between", &job_for(1..=1, "Group 1")).await.unwrap();
        assert_eq!(status, 503, "{answer}");
        assert_eq!(bed.client.call(Method::GET, &before, &Value::Null).await.unwrap().0, 200);
        fs::rename(&there, &here).unwrap();
        bed.client.until("/readyz", |_| true).await;
        let after = bed.carried_out("between").await;
        bed.knows_after_a_restart(&[before, after]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_in_its_place_is_not_taken_for_it() {
    let bed = Bed::new("replaced").await;
    let before = bed.carried_out("before").await;
    let (folder, aside) = (bed.folder.journal(), bed.folder.0.join("aside"));
    fs::rename(&folder, &aside).unwrap();
    fs::create_dir(&folder).unwrap();
    fs::copy(database(&aside), database(&folder)).unwrap();
    bed.not_ready("another file has its name").await;
    let (status, answer) = submit(&bed.client, "between", &job_for(1..=1, "Group 1")).await.unwrap();
    assert_eq!(status, 503, "{answer}");
    fs::remove_dir_all(&folder).unwrap();
    fs::rename(&aside, &folder).unwrap();
    bed.client.until("/readyz", |_| true).await;
    bed.knows_after_a_restart(&[before]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_may_read_what_the_service_and_the_commands_write() {
    let bed = Bed::new("private").await;
    bed.carried_out("one").await;
    let (folder, backup, export) =
        (bed.folder.journal(), bed.folder.0.join("backup.sqlite"), bed.folder.0.join("export.json"));
    for arguments in [vec!["backup", backup.to_str().unwrap()], vec!["export", "--output", export.to_str().unwrap()]] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_skillsync"));
        let status = command.arg("journal").args(arguments).arg("--path").arg(&folder).status().unwrap();
        assert!(status.success());
    }
    let wide = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o077;
    let files = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
    let all: Vec<_> = files.chain([folder, backup, export]).collect();
    assert!(all.len() >= 7, "{all:?}");
    for path in &all {
        assert_eq!(wide(path), 0, "{}", path.display());
    }
    bed.process.stop().await;
    bed.lifecycle.stop(Duration::from_secs(5)).await;
}
