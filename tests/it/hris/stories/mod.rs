//! The career of one person as each vendor tells it, in payloads of the form that its documentation has, to the real binary:
//! hired, given another title, gone and back, deleted; told twice, told late, and told in another order than it happened.
//!
//! Everything happened within the last two days, hours apart, and is told now: a sender that dates what it tells is believed,
//! and so is what its records say.

mod by_fields;
mod by_ids;
mod by_reports;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use bytes::Bytes;
use http::Response;
use jiff::Timestamp;
use serde_json::{Value, json};
use skillsync::clock::WallClock;
use skillsync::genesys::transport::{Transport, TransportSettings, over_http};
use tower::ServiceExt;

use super::groups_of;
use super::process::{Site, beside};
use super::senders::Vendor;
use crate::process::{Client, Process};

/// Whose career it is.
const ANA: usize = 1;
/// Somebody who is hired before and stays as they are.
const BO: usize = 2;
/// The titles that there are; of each, the group that comes with it.
const TITLES: [(&str, &str); 3] = [("Agent", "Group 1"), ("Lead", "Group 2"), ("Trainer", "Group 3")];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Hired,
    Retitled,
    Left,
    Returned,
    Deleted,
}

/// Something that happened to a person.
#[derive(Debug, Clone, Copy)]
struct JobDelta {
    of: usize,
    what: What,
    /// The title that they have since.
    title: &'static str,
    at: Timestamp,
}

impl JobDelta {
    fn works(&self) -> bool {
        !matches!(self.what, What::Left | What::Deleted)
    }

    fn email(&self) -> String {
        format!("agent{}@example.com", self.of)
    }

    fn employee_id(&self) -> String {
        format!("E{}", 1000 + self.of)
    }

    /// The first word if they work there, else the other.
    fn status(&self, works: &'static str, has_left: &'static str) -> &'static str {
        if self.works() { works } else { has_left }
    }
}

/// How a vendor tells news.
struct Teller {
    vendor: Vendor,
    /// The keys of its source, beside the name, the secret and the rules.
    keys: String,
    /// The attribute that is the title.
    title: &'static str,
    /// What it calls the person in its records, if these are read.
    id: fn(usize) -> String,
    /// The deliveries, one after another.
    told: fn(&JobDelta) -> Vec<Value>,
    /// What its interface has of a person since then; `None` where nobody asks, or nothing is there any more.
    record: fn(&JobDelta) -> Option<Value>,
}

/// What the interface of the HR system has, by the vendor's id of the person.
type Records = Arc<Mutex<HashMap<String, Value>>>;

/// A call names the person in its path or in its body.
async fn answer(records: Records, request: Request) -> Result<String, StatusCode> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let asked = format!("{} {}", head.uri.path(), String::from_utf8_lossy(&body));
    let mut words = asked.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let records = records.lock().unwrap();
    words.find_map(|word| records.get(word)).map(Value::to_string).ok_or(StatusCode::NOT_FOUND)
}

/// What was delivered: under which name, in which words, signed at which second.
#[derive(Clone)]
struct Delivery {
    name: String,
    body: String,
    signed_at: i64,
}

/// The binary, Genesys and the HR system.
struct Stage {
    teller: Teller,
    site: Site,
    process: Process,
    client: Client,
    transport: Transport,
    records: Records,
    deliveries: Mutex<Vec<Delivery>>,
    begun: Timestamp,
}

impl Stage {
    /// Bo is hired before the curtain rises.
    async fn open(teller: Teller) -> Self {
        let site = Site::open().await;
        let records = Records::default();
        let asked = Arc::clone(&records);
        let interface = beside(&site, Router::new().fallback(move |request| answer(Arc::clone(&asked), request))).await;
        let (preset, secret) = teller.vendor.preset();
        let mut source = format!(
            "[[webhooks]]\nname = '{}'\npreset = '{preset}'\nsecret = '{secret}'\ntarget = 'wfmSkillGroups'\n{}\n",
            teller.vendor.name(),
            teller.keys.replace("https://hr.test", &interface),
        );
        for (title, group) in TITLES {
            let when = format!("{{ all = [{{ attr = '{}', eq = '{title}' }}] }}", teller.title);
            let assign = format!("[{{ skill = '{group}' }}]");
            source.extend([
                "[[webhooks.rules]]
id = '",
                title,
                "'
when = ",
                &when,
                "
assign = ",
                &assign,
                "
",
            ]);
        }
        site.configure(&source);
        let (process, client) = (site.start(), Client::new(site.url()));
        client.until("/healthz", |_| true).await;
        let transport = over_http(&TransportSettings::default()).unwrap();
        let (deliveries, begun) = (Mutex::default(), WallClock::System.now());
        let stage = Self { teller, site, process, client, transport, records, deliveries, begun };
        stage.happens(&stage.news(BO, What::Hired, "Agent", 40)).await;
        stage
    }

    fn news(&self, of: usize, what: What, title: &'static str, hours_ago: i64) -> JobDelta {
        JobDelta { of, what, title, at: self.begun - jiff::SignedDuration::from_hours(hours_ago) }
    }

    /// Something happens, and is told.
    async fn happens(&self, news: &JobDelta) {
        let id = (self.teller.id)(news.of);
        match (self.teller.record)(news) {
            Some(record) => drop(self.records.lock().unwrap().insert(id, record)),
            None => drop(self.records.lock().unwrap().remove(&id)),
        }
        self.tell(news).await;
    }

    /// Something is told that happened before, and is in the records since.
    async fn tell(&self, news: &JobDelta) {
        for body in (self.teller.told)(news) {
            let name = format!("msg_{}", self.deliveries.lock().unwrap().len());
            let delivery = Delivery { name, body: body.to_string(), signed_at: WallClock::System.now().as_second() };
            self.deliver(&delivery).await;
            self.deliveries.lock().unwrap().push(delivery);
        }
        self.settle().await;
    }

    async fn deliver(&self, delivery: &Delivery) {
        let Delivery { name, body, signed_at } = delivery;
        let headers = self.teller.vendor.headers(name, body, *signed_at);
        let answer = self.post(&self.teller.vendor.path(), &headers, body.clone()).await;
        assert!(matches!(answer.status().as_u16(), 200 | 202), "{body}: {answer:?}");
    }

    async fn post(&self, path: &str, headers: &[(&'static str, String)], body: String) -> Response<Bytes> {
        let request = self.client.request(Method::POST, path).header("content-type", "application/json");
        self.send(headers.iter().fold(request, |request, (name, value)| request.header(*name, value)), body).await
    }

    async fn send(&self, request: http::request::Builder, body: String) -> Response<Bytes> {
        self.transport.clone().oneshot(request.body(Bytes::from(body)).unwrap()).await.unwrap()
    }

    /// Waits until all records are read and all jobs are done, in none of which anything failed: how many there were, and how
    /// many of their entries changed something.
    async fn settle(&self) -> (usize, u64) {
        self.client.until("/v1/webhooks", |view| view["items"][0]["recordsToRead"] == 0).await;
        let items = |view: &Value| view["items"].as_array().unwrap().clone();
        let done = |view: &Value| items(view).iter().all(|job| job["finishedAt"].is_string());
        let jobs = items(&self.client.until("/v1/sync-jobs?limit=1000", done).await);
        for job in &jobs {
            assert_eq!((&job["counts"]["failed"], &job["status"]), (&json!(0), &json!("completed")), "{job}");
        }
        (jobs.len(), jobs.iter().map(|job| job["counts"]["applied"].as_u64().unwrap()).sum())
    }

    fn has(&self, title: Option<&str>, why: &str) {
        let group = title.map(|title| TITLES.iter().find(|(known, _)| *known == title).unwrap().1);
        let groups: Vec<_> = group.into_iter().collect();
        assert_eq!(groups_of(&self.site.simulator, ANA), groups, "Ana, {why}\n{}", self.site.folder.log());
        assert_eq!(groups_of(&self.site.simulator, BO), ["Group 1"], "Bo, {why}");
    }

    /// Ana is hired, becomes a lead, leaves and comes back.
    async fn career(&self) {
        self.happens(&self.news(ANA, What::Hired, "Agent", 30)).await;
        self.has(Some("Agent"), "hired");
        self.happens(&self.news(ANA, What::Retitled, "Lead", 28)).await;
        self.has(Some("Lead"), "with another title");
        self.happens(&self.news(ANA, What::Left, "Lead", 24)).await;
        self.has(None, "gone");
        self.happens(&self.news(ANA, What::Returned, "Agent", 20)).await;
        self.has(Some("Agent"), "back");
    }

    /// What was delivered last comes once more, with a new signature where the vendor makes one.
    async fn twice(&self) {
        let before = self.settle().await;
        let mut last = self.deliveries.lock().unwrap().last().unwrap().clone();
        if matches!(self.teller.vendor, Vendor::StandardWebhooks | Vendor::Finch) {
            last.signed_at += 1;
        }
        self.deliver(&last).await;
        let (jobs, applied) = self.settle().await;
        // What was read together with another event has no job of its own that it could be known by, and is read once more.
        let is_known = jobs == before.0 || (self.teller.vendor.is_thin() && jobs == before.0 + 1);
        assert!(is_known && applied == before.1, "{jobs} jobs, {applied} changes after {before:?}");
    }

    /// Titles of some hours ago are told after those of later, one of them when that was carried out long since.
    async fn disorder(&self) {
        self.happens(&self.news(ANA, What::Retitled, "Trainer", 16)).await;
        self.tell(&self.news(ANA, What::Retitled, "Lead", 17)).await;
        self.has(Some("Trainer"), "told in the reverse order");
        self.happens(&self.news(ANA, What::Retitled, "Lead", 12)).await;
        self.tell(&self.news(ANA, What::Left, "Agent", 23)).await;
        self.has(Some("Lead"), "told late that they had been gone");
    }

    async fn deletion(&self) {
        self.happens(&self.news(ANA, What::Deleted, "Lead", 8)).await;
        self.has(None, "deleted");
    }

    /// A title from before the deletion is told after it.
    async fn late_title_of_the_deleted(&self) {
        self.tell(&self.news(ANA, What::Retitled, "Agent", 10)).await;
        self.has(None, "deleted, and told late of an earlier title");
    }

    async fn close(self) {
        drop(self.process);
        self.site.close().await;
    }

    /// Everything that a vendor can tell who dates its news, or whose records are read.
    async fn whole_story(self) {
        self.career().await;
        self.twice().await;
        self.has(Some("Agent"), "told twice");
        self.disorder().await;
        self.deletion().await;
        self.twice().await;
        self.late_title_of_the_deleted().await;
        self.close().await;
    }
}
