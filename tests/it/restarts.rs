//! What a restart finds again: the same simulated Genesys, the same journal, a new service.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use genesys_simulator::{
    Assignment, Behaviour, Body, Conflicts, Fault, FaultKind, ForeignWriter, Generated, Latency, Moment, Population,
    Route, Scenario, Share, Simulator, Target as SimTarget,
};
use http::{Method, Request};
use jiff::Timestamp;
use skillsync::clock::WallClock;
use skillsync::domain::entry::EntryRequest;
use skillsync::domain::{EntryState, Mode, Target};
use skillsync::genesys::transport::Transport;
use skillsync::journal::MemoryJournal;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;
use uuid::Uuid;

use crate::bed::{Bed, ORIGIN, employee, in_state};

const USERS: usize = 200;

fn scenario(seed: u64) -> Scenario {
    Scenario {
        seed,
        population: Population::Generated(Generated { users: USERS, groups: 30, ..Generated::default() }),
        behaviour: Behaviour {
            latency: Latency { fixed: Duration::from_millis(40), spread: Duration::from_millis(60) },
            conflicts: Conflicts {
                foreign_writer: ForeignWriter { share: Share::Rate(0.1), ..ForeignWriter::default() },
                ..Conflicts::default()
            },
            ..Behaviour::default()
        },
        ..Scenario::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_goes_on_where_the_process_before_left_it() {
    for seed in 1..=10 {
        println!("seed {seed}");
        let mut bed = Bed::start(&scenario(seed), "");
        let entries = (1..=USERS).map(|n| employee(n, &["Group 1", "Group 2"])).collect();
        let job = bed.submit(Target::WfmSkillGroups, Mode::Add, entries).await;
        for life in 1..=3u64 {
            tokio::time::sleep(Duration::from_secs(5 + 3 * life + seed)).await;
            bed = bed.restart(&scenario(seed), Duration::from_secs(20 * (life - 1))).await;
        }
        let view = bed.finish(job).await;
        let done = in_state(&view, EntryState::Applied) + in_state(&view, EntryState::Unchanged);
        assert_eq!(done as usize, USERS, "{:?}", view.counts);
        let ledger = bed.simulator.ledger();
        assert_eq!(ledger.lost_foreign_changes(), []);
        assert_eq!(ledger.overlapping_writes(), []);
        assert_eq!(ledger.rate_limited(), 0);
        assert_eq!(bed.service.engine.occupied_slots(), 0);
        for recovered in bed.kept.recovered().jobs {
            assert!(recovered.outcomes.iter().all(Option::is_some), "every outcome is written down");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_we_assigned_before_a_restart_is_still_ours_after_it() {
    let bed = Bed::start(&scenario(1), "");
    let job = bed.submit(Target::WfmSkillGroups, Mode::Managed, vec![employee(1, &["Group 29", "Group 30"])]).await;
    bed.finish(job).await;
    let bed = bed.restart(&scenario(1), Duration::ZERO).await;
    let known: serde_json::Value = serde_json::from_str(&bed.get("/v1/users/E1001").await).unwrap();
    assert_eq!(known["entries"][0]["jobId"], job.to_string(), "{known}");
    let job = bed.submit(Target::WfmSkillGroups, Mode::Managed, vec![employee(1, &["Group 30"])]).await;
    bed.finish(job).await;
    let entry = &bed.entries(job)[0];
    assert_eq!(entry.result.effects.difference.removed.len(), 1, "{entry:?}");
    let user = entry.user.unwrap().0;
    let left: Vec<_> = bed.simulator.assignments_of(user, SimTarget::WfmSkillGroups).unwrap();
    let removed = entry.result.effects.difference.removed[0].0;
    assert!(left.iter().all(|assignment| assignment.id != removed));
}

/// An acknowledged cancel holds for the next process as well: what is under way is looked at once more, and not written.
#[tokio::test(start_paused = true)]
async fn a_cancelled_job_writes_no_more_after_a_restart() {
    let mut silent = scenario(1);
    let status = FaultKind::Status { status: 504, moment: Moment::BeforeEffect, body: Body::Empty };
    silent.behaviour.faults = vec![Fault::on(&[Route::WfmWrite], status)];
    silent.behaviour.conflicts = Conflicts::default();
    let bed = Bed::start(&silent, "");
    let writes = |bed: &Bed| bed.simulator.ledger().api_requests().filter(|call| call.route == Route::WfmWrite).count();
    let job = bed.submit(Target::WfmSkillGroups, Mode::Add, vec![employee(1, &["Group 29"])]).await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    let before = writes(&bed);
    assert!(before > 0 && bed.service.engine.cancel(job).await.unwrap().finished_at.is_none(), "{before}");
    let bed = bed.restart(&silent, Duration::from_secs(1)).await;
    bed.finish(job).await;
    assert_eq!(bed.entries(job)[0].state, EntryState::Cancelled);
    assert_eq!(writes(&bed), before);
}

/// At the first write, somebody else gives the user a group just before.
fn racing(wire: Transport, simulator: Simulator, user: Uuid, group: Uuid) -> Transport {
    let raced = Arc::new(AtomicBool::new(false));
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
        let (wire, simulator, raced) = (wire.clone(), simulator.clone(), Arc::clone(&raced));
        async move {
            if request.method() == Method::PATCH && !raced.swap(true, Ordering::Relaxed) {
                give(&simulator, user, group);
            }
            wire.oneshot(request).await
        }
    }))
}

fn give(simulator: &Simulator, user: Uuid, group: Uuid) {
    let mut has = simulator.assignments_of(user, SimTarget::WfmSkillGroups).unwrap();
    has.push(Assignment::group(group));
    assert!(simulator.foreign_set(user, SimTarget::WfmSkillGroups, &has));
}

/// A read proves that the write which another process had left was not carried out. What others do then is theirs, also if
/// it is what that write had wanted.
#[tokio::test(start_paused = true)]
async fn a_write_that_was_proved_not_carried_out_explains_nothing_later() {
    let mut silent = scenario(1);
    silent.behaviour.conflicts = Conflicts::default();
    let lost = FaultKind::Status { status: 504, moment: Moment::BeforeEffect, body: Body::Empty };
    silent.behaviour.faults = vec![Fault::on(&[Route::WfmWrite], lost)];
    let bed = Bed::start(&silent, "");
    let user = bed.simulator.users()[0].id;
    let catalogue = bed.simulator.catalogue(SimTarget::WfmSkillGroups);
    let group = |name: &str| catalogue.iter().find(|group| group.name == name).unwrap().id;
    let job = bed.submit(Target::WfmSkillGroups, Mode::Add, vec![employee(1, &["Group 29"])]).await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert!(bed.lifecycle.stop(Duration::from_secs(120)).await);
    bed.simulator.with_behaviour(|behaviour| behaviour.faults.clear());
    give(&bed.simulator, user, group("Group 30"));
    let (simulator, wanted, kept) = (bed.simulator.clone(), group("Group 29"), Arc::clone(&bed.kept));
    let wire = |wire| racing(wire, simulator, user, wanted);
    let bed = bed.replaced(&silent, Duration::from_secs(1), kept, wire).await;
    bed.finish(job).await;
    assert_eq!(bed.entries(job)[0].state, EntryState::Unchanged);
}

/// A clock that ran ahead is put right before a restart: what it had dated comes below everything that was accepted since, over
/// any number of restarts, and locks nobody out.
#[tokio::test(start_paused = true)]
async fn what_a_wrong_clock_dated_never_comes_above_what_was_accepted_after_it() {
    let mut quiet = scenario(1);
    quiet.behaviour.conflicts = Conflicts::default();
    for ahead in [24 * 3600, 300, 5] {
        let (simulator, kept) = (Simulator::new(quiet.clone()), Arc::<MemoryJournal>::default());
        let right = WallClock::following(ORIGIN.parse().unwrap());
        let wrong = WallClock::following(ORIGIN.parse::<Timestamp>().unwrap() + Duration::from_secs(ahead));
        let life =
            |clock, simulator| Bed::living(clock, simulator, &kept, Arc::clone(&kept) as _, (&quiet, ""), |wire| wire);
        let mut bed = life(wrong, simulator);
        let job = bed.submit(Target::WfmSkillGroups, Mode::Add, vec![employee(1, &["Group 29"])]).await;
        bed.finish(job).await;
        let steps = [(Mode::Remove, true), (Mode::Add, false), (Mode::Remove, true), (Mode::Add, false)];
        for (nth, (mode, dated)) in steps.into_iter().enumerate() {
            assert!(bed.lifecycle.stop(Duration::from_secs(120)).await);
            bed = life(right, bed.simulator.clone());
            tokio::time::sleep(Duration::from_millis(500)).await;
            let occurred_at = dated.then(|| right.now());
            let entry = EntryRequest { occurred_at, ..employee(1, &["Group 29"]) };
            let job = bed.submit(Target::WfmSkillGroups, mode, vec![entry]).await;
            if nth > 0 {
                // It is still to be worked on when the next process starts.
                assert!(bed.lifecycle.stop(Duration::from_secs(120)).await);
                bed = life(right, bed.simulator.clone());
            }
            bed.finish(job).await;
            let entry = &bed.entries(job)[0];
            assert_eq!(entry.state, EntryState::Applied, "{ahead} s, step {nth}: {entry:?}");
        }
    }
}
