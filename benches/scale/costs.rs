//! What one entry, one write and one conflict cost the service in allocations, which are the same on every machine. They are
//! bounds as well as figures: this part fails when one is exceeded, and CI runs it.

use std::sync::Arc;

use allocation_counter::{AllocationInfo, measure};
use axum::body::Body;
use http::Request;
use skillsync::domain::{EntryState, Target};
use skillsync::journal::NoJournal;
use tower::ServiceExt as _;

use crate::org::Org;
use crate::service::{Running, silent_genesys, start};
use crate::{roster, runtime};

/// So few that the body is read on this thread, where allocations are counted.
const ACCEPTED: usize = 500;
/// Jobs of one entry, as events make them.
const SMALL: usize = 2_000;
const WRITTEN: usize = 2_000;
/// So many that what they share weighs little, as in the jobs that are large enough for memory to matter.
const TRACKED: usize = 10_000;
const NIGHTS: usize = 2;

struct Cost {
    what: &'static str,
    unit: &'static str,
    found: f64,
    bound: f64,
}

pub(crate) fn run() {
    let (tracked, unchanged) = tracked();
    let (written, conflict) = written();
    let (submitted, waiting) = small();
    let costs = [
        Cost {
            what: "an entry accepted, from its JSON to the 202",
            unit: "allocations",
            found: accepted(),
            bound: 15.0,
        },
        Cost {
            what: "a job of one entry, from its JSON to the 202",
            unit: "allocations",
            found: submitted,
            bound: 140.0,
        },
        Cost { what: "the same while it waits to be resolved", unit: "bytes", found: waiting, bound: 6_500.0 },
        Cost { what: "an entry tracked, over and readable", unit: "bytes", found: tracked, bound: 150.0 },
        Cost { what: "a user found unchanged: a read", unit: "allocations", found: unchanged, bound: 220.0 },
        Cost { what: "a user written: a read and a write", unit: "allocations", found: written, bound: 350.0 },
        Cost {
            what: "a conflict resolved: a read and a write more",
            unit: "allocations",
            found: conflict,
            bound: 250.0,
        },
    ];
    println!(
        "## What one costs, what the org of the bench allocates for its answers included\n\n| | | bound |\n|---|---|---|"
    );
    for Cost { what, unit, found, bound } in &costs {
        println!("| {what} | {found:.1} {unit} | {bound:.0} |");
    }
    println!();
    for Cost { what, unit, found, bound } in costs {
        assert!(found <= bound, "{what}: {found:.1} {unit} are more than {bound}");
    }
}

fn accepted() -> f64 {
    per(submitted(1, ACCEPTED).count_total, ACCEPTED)
}

/// Allocations for a job of one entry, and bytes kept for it while Genesys does not answer.
fn small() -> (f64, f64) {
    let info = submitted(SMALL, 1);
    (per(info.count_total, SMALL), per(info.bytes_current.try_into().expect("more is kept than before"), SMALL))
}

/// What so many submissions of so many entries each take, after a first one.
fn submitted(jobs: usize, entries: usize) -> AllocationInfo {
    let body = roster::body(entries);
    let runtime = runtime(true);
    let running = runtime.block_on(async { start(silent_genesys(), Arc::new(NoJournal), "") });
    let submit = || {
        let request = Request::post("/v1/sync-jobs").header("content-type", "application/json");
        let request = request.body(Body::from(body.clone())).expect("a request");
        let answer = runtime.block_on(running.router.clone().oneshot(request)).expect("an answer");
        assert_eq!(answer.status(), 202);
    };
    submit();
    measure(|| (0..jobs).for_each(|_| submit()))
}

/// Bytes kept for an entry, and allocations for a user who has everything already.
fn tracked() -> (f64, f64) {
    let org = Org::of(TRACKED, 0);
    let runtime = runtime(true);
    let running = runtime.block_on(async { start(org.transport(), Arc::new(NoJournal), "") });
    let night = || night(&runtime, &running, TRACKED);
    night();
    let info: AllocationInfo = measure(|| (0..NIGHTS).for_each(|_| assert_eq!(night(), 0)));
    let entries = TRACKED * NIGHTS;
    let bytes = u64::try_from(info.bytes_current).expect("more is kept than before");
    (per(bytes, entries), per(info.count_total, entries))
}

/// Allocations for a user who is written, and for a conflict on the way.
fn written() -> (f64, f64) {
    let night_with = |conflicts: usize| {
        let org = Org::of(WRITTEN, 100).with_conflicts(conflicts);
        let runtime = runtime(true);
        let running = runtime.block_on(async { start(org.transport(), Arc::new(NoJournal), "") });
        let info = measure(|| assert_eq!(night(&runtime, &running, WRITTEN), WRITTEN));
        info.count_total
    };
    let (smooth, rough) = (night_with(0), night_with(100));
    (per(smooth, WRITTEN), per(rough - smooth, WRITTEN))
}

fn night(runtime: &tokio::runtime::Runtime, running: &Running, users: usize) -> usize {
    runtime.block_on(async {
        let job = running.submit(Target::WfmSkillGroups, roster::entries(0, users, 0)).await;
        running.finish(job).await.counts.of(EntryState::Applied) as usize
    })
}

fn per(all: u64, of: usize) -> f64 {
    all as f64 / of as f64
}
