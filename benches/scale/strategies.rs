//! The same night as scripts do it that are often written for it, beside ours: over the same org, at the same limit.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use serde_json::{Value, json};
use skillsync::domain::Target;
use skillsync::genesys::transport::Transport;
use skillsync::journal::NoJournal;
use tokio::time::{Instant, Interval, interval};
use tower::ServiceExt as _;

use crate::nights::hours;
use crate::org::{Calls, Org};
use crate::service::{Running, start};
use crate::{roster, runtime};

const USERS: usize = 10_000;
/// In a hundred.
const CHANGED: usize = 5;

pub(crate) fn run() {
    println!("## One night of {USERS} users of whom {CHANGED} % have changed, at 300 calls a minute\n");
    println!("| | listings | reads | writes | calls | time |\n|---|---|---|---|---|---|");
    runtime(true).block_on(async {
        row("a script: list, read everybody, write everybody", script(true).await);
        row("a careful script: list, read everybody, write who has changed", script(false).await);
        let (org, running) = service();
        row("skillsync, `routingSkills`", night(&running, &org, Target::RoutingSkills, 0).await);
        let (org, running) = service();
        row("skillsync, `wfmSkillGroups`, nothing known", night(&running, &org, Target::WfmSkillGroups, 0).await);
        let again = night(&running, &org, Target::WfmSkillGroups, CHANGED).await;
        row("skillsync, `wfmSkillGroups`, the night after: versions known", again);
    });
    println!();
}

fn row(what: &str, (calls, time): (Calls, Duration)) {
    let Calls { listings, reads, writes } = calls;
    println!("| {what} | {listings} | {reads} | {writes} | {} | {} |", calls.all(), hours(time.as_secs_f64()));
}

fn service() -> (Org, Running) {
    let org = Org::of(USERS, CHANGED);
    let running = start(org.transport(), Arc::new(NoJournal), "");
    (org, running)
}

async fn night(running: &Running, org: &Org, target: Target, changed: usize) -> (Calls, Duration) {
    let (before, began) = (org.calls(), Instant::now());
    let job = running.submit(target, roster::entries(0, USERS, changed)).await;
    running.finish(job).await;
    (org.calls().since(before), began.elapsed())
}

/// One call after the other, evenly spaced.
struct Script {
    transport: Transport,
    pace: Interval,
}

/// Lists, reads each user, and writes: everybody, or who differs.
async fn script(everybody: bool) -> (Calls, Duration) {
    let org = Org::of(USERS, CHANGED);
    let began = Instant::now();
    let mut script = Script { transport: org.transport(), pace: interval(Duration::from_millis(200)) };
    let groups = script.call(Method::GET, "/api/v2/routing/skillgroups", Value::Null).await;
    let id_of = |name: &str| {
        let group = groups["entities"].as_array().into_iter().flatten().find(|group| group["name"] == name);
        group.map(|group| group["id"].clone()).expect("a group of the catalogue")
    };
    let ids: Vec<Value> = (0..roster::CATALOGUE).map(|place| id_of(&roster::name(place))).collect();
    let mut users = Vec::new();
    for page in 1..=USERS.div_ceil(500) {
        let path = format!("/api/v2/users?pageNumber={page}&state=active&expand=employerInfo");
        users.extend(
            script.call(Method::GET, &path, Value::Null).await["entities"].as_array().into_iter().flatten().cloned(),
        );
    }
    for (n, user) in users.iter().enumerate() {
        let path = format!("/api/v2/wfm/users/{}/assignments", user["id"].as_str().expect("an id"));
        let has = script.call(Method::GET, &path, Value::Null).await;
        let has: Vec<_> = has["skillGroups"].as_array().into_iter().flatten().map(|group| &group["id"]).collect();
        let wanted: Vec<_> = roster::assignments(n).map(|place| &ids[place]).collect();
        if everybody || wanted.iter().any(|id| !has.contains(id)) {
            script.call(Method::PATCH, &path, json!({ "skillGroupIds": wanted })).await;
        }
    }
    (org.calls(), began.elapsed())
}

impl Script {
    async fn call(&mut self, method: Method, path: &str, body: Value) -> Value {
        self.pace.tick().await;
        let request = Request::builder().method(method).uri(path).body(Bytes::from(body.to_string()));
        let answer = self.transport.clone().oneshot(request.expect("a request")).await.expect("an answer");
        serde_json::from_slice(answer.body()).expect("JSON")
    }
}
