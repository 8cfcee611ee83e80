//! The program itself: how soon it answers, with an empty journal and with a million entries in it, and what it takes while
//! nothing is going on.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use skillsync::domain::Target;
use skillsync::journal::{DEFAULT_MAX_BYTES, SqliteJournal};

use crate::org::Org;
use crate::service::{Folder, start};
use crate::{median, memory, roster, runtime};

const RUNS: usize = 5;
const JOBS: usize = 10;
const PER_JOB: usize = 100_000;
const WATCHED: Duration = Duration::from_secs(10);

pub(crate) fn run() {
    let folder = Folder::new();
    let empty = |run: usize| Process::start(&folder.0.join(format!("empty-{run}")));
    let starts = (0..RUNS).map(|run| empty(run).answered_after.as_secs_f64() * 1e3).collect();
    let idle = empty(RUNS);
    sleep(Duration::from_secs(3));
    let (resident, before) = (memory::resident_of(idle.child.id()), idle.wakeups());
    sleep(WATCHED);
    let wakeups = (idle.wakeups() - before) as f64 / WATCHED.as_secs_f64();
    drop(idle);
    let full = folder.0.join("full");
    fill(&full);
    let bytes = fs::metadata(full.join("journal.sqlite")).expect("it is there").len();
    let after = Process::start(&full);
    let program = fs::metadata(env!("CARGO_BIN_EXE_skillsync")).expect("it is there").len();
    println!("## The program by itself\n\n| | |\n|---|---|");
    println!("| start with an empty journal, until it answers | {:.0} ms (target: 100) |", median(starts));
    println!("| resident while idle | {resident:.1} MB (target: 20) |");
    println!("| wakeups while idle | {wakeups:.1} a second |");
    println!(
        "| start with {JOBS} ended jobs of {PER_JOB} entries in the journal | {:.1} s |",
        after.answered_after.as_secs_f64()
    );
    println!("| resident then | {:.0} MB |", memory::resident_of(after.child.id()));
    println!("| their journal | {:.0} bytes an entry |", bytes as f64 / (JOBS * PER_JOB) as f64);
    println!("| the program | {:.1} MB |\n", program as f64 / 1e6);
}

/// Carries out a million entries, so that everything of them is in the journal.
fn fill(folder: &Path) {
    let (journal, _) = SqliteJournal::open(folder, DEFAULT_MAX_BYTES).expect("a journal");
    let journal = Arc::new(journal);
    runtime(false).block_on(async {
        let limits = "limits = \"1000000/1s\"\nmax_in_flight = 1000\n[sync]\nhold_users_percent = 100";
        let org = Org::of(PER_JOB, 5).answering_at_once();
        let running = start(org.transport(), Arc::clone(&journal) as _, limits);
        for _ in 0..JOBS {
            let job = running.submit(Target::WfmSkillGroups, roster::entries(0, PER_JOB, 0)).await;
            running.finish(job).await;
        }
    });
    journal.close();
}

struct Process {
    child: Child,
    answered_after: Duration,
}

impl Process {
    /// Starts the program and waits until it answers.
    fn start(journal: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
        let began = Instant::now();
        let child = Command::new(env!("CARGO_BIN_EXE_skillsync"))
            .arg("serve")
            .env("SKILLSYNC__SERVER__LISTEN", format!("127.0.0.1:{port}"))
            // Nobody is there: the service waits for its login, as it does at night.
            .env("SKILLSYNC__GENESYS__API_URL", "http://127.0.0.1:9")
            .env("SKILLSYNC__GENESYS__LOGIN_URL", "http://127.0.0.1:9")
            .env("SKILLSYNC__GENESYS__CLIENT_ID", "id")
            .env("SKILLSYNC__GENESYS__CLIENT_SECRET", "secret")
            .env("SKILLSYNC__JOURNAL__PATH", journal)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        while !answers(port) {
            assert!(began.elapsed() < Duration::from_secs(120), "it does not answer");
            sleep(Duration::from_millis(1));
        }
        Self { child, answered_after: began.elapsed() }
    }

    /// How often its threads have been put on a processor after waiting.
    fn wakeups(&self) -> u64 {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("Linux says it");
        threads.map(|thread| switches(&thread.expect("Linux says it").path())).sum()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn switches(thread: &Path) -> u64 {
    let status = fs::read_to_string(thread.join("status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.and_then(|number| number.trim().parse().ok()).unwrap_or_default()
}

fn answers(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let mut answer = String::new();
    let request = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.contains(" 200 ")
}
