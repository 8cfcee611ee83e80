//! Answers that no client should trust: listings without end, redirects, absurd headers, garbage.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::*;

const SKILLS: &str = "/api/v2/routing/skills?pageSize=10&pageNumber=";

async fn with(kind: FaultKind) -> Client {
    Client::of(misbehaving(30, |behaviour| behaviour.faults = vec![Fault::on(&[], kind)])).await
}

#[tokio::test(start_paused = true)]
async fn an_endless_listing_shows_something_new_on_every_page() {
    let client = with(FaultKind::Listing(Distortion::Endless)).await;
    let mut seen = BTreeSet::new();
    for number in [1, 2, 3, 900] {
        let page = client.get(&format!("{SKILLS}{number}")).await.body;
        assert_eq!((&page["pageNumber"], &page["pageCount"]), (&json!(number), &json!(1_000_000)));
        seen.extend(ids(&page["entities"]));
    }
    assert_eq!(seen.len(), 40);
    let mut path = "/api/v2/routing/skillgroups?pageSize=10".to_owned();
    for _ in 0..5 {
        let page = client.get(&path).await.body;
        seen.extend(ids(&page["entities"]));
        path = page["nextUri"].as_str().unwrap().to_owned();
    }
    assert_eq!(seen.len(), 90);
    let scim = client.get("/api/v2/scim/v2/users?startIndex=4000").await.body;
    assert_eq!(scim["Resources"].as_array().unwrap().len(), 25);
}

#[tokio::test(start_paused = true)]
async fn a_repeating_listing_shows_its_first_page_again_and_again() {
    let client = with(FaultKind::Listing(Distortion::Repeating)).await;
    let first = client.get(&format!("{SKILLS}1")).await.body;
    let later = client.get(&format!("{SKILLS}77")).await.body;
    assert_eq!((&later["entities"], &later["pageNumber"]), (&first["entities"], &json!(77)));
    let groups = client.get("/api/v2/routing/skillgroups").await.body;
    let next = client.get(groups["nextUri"].as_str().unwrap()).await.body;
    assert_eq!((&next["entities"], &next["nextUri"]), (&groups["entities"], &groups["nextUri"]));
    assert_eq!(client.get(&wfm_path(client.users()[0])).await.body.get("nextUri"), None);
}

#[tokio::test(start_paused = true)]
async fn a_truncated_listing_holds_less_than_it_says() {
    let client = with(FaultKind::Listing(Distortion::Truncated)).await;
    let page = client.get("/api/v2/users").await.body;
    assert_eq!((page["entities"].as_array().unwrap().len(), &page["total"]), (12, &json!(30)));
    let search = client.write(Method::POST, "/api/v2/users/search", &json!({ "query": [] })).await.body;
    assert_eq!(search["results"].as_array().unwrap().len(), 12);
}

#[tokio::test(start_paused = true)]
async fn a_redirect_leads_elsewhere_and_has_no_effect() {
    let location = "https://portal.example/maintenance";
    let client = with(FaultKind::Redirect { status: 302, location: location.to_owned() }).await;
    let user = client.users()[0];
    let answer = client.write_groups(user, 1, &[]).await;
    assert_eq!((answer.status, answer.header("location"), &answer.body), (302, location, &Value::Null));
    assert!(client.simulator.ledger().effects().is_empty());
}

#[tokio::test(start_paused = true)]
async fn any_status_can_come_without_a_body() {
    for status in [103, 204, 304, 599] {
        let client = with(FaultKind::Status { status, moment: Moment::BeforeEffect, body: Body::Empty }).await;
        let answer = client.get("/api/v2/users").await;
        assert_eq!((answer.status, answer.response.body().len()), (status, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn headers_can_be_absurd() {
    let huge = "9".repeat(4_000);
    for value in ["1000000000", "-5", "Wed, 21 Oct 2099 07:28:00 GMT", "soon", huge.as_str()] {
        let client = with(FaultKind::RateLimited { retry_after: Duration::from_secs(1) }).await;
        let odd = [("Retry-After", value), ("bad name", ""), ("content-length", "5")];
        let headers = odd.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        client.simulator.with_behaviour(|behaviour| behaviour.faults.push(Fault::on(&[], FaultKind::Headers(headers))));
        let answer = client.get("/api/v2/users").await;
        assert_eq!((answer.status, answer.header("retry-after")), (429, value));
        assert_eq!(answer.response.headers().get_all("retry-after").iter().count(), 1);
        assert_eq!(answer.header("content-length"), "");
    }
    let headers = BTreeMap::from([("content-type".to_owned(), "text/plain".to_owned())]);
    let client = with(FaultKind::Headers(headers)).await;
    let answer = client.get("/api/v2/users").await;
    assert_eq!((answer.status, answer.header("content-type"), &answer.body["total"]), (200, "text/plain", &json!(30)));
}

#[tokio::test(start_paused = true)]
async fn a_body_can_be_garbage_of_each_kind() {
    for (body, content_type, is_json) in [
        (Body::Empty, "", false),
        (Body::NotJson, "text/html", false),
        (Body::WrongType, "application/json", true),
        (Body::Truncated, "application/json", false),
        (Body::InvalidUtf8, "application/json", false),
    ] {
        let client = with(FaultKind::Garbled { body }).await;
        let answer = client.get("/api/v2/users").await;
        let readable = serde_json::from_slice::<Value>(answer.response.body()).is_ok();
        assert_eq!((answer.status, answer.header("content-type"), readable), (200, content_type, is_json), "{body:?}");
        assert_eq!(std::str::from_utf8(answer.response.body()).is_err(), body == Body::InvalidUtf8);
        assert!(!answer.body.is_object());
    }
}
