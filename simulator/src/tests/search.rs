//! The search for users.

use super::*;

const SEARCH: &str = "/api/v2/users/search";

async fn org() -> Client {
    let generated = Generated { users: 30, inactive: 2, deleted: 1, ..Generated::default() };
    Client::of(Scenario { population: Population::Generated(generated), ..small(0) }).await
}

async fn found(client: &Client, query: Value) -> Vec<String> {
    let answer = client.write(Method::POST, SEARCH, &json!({ "query": query, "pageSize": 100 })).await;
    assert_eq!(answer.status, 200, "{query}");
    assert_eq!(answer.body["types"], json!(["users"]));
    if answer.body.get("results").is_some() { answer.names("results") } else { Vec::new() }
}

#[tokio::test(start_paused = true)]
async fn each_type_of_criterion_finds_what_it_says() {
    let client = org().await;
    let of = |kind: &str, field: &str, value: &str| json!([{ "type": kind, "fields": [field], "value": value }]);
    for (query, count) in [
        (of("EXACT", "email", "AGENT3@example.com"), 1),
        (of("EXACT", "name", "Agent"), 0),
        (of("STARTS_WITH", "name", "agent 1"), 11),
        (of("CONTAINS", "username", "nt2"), 9),
        (of("REGEX", "email", "agent[12]@.*"), 2),
        (of("TERM", "name", "7"), 1),
        (json!([{ "type": "TERMS", "fields": ["name"], "values": ["7", "9"] }]), 2),
        (json!([{ "type": "EXACT", "fields": ["email", "name"], "values": ["agent 1", "agent2@example.com"] }]), 2),
        (of("QUERY_STRING", "name", "12 agent"), 1),
        (json!([{ "type": "REQUIRED_FIELDS", "fields": ["name", "email"] }]), 27),
        (json!([{ "type": "REQUIRED_FIELDS", "fields": ["name", "nonsense"] }]), 0),
        (json!([{ "type": "MATCH_ALL" }]), 27),
        (json!([{ "type": "RANGE", "fields": ["name"], "startValue": "agent 25", "endValue": "agent 27" }]), 3),
        (of("LESS_THAN", "name", "agent 10"), 1),
        (of("LESS_THAN_EQUAL_TO", "name", "agent 10"), 2),
        (of("GREATER_THAN", "name", "agent 8"), 1),
        (of("GREATER_THAN_EQUAL_TO", "version", "10000"), 27),
        (of("EXACT", "state", "inactive"), 2),
    ] {
        assert_eq!(found(&client, query.clone()).await.len(), count, "{query}");
    }
    for wrong in [of("FUZZY", "name", "x"), of("REGEX", "name", "("), json!([{ "fields": ["name"] }])] {
        assert_eq!(client.write(Method::POST, SEARCH, &json!({ "query": wrong })).await.status, 400);
    }
}

#[tokio::test(start_paused = true)]
async fn criteria_are_joined_by_their_operators_and_grouped() {
    let client = org().await;
    let one = |operator: &str, value: &str| json!({ "type": "TERM", "fields": ["name"], "value": value, "operator": operator });
    assert_eq!(found(&client, json!([one("OR", "3"), one("OR", "4")])).await, ["Agent 3", "Agent 4"]);
    assert!(found(&client, json!([one("AND", "3"), one("AND", "4")])).await.is_empty());
    let fives = json!({ "type": "CONTAINS", "fields": ["name"], "value": "5" });
    assert_eq!(found(&client, json!([fives, one("NOT", "15")])).await, ["Agent 5", "Agent 25"]);
    let states = json!({ "type": "EXACT", "fields": ["state"], "values": ["active", "inactive", "deleted"] });
    let grouped = json!([states, { "group": [one("OR", "28"), one("OR", "30")] }]);
    assert_eq!(found(&client, grouped).await, ["Agent 28", "Agent 30"]);
}

#[tokio::test(start_paused = true)]
async fn hits_are_paged_sorted_and_expanded() {
    let client = org().await;
    let search = json!({
        "query": [{ "type": "MATCH_ALL" }], "pageSize": 10, "pageNumber": 3, "sortBy": "name", "sortOrder": "DESC",
        "expand": ["skills", "employerInfo"],
    });
    let page = client.write(Method::POST, SEARCH, &search).await;
    let told = |name: &str| page.body[name].as_u64().unwrap();
    assert_eq!((told("total"), told("pageCount"), told("pageSize"), told("pageNumber")), (27, 3, 10, 3));
    assert_eq!(page.names("results")[..2], ["Agent 15", "Agent 14"]);
    assert_eq!(page.body["results"][0]["employerInfo"]["employeeId"], "E1015");
    assert_eq!(page.body["results"][0]["skills"].as_array().unwrap().len(), 5);
    let sort = json!([{ "sortBy": "state", "sortOrder": "DESC" }, { "sortBy": "name", "sortOrder": "DESC" }]);
    let states = json!({ "type": "EXACT", "fields": ["state"], "values": ["active", "inactive"] });
    let by_state = client.write(Method::POST, SEARCH, &json!({ "query": [states], "sort": sort })).await;
    assert_eq!(by_state.names("results")[..3], ["Agent 29", "Agent 28", "Agent 9"]);
    let usual = client.write(Method::POST, SEARCH, &json!({ "query": [] })).await;
    assert_eq!((usual.names("results").len(), &usual.body["pageCount"]), (25, &json!(2)));
    assert_eq!(client.write(Method::POST, SEARCH, &json!({ "query": [], "pageSize": 501 })).await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn expand_can_show_a_part_of_the_skills() {
    let client = Client::of(misbehaving(100, |behaviour| behaviour.expand_cuts_skills = 0.3)).await;
    let listing = client.get("/api/v2/users?expand=skills&pageSize=500").await.body;
    let users = listing["entities"].as_array().unwrap();
    let shown: Vec<usize> = users.iter().map(|user| user["skills"].as_array().unwrap().len()).collect();
    let cut = shown.iter().filter(|count| **count == 2).count();
    assert!((15..45).contains(&cut) && shown.iter().all(|count| [2, 5].contains(count)), "{shown:?}");
}
