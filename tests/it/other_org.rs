//! A journal of one org and a configuration of another: nothing of it is carried out in the wrong one.

use std::process::{Command, Output};
use std::time::Duration;

use genesys_simulator::{
    Body, Credentials, Fault, FaultKind, Generated, Moment, Outage, Population, Route, Scenario, Simulator,
};
use http::Method;
use serde_json::Value;
use skillsync::lifecycle::Lifecycle;
use uuid::Uuid;

use crate::process::{Client, Folder, Process, free_port, job_for, serve_genesys, submit};

const USERS: usize = 10;

/// An org of its own, or the same one under another client.
fn org(id: u128, client: &str) -> Simulator {
    let mut scenario = Scenario {
        population: Population::Generated(Generated { users: USERS, ..Generated::default() }),
        credentials: Credentials { client_id: client.to_owned(), org: Uuid::from_u128(id), ..Credentials::default() },
        ..Scenario::default()
    };
    scenario.limits.windows.clear();
    Simulator::new(scenario)
}

fn writes(simulator: &Simulator) -> usize {
    simulator.ledger().requests().iter().filter(|request| request.route.writes().is_some()).count()
}

struct Bed {
    folder: Folder,
    lifecycle: Lifecycle,
    port: u16,
    client: Client,
}

impl Bed {
    fn new() -> Self {
        let port = free_port();
        let client = Client::new(format!("http://127.0.0.1:{port}"));
        Self { folder: Folder::new("org"), lifecycle: Lifecycle::default(), port, client }
    }

    fn start(&self, genesys: &str, client: &str) -> Process {
        let environment = [("SKILLSYNC__GENESYS__CLIENT_ID", client)];
        Process::start_with(self.port, genesys, &self.folder.journal(), &environment)
    }

    /// Leaves an open job in the journal of an org that answers nothing but, once, who it is.
    async fn leave_work(&self, simulator: &Simulator, tells: bool) -> String {
        let genesys = serve_genesys(simulator, &self.lifecycle).await;
        if !tells {
            refuse_to_tell(simulator);
        }
        let process = self.start(&genesys, "first");
        self.client.until("/readyz", |_| true).await;
        simulator.set_outage(Some(Outage::Unavailable));
        let job = submit(&self.client, "open", &job_for(1..=USERS, "Group 1")).await.unwrap();
        process.terminate();
        process.ended().await;
        simulator.set_outage(None);
        format!("/v1/sync-jobs/{}", job.1["id"].as_str().unwrap())
    }

    fn adopt(&self, genesys: &str, client: &str, more: &[&str]) -> (Option<i32>, String) {
        self.command(genesys, client, &[&["journal", "adopt"], more].concat())
    }

    fn command(&self, genesys: &str, client: &str, command: &[&str]) -> (Option<i32>, String) {
        let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_skillsync"))
            .args(command)
            .env("SKILLSYNC__GENESYS__API_URL", genesys)
            .env("SKILLSYNC__GENESYS__LOGIN_URL", genesys)
            .env("SKILLSYNC__GENESYS__CLIENT_ID", client)
            .env("SKILLSYNC__GENESYS__CLIENT_SECRET", "not-a-secret")
            .env("SKILLSYNC__JOURNAL__PATH", self.folder.journal())
            .output()
            .unwrap();
        (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
    }

    async fn is_carried_out(&self, job: &str) {
        let view = self.client.until(job, |job| job["finishedAt"].is_string()).await;
        assert_eq!(view["counts"]["applied"], USERS, "{view}");
    }
}

fn refuse_to_tell(simulator: &Simulator) {
    let forbidden = FaultKind::Status { status: 403, moment: Moment::BeforeEffect, body: Body::default() };
    simulator.with_behaviour(|behaviour| {
        behaviour.faults.push(Fault::on(&[Route::Org], forbidden));
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn another_org_is_refused_until_somebody_binds_the_journal_to_it() {
    let bed = Bed::new();
    let (first, second) = (org(1, "first"), org(2, "second"));
    let job = bed.leave_work(&first, true).await;
    let genesys = serve_genesys(&second, &bed.lifecycle).await;
    let status = bed.start(&genesys, "second").ended().await;
    assert!(!status.success() && bed.folder.log().contains("these are two orgs"), "{}", bed.folder.log());
    assert!(bed.folder.log().contains("10 open entries"), "{}", bed.folder.log());
    assert_eq!(writes(&second), 0);

    let (code, told) = bed.command(&genesys, "second", &["check"]);
    assert!(code == Some(1) && told.contains("and the journal belongs to org"), "{told}");
    let (code, told) = bed.adopt(&genesys, "second", &[]);
    assert!(code == Some(1) && told.contains("These are different orgs") && told.contains("10 open entries"), "{told}");
    assert!(!bed.start(&genesys, "second").ended().await.success(), "telling changes nothing");
    let (code, told) = bed.adopt(&genesys, "second", &["--yes"]);
    assert_eq!(code, Some(0), "{told}");
    let process = bed.start(&genesys, "second");
    bed.is_carried_out(&job).await;
    process.stop().await;
    bed.lifecycle.stop(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_client_and_host_of_the_same_org_need_nobody() {
    let bed = Bed::new();
    let job = bed.leave_work(&org(1, "first"), true).await;
    let moved = org(1, "rotated");
    let genesys = serve_genesys(&moved, &bed.lifecycle).await;
    // While the org cannot be asked, nothing is taken that might come into the wrong journal.
    moved.set_outage(Some(Outage::Unavailable));
    let process = bed.start(&genesys, "rotated");
    bed.folder.logged(|line| line.contains("Genesys is asked whether it is the same org")).await;
    while bed.client.get("/readyz").await.is_none() {
        tokio::task::yield_now().await;
    }
    let answer = submit(&bed.client, "early", &job_for(1..=1, "Group 2")).await.unwrap();
    let ready = bed.client.get("/readyz").await.unwrap();
    assert_eq!((answer.0, ready.0, writes(&moved)), (503, 503, 0), "{answer:?} {ready:?}");
    moved.set_outage(None);
    bed.is_carried_out(&job).await;
    bed.client.until("/readyz", |_| true).await;
    process.stop().await;
    // From then on it is theirs.
    refuse_to_tell(&moved);
    let process = bed.start(&genesys, "rotated");
    bed.client.until("/readyz", |_| true).await;
    process.stop().await;
    bed.lifecycle.stop(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_org_is_never_told_host_and_client_decide() {
    let bed = Bed::new();
    let job = bed.leave_work(&org(1, "first"), false).await;
    let moved = org(1, "rotated");
    refuse_to_tell(&moved);
    let genesys = serve_genesys(&moved, &bed.lifecycle).await;
    let status = bed.start(&genesys, "rotated").ended().await;
    assert!(!status.success() && bed.folder.log().contains("may be different orgs"), "{}", bed.folder.log());
    let (code, told) = bed.adopt(&genesys, "rotated", &["--yes"]);
    assert!(code == Some(0) && told.contains("is unknown"), "{told}");
    let process = bed.start(&genesys, "rotated");
    bed.is_carried_out(&job).await;
    assert_eq!(bed.client.call(Method::GET, "/readyz", &Value::Null).await.unwrap().0, 200);
    process.stop().await;
    bed.lifecycle.stop(Duration::from_secs(5)).await;
}
