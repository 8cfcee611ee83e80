//! `kill -9` with the real binary at random moments: shortly after a start, while jobs come in, while users are written,
//! in conflicts, in pauses.
//!
//! Jobs and keys that were answered must be there after each restart, what had ended must stay as it was, and in the end
//! every entry has ended, every user has what was asked for, and nothing of others is lost. [`verdict`] counts in the
//! ledger which writes were under way at a kill and which were made twice.
//!
//! The limit is far above Genesys' own, so that kills come every few hundred calls and restarts do not wait for a minute's
//! window; that the rate holds over restarts is shown on the paused clock, see `rate_over_restarts`.

mod submitter;
mod verdict;

use std::collections::BTreeMap;
use std::time::Duration;

use genesys_simulator::{
    Behaviour, Blocked, Busy, ConflictCause, Conflicts, ForeignWriter, Generated, Latency, Population, ReadLag,
    Scenario, Share, Simulator, StaleWindow,
};
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use skillsync::clock::WallClock;
use skillsync::lifecycle::Lifecycle;
use tokio::time::Instant;

use self::submitter::Submitter;
use self::verdict::{Asked, Life, Verdict};
use crate::process::{Client, Folder, Process, free_port, job_for, serve_genesys, submit};
use crate::sim::setting;

/// The group that the large job gives.
const GROUP: &str = "Group 1";
/// The first answer, and the first call, come no later than this after a start.
const RESUMED_WITHIN: Duration = Duration::from_secs(2);

fn org(seed: u64, users: usize) -> Simulator {
    let conflicts = Conflicts {
        foreign_writer: ForeignWriter { share: Share::Rate(0.15), times: 2, ..ForeignWriter::default() },
        stale_window: StaleWindow { writes_per_second: 20.0, ..StaleWindow::default() },
        read_lag: ReadLag {
            share: Share::Rate(0.03),
            lag: Duration::from_millis(400),
            own_writes: true,
            ..ReadLag::default()
        },
        busy: Busy { share: Share::Rate(0.03), lasts: Duration::from_millis(400) },
        blocked: Blocked { share: Share::Users(2), ..Blocked::default() },
        ..Conflicts::default()
    };
    let latency = Latency { fixed: Duration::from_millis(10), spread: Duration::from_millis(10) };
    let mut scenario = Scenario {
        seed,
        population: Population::Generated(Generated { users, ..Generated::default() }),
        behaviour: Behaviour { latency, conflicts, ..Behaviour::default() },
        ..Scenario::default()
    };
    scenario.limits.windows.clear();
    Simulator::new(scenario)
}

/// One run: an org, a large job, and a process that is killed and started again.
struct Campaign {
    folder: Folder,
    genesys: String,
    port: u16,
    client: Client,
    simulator: Simulator,
    submitter: Submitter,
    job: String,
    /// What the large job's entries had come to when they were read back at a start: state and time.
    ended: BTreeMap<u64, (String, Timestamp)>,
    users: usize,
    slowest_answer: Duration,
    /// Kills while something was still open.
    in_the_middle: usize,
}

impl Campaign {
    fn start(&self) -> (Process, Instant) {
        let settings = [
            ("SKILLSYNC__GENESYS__LIMITS", "40/200ms"),
            ("SKILLSYNC__SYNC__CONFLICT_PATIENCE", "6s"),
            ("SKILLSYNC__SERVER__REQUESTS_PER_SECOND", "100000"),
        ];
        let begun = Instant::now();
        (Process::start_with(self.port, &self.genesys, &self.folder.journal(), &settings), begun)
    }

    /// Waits for the first answer of a process, and holds what it knows against what was known before.
    async fn resumed(&mut self, begun: Instant, dice: &mut StdRng) {
        let started_on = WallClock::System.date_of(begun);
        let path = format!("/v1/sync-jobs/{}", self.job);
        let view = self.client.until(&path, |_| true).await;
        self.slowest_answer = self.slowest_answer.max(begun.elapsed());
        self.in_the_middle += usize::from(view["finishedAt"].is_null());
        let accepted = self.submitter.accepted();
        // The last ones, and some of the others.
        let others = (0..3).filter_map(|_| accepted.get(dice.random_range(0..accepted.len().max(1))));
        for known in accepted.iter().rev().take(3).chain(others) {
            let (status, job) = submit(&self.client, &known.key, &known.body).await.unwrap();
            assert_eq!(job["id"].as_str(), Some(known.job.as_str()), "{status}: the key leads to its job, {job}");
        }
        self.compare_ended(started_on).await;
    }

    /// Entries that had ended before the process began can only be known from the journal: they stay as they are.
    async fn compare_ended(&mut self, began: Timestamp) {
        let mut now = BTreeMap::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/v1/sync-jobs/{}/entries?limit=1000{cursor}", self.job);
            let (_, page) = self.client.get(&path).await.unwrap();
            for entry in page["items"].as_array().unwrap() {
                let (state, at) = (entry["state"].as_str().unwrap(), entry["finishedAt"].as_str());
                if let Some(at) = at.map(|at| at.parse::<Timestamp>().unwrap()).filter(|at| *at < began) {
                    now.insert(entry["index"].as_u64().unwrap(), (state.to_owned(), at));
                }
            }
            let Some(next) = page["nextCursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        for (index, ended) in &self.ended {
            assert_eq!(now.get(index), Some(ended), "entry {index} had ended");
        }
        self.ended = now;
    }

    /// Lets everything end, and waits for it.
    async fn finish(&self) -> Vec<Value> {
        self.submitter.end().await;
        let mut jobs = Vec::new();
        for id in self.submitter.accepted().iter().map(|known| &known.job).chain([&self.job]) {
            let path = format!("/v1/sync-jobs/{id}");
            let view = self.client.until(&path, |view| view["finishedAt"].is_string());
            let view = tokio::time::timeout(Duration::from_secs(120), view).await;
            jobs.push(view.unwrap_or_else(|_| panic!("{id} does not end; {}", self.folder.log())));
        }
        jobs
    }
}

/// Starts, kills and starts again; `kills` times.
async fn campaign(seed: u64, users: usize, kills: usize) {
    println!("seed {seed}, {users} users, {kills} kills; another: CRASH_SEED=… CRASH_USERS=… CRASH_KILLS=…");
    let mut dice = StdRng::seed_from_u64(seed);
    let lifecycle = Lifecycle::default();
    let simulator = org(seed, users);
    let (genesys, port) = (serve_genesys(&simulator, &lifecycle).await, free_port());
    let client = Client::new(format!("http://127.0.0.1:{port}"));
    let mut campaign = Campaign {
        folder: Folder::new("crashes"),
        genesys,
        port,
        client: client.clone(),
        simulator,
        submitter: Submitter::default(),
        job: String::new(),
        ended: BTreeMap::new(),
        users,
        slowest_answer: Duration::ZERO,
        in_the_middle: 0,
    };
    let (mut process, begun) = campaign.start();
    client.until("/healthz", |_| true).await;
    campaign.slowest_answer = begun.elapsed();
    let (status, accepted) = submit(&client, "large", &job_for(1..=users, GROUP)).await.unwrap();
    assert_eq!(status, 202, "{accepted}");
    accepted["id"].as_str().unwrap().clone_into(&mut campaign.job);
    lifecycle.spawn(campaign.submitter.clone().run(client.clone(), users, seed));

    let (mut begun, mut lives) = (begun, Vec::new());
    while lives.len() < kills {
        // Some die before they are up, or just then.
        let (least, most) = if dice.random_bool(0.2) {
            (0, 120)
        } else {
            campaign.resumed(begun, &mut dice).await;
            (0, 700)
        };
        tokio::time::sleep(Duration::from_millis(dice.random_range(least..most))).await;
        drop(process);
        lives.push(Life { began: begun, killed: Instant::now() });
        (process, begun) = campaign.start();
    }
    campaign.resumed(begun, &mut dice).await;
    let jobs = campaign.finish().await;
    check(&campaign, &jobs, &lives).await;
    drop(process);
    lifecycle.stop(Duration::from_secs(5)).await;
}

/// Every entry ended once and is explained, every key made one job, everybody has what was asked for.
async fn check(campaign: &Campaign, jobs: &[Value], lives: &[Life]) {
    let Campaign { simulator, submitter, .. } = campaign;
    let blocked = simulator.fated(ConflictCause::Blocked);
    for job in jobs {
        let (counts, of) = (&job["counts"], |state: &str| job["counts"][state].as_u64().unwrap());
        let ended = of("applied") + of("unchanged") + of("superseded") + of("failed");
        assert_eq!(ended, of("total"), "{counts}");
        assert!(of("failed") <= blocked.len() as u64, "only who is blocked: {counts}");
    }
    let mut listed = 0;
    let mut path = "/v1/sync-jobs?limit=1000".to_owned();
    loop {
        let (_, page) = campaign.client.get(&path).await.unwrap();
        listed += page["items"].as_array().unwrap().len();
        let Some(next) = page["nextCursor"].as_str() else { break };
        path = format!("/v1/sync-jobs?limit=1000&cursor={next}");
    }
    assert_eq!(listed, jobs.len(), "each key made one job");
    let asked = Asked::of(simulator, campaign.users, &submitter.accepted());
    let verdict = Verdict::of(simulator, &asked, lives);
    println!(
        "{} kills, {} of them with the large job open; {} small jobs, {} requests without an answer\n\
         first answer after at most {:?}, first call after at most {:?}\n{verdict}",
        lives.len(),
        campaign.in_the_middle,
        jobs.len() - 1,
        submitter.unanswered(),
        campaign.slowest_answer,
        verdict.slowest_call,
    );
    assert!(campaign.slowest_answer <= RESUMED_WITHIN && verdict.slowest_call <= RESUMED_WITHIN);
    assert!(verdict.holds(), "{verdict}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_accepted_is_lost_over_many_kills() {
    let users = usize::try_from(setting("CRASH_USERS", 300)).unwrap();
    let kills = usize::try_from(setting("CRASH_KILLS", 12)).unwrap();
    campaign(setting("CRASH_SEED", 9), users, kills).await;
}
