//! The whole service over the simulator in memory: a bulk job of ten thousand users, and others that must not wait for it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use genesys_simulator::{Behaviour, Generated, Latency, Limits, Population, Scenario, Simulator};
use skillsync::app::{self, Dependencies, Service};
use skillsync::clock::WallClock;
use skillsync::config::Config;
use skillsync::domain::entry::{AssignmentName, EntryRequest, ListedAssignment};
use skillsync::domain::job::{JobSpec, Lane, SameUser};
use skillsync::domain::{JobId, Mode, Target, UserRef};
use skillsync::genesys::call::{CallLane, Route};
use skillsync::genesys::rate_limiter::{CallOutcome, Start};
use skillsync::journal::{NoJournal, Recovered};
use skillsync::lifecycle::Lifecycle;
use tokio::time::{Instant, sleep};

use crate::percent;

const USERS: usize = 10_000;
const ROUND_TRIP: Duration = Duration::from_millis(50);

pub(crate) async fn run() {
    let (simulator, service) = start();
    let began = Instant::now();
    let bulk = submit(&service, Lane::Bulk, 1..=USERS, "Group 1").await;
    let others = Box::pin(disturb(&service));
    let finished = Box::pin(finish(&service, bulk));
    let Either::Left((job, others)) = select(finished, others).await else { return };
    drop(others);
    let took = began.elapsed().as_secs_f64();
    let ledger = simulator.ledger();
    let (made, all) = (job.calls_made as usize, ledger.api_requests().count());
    let applied = job.counts.of(skillsync::domain::EntryState::Applied) as usize;
    // Two listings of groups and users, a read of each user, and a write for each that lacked the group.
    let least = 1 + USERS.div_ceil(500) + USERS + applied;
    println!("Bulk job of {USERS} users ({applied} changed), 10 calls in 1 s and 300 in 60 s, latency {ROUND_TRIP:?}:");
    println!("- calls made {made}, least possible {least} ({:.1} %)", percent(made as f64, least as f64));
    println!("- took {took:.0} s; all {all} calls to Genesys at 5 a second are {:.0} s", all as f64 / 5.0);
    println!("- peaks at Genesys: {} in 1 s, {} in 60 s\n", peak(&ledger, 1), peak(&ledger, 60));
}

fn peak(ledger: &genesys_simulator::Ledger, seconds: u64) -> usize {
    ledger.peak_in_any(Duration::from_secs(seconds))
}

/// Single calls and single jobs of the interactive lane, from time to time.
async fn disturb(service: &Service) {
    println!("## Interactive calls and jobs under a bulk job of {USERS} users, on the paused clock\n");
    sleep(Duration::from_secs(90)).await;
    let (mut calls, mut jobs) = (Vec::new(), Vec::new());
    for n in 1..=250_u64 {
        sleep(Duration::from_millis(5000 + n * 7919 % 1000)).await;
        let began = Instant::now();
        let permit = service.rate_limiter.admit(CallLane::Interactive, Route::User).await.expect("no pause");
        sleep(ROUND_TRIP).await;
        permit.answered(CallOutcome::Answered);
        calls.push(began.elapsed());
        sleep(Duration::from_millis(5000 + n * 6131 % 1000)).await;
        let began = Instant::now();
        let user = USERS + usize::try_from(n).unwrap_or(1);
        let job = submit(service, Lane::Interactive, user..=user, "Group 2").await;
        finish(service, job).await;
        jobs.push(began.elapsed());
    }
    println!("| | p50 | p99 | longest |\n|---|---|---|---|");
    for (what, times) in
        [("a call: place and round trip", &mut calls), ("a job of one user: read and write", &mut jobs)]
    {
        times.sort_unstable();
        let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_millis();
        println!("| {what} | {} ms | {} ms | {} ms |", at(50), at(99), at(100));
    }
    println!("\nTwo places of the minute's window and one round trip are {} ms.\n", 2 * 200 + ROUND_TRIP.as_millis());
    std::future::pending::<()>().await;
}

fn start() -> (Simulator, Service) {
    let simulator = Simulator::new(Scenario {
        seed: 1,
        population: Population::Generated(Generated { users: USERS + 1000, ..Generated::default() }),
        limits: Limits { windows: Vec::new(), ..Limits::default() },
        behaviour: Behaviour { latency: Latency { fixed: ROUND_TRIP, spread: Duration::ZERO }, ..Behaviour::default() },
        ..Scenario::default()
    });
    let config = "[genesys]\napi_url = 'http://g'\nlogin_url = 'http://g'\nclient_id = 'skillsync-simulated'\n\
                  client_secret = 'not-a-secret'";
    let around = Dependencies {
        transport: app::in_memory(&simulator, Duration::from_secs(60)),
        rate_limiter_start: Start::Empty,
        journal: Arc::new(NoJournal),
        recovered: Recovered::default(),
        clock: WallClock::following("2026-11-23T00:00:00Z".parse().expect("a date")),
        seed: 1,
    };
    let config = Config::from_toml(config).expect("a good configuration");
    (simulator, app::start(&config, around, &Lifecycle::default()).expect("the service starts"))
}

async fn submit(service: &Service, lane: Lane, users: impl Iterator<Item = usize>, group: &str) -> JobId {
    let entry = |n: usize| EntryRequest {
        reference: None,
        user: UserRef::EmployeeId(format!("E{}", 1000 + n).into()),
        assignments: vec![ListedAssignment {
            name: AssignmentName::Name(group.into()),
            proficiency: None,
            because: None,
            left_as_is: false,
        }]
        .into(),
        occurred_at: None,
    };
    let spec = JobSpec { lane, same_user: SameUser::InOrder, ..JobSpec::new(Target::WfmSkillGroups, Mode::Add) };
    service.engine.submit(spec, users.map(entry).collect()).await.expect("nothing is written down").id
}

async fn finish(service: &Service, job: JobId) -> skillsync::engine::JobSnapshot {
    let mut revisions = service.engine.watch(job).expect("the job exists");
    loop {
        let snapshot = service.engine.job(job).expect("the job exists");
        if snapshot.finished_at.is_some() {
            return snapshot;
        }
        revisions.changed().await.expect("the job lives");
    }
}
