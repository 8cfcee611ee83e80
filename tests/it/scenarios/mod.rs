//! Scenarios as data: a workload, a simulated org, and the range of what may be observed. One file for each cause of
//! conflict, and some for what happens when they meet. `skillsync simulate --scenario FILE` serves the same org.
//!
//! The least that a scenario allows: the listings, one read each time a user is taken up, one write for each change that is made, and a
//! re-read and a write for each conflict that Genesys hands out. Lost answers cost one more read.

mod waiting;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::Figment;
use figment::providers::{Format, Toml};
use genesys_simulator::{Ledger, Outcome, Population, Route, Scenario, Writer};
use serde::Deserialize;
use skillsync::domain::conflict::Cause;
use skillsync::domain::entry::EntryRequest;
use skillsync::domain::{EntryState, Mode, Target};
use skillsync::engine::JobSnapshot;

use crate::bed::{Bed, employee, in_state};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    about: String,
    workload: Workload,
    allowed: Allowed,
    simulator: Scenario,
}

/// A job for every user, two assignments each.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Workload {
    target: String,
    mode: String,
    /// The same users, other assignments.
    #[serde(default = "one")]
    jobs: usize,
    /// Seconds between two jobs.
    #[serde(default)]
    apart: u64,
}

fn one() -> usize {
    1
}

type Range<T> = (T, T);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Allowed {
    failed: Range<u32>,
    /// The reason of those that fail.
    reason: Option<String>,
    /// By cause; a cause that is not named must not occur.
    conflicts: BTreeMap<String, Range<u32>>,
    share_of_writes: Option<Range<f64>>,
}

fn load(path: &Path) -> File {
    let file = Figment::from(Toml::file_exact(path)).extract();
    file.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/scenarios");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|extension| extension == "toml")).collect();
    files.sort();
    files
}

impl Workload {
    fn target(&self) -> Target {
        match self.target.as_str() {
            "routingSkills" => Target::RoutingSkills,
            "wfmSkillGroups" => Target::WfmSkillGroups,
            other => panic!("no target {other}"),
        }
    }

    fn mode(&self) -> Mode {
        match self.mode.as_str() {
            "add" => Mode::Add,
            "managed" => Mode::Managed,
            other => panic!("no mode {other}"),
        }
    }

    fn entries(&self, users: usize, job: usize) -> Vec<EntryRequest> {
        let kind = if self.target() == Target::RoutingSkills { "Skill" } else { "Group" };
        let name = |n: usize| format!("{kind} {}", 1 + n % 30);
        (1..=users).map(|n| employee(n, &[&name(n + job), &name(n * 7 + 3 + job)])).collect()
    }
}

fn name(cause: Cause) -> &'static str {
    match cause {
        Cause::WrongVersion => "wrongVersion",
        Cause::ForeignWriter => "foreignWriter",
        Cause::OwnConcurrency => "ownConcurrency",
        Cause::ReadLag => "readLag",
        Cause::Busy => "busy",
        Cause::Blocked => "blocked",
    }
}

fn least(ledger: &Ledger, passes: usize) -> usize {
    let requests = || ledger.requests().iter();
    let listing = |route| matches!(route, Route::Users | Route::RoutingSkills | Route::SkillGroups);
    let listings = requests().filter(|request| listing(request.route)).count();
    let writes = ledger.effects().iter().filter(|effect| effect.writer == Writer::Client).count();
    let conflicts: usize = ledger.conflicts().values().sum();
    let lost = |outcome| matches!(outcome, Outcome::Reset | Outcome::Answered(429 | 500..=599));
    let trouble = requests().filter(|request| lost(request.outcome)).count();
    listings + passes + writes + 2 * conflicts + trouble
}

async fn runs_as_allowed(path: &Path) {
    let file = load(path);
    let Population::Generated(population) = &file.simulator.population else {
        panic!("scenarios generate their users")
    };
    let users = population.users;
    let bed = Bed::start(&file.simulator, "");
    let mut jobs = Vec::new();
    for nth in 0..file.workload.jobs {
        let entries = file.workload.entries(users, nth);
        jobs.push(bed.submit(file.workload.target(), file.workload.mode(), entries).await);
        tokio::time::sleep(Duration::from_secs(file.workload.apart)).await;
    }
    let mut ended: Vec<JobSnapshot> = Vec::new();
    for job in jobs {
        ended.push(bed.finish(job).await);
    }
    let ledger = bed.simulator.ledger();
    let entries = ended.iter().flat_map(|job| bed.entries(job.id));
    let passes: BTreeSet<_> = entries.map(|entry| (entry.user, entry.result.finished_at)).collect();
    let least = least(&ledger, passes.len());
    let calls = ledger.api_requests().count();
    let sum = |state| ended.iter().map(|job| in_state(job, state)).sum::<u32>();
    let failed = sum(EntryState::Failed);
    let counted = |cause| ended.iter().map(|job| job.conflicts.of(cause)).sum::<u32>();
    let handed_out: usize = ledger.conflicts().values().sum();
    let writes = ledger.requests().iter().filter(|request| request.route.writes().is_some()).count();
    let share = handed_out as f64 / writes.max(1) as f64;
    let stem = path.file_stem().unwrap().to_str().unwrap();
    let causes: Vec<_> = Cause::ALL.iter().map(|cause| (name(*cause), counted(*cause))).filter(|c| c.1 > 0).collect();
    let took = ended.iter().map(|job| job.finished_at.unwrap()).max().unwrap().duration_since(ended[0].created_at);
    println!(
        "| {stem} | {} | {writes} | {handed_out} ({:.1} %) | {causes:?} | {failed} | {calls} | {least} | {:.0} s |",
        file.about,
        100.0 * share,
        took.as_secs_f64()
    );

    let within = |range: Range<u32>, value: u32| (range.0..=range.1).contains(&value);
    assert!(within(file.allowed.failed, failed), "{stem}: {failed} failed");
    for entry in ended.iter().flat_map(|job| bed.entries(job.id)).filter(|entry| entry.state == EntryState::Failed) {
        let reason = format!("{:?}", entry.result.reason.unwrap()).to_lowercase();
        assert_eq!(Some(reason), file.allowed.reason.as_ref().map(|r| r.to_lowercase()), "{stem}");
    }
    for cause in Cause::ALL {
        let range = file.allowed.conflicts.get(name(cause)).copied().unwrap_or_default();
        assert!(within(range, counted(cause)), "{stem}: {} {}", counted(cause), name(cause));
    }
    if let Some((low, high)) = file.allowed.share_of_writes {
        assert!((low..=high).contains(&share), "{stem}: {share}");
    }
    assert!(calls as f64 <= 1.05 * least as f64, "{stem}: {calls} calls, least {least}");
    assert_eq!(ledger.lost_foreign_changes(), [], "{stem}");
    assert_eq!(ledger.overlapping_writes(), [], "{stem}");
    assert!(ledger.peak_in_any(Duration::from_secs(1)) <= 10 && ledger.peak_in_any(Duration::from_secs(60)) <= 300);
}

#[test]
fn every_scenario_stays_within_what_it_allows() {
    println!("| scenario | what happens | writes | conflicts | counted as | failed | calls | least | took |");
    let mut wrong = Vec::new();
    for path in files() {
        let run = || {
            let clock = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            clock.block_on(runs_as_allowed(&path));
        };
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err() {
            wrong.push(path.clone());
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn the_simulator_takes_the_files_as_they_are() {
    for path in files() {
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(Scenario::from_toml(&text).unwrap().seed, 2026, "{}", path.display());
    }
}
