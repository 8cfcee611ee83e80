//! The directory of users.

use super::*;

#[tokio::test(start_paused = true)]
async fn users_are_listed_by_page_and_state() {
    let generated = Generated { users: 30, inactive: 2, deleted: 3, ..Generated::default() };
    let client = Client::of(Scenario { population: Population::Generated(generated), ..small(0) }).await;
    let first = client.get("/api/v2/users?expand=employerInfo").await;
    assert_eq!((&first.body["total"], &first.body["pageCount"]), (&json!(25), &json!(1)));
    assert_eq!(first.body["entities"][0]["employerInfo"]["employeeId"], "E1001");
    assert!(first.body["entities"][0].get("skills").is_none());
    let second = client.get("/api/v2/users?state=active&pageSize=10&pageNumber=2&expand=skills").await;
    assert_eq!(second.body["entities"].as_array().unwrap().len(), 10);
    assert_eq!(second.body["entities"][0]["name"], "Agent 11");
    assert_eq!(second.body["entities"][0]["skills"].as_array().unwrap().len(), 5);
    assert_eq!(second.body["nextUri"], "/api/v2/users?pageSize=10&pageNumber=3&state=active&expand=skills");
    assert_eq!(second.body["previousUri"], "/api/v2/users?pageSize=10&pageNumber=1&state=active&expand=skills");
    assert_eq!(client.get("/api/v2/users?state=inactive").await.body["total"], 2);
    assert_eq!(client.get("/api/v2/users?state=deleted").await.body["total"], 3);
    assert_eq!(client.get("/api/v2/users?state=any&pageSize=500").await.body["total"], 30);
    assert_eq!(client.get("/api/v2/users?pageSize=501").await.status, 400);
    assert_eq!(client.get("/api/v2/users?pageNumber=0").await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_users_are_fetched_by_id_in_one_call() {
    let generated = Generated { users: 130, inactive: 1, deleted: 1, ..Generated::default() };
    let client = Client::of(Scenario { population: Population::Generated(generated), ..small(0) }).await;
    let all = client.users();
    let asked = |ids: &[Uuid], join: &str| {
        let ids: Vec<String> = ids.iter().map(Uuid::to_string).collect();
        format!("/api/v2/users?pageSize=100&id={}", ids.join(join))
    };
    let hundred = client.get(&asked(&all[..100], "&id=")).await;
    assert_eq!((&hundred.body["total"], ids(&hundred.body["entities"])), (&json!(100), all[..100].to_vec()));
    assert_eq!(client.get(&asked(&all[..101], "&id=")).await.status, 400);
    let paged =
        client.get(&format!("{}&pageSize=2&pageNumber=2", asked(&all[..3], ",").replace("pageSize=100&", ""))).await;
    assert_eq!(ids(&paged.body["entities"]), all[2..3]);
    let few = asked(&[all[127], all[128], all[129], Uuid::nil()], ",");
    assert_eq!(ids(&client.get(&few).await.body["entities"]), all[127..128]);
    assert_eq!(ids(&client.get(&format!("{few}&state=inactive")).await.body["entities"]), all[128..129]);
    let any = client.get(&format!("{few}&state=any&expand=employerInfo")).await.body;
    assert_eq!((&any["total"], &any["entities"][2]["employerInfo"]["employeeId"]), (&json!(3), &json!("E1130")));
    assert_eq!(client.get("/api/v2/users?id=nobody").await.body["total"], 0);
}

#[tokio::test(start_paused = true)]
async fn inactive_users_are_listed_up_to_a_cap_and_counted_beyond_it() {
    let generated = Generated { users: 60, inactive: 55, ..Generated::default() };
    let client = Client::of(Scenario { population: Population::Generated(generated), ..small(0) }).await;
    client.simulator.with_behaviour(|behaviour| behaviour.inactive_cap = 50);
    let last = client.get("/api/v2/users?state=inactive&pageNumber=2").await;
    assert_eq!((last.status, &last.body["total"], &last.body["pageCount"]), (200, &json!(55), &json!(3)));
    assert!(last.body["nextUri"].is_string());
    for beyond in ["pageNumber=3", "pageSize=30&pageNumber=2", "pageSize=51"] {
        let answer = client.get(&format!("/api/v2/users?state=inactive&{beyond}")).await;
        assert_eq!((answer.status, &answer.body["code"]), (400, &json!("invalid.value")), "{beyond}");
    }
    assert_eq!(client.get("/api/v2/users?state=any&pageSize=51").await.status, 200);
    assert_eq!(Behaviour::default().inactive_cap, 10_000);
}

#[tokio::test(start_paused = true)]
async fn a_user_is_read_by_id_and_by_external_key() {
    let client = Client::of(small(3)).await;
    let user = client.users()[1];
    let by_id = client.get(&format!("/api/v2/users/{user}?expand=skills,employerInfo")).await;
    assert_eq!(by_id.body["email"], "agent2@example.com");
    assert_eq!(by_id.body["skills"][0]["state"], "active");
    let by_key = client.get("/api/v2/users/externalid/hris/H2").await;
    assert_eq!(by_key.body["id"], json!(user));
    assert_eq!(client.get("/api/v2/users/externalid/hris/h2").await.status, 404);
    assert_eq!(client.get(&format!("/api/v2/users/{}", Uuid::nil())).await.body["code"], "not.found");
}

#[tokio::test(start_paused = true)]
async fn expand_leaves_out_the_skills_of_the_same_users_each_time() {
    let client = Client::of(misbehaving(200, |behaviour| behaviour.expand_drops_skills = 0.2)).await;
    let listing = client.get("/api/v2/users?expand=skills&pageSize=500").await;
    let users = listing.body["entities"].as_array().unwrap();
    let dropped = users.iter().filter(|user| user.get("skills").is_none()).count();
    assert!((20..60).contains(&dropped), "{dropped}");
    assert_eq!(listing.body, client.get("/api/v2/users?expand=skills&pageSize=500").await.body);
}

#[tokio::test(start_paused = true)]
async fn a_user_can_be_deactivated_while_the_simulation_runs() {
    let client = Client::of(small(3)).await;
    let user = client.users()[0];
    assert!(client.simulator.set_user_state(user, UserState::Inactive));
    assert_eq!(client.get("/api/v2/users").await.body["total"], 2);
    assert_eq!(client.get(&format!("/api/v2/users/{user}")).await.body["state"], "inactive");
    assert!(!client.simulator.set_user_state(Uuid::nil(), UserState::Inactive));
}
