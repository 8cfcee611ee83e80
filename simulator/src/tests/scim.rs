//! Users as SCIM shows them.

use super::*;

const USERS: &str = "/api/v2/scim/v2/users";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Ten users: seven active, two inactive, one deleted.
async fn org() -> Client {
    let generated = Generated { users: 10, inactive: 2, deleted: 1, ..Generated::default() };
    Client::of(Scenario { population: Population::Generated(generated), ..small(0) }).await
}

async fn found(client: &Client, filter: &str) -> Vec<String> {
    let answer = client.get(&format!("{USERS}?filter={filter}")).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/scim+json"), "{filter}");
    let resources = answer.body["Resources"].as_array().unwrap();
    assert_eq!(answer.body["totalResults"], json!(resources.len()));
    resources.iter().map(|user| user["displayName"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn one_user_is_found_by_each_attribute_as_long_as_they_are_not_deleted() {
    let client = org().await;
    let id = client.users()[1];
    for filter in [
        format!("id%20eq%20{id}"),
        "userName+eq+AGENT2@example.com".to_owned(),
        "email%20eq%20%22agent2%40example.com%22".to_owned(),
        "externalId%20eq%20H2".to_owned(),
        "EmployeeNumber%20EQ%20%22E1002%22".to_owned(),
    ] {
        assert_eq!(found(&client, &filter).await, ["Agent 2"], "{filter}");
    }
    assert_eq!(found(&client, "employeeNumber%20eq%20E1009").await, ["Agent 9"]);
    assert!(found(&client, "employeeNumber%20eq%20E1010").await.is_empty());
    assert_eq!(found(&client, "active%20eq%20false").await, ["Agent 8", "Agent 9"]);
    assert_eq!(found(&client, "division%20eq%20Home").await.len(), 9);
    assert_eq!(client.get("/api/v2/scim/users").await.body["totalResults"], 7);
}

#[tokio::test(start_paused = true)]
async fn a_user_is_shown_whole_or_with_the_attributes_asked_for() {
    let client = org().await;
    let answer = client.get(&format!("{USERS}?filter=employeeNumber%20eq%20E1001")).await;
    let user = &answer.body["Resources"][0];
    assert_eq!(user[ENTERPRISE], json!({ "employeeNumber": "E1001", "division": "Home" }));
    assert_eq!(user["emails"], json!([{ "value": "agent1@example.com", "type": "work", "primary": true }]));
    assert_eq!((&user["active"], &user["userName"]), (&json!(true), &json!("agent1@example.com")));
    assert_eq!((&user["meta"]["resourceType"], user["meta"]["lastModified"].is_string()), (&json!("User"), true));
    assert_eq!(user["meta"]["location"], format!("{USERS}/{}", client.users()[0]));
    let few = client.get(&format!("{USERS}?filter=employeeNumber%20eq%20E1001&attributes=id,active")).await;
    let mut names: Vec<&String> = few.body["Resources"][0].as_object().unwrap().keys().collect();
    names.sort_unstable();
    assert_eq!(names, ["active", "id", "meta", "schemas", "userName"]);
    let less = client.get(&format!("{USERS}?excludedAttributes=externalId,{ENTERPRISE}:division")).await;
    assert_eq!(less.body["Resources"][0][ENTERPRISE], json!({ "employeeNumber": "E1001" }));
    assert!(less.body["Resources"][0].get("externalId").is_none());
}

#[tokio::test(start_paused = true)]
async fn users_are_listed_from_an_index_and_counted_without_being_shown() {
    let client = org().await;
    let page = client.get(&format!("{USERS}?startIndex=6&count=5")).await;
    let told = |name: &str| page.body[name].as_u64().unwrap();
    assert_eq!((told("totalResults"), told("startIndex"), told("itemsPerPage")), (7, 6, 2));
    assert_eq!(page.body["Resources"][0]["displayName"], "Agent 6");
    let counted = client.get(&format!("{USERS}?count=0")).await.body;
    assert_eq!((&counted["totalResults"], counted.get("Resources")), (&json!(7), None));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_request_is_refused_in_the_shape_of_scim() {
    let client = org().await;
    for (query, scim_type) in [
        ("filter=title%20eq%20x", "invalidFilter"),
        ("filter=id%20ne%20x", "invalidFilter"),
        ("count=x", "invalidValue"),
    ] {
        let answer = client.get(&format!("{USERS}?{query}")).await;
        assert_eq!((answer.status, &answer.body["scimType"]), (400, &json!(scim_type)));
        assert_eq!(answer.body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
        assert_eq!((&answer.body["status"], answer.body["detail"].is_string()), (&json!("400"), true));
    }
}

#[tokio::test(start_paused = true)]
async fn scim_can_be_refused_absent_and_out_of_order() {
    let client = org().await;
    client.simulator.with_behaviour(|behaviour| behaviour.scim = Access::Refused);
    let refused = client.get(USERS).await;
    assert_eq!((refused.status, &refused.body["code"]), (403, &json!("missing.permissions")));
    client.simulator.with_behaviour(|behaviour| behaviour.scim = Access::Absent);
    assert_eq!(client.get(USERS).await.body["code"], "not.found");
    client.simulator.with_behaviour(|behaviour| {
        let kind = FaultKind::Status { status: 503, moment: Moment::BeforeEffect, body: Body::Json };
        *behaviour = Behaviour { faults: vec![Fault::on(&[Route::ScimUsers], kind)], ..Behaviour::default() };
    });
    assert_eq!((client.get(USERS).await.status, client.get("/api/v2/users").await.status), (503, 200));
}
