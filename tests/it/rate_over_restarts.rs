//! What a killed process has sent still counts at Genesys: the rate holds over restarts, and no longer than it must.

use std::sync::Arc;
use std::time::Duration;

use genesys_simulator::{Generated, Latency, Population, Scenario, Simulator};
use skillsync::domain::{JobId, Mode, Target};
use skillsync::journal::MemoryJournal;
use tokio::time::Instant;

use crate::bed::{Bed, employee};
use crate::dying::{Death, DyingJournal, Left};

const USERS: usize = 600;

/// The limits of the simulated Genesys are those that the service is configured with: one call too many is a 429.
fn scenario(seed: usize) -> Scenario {
    let mut scenario = Scenario {
        seed: seed as u64,
        population: Population::Generated(Generated { users: USERS, groups: 5, ..Generated::default() }),
        ..Scenario::default()
    };
    scenario.behaviour.latency = Latency { fixed: Duration::from_millis(60), spread: Duration::from_millis(200) };
    scenario
}

fn first(seed: usize, journal: &Arc<DyingJournal>, kept: &Arc<MemoryJournal>) -> Bed {
    let (simulator, way) = (Simulator::new(scenario(seed)), Arc::clone(journal));
    let (kept, journal) = (Arc::clone(kept), Arc::clone(journal));
    Bed::first(simulator, kept, journal, &scenario(seed), move |wire| way.wire(wire))
}

async fn submit(bed: &Bed) -> JobId {
    bed.submit(Target::WfmSkillGroups, Mode::Add, (1..=USERS).map(|n| employee(n, &["Group 1"])).collect()).await
}

fn assert_kept(bed: &Bed, context: &str) {
    let ledger = bed.simulator.ledger();
    assert_eq!(ledger.rate_limited(), 0, "{context}");
    for (seconds, most) in [(1, 10), (60, 300)] {
        let peak = ledger.peak_in_any(Duration::from_secs(seconds));
        assert!(peak <= most, "{context}: {peak} calls in {seconds} s");
    }
}

/// How long after `begun` the first call arrived.
fn first_call_after(bed: &Bed, begun: Instant) -> Duration {
    let ledger = bed.simulator.ledger();
    let first = ledger.api_requests().map(|request| request.arrived_at).find(|at| *at >= begun);
    first.map_or(Duration::MAX, |first| first.duration_since(begun))
}

#[tokio::test(start_paused = true)]
async fn no_window_overflows_over_kills_and_work_goes_on_soon() {
    for seed in 1..=12_usize {
        let kept = Arc::new(MemoryJournal::default());
        let death = |life: usize| {
            let at = 60 + 35 * life + seed;
            Death { at, done: life.is_multiple_of(2), left: Left::Half }
        };
        let mut journal = DyingJournal::new(&kept, Some(death(0)), 0..0);
        let mut bed = first(seed, &journal, &kept);
        let job = submit(&bed).await;
        for life in 1..=5 {
            journal.dead.cancelled().await;
            let pause = Duration::from_millis(700 * (seed as u64 * life as u64 % 5));
            journal = DyingJournal::new(&kept, (life < 5).then(|| death(life)), 0..0);
            let way = Arc::clone(&journal);
            let with = Arc::clone(&journal);
            bed = bed.replaced(&scenario(seed), pause, with, move |wire| way.wire(wire)).await;
            let begun = Instant::now();
            tokio::time::sleep(Duration::from_secs(12)).await;
            // The last lease may hide 40 calls, which at five a second would be eight seconds in a full window.
            let waited = first_call_after(&bed, begun);
            println!(
                "{seed} {life} {waited:?} {pause:?} {:?} ops {} {:?}",
                bed.service.engine.job(job).unwrap().counts,
                journal.operations(),
                bed.service.rate_limiter.snapshot()
            );
            assert!(waited <= Duration::from_secs(9), "seed {seed}, life {life}: {waited:?}");
        }
        bed.finish(job).await;
        assert_kept(&bed, &format!("seed {seed}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_after_the_longest_window_goes_at_once_and_one_after_a_clean_stop_as_soon_as_it_may() {
    for (pause, longest_wait) in [(61_500, 600), (0, 1_000)] {
        let kept = Arc::new(MemoryJournal::default());
        let bed = first(1, &DyingJournal::new(&kept, None, 0..0), &kept);
        submit(&bed).await;
        tokio::time::sleep(Duration::from_secs(90)).await;
        let bed = bed.restart(&scenario(1), Duration::from_millis(pause)).await;
        let begun = Instant::now();
        tokio::time::sleep(Duration::from_secs(70)).await;
        let waited = first_call_after(&bed, begun);
        assert!(waited <= Duration::from_millis(longest_wait), "after {pause} ms: {waited:?}");
        assert_kept(&bed, &format!("after {pause} ms"));
    }
}
