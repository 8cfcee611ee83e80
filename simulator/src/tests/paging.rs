//! What listings report about their pages, and how large a page may be.

use super::*;

#[tokio::test(start_paused = true)]
async fn fields_of_listings_can_be_left_out_or_null() {
    let client = Client::of(small(30)).await;
    client.simulator.with_behaviour(|behaviour| {
        behaviour.paging.left_out = vec!["pageCount".to_owned(), "nextUri".to_owned()];
        behaviour.paging.null = vec!["total".to_owned()];
    });
    let page = client.get("/api/v2/users").await.body;
    assert_eq!((page.get("pageCount"), page.get("nextUri"), page.get("total")), (None, None, Some(&Value::Null)));
    assert_eq!(page["entities"].as_array().unwrap().len(), 25);
    assert!(client.get("/api/v2/routing/skillgroups?pageSize=5").await.body.get("nextUri").is_none());
    assert_eq!(client.get(&wfm_path(client.users()[0])).await.body.get("total"), None);
    client.simulator.with_behaviour(|behaviour| behaviour.paging.routes = vec![Route::Users]);
    assert!(client.get("/api/v2/users").await.body.get("nextUri").is_none());
    assert!(client.get("/api/v2/routing/skillgroups?pageSize=5").await.body["nextUri"].is_string());
}

#[tokio::test(start_paused = true)]
async fn only_what_a_kind_of_listing_has_is_null() {
    let client = Client::of(small(5)).await;
    client.simulator.with_behaviour(|behaviour| {
        behaviour.paging.null = ["total", "pageCount", "nextUri"].map(ToOwned::to_owned).into();
    });
    for (path, null) in [
        ("/api/v2/users", &["nextUri", "pageCount", "total"][..]),
        ("/api/v2/routing/skillgroups", &["nextUri"]),
        ("/api/v2/organizations/limits/namespaces/platform.api", &[]),
    ] {
        let page = client.get(path).await.body;
        let page = page.as_object().unwrap();
        let found: Vec<&str> =
            page.iter().filter(|(_, value)| value.is_null()).map(|(name, _)| name.as_str()).collect();
        assert_eq!(found, null, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_above_the_maximum_is_refused_or_clamped() {
    let client = Client::of(small(60)).await;
    client.simulator.with_behaviour(|behaviour| behaviour.paging.largest = [(Route::Users, 50)].into());
    assert_eq!(client.get("/api/v2/users?pageSize=51").await.status, 400);
    assert_eq!(client.get("/api/v2/routing/skills?pageSize=51").await.status, 200);
    client.simulator.with_behaviour(|behaviour| behaviour.paging.oversized = Oversized::Clamped);
    let clamped = client.get("/api/v2/users?pageSize=51").await.body;
    assert_eq!((&clamped["pageSize"], &clamped["pageCount"]), (&json!(50), &json!(2)));
    assert_eq!(clamped["entities"].as_array().unwrap().len(), 50);
    assert_eq!(client.get("/api/v2/users?pageSize=0").await.status, 400);
}
