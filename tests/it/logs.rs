//! What the logs of a whole run hold: enough to find a call again, and nothing of anybody.

use std::io;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use genesys_simulator::{
    Behaviour, Blocked, Conflicts, ForeignWriter, Generated, Population, ReadLag, Scenario, Share, Simulator,
};
use http::Request;
use serde_json::{Value, json};
use skillsync::domain::{EntryState, JobId};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use uuid::Uuid;

use crate::bed::{Bed, in_state};

/// Log lines in memory, without the time: its digits could look like an id.
#[derive(Clone, Default)]
pub(crate) struct Captured(Arc<Mutex<Vec<u8>>>);

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Captured {
    /// Takes everything that this thread logs from now on; a test's runtime has no other.
    ///
    /// While there is just one subscriber in the process, `tracing` asks the thread that first comes to a place in the code
    /// whether it is of interest, and other tests run in threads without one: a second subscriber that does nothing makes
    /// it ask all there are.
    pub(crate) fn start() -> (Self, (tracing::Dispatch, tracing::subscriber::DefaultGuard)) {
        let second = tracing::Dispatch::new(tracing_subscriber::registry());
        let captured = Self::default();
        let lines = tracing_subscriber::fmt::layer().json().without_time().with_writer(captured.clone());
        let subscriber = tracing_subscriber::registry().with(EnvFilter::new("skillsync=trace,debug")).with(lines);
        (captured, (second, tracing::subscriber::set_default(subscriber)))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

pub(crate) fn scenario() -> Scenario {
    let conflicts = Conflicts {
        foreign_writer: ForeignWriter { share: Share::Users(10), ..ForeignWriter::default() },
        read_lag: ReadLag { share: Share::Users(5), ..ReadLag::default() },
        blocked: Blocked { share: Share::Users(2), ..Blocked::default() },
        ..Conflicts::default()
    };
    Scenario {
        population: Population::Generated(Generated { users: 40, ..Generated::default() }),
        behaviour: Behaviour { conflicts, ..Behaviour::default() },
        ..Scenario::default()
    }
}

/// 40 known employees, one unknown by each kind of reference, one with a skill that is not there.
fn job() -> Value {
    let entry = |user: Value, group: &str| json!({"ref": "Secret Row", "user": user, "assignments": [{"name": group}]});
    let known = (1..=40).map(|n| entry(json!({"employeeId": format!("E{}", 1000 + n)}), "Group 1"));
    let unknown = [
        entry(json!({"employeeId": "E-77zq-unknown"}), "Group 1"),
        entry(json!({"email": "ana.diaz@example.com"}), "Group 1"),
        entry(json!({"externalId": "workday:W-77zq"}), "Group 1"),
        entry(json!({"employeeId": "E1001"}), "Underwater Basketry"),
    ];
    let entries: Vec<_> = known.chain(unknown).collect();
    json!({"target": "wfmSkillGroups", "label": "Ana's own list", "sameUser": "inOrder", "entries": entries})
}

pub(crate) async fn submit(bed: &Bed) -> JobId {
    let request = Request::post("/v1/sync-jobs").header("content-type", "application/json");
    let request = request.header("x-request-id", "from-the-caller-7").body(Body::from(job().to_string())).unwrap();
    let (status, body) = bed.send(request).await;
    assert_eq!(status, 202, "{body}");
    let view: Value = serde_json::from_str(&body).unwrap();
    JobId(view["id"].as_str().unwrap().parse::<Uuid>().unwrap())
}

/// What may be nowhere: parts of what the job and its org name, and of what gives access.
pub(crate) fn personal(scenario: &Scenario, simulator: &Simulator) -> Vec<String> {
    let users = simulator.users();
    let parts = [
        "@",
        "E10",
        "77zq",
        "ana",
        "Ana",
        "workday",
        "Secret Row",
        "Group 1",
        "Basketry",
        "own list",
        "Bearer",
        "Basic ",
        &scenario.credentials.client_secret,
        &users.first().unwrap().name,
    ];
    parts.map(str::to_owned).into()
}

#[tokio::test(start_paused = true)]
async fn the_logs_of_a_full_run_hold_no_personal_data_no_secret_and_no_body() {
    let (captured, guard) = Captured::start();
    let scenario = scenario();
    let bed = Bed::start(&scenario, "");
    let id = submit(&bed).await;
    let job = bed.finish(id).await;
    bed.get("/v1/users/ana.diaz@example.com").await;
    bed.get(&format!("/v1/sync-jobs/{}/entries?state=failed", id.0)).await;
    let wrong = Bed::start_with_secret(&scenario, "", "a-wrong-secret-77zq");
    for _ in 0..3 {
        wrong.get("/readyz").await;
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    }
    drop(guard);
    assert_eq!(in_state(&job, EntryState::Failed), 6, "{:?}", job.counts);
    assert!(job.conflicts.total() > 10, "{:?}", job.conflicts);

    let text = captured.text();
    assert!(text.lines().count() > 100, "{} lines: what is said at trace level is captured", text.lines().count());
    assert!(text.contains("login failed"), "the failed login is in it");
    for personal in personal(&scenario, &bed.simulator) {
        let line = text.lines().find(|line| line.contains(&personal));
        assert_eq!(line, None, "{personal:?} is in the logs");
    }
    for body in ["skillGroupIds", "entities", "employeeId", "access_token", "assignments\":"] {
        assert!(!text.contains(body), "{body} is in the logs");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_to_genesys_can_be_traced_back_to_the_request_that_caused_it() {
    let (captured, guard) = Captured::start();
    let bed = Bed::start(&scenario(), "");
    let id = submit(&bed).await;
    bed.finish(id).await;
    drop(guard);
    let text = captured.text();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let call = |line: &Value| line["spans"].as_array()?.iter().find(|span| span["name"] == "genesys_call").cloned();
    let refused: Vec<_> = lines.filter(|line| call(line).is_some_and(|call| call["status"] == 409)).collect();
    assert!(refused.len() > 10, "{} refused writes are logged", refused.len());
    for line in refused {
        let spans = line["spans"].as_array().unwrap_or_else(|| panic!("no spans: {line}"));
        let field = |span: &str, field: &str| {
            spans.iter().find(|of| of["name"] == span).map(|of| of[field].as_str().unwrap_or_default().to_owned())
        };
        assert_eq!(field("request", "request_id").as_deref(), Some("from-the-caller-7"), "{line}");
        assert_eq!(field("job", "job"), Some(id.0.to_string()), "{line}");
        assert_eq!(field("genesys_call", "route").as_deref(), Some("wfm_write"), "{line}");
        assert!(field("genesys_call", "correlation_id").is_some_and(|id| !id.is_empty()), "{line}");
        assert!(spans.iter().any(|span| span["name"] == "pass" && span["entry"].is_u64()), "{line}");
    }
}
