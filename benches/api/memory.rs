//! What a job of as many entries as there may be costs the real binary, from its submission as CSV to its end.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::connection::{Connection, get};
use crate::process::Server;
use crate::server::{USERS_OF_THE_LARGEST_JOB, folder};

pub(crate) async fn run() {
    println!("## Memory\n");
    let rows = |n| format!("row-{n},E{},Group {};Group {}\n", 1001 + n, 1 + n % 30, 1 + (n + 7) % 30);
    let body =
        String::from("ref,employee_id,assignments\n") + &(0..USERS_OF_THE_LARGEST_JOB).map(rows).collect::<String>();
    println!(
        "`skillsync serve` with a journal; one `POST` of {USERS_OF_THE_LARGEST_JOB} rows as CSV, {:.1} MB, every row of another user \
         who exists.\n",
        body.len() as f64 / 1e6
    );
    println!("| | resident | highest so far, above idle | after |\n|---|---|---|---|");
    let genesys = Server::start("simulator");
    let service = Binary::start(genesys.address).await;
    let idle = service.megabytes("VmRSS:");
    let show = |what: &str, after: Duration| {
        let (now, highest) = (service.megabytes("VmRSS:"), service.megabytes("VmHWM:"));
        println!("| {what} | {now:.0} MB | {:.0} MB | {:.1} s |", highest - idle, after.as_secs_f64());
    };
    let began = Instant::now();
    show("idle", began.elapsed());
    let request = format!(
        "POST /v1/sync-jobs?target=wfmSkillGroups&mode=add HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/csv\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut connection = Connection::open(service.address).await;
    let (status, accepted) = connection.exchange(&request).await;
    assert_eq!(status, 202, "{accepted}");
    show("accepted", began.elapsed());
    let job: Value = serde_json::from_str(&accepted).expect("JSON");
    let poll = get(&format!("/v1/sync-jobs/{}?wait=1s", job["id"].as_str().expect("an id")), "");
    loop {
        let (_, view) = connection.exchange(&poll).await;
        let view: Value = serde_json::from_str(&view).expect("JSON");
        if view["status"] == "completed" {
            assert_eq!(view["counts"]["failed"], 0, "{view}");
            break;
        }
    }
    show("done", began.elapsed());
    println!();
}

/// The real binary.
struct Binary {
    address: SocketAddr,
    child: Child,
}

impl Binary {
    async fn start(genesys: SocketAddr) -> Self {
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let address = free.expect("a free port");
        let child = Command::new(env!("CARGO_BIN_EXE_skillsync"))
            .arg("serve")
            .env("SKILLSYNC__SERVER__LISTEN", address.to_string())
            .env("SKILLSYNC__GENESYS__API_URL", format!("http://{genesys}"))
            .env("SKILLSYNC__GENESYS__LOGIN_URL", format!("http://{genesys}"))
            .env("SKILLSYNC__GENESYS__CLIENT_ID", "skillsync-simulated")
            .env("SKILLSYNC__GENESYS__CLIENT_SECRET", "not-a-secret")
            .env("SKILLSYNC__GENESYS__LIMITS", "20000/1s")
            .env("SKILLSYNC__GENESYS__MAX_IN_FLIGHT", "50")
            .env("SKILLSYNC__JOURNAL__PATH", folder().join("journal"))
            .stderr(Stdio::null())
            .spawn();
        let binary = Self { address, child: child.expect("the binary starts") };
        while TcpStream::connect(address).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
        binary
    }

    fn megabytes(&self, line: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("Linux");
        let kilobytes = status.lines().find_map(|found| found.strip_prefix(line)).expect("a line of the status");
        kilobytes.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
    }
}

impl Drop for Binary {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
