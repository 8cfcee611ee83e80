//! A crash, and a fault, at every operation of the journal over a small job with conflicts and foreign writers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use genesys_simulator::{
    Behaviour, Conflicts, ForeignWriter, Generated, Latency, Population, Scenario, Share, Simulator, Writer,
};
use skillsync::domain::acceptance::KeySpace;
use skillsync::domain::job::{JobSpec, Lane, SameUser};
use skillsync::domain::{EntryState, JobId, Mode, Target};
use skillsync::journal::MemoryJournal;

use crate::bed::{Bed, employee};
use crate::dying::{Death, DyingJournal, Left};

const USERS: usize = 6;

fn scenario() -> Scenario {
    Scenario {
        seed: 3,
        population: Population::Generated(Generated { users: USERS, groups: 5, ..Generated::default() }),
        behaviour: Behaviour {
            latency: Latency { fixed: Duration::from_millis(80), spread: Duration::from_millis(40) },
            conflicts: Conflicts {
                foreign_writer: ForeignWriter { share: Share::Rate(0.5), ..ForeignWriter::default() },
                ..Conflicts::default()
            },
            ..Behaviour::default()
        },
        ..Scenario::default()
    }
}

/// A service whose journal dies or fails, beside its simulator.
fn start(journal: &Arc<DyingJournal>, kept: &Arc<MemoryJournal>) -> Bed {
    let (simulator, way) = (Simulator::new(scenario()), Arc::clone(journal));
    let (kept, journal) = (Arc::clone(kept), Arc::clone(journal));
    Bed::first(simulator, kept, journal, &scenario(), move |wire| way.wire(wire))
}

/// Sends the job under a key until it is taken; the job.
async fn submit(bed: &Bed) -> JobId {
    let (target, mode, lane) = (Target::WfmSkillGroups, Mode::Managed, Lane::Bulk);
    let spec = JobSpec { lane, same_user: SameUser::InOrder, ..JobSpec::new(target, mode) };
    let space = KeySpace::of_deliveries(&"hris".into());
    loop {
        let entries = (1..=USERS).map(|n| employee(n, &["Group 1", "Group 2"])).collect();
        match bed.submit_once(&space, "key", spec.clone(), entries).await {
            Ok((job, _)) => return job,
            Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    }
}

/// Every entry ended once, nothing of others was lost, the rate was kept; the writes beyond one for each user.
async fn check(bed: &Bed, context: &str) -> usize {
    let job = submit(bed).await;
    let view = tokio::time::timeout(Duration::from_secs(3600), bed.finish(job)).await;
    let view = view.unwrap_or_else(|_| panic!("{context}: {:?}", bed.entries(job)));
    let done = view.counts.of(EntryState::Applied) + view.counts.of(EntryState::Unchanged);
    assert_eq!(done as usize, USERS, "{context}: {:?}", view.counts);
    assert_eq!(bed.service.engine.jobs(None, None, 10).0.len(), 1, "{context}: the key made one job");
    let ledger = bed.simulator.ledger();
    assert_eq!(ledger.lost_foreign_changes(), [], "{context}");
    assert_eq!(ledger.rate_limited(), 0, "{context}");
    assert!(ledger.peak_in_any(Duration::from_secs(1)) <= 10, "{context}");
    assert_eq!(bed.service.engine.occupied_slots(), 0, "{context}");
    tokio::time::sleep(Duration::from_secs(5)).await;
    let outcomes = bed.kept.recovered().jobs.remove(0).outcomes;
    assert!(outcomes.iter().all(Option::is_some), "{context}: every outcome is written down");
    let mut writes = BTreeMap::<_, usize>::new();
    for effect in ledger.effects().iter().filter(|effect| effect.writer == Writer::Client) {
        *writes.entry(effect.user).or_default() += 1;
    }
    writes.values().map(|writes| writes - 1).sum()
}

/// One life that ends at `death`, one that goes on; the writes that were repeated.
async fn crash(death: Death) -> Option<usize> {
    let kept = Arc::new(MemoryJournal::default());
    let journal = DyingJournal::new(&kept, Some(death), 0..0);
    let bed = start(&journal, &kept);
    let life = async {
        let job = submit(&bed).await;
        bed.finish(job).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
    };
    tokio::select! {
        () = journal.dead.cancelled() => {}
        () = life => return None,
    }
    let bed = bed.replaced(&scenario(), Duration::from_millis(300), kept, |wire| wire).await;
    Some(check(&bed, &format!("{death:?}")).await)
}

fn on_a_paused_clock<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(work)
}

#[test]
fn a_crash_at_any_operation_of_the_journal_loses_nothing() {
    let (mut crashes, mut repeated) = (0, 0);
    for at in 0.. {
        let mut over = false;
        for left in [Left::Nothing, Left::Half, Left::Everything] {
            for done in [false, true] {
                let Some(writes) = on_a_paused_clock(crash(Death { at, done, left })) else {
                    over = true;
                    break;
                };
                assert!(writes <= USERS, "{at} {left:?} {done}: {writes} writes were repeated");
                repeated += writes;
                crashes += 1;
            }
        }
        if over {
            break;
        }
    }
    println!("{crashes} crashes, {repeated} writes repeated");
    assert!(crashes >= 6 * 2 * USERS, "every user has an intent and a conclusion: {crashes}");
}

#[test]
fn a_fault_at_any_operation_of_the_journal_is_waited_out() {
    let mut faults = 0;
    for at in 0.. {
        for lasts in [1, 3] {
            let operations = on_a_paused_clock(async {
                let kept = Arc::new(MemoryJournal::default());
                let journal = DyingJournal::new(&kept, None, at..at + lasts);
                let bed = start(&journal, &kept);
                let repeated = check(&bed, &format!("fault at {at} for {lasts}")).await;
                assert_eq!(repeated, 0, "fault at {at} for {lasts}");
                journal.operations()
            });
            if at >= operations {
                println!("{faults} faults");
                assert!(faults >= 2 * 2 * USERS, "every user has an intent and a conclusion: {faults}");
                return;
            }
            faults += 1;
        }
    }
}
