//! `kill -9` with the real binary: every accepted entry ends once, and nothing of others is lost.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use skillsync::genesys::transport::{Transport, TransportSettings, over_http};
use skillsync::lifecycle::Lifecycle;
use skillsync::simulator::{
    Behaviour, Conflicts, ForeignWriter, Generated, Latency, Population, Scenario, Share, Simulator, Target,
};
use tokio::net::TcpListener;
use tower::ServiceExt;
use uuid::Uuid;

const KILLS: usize = 6;
const USERS: usize = 400;

/// The service as a process, killed without mercy when dropped.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(port: u16, genesys: &str, journal: &Path) -> Self {
        Self::start_with(port, genesys, journal, &[])
    }

    /// The same with more in its environment.
    pub(crate) fn start_with(port: u16, genesys: &str, journal: &Path, environment: &[(&str, &str)]) -> Self {
        Self::spawn(port, genesys, journal, None, environment)
    }

    /// The same with a file of more settings.
    pub(crate) fn configured(port: u16, genesys: &str, journal: &Path, config: &Path) -> Self {
        Self::spawn(port, genesys, journal, Some(config), &[])
    }

    fn spawn(port: u16, genesys: &str, journal: &Path, config: Option<&Path>, environment: &[(&str, &str)]) -> Self {
        let log = File::options().append(true).create(true).open(journal.join("../service.log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_skillsync"))
            .arg("serve")
            .args(config.into_iter().flat_map(|file| [Path::new("--config"), file]))
            .env("SKILLSYNC__SERVER__LISTEN", format!("127.0.0.1:{port}"))
            .env("SKILLSYNC__GENESYS__API_URL", genesys)
            .env("SKILLSYNC__GENESYS__LOGIN_URL", genesys)
            .env("SKILLSYNC__GENESYS__CLIENT_ID", "skillsync-simulated")
            .env("SKILLSYNC__GENESYS__CLIENT_SECRET", "not-a-secret")
            .env("SKILLSYNC__GENESYS__LIMITS", "60/200ms")
            .env("SKILLSYNC__JOURNAL__PATH", journal)
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Tells it to read its configuration again.
    pub(crate) fn reload(&self) {
        kill_process(Pid::from_child(&self.0), Signal::HUP).unwrap();
    }

    /// Tells it to stop, and waits until it has.
    pub(crate) async fn stop(mut self) {
        kill_process(Pid::from_child(&self.0), Signal::TERM).unwrap();
        let status = tokio::task::spawn_blocking(move || self.0.wait().unwrap()).await.unwrap();
        assert!(status.success(), "{status}");
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGKILL: nothing is flushed, nothing is said goodbye to.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) struct Client {
    transport: Transport,
    url: String,
}

impl Client {
    pub(crate) fn new(url: String) -> Self {
        Self { transport: over_http(&TransportSettings::default()).unwrap(), url }
    }

    /// `None` while nobody answers.
    async fn call(&self, method: Method, path: &str, body: &Value) -> Option<(u16, Value)> {
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        let request = request.header("content-type", "application/json").body(body).unwrap();
        let answer = self.transport.clone().oneshot(request).await.ok()?;
        Some((answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap_or_default()))
    }

    pub(crate) async fn until(&self, path: &str, done: impl Fn(&Value) -> bool) -> Value {
        loop {
            match self.call(Method::GET, path, &Value::Null).await {
                Some((200, body)) if done(&body) => return body,
                Some(_) | None => {}
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn org() -> Simulator {
    let mut scenario = Scenario {
        seed: 9,
        population: Population::Generated(Generated { users: USERS, ..Generated::default() }),
        behaviour: Behaviour {
            latency: Latency { fixed: Duration::from_millis(10), spread: Duration::from_millis(10) },
            conflicts: Conflicts {
                foreign_writer: ForeignWriter { share: Share::Rate(0.15), ..ForeignWriter::default() },
                ..Conflicts::default()
            },
            ..Behaviour::default()
        },
        ..Scenario::default()
    };
    scenario.limits.windows.clear();
    Simulator::new(scenario)
}

fn job() -> Value {
    let entries: Vec<_> = (1..=USERS)
        .map(|n| json!({ "user": { "employeeId": format!("E{}", 1000 + n) }, "assignments": [{ "name": "Group 1" }] }))
        .collect();
    json!({ "target": "wfmSkillGroups", "mode": "managed", "entries": entries })
}

pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn nothing_accepted_is_lost_over_many_kills() {
    let folder: PathBuf = std::env::temp_dir().join(format!("skillsync-crashes-{}", Uuid::new_v4()));
    let journal = folder.join("journal");
    std::fs::create_dir_all(&journal).unwrap();
    let lifecycle = Lifecycle::default();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let genesys = format!("http://{}", listener.local_addr().unwrap());
    let (simulator, server, stopping) = (org(), lifecycle.clone(), lifecycle.clone());
    let serving = simulator.clone();
    server.spawn(async move { serving.serve(listener, async move { stopping.stopping().await }).await.unwrap() });

    let port = free_port();
    let client = Client::new(format!("http://127.0.0.1:{port}"));
    let mut process = Process::start(port, &genesys, &journal);
    client.until("/healthz", |_| true).await;
    let (status, accepted) = client.call(Method::POST, "/v1/sync-jobs", &job()).await.unwrap();
    assert_eq!(status, 202, "{accepted}");
    let path = format!("/v1/sync-jobs/{}", accepted["id"].as_str().unwrap());

    for kill in 1..=KILLS {
        // At another point of the work each time, and the last ones also shortly after the start.
        let target = (kill * USERS / (KILLS + 1)) as u64;
        let ended = |view: &Value| USERS as u64 - view["counts"]["pending"].as_u64().unwrap_or_default();
        client.until(&path, |view| ended(view) >= target || view["finishedAt"].is_string()).await;
        drop(process);
        process = Process::start(port, &genesys, &journal);
    }
    let view = client.until(&path, |view| view["finishedAt"].is_string()).await;
    let counts = &view["counts"];
    let done = counts["applied"].as_u64().unwrap() + counts["unchanged"].as_u64().unwrap();
    assert_eq!(done, USERS as u64, "{view}");

    let ledger = simulator.ledger();
    assert_eq!(ledger.lost_foreign_changes(), []);
    let group = simulator.catalogue(Target::WfmSkillGroups).iter().find(|group| group.name == "Group 1").unwrap().id;
    let everybody = simulator.users();
    assert!(everybody.iter().all(|user| user.groups.contains(&group)), "everybody has what was asked for");
    let writes = ledger.effects().iter().filter(|effect| effect.writer == skillsync::simulator::Writer::Client).count();
    assert!(writes <= USERS + KILLS * 10, "{writes} writes: at most those in flight are repeated after a kill");
    println!("{KILLS} kills, {writes} effective writes for {USERS} users");
    drop(process);
    lifecycle.stop(Duration::from_secs(5)).await;
    std::fs::remove_dir_all(&folder).unwrap();
}
