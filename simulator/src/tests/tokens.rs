//! Logins, limits, and what the gateway refuses.

use std::time::Duration;

use tokio::time::advance;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_login_gives_a_bearer_token_with_its_lifetime() {
    let answer = login(&Simulator::new(small(1))).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["token_type"], "bearer");
    assert_eq!(answer.body["expires_in"], 86_399);
    assert!(!answer.header("inin-correlation-id").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_wrong_secret_and_a_wrong_grant_are_refused_in_the_oauth_shape() {
    let simulator = Simulator::new(small(1));
    let wrong = [("authorization", "Basic d3Jvbmc6d3Jvbmc=")];
    let answer = send(&simulator, Method::POST, "/oauth/token", &wrong, "grant_type=client_credentials").await.unwrap();
    assert_eq!((answer.status, &answer.body["error"]), (401, &json!("invalid_client")));
    assert_eq!(answer.body["error_description"], "authentication failed");
    assert!(answer.body.get("code").is_none());
}

#[tokio::test(start_paused = true)]
async fn the_token_endpoint_throttles_with_400() {
    let throttle = RateLimit { calls: 1, per: Duration::from_secs(60) };
    let limits = Limits { token_endpoint: Some(throttle), ..Limits::default() };
    let simulator = Simulator::new(Scenario { limits, ..small(1) });
    assert_eq!(login(&simulator).await.status, 200);
    let answer = login(&simulator).await;
    assert_eq!((answer.status, &answer.body["error"]), (400, &json!("invalid_request")));
    assert_eq!(answer.body["description"], "rate limit exceeded");
}

#[tokio::test(start_paused = true)]
async fn missing_wrong_expired_and_revoked_tokens_have_their_codes() {
    let client = Client::of(small(1)).await;
    let without = send(&client.simulator, Method::GET, "/api/v2/users", &[], "").await.unwrap();
    assert_eq!((without.status, &without.body["code"]), (401, &json!("authentication.required")));
    let wrong = [("authorization", "bearer nonsense")];
    let wrong = send(&client.simulator, Method::GET, "/api/v2/users", &wrong, "").await.unwrap();
    assert_eq!(wrong.body["code"], "bad.credentials");
    advance(Duration::from_secs(86_400)).await;
    assert_eq!(client.get("/api/v2/users").await.body["code"], "credentials.expired");
    let again = Client { token: "simulated-token-2".to_owned(), ..client.clone() };
    login(&client.simulator).await;
    assert_eq!(again.get("/api/v2/users").await.status, 200);
    client.simulator.revoke_tokens();
    assert_eq!(again.get("/api/v2/users").await.body["code"], "bad.credentials");
}

#[tokio::test(start_paused = true)]
async fn the_call_beyond_the_window_is_refused_with_the_time_to_wait() {
    let windows = vec![RateLimit { calls: 3, per: Duration::from_secs(60) }];
    let scenario = Scenario { limits: Limits { windows, headers: true, ..Limits::default() }, ..small(1) };
    let client = Client::of(scenario).await;
    let first = client.get("/api/v2/users").await;
    assert_eq!(first.header("inin-ratelimit-count"), "1");
    assert_eq!(first.header("inin-ratelimit-allowed"), "3");
    assert_eq!(first.header("inin-ratelimit-reset"), "60");
    client.get("/api/v2/users").await;
    client.get("/api/v2/users").await;
    let refused = client.get("/api/v2/users").await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "60"));
    assert_eq!(refused.body["code"], "too.many.requests.retry.after");
    assert!(refused.body.get("limit").is_none());
    advance(Duration::from_secs(60)).await;
    assert_eq!(client.get("/api/v2/users").await.status, 200);
    assert_eq!(client.simulator.ledger().rate_limited(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_one_route_is_named_and_another_application_uses_up_the_rest() {
    let own = RouteLimit {
        routes: vec![Route::WfmRead],
        limit: RateLimit { calls: 1, per: Duration::from_secs(10) },
        key: "assignments.read.rate".to_owned(),
        namespace: "workforce.management".to_owned(),
    };
    let unnamed = RouteLimit { routes: vec![Route::SkillGroups], key: String::new(), ..own.clone() };
    let limits = Limits { routes: vec![own, unnamed], ..Limits::default() };
    let client = Client::of(Scenario { limits, ..small(1) }).await;
    let user = client.users()[0];
    assert_eq!(client.read_groups(user).await.status, 200);
    let refused = client.read_groups(user).await;
    assert_eq!(refused.body["limit"]["key"], "assignments.read.rate");
    client.get("/api/v2/routing/skillgroups").await;
    let unnamed = client.get("/api/v2/routing/skillgroups").await;
    assert_eq!((unnamed.status, unnamed.body.get("limit")), (429, None));
    assert_eq!(client.get("/api/v2/users").await.status, 200);
    client.simulator.use_up_rate(300);
    assert_eq!(client.get("/api/v2/users").await.status, 429);
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_not_permitted_or_not_there_is_refused() {
    let client = Client::of(small(1)).await;
    let user = client.users()[0];
    let large = client.try_send(Method::PATCH, &wfm_path(user), &[JSON], vec![b' '; 512_001]).await.unwrap();
    assert_eq!(large.status, 413);
    assert_eq!(client.get("/api/v2/queues").await.body["code"], "not.found");
    let method = client.write(Method::POST, "/api/v2/users", &json!({})).await;
    assert_eq!((method.status, method.header("allow")), (405, "GET"));
    client.simulator.with_behaviour(|behaviour| {
        behaviour.missing_permissions = vec!["routing:skill:assign".to_owned()];
    });
    let forbidden = client.write(Method::PATCH, &format!("{}/bulk", skills_path(user)), &json!([])).await;
    assert_eq!((forbidden.status, &forbidden.body["code"]), (403, &json!("missing.permissions")));
    assert_eq!(StatusCode::from_u16(client.get(&skills_path(user)).await.status).unwrap(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn one_of_the_permissions_that_the_sdks_name_is_enough() {
    let client = Client::of(small(1)).await;
    let lack = |missing: &[&str]| {
        let missing = missing.iter().map(|name| (*name).to_owned()).collect();
        client.simulator.with_behaviour(|behaviour| behaviour.missing_permissions = missing);
    };
    let create = |name: &'static str| {
        let client = client.clone();
        async move { client.write(Method::POST, "/api/v2/routing/skills", &json!({ "name": name })).await.status }
    };
    lack(&["routing:skill:manage"]);
    assert_eq!(create("One").await, 200);
    lack(&["routing:skill:create"]);
    assert_eq!(create("Two").await, 200);
    lack(&["routing:skill:manage", "routing:skill:create"]);
    assert_eq!(create("Three").await, 403);
    lack(&["directory:user:view", "routing:skill:view"]);
    let user = client.users()[0];
    for path in ["/api/v2/users".to_owned(), format!("/api/v2/users/{user}"), skills_path(user)] {
        assert_eq!(client.get(&path).await.status, 200, "{path}");
    }
    assert_eq!(client.write(Method::POST, "/api/v2/users/search", &json!({ "query": [] })).await.status, 403);
}

#[tokio::test(start_paused = true)]
async fn a_client_can_give_its_token_back() {
    let client = Client::of(small(1)).await;
    login(&client.simulator).await;
    let other = Client { token: "simulated-token-2".to_owned(), ..client.clone() };
    assert_eq!(client.try_send(Method::DELETE, "/api/v2/tokens/me", &[], "").await.unwrap().status, 200);
    assert_eq!(client.get("/api/v2/users").await.body["code"], "bad.credentials");
    assert_eq!(other.get("/api/v2/users").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn the_org_tells_its_limits_unless_it_may_not_or_cannot() {
    const NAMESPACES: &str = "/api/v2/organizations/limits/namespaces";
    let own = RouteLimit {
        routes: vec![Route::UserSkillsAdd],
        limit: RateLimit { calls: 7, per: Duration::from_secs(60) },
        key: "skill.assign.rate.per.minute".to_owned(),
        namespace: "routing".to_owned(),
    };
    let windows = vec![
        RateLimit { calls: 10, per: Duration::from_secs(1) },
        RateLimit { calls: 200, per: Duration::from_secs(60) },
    ];
    let client =
        Client::of(Scenario { limits: Limits { windows, routes: vec![own], ..Limits::default() }, ..small(1) }).await;
    let platform = format!("{NAMESPACES}/platform.api");
    let key = "client.credentials.token.rate.per.minute";
    let limit = |value| json!({ "entities": [{ "key": key, "namespace": "platform.api", "value": value }] });
    assert_eq!(client.get(&platform).await.body, limit(200));
    assert_eq!(client.get(&format!("{platform}/defaults")).await.body, limit(300));
    assert_eq!(client.get(&format!("{NAMESPACES}/routing")).await.body["entities"][0]["value"], 7);
    assert_eq!(client.get(NAMESPACES).await.body["entities"], json!(["platform.api", "routing"]));
    assert_eq!(client.get(&format!("{NAMESPACES}/nonsense")).await.status, 404);
    for (access, status) in [(Access::Refused, 403), (Access::Absent, 404)] {
        client.simulator.with_behaviour(|behaviour| behaviour.org_limits = access);
        assert_eq!(client.get(&platform).await.status, status);
    }
}
