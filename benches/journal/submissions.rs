//! Durable submissions a second, beside raw appends of the same bytes.

use std::future::Future;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use genesys_simulator::{Scenario, Simulator};
use http::Request;
use skillsync::app::{self, Dependencies};
use skillsync::clock::WallClock;
use skillsync::config::Config;
use skillsync::genesys::rate_limiter::Start;
use skillsync::journal::{DEFAULT_MAX_BYTES, Journal, JournalReader, NoJournal, Recovered, SqliteJournal};
use skillsync::lifecycle::Lifecycle;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tower::ServiceExt;

use crate::Folder;
use crate::jobs::job;
use crate::raw::RawLog;

/// Each cell is measured so often, and the round in the middle counts.
const ROUNDS: usize = 5;
/// For how long.
const LENGTH: Duration = Duration::from_secs(2);

const ROWS: [&str; 4] = [
    "append and fdatasync, grouped",
    "`Journal::accept`",
    "`POST /v1/sync-jobs`, without a socket",
    "the same with `journal.enabled = false`: nothing is durable",
];

#[derive(Debug, Clone, Copy)]
struct Found {
    per_second: f64,
    half: Duration,
    p99: Duration,
}

pub(crate) async fn run() {
    let bytes = record_bytes().await;
    println!("Submissions of one entry, each durable before it is answered; a record is {bytes} bytes.\n");
    println!("| | 1 client | of raw | 64 clients | of raw | p50, p99 with 64 |");
    println!("|---|---|---|---|---|---|");
    let (one, many) = (column(1, bytes).await, column(64, bytes).await);
    for ((name, one_client), clients) in ROWS.into_iter().zip(&one).zip(&many) {
        let cell = |found: &Found, raw: &Found| {
            format!("{:.0}/s | {:.0} %", found.per_second, found.per_second / raw.per_second * 100.0)
        };
        let (left, right) = (cell(one_client, &one[0]), cell(clients, &many[0]));
        println!("| {name} | {left} | {right} | {:.1?}, {:.1?} |", clients.half, clients.p99);
    }
    println!();
}

/// What each row comes to with so many clients. One row after another in turn, so that a machine that changes its mind does so
/// for all of them.
async fn column(clients: usize, bytes: usize) -> [Found; ROWS.len()] {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push([
            append(clients, bytes).await,
            accept(clients).await,
            submit_durably(clients).await,
            submit(clients, Arc::new(NoJournal), Recovered::default()).await,
        ]);
    }
    std::array::from_fn(|row| {
        let mut found: Vec<_> = rounds.iter().map(|round| round[row]).collect();
        found.sort_by(|one, other| one.per_second.total_cmp(&other.per_second));
        found[ROUNDS / 2]
    })
}

/// Keeps so many clients busy, each with one thing at a time.
async fn measure<F>(clients: usize, operation: impl Fn(usize) -> F + Clone + Send + 'static) -> Found
where
    F: Future<Output = ()> + Send + 'static,
{
    let until = Instant::now() + LENGTH;
    let mut busy = JoinSet::new();
    for client in 0..clients {
        let operation = operation.clone();
        busy.spawn(async move {
            let mut took = Vec::new();
            while Instant::now() < until {
                let begun = Instant::now();
                operation(client + took.len() * clients).await;
                took.push(begun.elapsed());
            }
            took
        });
    }
    let mut took = busy.join_all().await.concat();
    took.sort_unstable();
    let at = |share: usize| took[(took.len() - 1) * share / 100];
    Found { per_second: took.len() as f64 / LENGTH.as_secs_f64(), half: at(50), p99: at(99) }
}

async fn append(clients: usize, bytes: usize) -> Found {
    let folder = Folder::new();
    let log = Arc::new(RawLog::open(&folder));
    let appending = Arc::clone(&log);
    let found = measure(clients, move |_| {
        let log = Arc::clone(&appending);
        async move { log.append(vec![b'x'; bytes]).await }
    });
    let found = found.await;
    Arc::into_inner(log).expect("nobody appends any more").close();
    found
}

async fn accept(clients: usize) -> Found {
    let folder = Folder::new();
    let (journal, _) = SqliteJournal::open(&folder.0, DEFAULT_MAX_BYTES).expect("a journal");
    let journal = Arc::new(journal);
    measure(clients, move |_| {
        let journal = Arc::clone(&journal);
        async move { journal.accept(job(1), Vec::new()).await.expect("room") }
    })
    .await
}

async fn submit_durably(clients: usize) -> Found {
    let folder = Folder::new();
    let (journal, recovered) = SqliteJournal::open(&folder.0, DEFAULT_MAX_BYTES).expect("a journal");
    submit(clients, Arc::new(journal), recovered).await
}

/// Through router, parser and engine. Genesys permits next to nothing, so that nothing else is going on.
async fn submit(clients: usize, journal: Arc<dyn Journal>, recovered: Recovered) -> Found {
    let lifecycle = Lifecycle::default();
    let mut config = Config::from_toml(
        "[genesys]\napi_url = 'http://g'\nlogin_url = 'http://g'\nclient_id = 'skillsync-simulated'\n\
         client_secret = 'not-a-secret'\nlimits = '1/10m'",
    )
    .expect("a configuration");
    config.server.requests_per_second = NonZeroU32::MAX;
    // A fast machine submits more than the default permits.
    config.server.max_memory_bytes = 16 << 30;
    config.server.max_open_entries = u32::MAX;
    let around = Dependencies {
        transport: app::in_memory(&Simulator::new(Scenario::default()), Duration::from_secs(60)),
        rate_limiter_start: Start::AsIfFull,
        journal,
        recovered,
        clock: WallClock::System,
        seed: 1,
    };
    let service = app::start(&config, around, &lifecycle).expect("a service");
    let router = app::router(&config, &service, &lifecycle);
    let found = measure(clients, move |number| {
        let body = format!(
            r#"{{"target":"wfmSkillGroups","entries":[{{"ref":"row-{number}","user":{{"employeeId":"E{number}"}},"assignments":[{{"name":"Billing T2"}},{{"name":"VIP"}}]}}]}}"#
        );
        let request = Request::post("/v1/sync-jobs").header("content-type", "application/json");
        let answer = router.clone().oneshot(request.body(Body::from(body)).expect("a request"));
        async move { assert_eq!(answer.await.expect("an answer").status(), 202) }
    });
    let found = found.await;
    lifecycle.stop(Duration::from_secs(5)).await;
    found
}

/// What the journal keeps of one such job.
async fn record_bytes() -> usize {
    let folder = Folder::new();
    let (journal, _) = SqliteJournal::open(&folder.0, DEFAULT_MAX_BYTES).expect("a journal");
    journal.accept(job(1), Vec::new()).await.expect("room");
    let mut lines = Vec::new();
    JournalReader::open(&folder.0).expect("a journal").export(&mut lines).expect("lines");
    lines.len()
}
