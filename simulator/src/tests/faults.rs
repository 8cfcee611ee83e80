//! Faults, outages, latency, and clients that give up.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::*;

async fn with(fault: Fault) -> (Client, Uuid) {
    let client = Client::of(misbehaving(5, |behaviour| behaviour.faults = vec![fault])).await;
    let user = client.users()[0];
    (client, user)
}

fn status(status: u16, moment: Moment, body: Body) -> FaultKind {
    FaultKind::Status { status, moment, body }
}

async fn write(client: &Client, user: Uuid) -> Result<Answer, TransportError> {
    let version = client.simulator.version_of(user, Target::WfmSkillGroups).unwrap();
    client.try_write_groups(user, version, &[]).await
}

#[tokio::test(start_paused = true)]
async fn a_failure_before_the_effect_leaves_everything_as_it_was() {
    let kind = status(503, Moment::BeforeEffect, Body::Json);
    let (client, user) = with(Fault::on(&[Route::WfmWrite], kind).at_most(1)).await;
    let answer = write(&client, user).await.unwrap();
    assert_eq!((answer.status, &answer.body["code"]), (503, &json!("service.unavailable")));
    assert_eq!(client.simulator.user(user).unwrap().groups.len(), 4);
    assert_eq!(write(&client, user).await.unwrap().status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_after_the_effect_hides_a_write_that_took_place() {
    let (client, user) =
        with(Fault::on(&[Route::WfmWrite], status(504, Moment::AfterEffect, Body::Empty)).at_most(1)).await;
    let answer = write(&client, user).await.unwrap();
    assert_eq!((answer.status, answer.response.body().len()), (504, 0));
    assert!(client.simulator.user(user).unwrap().groups.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_reset_comes_before_or_after_the_effect() {
    for (moment, left) in [(Moment::BeforeEffect, 4), (Moment::AfterEffect, 0)] {
        let (client, user) = with(Fault::on(&[Route::WfmWrite], FaultKind::Reset { moment })).await;
        assert_eq!(write(&client, user).await.unwrap_err(), TransportError::ConnectionReset);
        assert_eq!(client.simulator.user(user).unwrap().groups.len(), left);
        assert_eq!(client.simulator.statistics().resets, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_429_says_what_it_was_told_to_say() {
    let (client, user) = with(Fault::on(&[], FaultKind::RateLimited { retry_after: Duration::from_secs(7200) })).await;
    let answer = client.read_groups(user).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, "7200"));
}

#[tokio::test(start_paused = true)]
async fn a_body_can_be_missing_or_no_document_at_all() {
    let (client, user) = with(Fault::on(&[], FaultKind::Garbled { body: Body::Empty })).await;
    let answer = client.read_groups(user).await;
    assert_eq!((answer.status, answer.response.body().len()), (200, 0));
    let (client, user) = with(Fault::on(&[], status(502, Moment::BeforeEffect, Body::NotJson))).await;
    let answer = client.read_groups(user).await;
    assert_eq!((answer.status, answer.header("content-type"), &answer.body), (502, "text/html", &Value::Null));
}

#[tokio::test(start_paused = true)]
async fn an_outage_takes_everything_down_until_it_ends() {
    let client = Client::of(small(1)).await;
    client.simulator.set_outage(Some(Outage::Unavailable));
    assert_eq!(client.get("/api/v2/users").await.status, 503);
    assert_eq!(login(&client.simulator).await.status, 503);
    client.simulator.set_outage(Some(Outage::Reset));
    assert!(client.try_send(Method::GET, "/api/v2/users", &[], "").await.is_err());
    client.simulator.set_outage(None);
    assert_eq!(client.get("/api/v2/users").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn an_outage_can_be_scheduled() {
    let seconds = Duration::from_secs;
    let (client, _) = with(Fault::on(&[], FaultKind::Outage).during(seconds(60), seconds(120))).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(client.get("/api/v2/users").await.status);
        tokio::time::advance(seconds(60)).await;
    }
    assert_eq!(seen, [200, 503, 200]);
}

#[tokio::test(start_paused = true)]
async fn latency_delay_and_trickle_add_up() {
    let delay = Latency { fixed: Duration::from_secs(2), spread: Duration::ZERO };
    let (client, _) = with(Fault::on(&[Route::SkillGroups], FaultKind::Delay(delay))).await;
    let trickle = FaultKind::Trickle { bytes: 100_000, pause: Duration::from_secs(1) };
    client.simulator.with_behaviour(|behaviour| behaviour.faults.push(Fault::on(&[], trickle)));
    let start = Instant::now();
    client.get("/api/v2/routing/skillgroups").await;
    assert_eq!(start.elapsed(), Duration::from_millis(3_050));
}

#[tokio::test(start_paused = true)]
async fn spread_latency_stays_in_its_bounds() {
    let spread = Latency { fixed: Duration::from_millis(20), spread: Duration::from_millis(80) };
    let client = Client::of(misbehaving(20, |behaviour| behaviour.latency = spread)).await;
    let mut seen = Vec::new();
    for user in client.users() {
        let start = Instant::now();
        client.read_groups(user).await;
        seen.push(start.elapsed());
    }
    // The timer rounds each half of the latency up to its next millisecond.
    assert!(seen.iter().all(|time| (20..=102).contains(&time.as_millis())), "{seen:?}");
    assert!(seen.iter().max() > seen.iter().min());
}

#[tokio::test(start_paused = true)]
async fn a_request_dropped_on_its_way_has_no_effect_and_one_dropped_later_has() {
    for (patience, left, outcomes) in [(20, 4, 0), (30, 0, 1)] {
        let client = Client::of(small(1)).await;
        let user = client.users()[0];
        assert!(timeout(Duration::from_millis(patience), write(&client, user)).await.is_err());
        assert_eq!(client.simulator.user(user).unwrap().groups.len(), left);
        let ledger = client.simulator.ledger();
        let abandoned = ledger.requests().iter().filter(|record| record.outcome == Outcome::Abandoned);
        assert_eq!(abandoned.count(), outcomes);
    }
}
