//! Bodies that are wrong, or meant to do harm, over a socket against the real binary: each gets a problem document, and the
//! process lives on in little memory.

use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use async_compression::tokio::write::GzipEncoder;
use serde_json::Value;
use skillsync::table::XLSX;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::process::Process;
use crate::sheets::Workbook;

const NO_GENESYS: &str = "http://127.0.0.1:9";
const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";
const CSV: &str = "text/csv";

/// What a test may cost above the idle process.
const MAX_MEGABYTES: usize = 200;

/// The service, which never reaches a Genesys.
struct Service {
    process: Process,
    port: u16,
    folder: PathBuf,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Service {
    async fn start() -> Self {
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let folder = std::env::temp_dir().join(format!("skillsync-bad-bodies-{}", Uuid::new_v4()));
        let journal = folder.join("journal");
        std::fs::create_dir_all(&journal).unwrap();
        let process = Process::start(port, NO_GENESYS, &journal);
        let service = Self { process, port, folder };
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        service.assert_alive().await;
        service
    }

    async fn assert_alive(&self) {
        let answer = self.send("GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n", b"").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// What comes back for a head and a body of which the service may not want to read all.
    async fn send(&self, head: &str, body: &[u8]) -> String {
        let (mut from, mut to) = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap().into_split();
        let write = async {
            to.write_all(head.as_bytes()).await?;
            to.write_all(body).await
        };
        let mut answer = Vec::new();
        // Who is refused early finds the connection closed while writing: the answer counts.
        let (_, _) = tokio::join!(write, from.read_to_end(&mut answer));
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn post(&self, headers: &str, body: &[u8]) -> String {
        let head = format!(
            "POST /v1/sync-jobs?target=routingSkills HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\
             content-length: {}\r\n\r\n",
            body.len()
        );
        self.send(&head, body).await
    }

    /// Sends a body, which has to be refused with one of these statuses.
    async fn assert_refused(&self, what: &str, headers: &str, body: &[u8], status: u16) {
        let answer = self.post(headers, body).await;
        let (head, document) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{what}: no answer: {answer}"));
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{what}: {answer}");
        assert!(head.to_lowercase().contains("content-type: application/problem+json"), "{what}: {answer}");
        let document: Value = serde_json::from_str(document).unwrap();
        assert_eq!(document["status"], status, "{what}: {document}");
        self.assert_alive().await;
    }

    /// Megabytes of a line of the process's status.
    fn megabytes(&self, line: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let kilobytes = status.lines().find_map(|found| found.strip_prefix(line)).unwrap();
        kilobytes.trim().trim_end_matches(" kB").parse::<usize>().unwrap() / 1024
    }
}

fn of_type(media_type: &str) -> String {
    format!("content-type: {media_type}\r\n")
}

fn good(name: &str) -> String {
    format!(r#"{{"user":{{"email":"a@b"}},"assignments":[{{"name":"{name}"}}]}}"#)
}

#[tokio::test]
async fn a_body_that_is_wrong_is_refused_and_the_next_one_is_not() {
    let service = Service::start().await;
    let job = format!(r#"{{"target":"routingSkills","entries":[{}]}}"#, good("A"));
    let deep = |open: &str| open.repeat(200_000);
    let twice = job.replace(r#""target""#, r#""target":"routingSkills","target""#);
    let cases: [(&str, &str, Vec<u8>, u16); 17] = [
        ("truncated JSON", JSON, job[..job.len() - 3].into(), 400),
        ("NUL bytes", JSON, vec![0; 4096], 400),
        ("NUL bytes within", JSON, job.replace('A', "A\0").into(), 400),
        ("an escaped NUL", JSON, job.replace('A', "\\u0000").into(), 400),
        ("bad UTF-8", JSON, [&job.as_bytes()[..20], b"\xff\xfe", &job.as_bytes()[20..]].concat(), 400),
        ("nested arrays", JSON, deep("[").into(), 400),
        ("nested objects", JSON, deep("{\"a\":").into(), 400),
        ("a member twice", JSON, twice.into(), 400),
        ("a member of an entry twice", JSON, job.replace(r#""user""#, r#""user":{"email":"c@d"},"user""#).into(), 400),
        ("a list", JSON, b"[]".into(), 400),
        ("nothing", JSON, Vec::new(), 400),
        ("another type", "application/xml", job.clone().into(), 415),
        ("lines with NUL bytes", LINES, b"\0\n\0\n".into(), 400),
        ("lines of bad UTF-8", LINES, b"\xff\n".into(), 400),
        ("nested lines", LINES, deep("[").into(), 400),
        ("rows with NUL bytes", CSV, b"email,assignments\n\0,\0\n".into(), 400),
        ("rows of bad UTF-8", CSV, b"email,assignments\n\xff,A\n".into(), 400),
    ];
    for (what, media_type, body, status) in cases {
        service.assert_refused(what, &of_type(media_type), &body, status).await;
    }
    service.assert_refused("no type", "", job.as_bytes(), 415).await;
    let gzip = format!("{}content-encoding: gzip\r\n", of_type(JSON));
    service.assert_refused("no gzip", &gzip, job.as_bytes(), 400).await;
    let other = format!("{}content-encoding: br\r\n", of_type(JSON));
    service.assert_refused("another encoding", &other, job.as_bytes(), 415).await;
    let accepted = service.post(&of_type(JSON), job.as_bytes()).await;
    assert!(accepted.starts_with("HTTP/1.1 202"), "{accepted}");
}

/// Ten gigabytes of one byte in some ten megabytes: the members of a gzip body follow each other.
async fn ten_gigabytes_of(fill: u8) -> Vec<u8> {
    const PIECE: usize = 16 << 20;
    gzipped(&vec![fill; PIECE]).await.repeat((10 << 30) / PIECE)
}

async fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzipEncoder::new(Vec::new());
    encoder.write_all(bytes).await.unwrap();
    encoder.shutdown().await.unwrap();
    encoder.into_inner()
}

#[tokio::test]
async fn ten_gigabytes_of_zeros_in_ten_megabytes_are_refused_in_little_memory() {
    let service = Service::start().await;
    let idle = service.megabytes("VmRSS:");
    let (nul, zeros, breaks) = (ten_gigabytes_of(0).await, ten_gigabytes_of(b'0').await, ten_gigabytes_of(b'\n').await);
    // A row that is too long is refused long before the body is.
    for (what, media_type, head, fill, status) in [
        ("zero bytes as JSON", JSON, "", &nul, 413),
        ("zero bytes as lines", LINES, "", &nul, 413),
        ("zero bytes as rows", CSV, "", &nul, 400),
        ("a string of JSON", JSON, r#"{"target":"routingSkills","label":""#, &zeros, 413),
        ("a line", LINES, r#"{"ref":""#, &zeros, 413),
        ("a quoted cell", CSV, "email,assignments\n\"", &zeros, 400),
        ("empty lines", LINES, "", &breaks, 413),
        ("empty rows", CSV, "", &breaks, 413),
    ] {
        let bomb = [gzipped(head.as_bytes()).await.as_slice(), fill].concat();
        assert!(bomb.len() < 12 << 20, "{}", bomb.len());
        let headers = format!("{}content-encoding: gzip\r\n", of_type(media_type));
        service.assert_refused(what, &headers, &bomb, status).await;
    }
    let above = service.megabytes("VmHWM:") - idle;
    println!("{above} MB above {idle} MB");
    assert!(above < MAX_MEGABYTES, "{above} MB above {idle} MB");
}

#[tokio::test]
async fn a_spreadsheet_of_gigabytes_in_a_few_kilobytes_is_refused_in_little_memory() {
    let service = Service::start().await;
    let idle = service.megabytes("VmRSS:");
    let texts: Vec<_> = std::iter::repeat_n("x".repeat(100_000), 300).collect();
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    let rows = "<row><c t=\"s\"><v>1</v></c></row>".repeat(100_000);
    for (what, book) in [
        (
            "ten gigabytes of rows that name one text",
            Workbook::of(&rows).sharing(&["employee_id", &"y".repeat(100_000)]),
        ),
        ("texts of thirty megabytes", Workbook::of(&rows).sharing(&texts)),
    ] {
        let bomb = book.file();
        assert!(bomb.len() < 150_000, "{what}: {}", bomb.len());
        let answer = service.post(&of_type(XLSX), &bomb).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{what}: {answer}");
        service.assert_alive().await;
    }
    let above = service.megabytes("VmHWM:") - idle;
    println!("{above} MB above {idle} MB");
    assert!(above < MAX_MEGABYTES, "{above} MB above {idle} MB");
}

#[tokio::test]
async fn a_hundred_thousand_rows_are_accepted_at_once_in_little_memory() {
    let service = Service::start().await;
    let idle = service.megabytes("VmRSS:");
    let row = |n| format!("row-{n},employee-{n}@example.com,Billing T{}:4;Spanish:3;Returns\n", n % 30);
    let rows: String = (0..100_000).map(row).collect();
    let body = format!("ref,email,assignments\n{rows}");
    let answer = service.post(&of_type(CSV), body.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 202") && answer.contains(r#""total":100000"#), "{answer}");
    let above = service.megabytes("VmHWM:") - idle;
    println!("{above} MB above {idle} MB for {} MB of rows", body.len() >> 20);
    assert!(above < MAX_MEGABYTES, "{above} MB above {idle} MB");
}
