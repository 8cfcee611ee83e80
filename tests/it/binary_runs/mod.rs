//! Random runs of the real binary over sockets, with real kills, held against a judge that knows the promise alone.
//!
//! A run is a plan (operations as data, see [`plan`]) that [`run`] carries out in real time: jobs of all kinds, retries,
//! applies, cancels, others who write, slow look-ups, lost answers, lagging replicas, SIGTERM and `kill -9`. Polls go on
//! all the time ([`watch`]); what they show as ended must stay. [`judge`] holds users, states and effects against the
//! simulator's ledger.
//!
//! Real time is not repeatable: a seed gives the same plan, not the same interleaving. So a run that fails tells its
//! story, and a plan is made smaller only as long as it fails again within a few tries.

mod bad_user;
mod bodies;
mod history;
mod judge;
mod nightly;
mod org;
mod plan;
mod record;
mod run;
mod service;
mod submit;
mod watch;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use self::history::{Kind, Violation};
use self::plan::Plan;
use self::run::run;
use crate::sim::setting;

/// Random runs in every test run, and how many go on at a time: most of their time they wait.
const RUNS: u64 = 12;
const AT_A_TIME: u64 = 6;
/// How often a smaller plan is tried before it counts as one that does not fail.
const TRIES: usize = 2;

type Failed = BTreeMap<u64, (Vec<Violation>, String)>;

/// Runs the seeds, some at a time, and hands back what failed.
async fn soak(from: u64, runs: u64, keep: u64) -> Failed {
    let next = AtomicU64::new(from);
    let worker = async || {
        let mut failed = Failed::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= from + runs {
                return failed;
            }
            let (found, story) = run(&Plan::from_seed(seed).keeping(keep)).await;
            if !found.is_empty() {
                failed.insert(seed, (found, story));
            }
        }
    };
    let workers = (0..setting("BINARY_AT_A_TIME", AT_A_TIME)).map(|_| worker());
    futures_util::future::join_all(workers).await.into_iter().flatten().collect()
}

/// The operations of the smallest plan that still fails in the same way, as bits.
async fn shrunk(seed: u64, kind: Kind) -> u64 {
    let plan = Plan::from_seed(seed);
    let mut keep = (1 << plan.operations.len()) - 1;
    for bit in 0..plan.operations.len() {
        let fewer = keep & !(1 << bit);
        for _ in 0..TRIES {
            if run(&plan.clone().keeping(fewer)).await.0.iter().any(|violation| violation.kind == kind) {
                keep = fewer;
                break;
            }
        }
    }
    keep
}

/// Prints each failed run, and of each kind the smallest plan that can be had.
async fn report(failed: &Failed) {
    let mut kinds: BTreeMap<Kind, (usize, u64)> = BTreeMap::new();
    for (seed, (found, story)) in failed {
        println!("seed {seed}: {:?}\n{story}", Plan::from_seed(*seed));
        for violation in found {
            println!("  {violation}");
            kinds.entry(violation.kind).or_insert((0, *seed)).0 += 1;
        }
    }
    println!("violations by kind, with the first seed: {kinds:?}");
    if setting("BINARY_SHRINK", 1) == 1 {
        for (kind, (_, seed)) in kinds.into_iter().take(3) {
            let keep = shrunk(seed, kind).await;
            let plan = Plan::from_seed(seed).keeping(keep);
            println!("smallest plan with {kind:?}: BINARY_SEED={seed} BINARY_KEEP={keep} BINARY_RUNS=1: {plan:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_runs_of_the_binary_keep_the_order_and_tell_the_truth() {
    let (from, runs) = (setting("BINARY_SEED", 1), setting("BINARY_RUNS", RUNS));
    println!("seeds {from} to {}; others: BINARY_SEED=… BINARY_RUNS=…", from + runs - 1);
    let failed = soak(from, runs, setting("BINARY_KEEP", u64::MAX)).await;
    report(&failed).await;
    assert!(failed.is_empty(), "{} of {runs} runs failed", failed.len());
}
