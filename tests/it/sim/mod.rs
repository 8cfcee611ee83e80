//! Random runs of the whole service against the simulated org, held against an independent model.
//!
//! A run is a plan (operations as data, see [`plan`]) that [`run`] carries out on the paused clock. [`checks`] says what
//! must hold afterwards, [`model`] what every user must have come to. A run that fails prints its seed and the smallest
//! plan that still fails; found bugs are pinned in [`reproductions`]. [`planted`] shows that the checks see what they are
//! there to see.

mod bounded;
mod checks;
mod draw;
mod draw_more;
mod hostile;
mod life;
mod model;
mod plan;
mod planted;
mod planted_truth;
mod record;
mod reproductions;
mod run;
mod shown;
mod story;
mod tap;
mod truth;
mod world;
mod writes;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use self::checks::{Kind, Violation, violations};
use self::life::{Joints, SOUND};
use self::plan::Plan;
use self::run::run;

/// Random runs in every test run.
const RUNS: u64 = 2_000;

/// What is wrong with a plan's run.
fn verdict(plan: &Plan, joints: Joints) -> Vec<Violation> {
    violations(&run(plan, joints))
}

/// The smallest plan that can be had by leaving out operations and faults and still fails in the same way.
fn shrunk(mut plan: Plan, kind: Kind, joints: Joints) -> Plan {
    let fails = |plan: &Plan| verdict(plan, joints).iter().any(|violation| violation.kind == kind);
    let mut at = 0;
    while at < plan.operations.len() + plan.scenario.behaviour.faults.len() {
        let mut smaller = plan.clone();
        if at < plan.operations.len() {
            smaller.operations.remove(at);
        } else {
            smaller.scenario.behaviour.faults.remove(at - plan.operations.len());
        }
        if fails(&smaller) {
            plan = smaller;
        } else {
            at += 1;
        }
    }
    plan
}

/// Runs the seeds on all processors and hands back what failed.
fn soak(from: u64, runs: u64) -> BTreeMap<u64, Vec<Violation>> {
    let next = AtomicU64::new(from);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let work = || {
        let mut failed = BTreeMap::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= from + runs {
                return failed;
            }
            let found = verdict(&Plan::extended(seed), SOUND);
            if !found.is_empty() {
                failed.insert(seed, found);
            }
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
}

/// A number from the environment, for longer soaks and for a seed that failed elsewhere.
pub(crate) fn setting(name: &str, default: u64) -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a soak is set from outside; the service does not read this")]
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

#[test]
fn random_runs_lose_nothing_and_explain_everything() {
    let (from, runs) = (setting("SIM_SEED", 1), setting("SIM_RUNS", RUNS));
    println!("seeds {from} to {}; another range: SIM_SEED=… SIM_RUNS=…", from + runs - 1);
    let failed = soak(from, runs);
    let mut kinds: BTreeMap<Kind, usize> = BTreeMap::new();
    for violation in failed.values().flatten() {
        *kinds.entry(violation.kind).or_default() += 1;
    }
    for (seed, found) in failed.iter().take(usize::try_from(setting("SIM_SHOWN", 8)).unwrap()) {
        println!("seed {seed}:");
        for violation in found {
            println!("  {violation}");
        }
    }
    if let Some((seed, found)) = failed.first_key_value() {
        let plan = Plan::extended(*seed);
        let smallest = if setting("SIM_SHRINK", 1) == 1 { shrunk(plan, found[0].kind, SOUND) } else { plan };
        println!("smallest plan of seed {seed}: {smallest:?}\n{}", story::told(&run(&smallest, SOUND)));
    }
    assert!(failed.is_empty(), "{} of {runs} runs failed: {kinds:?}", failed.len());
}
