//! The service as a process of its own, and who talks to it over HTTP: for what only the real binary shows.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use bytes::Bytes;
use genesys_simulator::Simulator;
use http::{Method, Request, Response};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use skillsync::genesys::transport::{Transport, TransportSettings, over_http};
use skillsync::lifecycle::Lifecycle;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tower::ServiceExt;
use uuid::Uuid;

/// A folder that is removed at the end.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("skillsync-{name}-{}", Uuid::new_v4()));
        std::fs::create_dir_all(folder.join("journal")).unwrap();
        Self(folder)
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.0.join("journal")
    }

    /// What the processes whose journal is here have logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.0.join("service.log")).unwrap_or_default()
    }

    /// Waits until such a line is logged.
    pub(crate) async fn logged(&self, such: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        while !self.log().lines().any(&such) {
            assert!(begun.elapsed() < MAX_WAIT, "never logged, only:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

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

    /// The same with a file of more settings as well.
    pub(crate) fn configured(
        port: u16,
        genesys: &str,
        journal: &Path,
        config: &Path,
        environment: &[(&str, &str)],
    ) -> Self {
        Self::spawn(port, genesys, journal, Some(config), environment)
    }

    /// The same, with so many bytes of memory for its data.
    pub(crate) fn limited(port: u16, genesys: &str, journal: &Path, config: &Path, bytes: usize) -> Self {
        let mut shell = Command::new("sh");
        let limit = format!("ulimit -d {} && exec \"$0\" serve \"$@\"", bytes / 1024);
        shell.args(["-c", limit.as_str(), env!("CARGO_BIN_EXE_skillsync")]);
        Self::run(shell, port, genesys, journal, Some(config), &[])
    }

    fn spawn(port: u16, genesys: &str, journal: &Path, config: Option<&Path>, environment: &[(&str, &str)]) -> Self {
        let mut program = Command::new(env!("CARGO_BIN_EXE_skillsync"));
        program.arg("serve");
        Self::run(program, port, genesys, journal, config, environment)
    }

    fn run(
        mut program: Command,
        port: u16,
        genesys: &str,
        journal: &Path,
        config: Option<&Path>,
        environment: &[(&str, &str)],
    ) -> Self {
        let log = File::options().append(true).create(true).open(journal.join("../service.log")).unwrap();
        let child = program
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

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    /// What it takes of the machine's memory, as far as the kernel tells.
    pub(crate) fn resident_bytes(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<usize>().ok()).unwrap_or_default() * 1024
    }

    /// Tells it to read its configuration again.
    pub(crate) fn reload(&self) {
        kill_process(Pid::from_child(&self.0), Signal::HUP).unwrap();
    }

    /// Tells it to stop.
    pub(crate) fn terminate(&self) {
        kill_process(Pid::from_child(&self.0), Signal::TERM).unwrap();
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(mut self) -> ExitStatus {
        tokio::task::spawn_blocking(move || self.0.wait().unwrap()).await.unwrap()
    }

    /// Tells it to stop, and waits until it has.
    pub(crate) async fn stop(self) {
        self.terminate();
        let status = self.ended().await;
        assert!(status.success(), "{status}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGKILL: nothing is flushed, nothing is said goodbye to.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[derive(Clone)]
pub(crate) struct Client {
    transport: Transport,
    pub(crate) url: String,
}

impl Client {
    pub(crate) fn new(url: String) -> Self {
        Self { transport: over_http(&TransportSettings::default()).unwrap(), url }
    }

    /// `None` if nobody answers.
    pub(crate) async fn send(&self, request: http::request::Builder, body: &Value) -> Option<Response<Bytes>> {
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let request = request.header("content-type", "application/json").body(body).unwrap();
        self.transport.clone().oneshot(request).await.ok()
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> http::request::Builder {
        Request::builder().method(method).uri(format!("{}{path}", self.url))
    }

    /// Status and body; `None` if nobody answers.
    pub(crate) async fn call(&self, method: Method, path: &str, body: &Value) -> Option<(u16, Value)> {
        let answer = self.send(self.request(method, path), body).await?;
        Some((answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap_or_default()))
    }

    pub(crate) async fn get(&self, path: &str) -> Option<(u16, Value)> {
        self.call(Method::GET, path, &Value::Null).await
    }

    pub(crate) async fn text(&self, path: &str) -> String {
        let answer = self.send(self.request(Method::GET, path), &Value::Null).await.unwrap();
        String::from_utf8(answer.into_body().into()).unwrap()
    }

    /// Asks until the answer is 200 and `done` says so.
    pub(crate) async fn until(&self, path: &str, done: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let answer = self.get(path).await;
            match answer {
                Some((200, body)) if done(&body) => return body,
                Some(_) | None => {}
            }
            assert!(begun.elapsed() < MAX_WAIT, "{path} still answers {answer:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// What takes longer than this on a busy machine does not end at all.
const MAX_WAIT: Duration = Duration::from_mins(5);

/// A port for a process that is started later, and again. It lies below those that sockets get by themselves, so that
/// nothing else of the tests takes it meanwhile.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + std::process::id() % 10_000;
    loop {
        let nth = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = u16::try_from(first).unwrap() + nth % 2_000;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Serves a simulated Genesys until `lifecycle` ends; where.
pub(crate) async fn serve_genesys(simulator: &Simulator, lifecycle: &Lifecycle) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let genesys = format!("http://{}", listener.local_addr().unwrap());
    let (serving, stopping) = (simulator.clone(), lifecycle.clone());
    lifecycle.spawn(async move { serving.serve(listener, async move { stopping.stopping().await }).await.unwrap() });
    genesys
}

/// A job that gives employees one group.
pub(crate) fn job_for(employees: impl IntoIterator<Item = usize>, group: &str) -> Value {
    let entries: Vec<_> = employees
        .into_iter()
        .map(|n| {
            serde_json::json!({ "user": { "employeeId": format!("E{}", 1000 + n) }, "assignments": [{ "name": group }] })
        })
        .collect();
    serde_json::json!({ "target": "wfmSkillGroups", "mode": "add", "entries": entries })
}

/// Submits under a key; `None` if nobody answers.
pub(crate) async fn submit(client: &Client, key: &str, body: &Value) -> Option<(u16, Value)> {
    let request = client.request(Method::POST, "/v1/sync-jobs").header("idempotency-key", key);
    let answer = client.send(request, body).await?;
    Some((answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap_or_default()))
}
