//! Whole runs: the same fates for every client, and size.

use std::time::Duration;

use super::*;

fn troubled(users: usize) -> Scenario {
    misbehaving(users, |behaviour| {
        let conflicts = &mut behaviour.conflicts;
        conflicts.foreign_writer.share = Share::Rate(0.1);
        conflicts.read_lag.share = Share::Rate(0.05);
        conflicts.busy.share = Share::Rate(0.05);
        conflicts.blocked.share = Share::Users(3);
        let kind = FaultKind::Status { status: 503, moment: Moment::BeforeEffect, body: Body::Json };
        behaviour.faults = vec![Fault::on(&[Route::WfmWrite], kind).at_rate(0.05)];
    })
}

/// Returns the status of the first write for every user.
async fn first_writes(scenario: Scenario, backwards: bool) -> Vec<(Uuid, u16)> {
    let client = Client::of(scenario).await;
    let mut users = client.users();
    if backwards {
        users.reverse();
    }
    let mut outcomes = Vec::new();
    for user in users {
        client.get(&format!("/api/v2/users/{user}")).await;
        outcomes.push((user, client.read_and_write(user).await.status));
    }
    outcomes.sort_unstable();
    outcomes
}

#[tokio::test(start_paused = true)]
async fn every_client_meets_the_same_fates_on_the_same_seed() {
    let forwards = first_writes(troubled(200), false).await;
    assert_eq!(forwards, first_writes(troubled(200), true).await);
    let refused = forwards.iter().filter(|(_, status)| *status == 409).count();
    assert!((20..60).contains(&refused), "{refused}");
    assert!(forwards.iter().any(|(_, status)| *status == 503));
    assert_ne!(forwards, first_writes(Scenario { seed: 12, ..troubled(200) }, false).await);
}

#[tokio::test(start_paused = true)]
async fn twenty_thousand_users_are_read_and_written() {
    let client = Client::of(troubled(20_000)).await;
    for page in 1..=40 {
        client.get(&format!("/api/v2/users?pageSize=500&pageNumber={page}&expand=skills")).await;
    }
    for batch in client.users().chunks(100) {
        futures_util::future::join_all(batch.iter().map(|user| client.read_and_write(*user))).await;
    }
    let statistics = client.simulator.statistics();
    assert_eq!(statistics.api_requests, 40_040);
    assert!(statistics.conflicts_total > 3_000);
    assert_eq!((statistics.overlapping_writes, statistics.lost_foreign_changes), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_org_can_be_given_by_name() {
    let group = CatalogueEntry { id: Uuid::from_u128(100), name: "Billing T2".to_owned() };
    let user = SimUser {
        id: Uuid::from_u128(1),
        name: "Ana Diaz".to_owned(),
        email: "ana@example.com".to_owned(),
        employee_id: Some("E1234".to_owned()),
        external_ids: Vec::new(),
        state: UserState::Active,
        skills: Vec::new(),
        languages: Vec::new(),
        groups: vec![group.id],
    };
    let explicit = Explicit { users: vec![user.clone()], groups: vec![group], ..Explicit::default() };
    let client = Client::of(Scenario { population: Population::Explicit(explicit), ..small(0) }).await;
    assert_eq!(client.read_groups(user.id).await.names("skillGroups"), ["Billing T2"]);
    assert_eq!(client.simulator.users(), [user]);
    assert_eq!(client.simulator.foreign_pool(Target::WfmSkillGroups).len(), 5);
}

#[tokio::test(start_paused = true)]
async fn the_ledger_shows_how_many_requests_arrived_in_a_window() {
    let client = Client::of(small(10)).await;
    let users = client.users();
    futures_util::future::join_all(users.iter().map(|user| client.read_groups(*user))).await;
    tokio::time::advance(Duration::from_secs(1)).await;
    futures_util::future::join_all(users.iter().map(|user| client.read_groups(*user))).await;
    let ledger = client.simulator.ledger();
    assert_eq!(ledger.peak_in_any(Duration::from_secs(1)), 10);
    assert_eq!(ledger.peak_in_any(Duration::from_secs(2)), 20);
    assert_eq!(ledger.count(Route::WfmRead, 200), 20);
}
