//! A server in a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::connection::{Connection, post};

/// The argument that makes a child of this program.
pub(crate) const CHILD: &str = "child";
pub(crate) const KEY: &str = "a-key-that-guards-nothing";

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    child: Child,
}

impl Server {
    pub(crate) fn start(kind: &str) -> Self {
        let program = std::env::current_exe().expect("this program");
        let child = Command::new(program)
            .args([CHILD, kind])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = child.expect("this program starts");
        let mut line = String::new();
        let output = child.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("it says where it listens");
        Self { address: line.trim().parse().expect("an address"), child }
    }

    /// CPU time that it has used so far.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("Linux");
        let behind_the_name = stat.rsplit_once(')').expect("a name in brackets").1;
        let fields: Vec<_> = behind_the_name.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|ticks| ticks.parse::<f64>().ok()).expect("a count of ticks");
        // User and system time, in hundredths of a second on every usual Linux.
        (ticks(11) + ticks(12)) / 100.0
    }

    /// Submits a job over these employees; the path of the job.
    pub(crate) async fn submit(&self, users: std::ops::Range<usize>) -> String {
        let mut connection = Connection::open(self.address).await;
        let (status, body) = connection.exchange(&post("/v1/sync-jobs", KEY, &job(users))).await;
        assert_eq!(status, 202, "{body}");
        let view: Value = serde_json::from_str(&body).expect("JSON");
        format!("/v1/sync-jobs/{}", view["id"].as_str().expect("an id"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A job that adds a group to some of the simulator's employees.
pub(crate) fn job(users: std::ops::Range<usize>) -> String {
    let entry =
        |n: usize| json!({"user": {"employeeId": format!("E{}", 1001 + n)}, "assignments": [{"name": "Group 1"}]});
    json!({"target": "wfmSkillGroups", "mode": "add", "entries": users.map(entry).collect::<Vec<_>>()}).to_string()
}
