//! The job that the product was asked for, on the paused clock: hours of rate-limited work in seconds.

use std::time::Duration;

use genesys_simulator::{
    Behaviour, Blocked, Busy, ConflictCause, Conflicts, ForeignWriter, Generated, Latency, Limits, Population,
    RateLimit, ReadLag, Scenario, Share,
};
use skillsync::domain::conflict::Cause;
use skillsync::domain::{EntryState, Mode, Reason, Target};

use crate::bed::{Bed, employee, in_state};

/// 9 % foreign writers, 3 % lagging reads, 3 % busy users, three blocked ones: about 15 % of the writes conflict.
pub(crate) fn original_report(users: usize, seed: u64) -> Scenario {
    let share = |percent: usize| Share::Users(users * percent / 100);
    let window = |calls, seconds| RateLimit { calls, per: Duration::from_secs(seconds) };
    Scenario {
        seed,
        population: Population::Generated(Generated { users, groups: 30, ..Generated::default() }),
        limits: Limits { windows: vec![window(10, 1), window(300, 60)], ..Limits::default() },
        behaviour: Behaviour {
            latency: Latency { fixed: Duration::from_millis(40), spread: Duration::from_millis(60) },
            conflicts: Conflicts {
                foreign_writer: ForeignWriter { share: share(9), ..ForeignWriter::default() },
                read_lag: ReadLag { share: share(3), lag: Duration::from_secs(5), ..ReadLag::default() },
                busy: Busy { share: share(3), lasts: Duration::from_secs(8) },
                blocked: Blocked { share: Share::Users(3), ..Blocked::default() },
                ..Conflicts::default()
            },
            ..Behaviour::default()
        },
        ..Scenario::default()
    }
}

/// Everybody gets two groups that they may have already and loses nothing of others.
async fn runs_through(users: usize) {
    let seed = 2026;
    println!("seed {seed}");
    let bed = Bed::start(&original_report(users, seed), "");
    let groups: Vec<String> = (1..=30).map(|n| format!("Group {n}")).collect();
    let entries = (1..=users).map(|n| {
        let two = [groups[n % 30].as_str(), groups[(n * 7 + 3) % 30].as_str()];
        employee(n, &two)
    });
    let job = bed.submit(Target::WfmSkillGroups, Mode::Managed, entries.collect()).await;
    let job = bed.finish(job).await;
    let ledger = bed.simulator.ledger();

    let total = u32::try_from(users).unwrap();
    let ended = in_state(&job, EntryState::Applied) + in_state(&job, EntryState::Unchanged);
    assert_eq!(ended, total - 3, "{:?}", job.counts);
    assert_eq!(in_state(&job, EntryState::Failed), 3);
    for entry in bed.entries(job.id).iter().filter(|entry| entry.state == EntryState::Failed) {
        assert_eq!(entry.result.reason, Some(Reason::Blocked));
        let message = entry.result.message.as_deref().unwrap();
        assert!(message.contains("published schedule") && message.contains("correlation id"), "{message}");
        assert!(entry.result.conflicts.iter().all(|conflict| conflict.correlation_id.is_some()));
    }
    assert_eq!(bed.simulator.fated(ConflictCause::Blocked).len(), 3);

    assert_eq!(ledger.lost_foreign_changes(), []);
    assert_eq!(ledger.overlapping_writes(), []);
    assert_eq!(ledger.rate_limited(), 0);
    assert!(ledger.peak_in_any(Duration::from_secs(1)) <= 10);
    assert!(ledger.peak_in_any(Duration::from_secs(60)) <= 300);

    let handed_out: usize = ledger.conflicts().values().sum();
    assert_eq!(job.conflicts.total() as usize, handed_out, "every conflict has a cause");
    assert_eq!(job.conflicts.of(Cause::OwnConcurrency), 0);
    let writes = ledger.requests().iter().filter(|request| request.route.writes().is_some()).count();
    let share = handed_out as f64 / writes as f64;
    assert!((0.10..0.25).contains(&share), "{share}");

    // The least that the conflicts allow: the listings, a read a user, a write for each that succeeded, and a re-read and
    // a write for each conflict.
    let pages = users.div_ceil(500) + 1;
    let least = pages + users + in_state(&job, EntryState::Applied) as usize + 2 * handed_out;
    let calls = ledger.api_requests().count();
    println!("calls {calls}, least {least}, conflicts {:?} against {:?}", job.conflicts, ledger.conflicts());
    assert_eq!(job.calls_made as usize, calls);
    assert!(calls as f64 <= 1.05 * least as f64, "{calls} calls, least {least}");
    let took = job.finished_at.unwrap().duration_since(job.created_at).as_secs_f64();
    let permitted = calls as f64 / 5.0;
    println!("took {took} s, permitted pace {permitted} s");
    assert_eq!(bed.service.engine.occupied_slots(), 0, "empty slots vanish");
}

#[tokio::test(start_paused = true)]
async fn five_hundred_users_run_through_at_the_real_limits() {
    runs_through(500).await;
}

#[tokio::test(start_paused = true)]
async fn twenty_thousand_users_run_through_at_the_real_limits() {
    runs_through(20_000).await;
}
