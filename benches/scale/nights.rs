//! Whole nights on the paused clock, from a thousand users to a million: virtual time against calls / limit, and what the
//! service itself takes for it. Each runs in a process of its own, so that time and memory are its own.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use skillsync::domain::{EntryState, Target};
use skillsync::journal::NoJournal;
use tokio::time::Instant;

use crate::chart::{self, Line};
use crate::org::Org;
use crate::service::start;
use crate::{memory, roster, runtime};

const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
const CHANGED: [usize; 2] = [5, 100];
/// Entries of one job at most.
const PER_JOB: usize = 100_000;
/// Calls a second that 300 a minute come to.
const SUSTAINED: f64 = 5.0;

/// What one night came to.
#[derive(Debug, Serialize, Deserialize)]
struct Night {
    calls: usize,
    least: usize,
    virtual_seconds: f64,
    cpu_seconds: f64,
    peak_mb: f64,
}

/// Beside the document that shows it.
const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/nights.svg");

/// The argument that makes this program one night.
pub(crate) const ONE: &str = "one-night";

pub(crate) fn run() {
    println!("## Nights on the paused clock: `routingSkills`, 10 calls in 1 s and 300 in 60 s, round trips of 50 ms\n");
    println!("| users | changed | calls | least | time | calls / limit | CPU a user | peak memory | a user |");
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut lines = Vec::new();
    for (changed, color) in CHANGED.into_iter().zip(["#0b6e99", "#b3541e"]) {
        let (mut took, mut limit) = (Vec::new(), Vec::new());
        for users in SIZES {
            let night = in_a_process(users, changed);
            let at_the_limit = night.calls as f64 / SUSTAINED;
            println!(
                "| {users} | {changed} % | {} | {} | {} | {} ({:.3} x) | {:.0} µs | {:.0} MB | {:.0} bytes |",
                night.calls,
                night.least,
                hours(night.virtual_seconds),
                hours(at_the_limit),
                night.virtual_seconds / at_the_limit,
                night.cpu_seconds * 1e6 / users as f64,
                night.peak_mb,
                night.peak_mb * 1e6 / users as f64,
            );
            took.push((users as f64, night.virtual_seconds));
            limit.push((users as f64, night.least as f64 / SUSTAINED));
        }
        let name = format!("{changed} % changed");
        lines.push(Line { name: format!("{name}: the limit"), color, dashes: "4 4", points: limit });
        lines.push(Line { name, color, dashes: "", points: took });
    }
    fs::write(CHART, chart::drawn(&lines)).expect("it can be written");
    println!("\n![Time of a night against users](nights.svg)");
    println!(
        "\nThe least: the pages of the users' listing and the catalogue, a confirming read and a write for each changed user.\n"
    );
}

fn in_a_process(users: usize, changed: usize) -> Night {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new(program)
        .args([ONE, &users.to_string(), &changed.to_string()])
        .stderr(Stdio::inherit())
        .output()
        .expect("it runs");
    serde_json::from_slice(&output.stdout).expect("it tells what it found")
}

/// One night, told as JSON.
pub(crate) fn one(users: usize, changed: usize) {
    let org = Org::of(users, changed);
    let night = runtime(true).block_on(async {
        let running = start(org.transport(), Arc::new(NoJournal), "");
        let (before, cpu, began) = (memory::resident(), cpu_seconds(), Instant::now());
        memory::forget_peak();
        let mut jobs = Vec::new();
        for from in (0..users).step_by(PER_JOB) {
            let entries = roster::entries(from, PER_JOB.min(users - from), 0);
            jobs.push(running.submit(Target::RoutingSkills, entries).await);
        }
        let mut applied = 0;
        for job in jobs {
            applied += running.finish(job).await.counts.of(EntryState::Applied) as usize;
        }
        assert_eq!(applied, users * changed / 100);
        Night {
            calls: org.calls().all(),
            least: users.div_ceil(500) + 1 + 2 * applied,
            virtual_seconds: began.elapsed().as_secs_f64(),
            cpu_seconds: cpu_seconds() - cpu,
            peak_mb: memory::peak() - before,
        }
    });
    println!("{}", serde_json::to_string(&night).expect("numbers"));
}

/// What this thread, which does all the work, has run for.
fn cpu_seconds() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux says it");
    let nanoseconds: f64 = text.split_whitespace().next().and_then(|text| text.parse().ok()).expect("a number");
    nanoseconds / 1e9
}

/// A time as people say it.
pub(crate) fn hours(seconds: f64) -> String {
    match seconds {
        ..600.0 => format!("{seconds:.0} s"),
        600.0..36_000.0 => format!("{:.1} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3600.0),
    }
}
