//! The real binary in one run: started, killed and started again on one journal beside a simulated org.

use std::time::Duration;

use genesys_simulator::Simulator;
use serde_json::Value;
use skillsync::lifecycle::Lifecycle;

use super::history::{Kind, Violation};
use super::plan::Plan;
use crate::process::{Client, Folder, Process, free_port, serve_genesys};

/// A start or a stop that takes longer does not end at all.
const MAX_TIME: Duration = Duration::from_secs(45);

/// What the process gets in its environment.
pub(super) type Settings = Vec<(&'static str, &'static str)>;

pub(super) struct Service {
    pub(super) simulator: Simulator,
    pub(super) lifecycle: Lifecycle,
    pub(super) client: Client,
    pub(super) folder: Folder,
    pub(super) violations: Vec<Violation>,
    genesys: String,
    port: u16,
    settings: Settings,
    process: Option<Process>,
}

impl Service {
    /// Beside the org of a plan, and with the settings that it asks for.
    pub(super) async fn of(plan: &Plan) -> Self {
        let mut settings = vec![("SKILLSYNC__GENESYS__LIMITS", plan.limits)];
        if plan.holds {
            settings.extend([("SKILLSYNC__SYNC__HOLD_USERS_MIN", "1"), ("SKILLSYNC__SYNC__HOLD_USERS_PERCENT", "40")]);
        } else {
            settings.extend([("SKILLSYNC__SYNC__HOLD_FLOOR", "20"), ("SKILLSYNC__SYNC__HOLD_SKILL_LEFT", "0")]);
        }
        Self::beside(Simulator::new(plan.scenario()), settings).await
    }

    pub(super) async fn beside(simulator: Simulator, settings: Settings) -> Self {
        let lifecycle = Lifecycle::default();
        let genesys = serve_genesys(&simulator, &lifecycle).await;
        Self::at(genesys, simulator, lifecycle, settings).await
    }

    /// The same with Genesys at an address where somebody stands before the simulator.
    pub(super) async fn at(
        genesys: String,
        simulator: Simulator,
        lifecycle: Lifecycle,
        mut settings: Settings,
    ) -> Self {
        settings.push(("SKILLSYNC__SERVER__REQUESTS_PER_SECOND", "100000"));
        let port = free_port();
        let mut service = Self {
            simulator,
            lifecycle,
            client: Client::new(format!("http://127.0.0.1:{port}")),
            folder: Folder::new("binary-runs"),
            violations: Vec::new(),
            genesys,
            port,
            settings,
            process: None,
        };
        service.start().await;
        service
    }

    /// Starts the process, and waits until it answers.
    pub(super) async fn start(&mut self) {
        let process = Process::start_with(self.port, &self.genesys, &self.folder.journal(), &self.settings);
        self.process = Some(process);
        let client = self.client.clone();
        if tokio::time::timeout(MAX_TIME, client.until("/healthz", |_| true)).await.is_err() {
            let log = self.folder.log();
            self.complain(format!("does not answer after a start: {}", log.lines().last().unwrap_or_default()));
        }
    }

    /// SIGKILL, now.
    pub(super) fn kill(&mut self) {
        self.process = None;
    }

    /// SIGTERM, and waits until it has ended.
    pub(super) async fn terminate(&mut self) {
        let Some(process) = self.process.take() else { return };
        process.terminate();
        match tokio::time::timeout(MAX_TIME, process.ended()).await {
            Ok(status) if status.success() => {}
            Ok(status) => self.complain(format!("ended with {status}")),
            Err(_) => self.complain("does not end after SIGTERM".to_owned()),
        }
    }

    /// Whether its document has such a field of a submission.
    pub(super) async fn knows(&self, field: &str) -> bool {
        let document = self.client.get("/openapi.json").await.map(|(_, document)| document).unwrap_or_default();
        document["components"]["schemas"]["SyncJobRequest"]["properties"][field] != Value::Null
    }

    pub(super) fn complain(&mut self, detail: String) {
        self.violations.push(Violation { kind: Kind::Process, detail });
    }

    /// Ends everything.
    pub(super) async fn end(&mut self) {
        if self.process.is_some() {
            self.terminate().await;
        }
        self.lifecycle.stop(Duration::from_secs(5)).await;
        if self.folder.log().contains("panicked") {
            self.complain("a panic is in the log".to_owned());
        }
    }
}
