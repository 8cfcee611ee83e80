//! Every cause of conflict, and what ends it.

use std::time::Duration;

use tokio::time::advance;

use super::*;

async fn fated(cause: ConflictCause, change: impl FnOnce(&mut Conflicts)) -> (Client, Uuid) {
    let client = Client::of(misbehaving(20, |behaviour| change(&mut behaviour.conflicts))).await;
    let user = client.simulator.fated(cause).first().copied().unwrap_or_else(|| client.users()[0]);
    (client, user)
}

fn version(answer: &Answer) -> u64 {
    answer.body["version"].as_u64().unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_directory_version_is_a_wrong_version() {
    let (client, user) = fated(ConflictCause::WrongVersion, |_| {}).await;
    let directory = version(&client.get(&format!("/api/v2/users/{user}")).await);
    let refused = client.write_groups(user, directory, &[]).await;
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("conflict")));
    assert_eq!(refused.body["contextId"], refused.header("inin-correlation-id"));
    assert_eq!(client.conflicts(ConflictCause::WrongVersion), 1);
}

#[tokio::test(start_paused = true)]
async fn a_foreign_writer_is_quicker_once_and_a_merge_keeps_its_change() {
    let (client, user) = fated(ConflictCause::ForeignWriter, |c| c.foreign_writer.share = Share::Users(1)).await;
    let first = client.read_groups(user).await;
    assert_eq!(client.write_groups(user, version(&first), &ids(&first.body["skillGroups"])).await.status, 409);
    let refused = client.write_groups(user, version(&first), &[]).await;
    assert_eq!(refused.status, 409);
    let second = client.read_groups(user).await;
    assert_eq!(second.names("skillGroups").len(), 5);
    assert!(second.names("skillGroups")[4].starts_with("Foreign"));
    assert_eq!(client.write_groups(user, version(&second), &ids(&second.body["skillGroups"])).await.status, 200);
    assert_eq!(client.conflicts(ConflictCause::ForeignWriter), 1);
    assert_eq!(client.conflicts(ConflictCause::StaleRetry), 1);
    assert_eq!(client.simulator.ledger().lost_foreign_changes(), []);
    let current = client.simulator.version_of(user, Target::WfmSkillGroups).unwrap();
    client.write_groups(user, current, &[]).await;
    assert_eq!(client.simulator.ledger().lost_foreign_changes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn two_writes_of_the_client_after_one_read_are_its_own_concurrency() {
    let (client, user) = fated(ConflictCause::OwnConcurrency, |_| {}).await;
    let read = version(&client.read_groups(user).await);
    let (first, second) = tokio::join!(client.write_groups(user, read, &[]), client.write_groups(user, read, &[]));
    let statuses = [first.status, second.status];
    assert!(statuses.contains(&200) && statuses.contains(&409), "{statuses:?}");
    assert_eq!(client.conflicts(ConflictCause::OwnConcurrency), 1);
    assert_eq!(client.simulator.ledger().overlapping_writes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn lagging_reads_show_the_old_version_until_the_replica_has_caught_up() {
    let (client, user) = fated(ConflictCause::ReadLag, |c| c.read_lag.share = Share::Users(1)).await;
    let shown = version(&client.read_groups(user).await);
    assert_eq!(client.simulator.version_of(user, Target::WfmSkillGroups), Some(shown + 1));
    assert_eq!(client.read_and_write(user).await.status, 409);
    advance(Duration::from_secs(5)).await;
    assert_eq!(client.read_and_write(user).await.status, 200);
    assert_eq!(client.conflicts(ConflictCause::ReadLag), 1);
}

#[tokio::test(start_paused = true)]
async fn reads_can_lag_behind_the_clients_own_writes() {
    let (client, user) = fated(ConflictCause::ReadLag, |conflicts| {
        conflicts.read_lag = ReadLag { share: Share::Users(1), times: 0, own_writes: true, ..ReadLag::default() };
    })
    .await;
    let written = version(&client.read_and_write(user).await);
    assert_eq!(version(&client.read_groups(user).await), written - 1);
    assert_eq!(client.write_groups(user, written, &[]).await.status, 200);
    assert_eq!(client.read_and_write(user).await.status, 409);
    assert_eq!(client.conflicts(ConflictCause::ReadLag), 1);
}

#[tokio::test(start_paused = true)]
async fn a_busy_resource_refuses_the_right_version_for_a_while() {
    let (client, user) = fated(ConflictCause::Busy, |c| c.busy.share = Share::Users(1)).await;
    assert_eq!(client.read_and_write(user).await.status, 409);
    advance(Duration::from_secs(7)).await;
    assert_eq!(client.read_and_write(user).await.status, 409);
    advance(Duration::from_secs(1)).await;
    assert_eq!(client.read_and_write(user).await.status, 200);
    assert_eq!(client.conflicts(ConflictCause::Busy), 2);
}

#[tokio::test(start_paused = true)]
async fn a_blocked_user_is_refused_for_ever_with_the_vendors_message() {
    let (client, user) = fated(ConflictCause::Blocked, |c| c.blocked.share = Share::Users(1)).await;
    for _ in 0..3 {
        let refused = client.read_and_write(user).await;
        assert_eq!((refused.status, &refused.body["code"]), (409, &json!("general.resource.conflict")));
        assert!(refused.body["message"].as_str().unwrap().contains("published schedule"));
        advance(Duration::from_secs(3600)).await;
    }
    assert_eq!(client.conflicts(ConflictCause::Blocked), 3);
}

#[tokio::test(start_paused = true)]
async fn background_writes_make_conflicts_likelier_the_longer_the_write_waits() {
    let mut refused = Vec::new();
    for pause in [0, 60] {
        let client =
            Client::of(misbehaving(50, |behaviour| behaviour.conflicts.stale_window.writes_per_second = 1.0)).await;
        let mut versions = Vec::new();
        for user in client.users() {
            versions.push((user, version(&client.read_groups(user).await)));
            if pause == 0 {
                client.write_groups(user, versions.pop().unwrap().1, &[]).await;
            }
        }
        advance(Duration::from_secs(pause)).await;
        for (user, version) in versions {
            client.write_groups(user, version, &[]).await;
        }
        refused.push(client.conflicts(ConflictCause::StaleWindow));
    }
    assert!(refused[0] <= 1 && refused[1] > 20, "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn background_writes_come_at_their_rate_and_end_in_time() {
    let client = Client::of(misbehaving(50, |behaviour| {
        behaviour.conflicts.stale_window.writes_per_second = 2.0;
        behaviour.conflicts.stale_window.until = Some(Duration::from_secs(100));
    }))
    .await;
    advance(Duration::from_secs(1_000)).await;
    let written = client.simulator.statistics().foreign_writes;
    assert!((180..=220).contains(&written), "{written}");
}

#[tokio::test(start_paused = true)]
async fn each_route_shows_conflicts_in_its_own_shape() {
    let (client, user) = fated(ConflictCause::OwnConcurrency, |conflicts| {
        conflicts.shapes.insert(Route::WfmWrite, ConflictShape::VersionMessage);
    })
    .await;
    let refused = client.write_groups(user, 0, &[]).await;
    assert_eq!(refused.status, 400);
    assert!(refused.body["message"].as_str().unwrap().contains("does not match the current version"));
}

#[tokio::test(start_paused = true)]
async fn routing_skills_conflict_by_fate_although_they_have_no_version() {
    let (client, user) = fated(ConflictCause::ForeignWriter, |conflicts| {
        conflicts.foreign_writer.share = Share::Users(1);
        conflicts.shapes.insert(Route::UserSkillsReplace, ConflictShape::Timeout);
    })
    .await;
    let bulk = format!("{}/bulk", skills_path(user));
    assert_eq!(client.get(&skills_path(user)).await.body["total"], 5);
    assert_eq!(client.write(Method::PUT, &bulk, &json!([])).await.status, 408);
    assert_eq!(client.get(&skills_path(user)).await.body["total"], 6);
    assert_eq!(client.write(Method::PUT, &bulk, &json!([])).await.status, 200);
    assert_eq!(client.conflicts(ConflictCause::ForeignWriter), 1);
    assert_eq!(client.simulator.ledger().lost_foreign_changes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn somebody_else_can_write_on_demand() {
    let (client, user) = fated(ConflictCause::ForeignWriter, |_| {}).await;
    let read = version(&client.read_groups(user).await);
    assert!(client.simulator.foreign_write(user, Target::WfmSkillGroups));
    assert_eq!(client.write_groups(user, read, &[]).await.status, 409);
    assert!(client.simulator.foreign_set(user, Target::WfmSkillGroups, &[]));
    assert_eq!(client.simulator.assignments_of(user, Target::WfmSkillGroups), Some(Vec::new()));
    assert_eq!(client.conflicts(ConflictCause::ForeignWriter), 1);
    assert!(!client.simulator.foreign_write(Uuid::nil(), Target::WfmSkillGroups));
}
