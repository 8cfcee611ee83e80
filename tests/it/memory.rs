//! The process under a limit of memory, with everything that makes it take more, from all sides at once.
//!
//! Ten seconds here. A whole minute: `MEMORY_SECONDS=60 cargo test --test it memory::`.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use genesys_simulator::{Generated, Population, Scenario, Simulator};
use http::Method;
use serde_json::{Value, json};
use skillsync::lifecycle::Lifecycle;
use skillsync::table::XLSX;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::process::{Client, Folder, Process, free_port, job_for, serve_genesys, submit};
use crate::sheets::Workbook;
use crate::sim::setting;

/// What the process may take, in bytes of data as the kernel counts them (`RLIMIT_DATA`); what it is told to keep within.
const LIMIT: usize = 256 * 1024 * 1024;

const SOURCES: &str = "
[[webhooks]]
name = 'workday'
preset = 'workday'
target = 'routingSkills'
secret = '0123456789abcdef0123456789abcdef'
user = { employee_id = 'a' }
[[webhooks.rules]]
id = 'everybody'
assign = [{ skill = 'Skill 1' }]
";

/// One kind of load.
struct Load {
    name: &'static str,
    request: Vec<u8>,
    /// Whether what is answered is read.
    reads: bool,
}

fn post(path: &str, media_type: &str, encoding: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let encoding = if encoding.is_empty() { String::new() } else { format!("content-encoding: {encoding}\r\n") };
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\n{encoding}\r\n"
    );
    [request.as_bytes(), body].concat()
}

/// A job with so many entries that have five hundred names each, all of them different.
fn many_names(entries: usize) -> Vec<u8> {
    let mut body = b"{\"target\":\"wfmSkillGroups\",\"entries\":[".to_vec();
    for entry in 0..entries {
        let names = (0..500).map(|name| format!("{{\"name\":\"n{entry}-{name}\"}}")).collect::<Vec<_>>().join(",");
        let comma = if entry == 0 { "" } else { "," };
        write!(body, "{comma}{{\"user\":{{\"employeeId\":\"X{entry}\"}},\"assignments\":[{names}]}}").unwrap();
    }
    [body, b"]}".to_vec()].concat()
}

fn rows(head: &str, row: impl Fn(usize) -> String, bytes: usize) -> Vec<u8> {
    let mut body = head.to_owned();
    for n in 0.. {
        if body.len() >= bytes {
            break;
        }
        body += &row(n);
    }
    body.into_bytes()
}

/// A spreadsheet with so many rows that all name one text, of so many that there are.
fn sheet(rows: usize, texts: usize) -> Vec<u8> {
    let row = "<row><c t=\"s\"><v>0</v></c><c t=\"s\"><v>1</v></c></row>".repeat(rows);
    let mut shared = vec!["assignments"; texts + 1];
    shared[0] = "employee_id";
    Workbook::of(&row).sharing(&shared).file()
}

fn loads() -> Vec<Load> {
    const MEGABYTES: usize = 1024 * 1024;
    let wide = |n: usize| format!("{n},{}\n", ["x"; 59].join(","));
    let columns = (1..60).fold("a".to_owned(), |columns, column| columns + &format!(",c{column}"));
    let pages = "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(50);
    let head = "GET / HTTP/1.1\r\nhost: localhost\r\n".to_owned() + &format!("x: {}\r\n", "y".repeat(1000)).repeat(25);
    let json = |opened: &str, element: &str, closed: &str, bytes: usize| {
        format!("{opened}{}{closed}", vec![element; bytes / (element.len() + 1)].join(",")).into_bytes()
    };
    let import = "/v1/imports/workday?scope=delta&dryRun=true";
    let lines = "/v1/sync-jobs?target=wfmSkillGroups";
    let named =
        |n: usize| format!("E{n},{}\n", (0..400).map(|name| format!("n{n}-{name}")).collect::<Vec<_>>().join(";"));
    let load = |name, request| Load { name, request, reads: true };
    vec![
        load("names", post("/v1/sync-jobs", "application/json", "", &many_names(700))),
        load("rows", post(lines, "text/csv", "", &rows("employee_id,assignments\n", named, 8 * MEGABYTES))),
        load(
            "separators",
            post(
                lines,
                "text/csv",
                "",
                &[b"ref,employee_id,assignments\n1,E1,".to_vec(), b"a;".repeat(6 * MEGABYTES)].concat(),
            ),
        ),
        load("columns", post(import, "text/csv", "", &b"a,".repeat(6 * MEGABYTES))),
        load(
            "nothing",
            post(
                "/v1/sync-jobs",
                "application/json",
                "",
                &json("{\"target\":\"x\",\"entries\":[", "{}", "]}", 8 * MEGABYTES),
            ),
        ),
        load("wide", post(import, "text/csv", "", &rows(&(columns + "\n"), wide, 12 * MEGABYTES))),
        load("short", post(import, "text/csv", "", &rows("a\n", |n| format!("{n}\n"), 8 * MEGABYTES))),
        load("values", post(import, "text/csv", "", &rows("a,a2\n", |n| format!("1,{n}\n"), 8 * MEGABYTES))),
        load("sheet", post(import, XLSX, "", &sheet(10_000, 1))),
        load("texts", post(import, XLSX, "", &sheet(1, 50_000))),
        load("shared", post(lines, XLSX, "", &sheet(5_000, 400))),
        load("records", post(import, "application/json", "", &json("[", "{\"a\":1}", "]", 8 * MEGABYTES))),
        load("nested", post(import, "application/json", "", &json("[{\"a\":[", "1", "]}]", 8 * MEGABYTES))),
        load("unsigned", post("/v1/webhooks/workday/guess", "application/json", "", &vec![b'['; 6 * MEGABYTES])),
        load(
            "delivery",
            post(
                "/v1/webhooks/workday/0123456789abcdef0123456789abcdef",
                "application/json",
                "",
                &json("[", "{\"b\":1}", "]", 3 * MEGABYTES),
            ),
        ),
        load("unknown", post("/v1/webhooks/nobody", "application/json", "", &vec![b' '; 8 * MEGABYTES])),
        Load { name: "unread", request: pages.into_bytes(), reads: false },
        Load { name: "heads", request: head.into_bytes(), reads: false },
    ]
}

async fn send(port: u16, load: &Load, answered: &AtomicUsize) {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let asked = async {
        // Who is refused by the head does not get everything sent.
        let _ = stream.write_all(&load.request).await;
        if load.reads {
            let mut answer = [0; 12];
            if stream.read_exact(&mut answer).await.is_ok() {
                answered.fetch_add(1, Ordering::Relaxed);
            }
        } else {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    };
    let _ = timeout(Duration::from_secs(20), asked).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_load_makes_the_process_take_more_than_it_may() {
    let seconds = setting("MEMORY_SECONDS", 10);
    let (folder, genesys, port) = (Folder::new("memory"), Lifecycle::default(), free_port());
    let population = Generated { users: 20, groups: 3, groups_per_user: 0, ..Generated::default() };
    let simulator = Simulator::new(Scenario { population: Population::Generated(population), ..Scenario::default() });
    let url = serve_genesys(&simulator, &genesys).await;
    let config = folder.0.join("skillsync.toml");
    std::fs::write(&config, format!("[server]\nmax_memory_bytes = {LIMIT}\n{SOURCES}")).unwrap();
    let mut process = Process::limited(port, &url, &folder.journal(), &config, LIMIT);
    let client = Client::new(format!("http://127.0.0.1:{port}"));
    client.until("/healthz", |_| true).await;
    let kept = submit(&client, "kept", &job_for(1..=20, "Group 1")).await.unwrap();
    assert_eq!(kept.0, 202);

    // Made before the time begins: that alone takes seconds on a busy machine.
    let loads = loads();
    let begun = Instant::now();
    let mut senders = tokio::task::JoinSet::new();
    let mut counts = Vec::new();
    for load in loads {
        let (load, answered) = (Arc::new(load), Arc::new(AtomicUsize::new(0)));
        counts.push((load.name, Arc::clone(&answered)));
        let at_once = if load.reads { 4 } else { 40 };
        for _ in 0..at_once {
            let (load, answered) = (Arc::clone(&load), Arc::clone(&answered));
            senders.spawn(async move {
                while begun.elapsed() < Duration::from_secs(seconds) {
                    send(port, &load, &answered).await;
                }
            });
        }
    }
    let (mut slowest, mut largest) = (Duration::ZERO, 0);
    while begun.elapsed() < Duration::from_secs(seconds) {
        let asked = Instant::now();
        let healthy = timeout(Duration::from_secs(20), client.get("/healthz")).await;
        assert_eq!(
            healthy.ok().flatten().map(|answer| answer.0),
            Some(200),
            "{}\n{}",
            process.has_ended(),
            folder.log()
        );
        slowest = slowest.max(asked.elapsed());
        largest = largest.max(process.resident_bytes());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    while senders.join_next().await.is_some() {}
    let answered: Vec<_> = counts.iter().map(|(name, count)| (*name, count.load(Ordering::Relaxed))).collect();
    println!("{seconds} s: at most {} MB, /healthz within {slowest:?}, answered {answered:?}", largest / 1_000_000);
    assert!(!process.has_ended(), "{}", folder.log());
    assert!(answered.iter().all(|(name, count)| *count > 0 || ["unread", "heads"].contains(name)), "{answered:?}");
    // Nothing of what was accepted is lost.
    let path = format!("/v1/sync-jobs/{}", kept.1["id"].as_str().unwrap());
    let job = client.until(&path, |job: &Value| !job["finishedAt"].is_null()).await;
    assert_eq!(job["counts"]["applied"], json!(20), "{job}");
    assert_eq!(client.call(Method::GET, "/readyz", &Value::Null).await.unwrap().0, 200);
    process.stop().await;
    genesys.stop(Duration::from_secs(5)).await;
}
