//! The memory of what is tracked: nightly jobs over the same employees, all of them over and readable.

use std::sync::Arc;

use skillsync::domain::Target;
use skillsync::journal::NoJournal;

use crate::org::Org;
use crate::service::{Running, start};
use crate::{memory, roster, runtime};

const EMPLOYEES: usize = 100_000;
/// Kept for a week, and a few by hand.
const NIGHTS: usize = 10;

pub(crate) fn run() {
    runtime(true).block_on(async {
        let org = Org::of(EMPLOYEES, 5);
        let limits = "limits = \"100000/1s\"\nmax_in_flight = 1000";
        let running = start(org.transport(), Arc::new(NoJournal), limits);
        let first = night(&running).await;
        let mut last = first;
        for _ in 1..NIGHTS {
            last = night(&running).await;
        }
        let entries = EMPLOYEES * (NIGHTS - 1);
        let bytes = (last - first) * 1e6 / entries as f64;
        println!("## Tracked entries: {NIGHTS} nights of {EMPLOYEES} employees, {} assignments each, all over\n", roster::ASSIGNMENTS);
        println!("| | resident |\n|---|---|");
        println!("| after the first night: listing, standings of {EMPLOYEES} users, {EMPLOYEES} entries | {first:.0} MB |");
        println!("| after the last: {} entries | {last:.0} MB |", EMPLOYEES * NIGHTS);
        println!("| an entry, with its result, its place in the order of changes and in its user's history | {bytes:.0} bytes (target: 150) |\n");
    });
}

/// One job for everybody; what is resident when it is over.
async fn night(running: &Running) -> f64 {
    let job = running.submit(Target::WfmSkillGroups, roster::entries(0, EMPLOYEES, 0)).await;
    running.finish(job).await;
    memory::resident()
}
