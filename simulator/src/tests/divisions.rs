//! Users whom the client may not see, and what it sees of the others.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_user_of_another_division_does_not_exist_for_the_client() {
    let client = Client::of(misbehaving(60, |behaviour| behaviour.hidden_users = 0.2)).await;
    let hidden = client.simulator.hidden_users();
    assert!((5..25).contains(&hidden.len()), "{}", hidden.len());
    let user = client.simulator.user(hidden[0]).unwrap();
    let seen = 60 - hidden.len();
    let all = client.get("/api/v2/users?pageSize=500&state=any").await.body;
    assert_eq!((&all["total"], ids(&all["entities"]).contains(&user.id)), (&json!(seen), false));
    assert_eq!(client.get(&format!("/api/v2/users?id={}", user.id)).await.body["total"], 0);
    let search = json!({ "query": [{ "type": "EXACT", "fields": ["email"], "values": [user.email] }] });
    assert_eq!(client.write(Method::POST, "/api/v2/users/search", &search).await.body["total"], 0);
    let scim = format!("/api/v2/scim/v2/users?filter=employeeNumber%20eq%20{}", user.employee_id.unwrap());
    assert_eq!(client.get(&scim).await.body["totalResults"], 0);
    let key = format!("/api/v2/users/externalid/hris/{}", user.external_ids[0].key);
    for path in [format!("/api/v2/users/{}", user.id), key, skills_path(user.id), wfm_path(user.id)] {
        assert_eq!(client.get(&path).await.status, 404, "{path}");
    }
    assert_eq!(client.write_groups(user.id, 1, &[]).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_user_is_shown_as_the_sdk_has_them() {
    let client = Client::of(small(1)).await;
    let user = client.get(&format!("/api/v2/users/{}", client.users()[0])).await.body;
    assert_eq!((&user["username"], &user["division"]["name"]), (&json!("agent1@example.com"), &json!("Home")));
    assert_eq!(user["primaryContactInfo"][0]["address"], "agent1@example.com");
    assert!(user["chat"]["jabberId"].is_string() && user["division"]["selfUri"].is_string());
    assert_eq!(user["selfUri"], format!("/api/v2/users/{}", client.users()[0]));
}
