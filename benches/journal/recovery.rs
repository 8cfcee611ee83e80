//! Reading a large journal back.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use skillsync::domain::assignment::Difference;
use skillsync::domain::entry::Effects;
use skillsync::domain::entry_result::EntryResult;
use skillsync::domain::{AssignmentId, EntryState, UserId};
use skillsync::journal::{DEFAULT_MAX_BYTES, EndedEntry, EntryOutcome, JobCounters, Journal, Recovered, SqliteJournal};
use tokio::time::Instant;
use uuid::Uuid;

use crate::Folder;
use crate::jobs::{date, job};

const JOBS: usize = 100;
const ENTRIES: usize = 10_000;
/// What the other process is told.
pub(crate) const READ_BACK: &str = "read-back";

pub(crate) fn run() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let all = JOBS * ENTRIES;
    println!("Reading back {JOBS} jobs of {ENTRIES} entries with two assignments each ({all} in all).\n");
    println!("| | took | entries/s | on the disk, an entry | in memory, an entry |");
    println!("|---|---|---|---|---|");
    for (name, ended) in [("none has ended", false), ("all have ended, with an outcome", true)] {
        let folder = Folder::new();
        runtime.block_on(fill(&folder, ended));
        let bytes = fs::metadata(folder.0.join("journal.sqlite")).expect("a journal").len();
        let (took, memory) = in_another_process(&folder);
        println!(
            "| {name} | {took:.1?} | {:.0} | {} bytes | {} bytes |",
            all as f64 / took.as_secs_f64(),
            bytes / all as u64,
            memory / all as u64
        );
    }
    println!();
}

/// In a process of its own, whose memory holds nothing else: how long it takes, and the memory of what is read.
fn in_another_process(folder: &Folder) -> (Duration, u64) {
    let mut process = Command::new(std::env::current_exe().expect("this program"));
    let output = process.arg(READ_BACK).arg(&folder.0).output().expect("a process").stdout;
    let output = String::from_utf8(output).expect("figures");
    let (nanos, memory) = output.trim().split_once(' ').expect("two figures");
    (Duration::from_nanos(nanos.parse().expect("a figure")), memory.parse().expect("a figure"))
}

/// What that process does.
pub(crate) fn read_back(folder: &Path) {
    let (before, begun) = (resident(), Instant::now());
    let (journal, recovered) = SqliteJournal::open(folder, DEFAULT_MAX_BYTES).expect("a journal");
    let took = begun.elapsed();
    println!("{} {}", took.as_nanos(), resident().saturating_sub(before));
    let read = |recovered: &Recovered| recovered.jobs.iter().map(|job| job.outcomes.len()).sum::<usize>();
    assert_eq!(read(&recovered), JOBS * ENTRIES);
    drop(journal);
}

/// Memory of this process, where the system tells it.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kilobytes| kilobytes.parse::<u64>().ok()).unwrap_or_default() * 1024
}

async fn fill(folder: &Folder, ended: bool) {
    let (journal, _) = SqliteJournal::open(&folder.0, DEFAULT_MAX_BYTES).expect("a journal");
    for _ in 0..JOBS {
        let job = job(ENTRIES);
        let (id, entries) = (job.id, job.entries.len());
        journal.accept(job, Vec::new()).await.expect("room");
        for position in (0u32..).take(if ended { entries } else { 0 }) {
            drop(journal.conclude(
                EndedEntry { job: id, position, outcome: outcome(), counters: JobCounters::default() }.into(),
            ));
        }
        journal.flush().await.expect("room");
    }
}

/// One assignment added, two of others left alone.
fn outcome() -> EntryOutcome {
    let id = |number| AssignmentId(Uuid::from_u128(number));
    EntryOutcome {
        user: Some(UserId(Uuid::from_u128(9))),
        state: EntryState::Applied,
        result: EntryResult {
            reason: None,
            message: None,
            effects: Effects {
                difference: Difference { added: vec![(id(1 << 100), None)], ..Difference::default() },
                preserved: vec![id(2 << 100), id(3 << 100)],
                overwritten: Vec::new(),
                other_owners: Vec::new(),
            },
            attempts: 1,
            conflicts: Vec::new(),
            superseded_by: None,
            finished_at: Some(date()),
        },
        erased: false,
    }
}
