//! The real binary with sources: rules that are read again at a SIGHUP, and a sender's word over `kill -9`.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract;
use axum::http::StatusCode;
use axum::routing::get;
use futures_util::future::join_all;
use genesys_simulator::{Limits, Scenario, Simulator};
use serde_json::Value;
use skillsync::clock::WallClock;
use skillsync::genesys::transport::{Transport, TransportSettings, over_http};
use skillsync::lifecycle::Lifecycle;
use tokio::net::TcpListener;
use tower::ServiceExt;

use super::{BAMBOO_SECRET, bamboo_request, by_title, employees, groups_of, titled};
use crate::process::{Client, Folder, Process, free_port};

/// A folder with a configuration and a journal, and a simulated Genesys on a socket.
pub(super) struct Site {
    pub(super) folder: Folder,
    pub(super) simulator: Simulator,
    genesys: String,
    port: u16,
    lifecycle: Lifecycle,
}

impl Site {
    pub(super) async fn open() -> Self {
        let folder = Folder::new("process");
        let lifecycle = Lifecycle::default();
        let limits = Limits { windows: Vec::new(), ..Limits::default() };
        let simulator = Simulator::new(Scenario { limits, ..employees(PEOPLE) });
        let (listener, genesys) = listener().await;
        let (serving, stopping) = (simulator.clone(), lifecycle.clone());
        lifecycle
            .spawn(async move { serving.serve(listener, async move { stopping.stopping().await }).await.unwrap() });
        Self { folder, simulator, genesys, port: free_port(), lifecycle }
    }

    pub(super) fn configure(&self, sources: &str) {
        std::fs::write(self.config(), sources).unwrap();
    }

    fn config(&self) -> PathBuf {
        self.folder.0.join("skillsync.toml")
    }

    pub(super) fn start(&self) -> Process {
        self.start_in(&[])
    }

    fn start_in(&self, environment: &[(&str, &str)]) -> Process {
        Process::configured(self.port, &self.genesys, &self.folder.journal(), &self.config(), environment)
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(super) async fn close(self) {
        self.lifecycle.stop(Duration::from_secs(5)).await;
    }
}

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// Delivers what BambooHR would; the status, unless nobody answers.
async fn deliver(transport: &Transport, site: &Site, body: String) -> Option<u16> {
    let now = WallClock::System.now().as_second();
    let request = bamboo_request(&format!("{}/v1/webhooks/hr", site.url()), body, now);
    transport.clone().oneshot(request).await.ok().map(|answer| answer.status().as_u16())
}

fn transport() -> Transport {
    over_http(&TransportSettings::default()).unwrap()
}

#[tokio::test]
async fn good_rules_are_taken_at_a_sighup_and_faulty_ones_are_refused_by_name() {
    let site = Site::open().await;
    site.configure(&by_title("hr", ""));
    let (process, client) = (site.start(), Client::new(site.url()));
    let rules = |view: &Value| view["items"][0]["rules"].as_u64();
    client.until("/v1/webhooks", |view| rules(view) == Some(30)).await;

    let one = format!(
        "[[webhooks]]\nname = 'hr'\npreset = 'bamboohr'\ntarget = 'wfmSkillGroups'\nsecret = '{BAMBOO_SECRET}'\n\
         user = {{ employee_id = 'employeeNumber' }}\n[[webhooks.rules]]\nid = 'everybody'\nassign = [{{ skill = 'Group 9' }}]\n"
    );
    site.configure(&one);
    process.reload();
    client.until("/v1/webhooks", |view| rules(view) == Some(1) && view["reloadFault"].is_null()).await;

    let condition = "[[webhooks.rules]]\nid = 'b'\nassign = [{ skill = 'A' }]\nwhen = { all = [{ attr = 'x' }] }\n";
    for (faulty, key, reason) in [
        (one.clone() + condition, "webhooks.hr: rules.b.when.all[0]", "must have exactly one of eq, in"),
        (one.replace("secret =", "secrets ="), "secrets", "unknown field"),
        (one.replace(BAMBOO_SECRET, ""), "webhooks.hr: secret", "empty"),
        (one.clone() + "previous_secret = 'hidden", "TOML parse error at line", "invalid"),
    ] {
        site.configure(&faulty);
        process.reload();
        let said = |view: &Value| view["reloadFault"].as_str().is_some_and(|fault| fault.contains(key));
        let view = client.until("/v1/webhooks", said).await;
        assert_eq!(rules(&view), Some(1), "the old ones stay");
        let refused = |line: &str| line.contains("the old API keys and sources stay");
        site.folder.logged(|line| refused(line) && line.contains(key) && line.contains(reason)).await;
        assert!(!site.folder.log().contains("hidden"));
    }
    assert_eq!(deliver(&transport(), &site, titled(1, "Group 1")).await, Some(202), "and go on working");
    client.until("/v1/sync-jobs", |view| view["items"][0]["finishedAt"].is_string()).await;
    assert_eq!(groups_of(&site.simulator, 1), ["Group 9"]);

    site.configure(&one);
    process.reload();
    client.until("/v1/webhooks", |view| view["reloadFault"].is_null()).await;
    drop(process);
    site.close().await;
}

/// The third is in the words of the first: without a date nothing says that it is the same once more.
#[tokio::test]
async fn a_filter_that_finds_no_date_has_each_delivery_carried_out() {
    let site = Site::open().await;
    let secret = "abcdefghijklmnopqrstuvwx0123456789";
    let rules = by_title("hr", "").split_once("[[webhooks.rules]]").unwrap().1.to_owned();
    site.configure(&format!(
        "[sync]\nhold_skill_left = 0\n[[webhooks]]\nname = 'hr'\npreset = 'workday'\ntarget = 'wfmSkillGroups'\nsecret = '{secret}'\n\
         filter = '.[] | {{employeeId: .nr, occurredAt: .at, attributes: {{jobTitle: .title}}}}'\n[[webhooks.rules]]{rules}"
    ));
    let (process, client) = (site.start(), Client::new(site.url()));
    client.until("/v1/webhooks", |view| view["items"][0]["name"] == "hr").await;
    let path = format!("/v1/webhooks/hr/{secret}");
    let tell = |title: &str, at: Option<&str>| {
        let body = serde_json::json!([{"nr": "E1001", "title": title, "at": at}]);
        let (client, path) = (&client, &path);
        async move {
            let (status, answer) = client.call(http::Method::POST, path, &body).await.unwrap();
            assert_eq!(status, 202, "{answer}");
            let job = answer["jobId"].as_str().unwrap().to_owned();
            client.until(&format!("/v1/sync-jobs/{job}"), |job| job["finishedAt"].is_string()).await;
            job
        }
    };
    for title in ["Group 1", "Group 2", "Group 1"] {
        tell(title, None).await;
        assert_eq!(groups_of(&site.simulator, 1), [title]);
    }
    let dated = tell("Group 3", Some("2026-01-01T10:00:00Z")).await;
    assert_eq!(tell("Group 3", Some("2026-01-01T10:00:00Z")).await, dated, "a date tells it apart from others");
    drop(process);
    site.close().await;
}

#[tokio::test]
async fn an_export_with_dates_says_since_when_a_number_is_whose() {
    let site = Site::open().await;
    let secret = "abcdefghijklmnopqrstuvwx0123456789";
    let rules = by_title("hr", "").split_once("[[webhooks.rules]]").unwrap().1.to_owned();
    site.configure(&format!(
        "[sync]\nhold_skill_left = 0\n[[webhooks]]\nname = 'hr'\npreset = 'workday'\ntarget = 'wfmSkillGroups'\nsecret = '{secret}'\n\
         sender_id = 'id'\n\
         filter = '.[] | {{employeeId: .nr, occurredAt: .at, leaver: (.title == null), attributes: {{id, jobTitle: .title}}}}'\n\
         [[webhooks.rules]]{rules}"
    ));
    let (process, client) = (site.start(), Client::new(site.url()));
    client.until("/v1/webhooks", |view| view["items"][0]["name"] == "hr").await;
    let tell = |path: String, id: &str, nr: Option<&str>, title: Option<&str>, day: u32| {
        let at = format!("2026-01-0{day}T10:00:00Z");
        let body = serde_json::json!([{"id": id, "nr": nr, "title": title, "at": at}]);
        let client = &client;
        async move {
            let (status, answer) = client.call(http::Method::POST, &path, &body).await.unwrap();
            assert!([200, 202].contains(&status), "{answer}");
            if let Some(job) = answer["jobId"].as_str().or(answer["id"].as_str()) {
                client.until(&format!("/v1/sync-jobs/{job}"), |job| job["finishedAt"].is_string()).await;
            }
        }
    };
    let hook = || format!("/v1/webhooks/hr/{secret}");
    tell(hook(), "7", Some("E1001"), Some("Group 1"), 1).await;
    tell("/v1/imports/hr?scope=delta".to_owned(), "8", Some("E1001"), Some("Group 2"), 5).await;
    assert_eq!(groups_of(&site.simulator, 1), ["Group 2"]);
    // What comes late of the one before, and then they leave.
    tell(hook(), "7", Some("E1001"), Some("Group 3"), 3).await;
    tell(hook(), "7", None, None, 7).await;
    assert_eq!(groups_of(&site.simulator, 1), ["Group 2"]);
    drop(process);
    site.close().await;
}

const PEOPLE: usize = 40;

/// An HR system that is down until it is told otherwise, and a log of whom it told of.
#[derive(Default)]
struct Records {
    up: AtomicBool,
    told: Mutex<Vec<usize>>,
}

fn record(records: &Records, id: usize) -> Result<String, StatusCode> {
    if !records.up.load(Ordering::Relaxed) {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    records.told.lock().unwrap().push(id);
    Ok(format!("{{\"employeeNumber\": \"E{}\", \"jobTitle\": \"Group {}\"}}", 1000 + id, 1 + id % 30))
}

fn event(n: usize) -> String {
    format!("{{\"type\":\"employee.updated\",\"data\":{{\"employeeId\":\"{n}\"}}}}")
}

/// Serves paths on a free port until the site is closed.
pub(super) async fn beside(site: &Site, router: Router) -> String {
    let (listener, url) = listener().await;
    let stopping = site.lifecycle.clone();
    site.lifecycle.spawn(async move {
        axum::serve(listener, router).with_graceful_shutdown(async move { stopping.stopping().await }).await.unwrap();
    });
    url
}

#[tokio::test]
async fn records_are_read_past_the_proxies_of_the_environment() {
    let site = Site::open().await;
    let (asked, proxied) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
    let (noted, was_proxied) = (Arc::clone(&asked), Arc::clone(&proxied));
    let answer = move |request: extract::Request| {
        noted.lock().unwrap().push(request.uri().path().to_owned());
        std::future::ready("{\"employeeNumber\": \"E1001\", \"jobTitle\": \"Group 1\"}")
    };
    let hr = beside(&site, Router::new().fallback(answer)).await;
    let proxy = move || {
        was_proxied.store(true, Ordering::Relaxed);
        std::future::ready(StatusCode::BAD_GATEWAY)
    };
    let proxy = beside(&site, Router::new().fallback(proxy)).await;
    let record =
        format!("record = {{ url = '{hr}/people/{{id}}/export', per_second = 40, authorization = 'Bearer t' }}");
    site.configure(&by_title("hr", &record));
    let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let process = site.start_in(&names.map(|name| (name, proxy.as_str())));
    let client = Client::new(site.url());
    client.until("/healthz", |_| true).await;
    let transport = transport();
    for id in ["..", "1"] {
        let event = event(1).replace("\"1\"", &format!("\"{id}\""));
        assert_eq!(deliver(&transport, &site, event).await, Some(202));
    }
    client.until("/v1/sync-jobs", |view| view["items"][0]["finishedAt"].is_string()).await;
    client.until("/v1/webhooks", |view| view["items"][0]["recordsToRead"] == 0).await;
    assert_eq!(*asked.lock().unwrap(), ["/people/1/export"], "and no id leads elsewhere");
    assert!(!proxied.load(Ordering::Relaxed), "a proxy of the environment saw the authorization");
    site.folder
        .logged(|line| line.contains("a record cannot be used") && line.contains("cannot be part of a URL"))
        .await;
    drop(process);
    site.close().await;
}

#[tokio::test]
async fn no_event_that_was_answered_with_202_is_lost_over_kills() {
    let site = Site::open().await;
    let records = Arc::new(Records::default());
    let asked = Arc::clone(&records);
    let answer = move |extract::Path(id): extract::Path<usize>| std::future::ready(record(&asked, id));
    let hr_url = beside(&site, Router::new().route("/{id}", get(answer))).await;
    site.configure(&by_title("hr", &format!("record = {{ url = '{hr_url}/{{id}}', per_second = 40 }}")));
    let (mut process, client, transport) = (site.start(), Client::new(site.url()), transport());
    client.until("/healthz", |_| true).await;

    // Each round a part of the events is under way when the process is killed: their senders see no answer.
    let mut open: Vec<usize> = (1..=PEOPLE).collect();
    let mut rounds = 0;
    while !open.is_empty() {
        rounds += 1;
        let (killed, killing) = (Mutex::new(Some(process)), PEOPLE / 4);
        let answered = Mutex::new(0);
        let attempts = open.iter().map(|n| {
            let (transport, site, killed, answered) = (&transport, &site, &killed, &answered);
            async move {
                let status = deliver(transport, site, event(*n)).await;
                if status == Some(202) {
                    let mut answered = answered.lock().unwrap();
                    *answered += 1;
                    if *answered == killing {
                        drop(killed.lock().unwrap().take());
                    }
                }
                status
            }
        });
        let statuses = join_all(attempts).await;
        open = open.into_iter().zip(statuses).filter(|(_, status)| *status != Some(202)).map(|(n, _)| n).collect();
        drop(killed);
        process = site.start();
        let kept = (PEOPLE - open.len()) as u64;
        client.until("/v1/webhooks", |view| view["items"][0]["recordsToRead"].as_u64() >= Some(kept)).await;
    }
    println!("{rounds} rounds until every sender had its answer");

    // And once more while records are read and jobs are made of them.
    records.up.store(true, Ordering::Relaxed);
    drop(process);
    let process = site.start();
    client.until("/v1/webhooks", |view| view["items"][0]["recordsToRead"].as_u64() < Some(PEOPLE as u64 - 10)).await;
    drop(process);
    let process = site.start();
    client.until("/v1/webhooks", |view| view["items"][0]["recordsToRead"] == 0).await;
    let ended = |view: &Value| view["items"].as_array().unwrap().iter().all(|job| job["finishedAt"].is_string());
    let jobs = client.until("/v1/sync-jobs?limit=100", ended).await;
    let made = jobs["items"].as_array().unwrap().len();
    assert!(
        (PEOPLE..PEOPLE + 5).contains(&made),
        "a job an event, but for one that was made as the process was killed: {made}"
    );
    for n in 1..=PEOPLE {
        assert_eq!(groups_of(&site.simulator, n), [format!("Group {}", 1 + n % 30)], "employee {n}");
    }
    println!("{} records read for {PEOPLE} events", records.told.lock().unwrap().len());
    drop(process);
    site.close().await;
}
