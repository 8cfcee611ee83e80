//! From a body to a durable 202, beside the typed parse of the same body by `serde_json`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use http::Request;
use serde::Deserialize;
use skillsync::journal::{DEFAULT_MAX_BYTES, Journal, NoJournal, SqliteJournal};
use tower::ServiceExt as _;

use crate::service::{Folder, Running, silent_genesys, start};
use crate::{median, memory, roster, runtime};

const ENTRIES: usize = 50_000;
const RUNS: usize = 7;

/// What a service would parse that knows no rules.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsed for its own sake")]
struct PlainJob {
    target: String,
    mode: String,
    label: Option<String>,
    entries: Vec<PlainEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsed for its own sake")]
struct PlainEntry {
    r#ref: Option<String>,
    user: PlainUser,
    assignments: Vec<PlainAssignment>,
    occurred_at: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsed for its own sake")]
struct PlainUser {
    id: Option<String>,
    email: Option<String>,
    employee_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "parsed for its own sake")]
struct PlainAssignment {
    id: Option<String>,
    name: Option<String>,
    proficiency: Option<f64>,
}

pub(crate) fn run() {
    let body = roster::body(ENTRIES);
    let bytes = body.len();
    let typed = || {
        let began = Instant::now();
        black_box(serde_json::from_str::<PlainJob>(&body).expect("a job"));
        began.elapsed()
    };
    let tree = || {
        let began = Instant::now();
        black_box(serde_json::from_str::<serde_json::Value>(&body).expect("a job"));
        began.elapsed()
    };
    let runtime = runtime(false);
    let folder = Folder::new();
    let (journal, _) = SqliteJournal::open(&folder.0, DEFAULT_MAX_BYTES).expect("a journal");
    let extra = "[server]\nmax_open_entries = 100000000";
    let begin = |journal: Arc<dyn Journal>| start(silent_genesys(), journal, extra);
    let (durable, volatile) = runtime.block_on(async { (begin(Arc::new(journal)), begin(Arc::new(NoJournal))) });
    let accept = |running: &Running| runtime.block_on(accept(running, &body));
    // In turn, so that a machine that slows down does so for all.
    let mut rounds = Vec::new();
    for _ in 0..RUNS {
        rounds.push([typed(), tree(), accept(&volatile), accept(&durable)].map(|time| time.as_secs_f64() * 1e3));
    }
    let of = |which: usize| median(rounds.iter().map(|round| round[which]).collect());
    let ratio = |which: usize| median(rounds.iter().map(|round| round[which] / round[0]).collect());
    println!(
        "## Acceptance: {ENTRIES} entries of {} assignments in one JSON body of {:.1} MB\n",
        roster::ASSIGNMENTS,
        mb(bytes)
    );
    println!("| | time | beside the typed parse |\n|---|---|---|");
    let rows = [
        "typed parse by serde_json, no rules held",
        "parse into a tree (`Value`)",
        "202 without a journal",
        "202, durable",
    ];
    for (which, row) in rows.into_iter().enumerate() {
        println!("| {row} | {:.0} ms | {:.2} x |", of(which), ratio(which));
    }
    memory::forget_peak();
    let before = memory::resident();
    accept(&durable);
    println!(
        "\nPeak memory while a body is accepted: {:.0} MB above what was resident before, the body of {:.1} MB included (limit: body + 100 MB).\n",
        memory::peak() - before,
        mb(bytes)
    );
}

fn mb(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

async fn accept(running: &Running, body: &str) -> Duration {
    let request = Request::post("/v1/sync-jobs").header("content-type", "application/json");
    let request = request.body(Body::from(body.to_owned())).expect("a request");
    let began = Instant::now();
    let answer = running.router.clone().oneshot(request).await.expect("an answer");
    let took = began.elapsed();
    assert_eq!(answer.status(), 202);
    took
}
