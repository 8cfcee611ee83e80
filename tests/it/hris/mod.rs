//! HR systems as they send, and what becomes of it in Genesys.

mod dates;
mod deliveries;
mod erasure;
mod examples;
mod filtered_records;
pub(crate) mod filters;
mod former_names;
mod full_exports;
mod fuzz;
mod histories;
mod imports;
mod left_as_is;
mod process;
pub(crate) mod properties;
mod ratings;
mod records;
mod senders;
mod signatures;
mod socket;
mod stories;
mod storm;
pub(crate) mod tables;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use bytes::Bytes;
use genesys_simulator::{Generated, Population, Scenario, Simulator, Target};
use ring::hmac;
use serde_json::Value;
use skillsync::app;
use skillsync::config::Config;
use skillsync::domain::JobId;
use skillsync::journal::MemoryJournal;
use tower::ServiceExt;

use crate::bed::Bed;

/// A service with sources, and the way into its HTTP side without a socket.
pub(crate) struct Office {
    pub(crate) bed: Bed,
    router: Router,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Value,
}

pub(crate) fn employees(users: usize) -> Scenario {
    Scenario {
        population: Population::Generated(Generated { users, groups: 30, groups_per_user: 0, ..Generated::default() }),
        ..Scenario::default()
    }
}

impl Office {
    pub(crate) fn open(scenario: &Scenario, sources: &str) -> Self {
        Self::of(Bed::start(scenario, sources), sources)
    }

    /// The next process on what the one before left.
    pub(crate) fn reopen(simulator: Simulator, kept: Arc<MemoryJournal>, scenario: &Scenario, sources: &str) -> Self {
        Self::of(Bed::join(simulator, kept, scenario, sources, |wire| wire), sources)
    }

    pub(crate) fn of(bed: Bed, sources: &str) -> Self {
        let genesys = "[genesys]\nregion = 'eu-central-1'\nclient_id = 'id'\nclient_secret = 's'\n";
        let config = Config::from_toml(&format!("{genesys}{sources}")).expect("the sources are good");
        let router = app::router(&config, &bed.service, &bed.lifecycle);
        Self { bed, router }
    }

    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.post_bytes(path, headers, body.as_bytes()).await
    }

    pub(crate) async fn post_bytes(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = Request::post(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_vec())).unwrap()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Request::delete(path).body(Body::empty()).unwrap()).await
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let retry_after = head.headers.get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        Answer { status: head.status.as_u16(), retry_after, body: serde_json::from_slice(&body).unwrap_or_default() }
    }

    /// What is answered to a GET, as JSON.
    pub(crate) async fn get(&self, path: &str) -> Value {
        serde_json::from_str(&self.get_text(path).await).unwrap()
    }

    /// What is answered to a GET, as text.
    pub(crate) async fn get_text(&self, path: &str) -> String {
        self.get_text_as(path, "application/json").await
    }

    /// The same in a form of one's choice.
    async fn get_text_as(&self, path: &str, form: &str) -> String {
        let request = Request::get(path).header("accept", form).body(Body::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().into()).unwrap()
    }

    /// A delivery of BambooHR, signed at this second.
    pub(crate) async fn bamboo(&self, source: &str, body: &str, at: i64) -> Answer {
        let headers = bamboo_headers(body, at);
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        self.post(&format!("/v1/webhooks/{source}"), &headers, body).await
    }

    /// The groups that Genesys has for the `n`th employee, by name.
    pub(crate) fn groups(&self, n: usize) -> Vec<String> {
        groups_of(&self.bed.simulator, n)
    }

    /// Waits until nothing is left to do.
    pub(crate) async fn finish(&self, answer: &Answer) {
        self.bed.finish(answer.job()).await;
    }
}

fn groups_of(simulator: &Simulator, n: usize) -> Vec<String> {
    let id = format!("E{}", 1000 + n);
    let user = simulator.users().into_iter().find(|user| user.employee_id.as_ref() == Some(&id)).unwrap();
    let assigned = simulator.assignments_of(user.id, Target::WfmSkillGroups).unwrap();
    let catalogue = simulator.catalogue(Target::WfmSkillGroups);
    let name = |id| catalogue.iter().find(|entry| entry.id == id).map(|entry| entry.name.clone()).unwrap();
    assigned.into_iter().map(|assigned| name(assigned.id)).collect()
}

impl Answer {
    pub(crate) fn job(&self) -> JobId {
        JobId(self.body["jobId"].as_str().or(self.body["id"].as_str()).expect("it names a job").parse().unwrap())
    }
}

pub(crate) const BAMBOO_SECRET: &str = "123b929362d51613054f71e5e5d4bf2c";
/// The second at which every test begins.
pub(crate) const BEGIN: i64 = 1_795_384_800;

pub(crate) fn hex(algorithm: hmac::Algorithm, secret: &str, signed: &[u8]) -> String {
    let tag = hmac::sign(&hmac::Key::new(algorithm, secret.as_bytes()), signed);
    tag.as_ref().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// How BambooHR signs at this second.
pub(crate) fn bamboo_headers(body: &str, at: i64) -> [(&'static str, String); 2] {
    let stamp = at.to_string();
    let signature = hex(hmac::HMAC_SHA256, BAMBOO_SECRET, &[body.as_bytes(), stamp.as_bytes()].concat());
    [("x-bamboohr-timestamp", stamp), ("x-bamboohr-signature", signature)]
}

/// The same as a call over a socket.
pub(crate) fn bamboo_request(url: &str, body: String, at: i64) -> Request<Bytes> {
    let headers = bamboo_headers(&body, at);
    let request = headers.iter().fold(Request::post(url), |request, (name, value)| request.header(*name, value));
    request.body(Bytes::from(body)).unwrap()
}

/// The `n`th employee with a job title, as BambooHR sends them.
pub(crate) fn titled(n: usize, title: &str) -> String {
    let fields: BTreeMap<&str, Value> = [
        ("employeeNumber", serde_json::json!({"value": format!("E{}", 1000 + n)})),
        ("jobTitle", serde_json::json!({"value": title})),
    ]
    .into();
    serde_json::json!({"employees": [{"id": n.to_string(), "fields": fields}]}).to_string()
}

/// A source whose job titles `Group 1` to `Group 30` are groups.
pub(crate) fn by_title(name: &str, more: &str) -> String {
    let mut source = format!(
        "[[webhooks]]\nname = '{name}'\npreset = 'bamboohr'\ntarget = 'wfmSkillGroups'\nsecret = '{BAMBOO_SECRET}'\n\
         user = {{ employee_id = 'employeeNumber' }}\n{more}\n"
    );
    for n in 1..=30 {
        let when = format!("{{ all = [{{ attr = 'jobTitle', eq = 'Group {n}' }}] }}");
        let assign = format!("[{{ skill = 'Group {n}' }}]");
        source.extend(["[[webhooks.rules]]\n", "id = 'title-", &n.to_string(), "'\nwhen = ", &when, "\n"]);
        source.extend(["assign = ", &assign, "\n"]);
    }
    source
}
