//! Genesys is down for an hour: nothing is lost, it is not stormed, and the work goes on by itself.

use std::time::Duration;

use genesys_simulator::{Behaviour, Fault, FaultKind, Generated, Outage, Population, Scenario};
use skillsync::domain::{EntryState, Mode, Target};
use tokio::time::Instant;

use crate::bed::{Bed, employee, in_state};

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A job of two hundred users that an outage from second 20 on hits in its middle.
async fn survives_an_hour(kind: FaultKind, seed: u64) {
    println!("seed {seed}");
    let (from, to) = (secs(20), secs(3620));
    let fault = Fault::on(&[], kind).during(from, to);
    let users = 400;
    let bed = Bed::start(
        &Scenario {
            seed,
            population: Population::Generated(Generated { users, ..Generated::default() }),
            behaviour: Behaviour { faults: vec![fault], ..Behaviour::default() },
            ..Scenario::default()
        },
        "",
    );
    let start = Instant::now();
    let entries = (1..=users).map(|n| employee(n, &["Group 1", "Group 2"])).collect();
    let job = bed.submit(Target::WfmSkillGroups, Mode::Add, entries).await;
    let job = bed.finish(job).await;
    let ended = in_state(&job, EntryState::Applied) + in_state(&job, EntryState::Unchanged);
    assert_eq!(ended as usize, users, "{:?}", job.counts);

    let ledger = bed.simulator.ledger();
    let arrivals: Vec<Instant> = ledger.requests().iter().map(|request| request.arrived_at).collect();
    let settled = start + from + secs(62);
    let probes: Vec<_> = arrivals.iter().filter(|at| **at >= settled && **at < start + to).collect();
    assert!(probes.windows(2).all(|pair| pair[1].duration_since(*pair[0]) >= secs(30)), "{}", probes.len());
    assert!((100..=119).contains(&probes.len()), "{} probes", probes.len());
    let burst = arrivals.iter().filter(|at| **at >= start + from && **at < settled).count();
    assert!(burst <= 30, "{burst} calls until the outage was noticed and its probes had slowed down");

    let back = *arrivals.iter().find(|at| **at >= start + to).unwrap();
    let full_from = back + secs(5);
    let soon = arrivals.iter().filter(|at| **at >= full_from && **at < full_from + secs(20)).count();
    println!(
        "{} probes, {burst} calls at first, back after {:?}, {soon} calls in 20 s",
        probes.len(),
        back.duration_since(start + to)
    );
    assert!(back.duration_since(start + to) <= secs(30));
    assert!(soon >= 98, "5 a second from 5 s after the first good probe on: {soon} in 20 s");
    assert!(ledger.peak_in_any(secs(60)) <= 300 && ledger.peak_in_any(secs(1)) <= 10);
    assert_eq!(ledger.lost_foreign_changes(), []);
    assert_eq!(ledger.overlapping_writes(), []);
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_503_loses_nothing_and_is_probed_every_thirty_seconds() {
    survives_an_hour(FaultKind::Outage, 11).await;
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_closed_connections_does_so_too() {
    survives_an_hour(FaultKind::Reset { moment: genesys_simulator::Moment::AfterEffect }, 12).await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_that_outlasts_the_patience_ends_every_entry_with_its_reason() {
    let bed = Bed::start(
        &Scenario {
            seed: 13,
            population: Population::Generated(Generated { users: 30, ..Generated::default() }),
            behaviour: Behaviour { outage: Some(Outage::Unavailable), ..Behaviour::default() },
            ..Scenario::default()
        },
        "[sync]\npatience = '1h'",
    );
    let job =
        bed.submit(Target::WfmSkillGroups, Mode::Add, (1..=30).map(|n| employee(n, &["Group 1"])).collect()).await;
    let job = bed.finish(job).await;
    assert_eq!(in_state(&job, EntryState::Failed), 30);
    let took = job.finished_at.unwrap().duration_since(job.created_at).as_secs();
    assert!((3600..3720).contains(&took), "{took}");
}
