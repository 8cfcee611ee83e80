//! The catalogues.

use super::*;

#[tokio::test(start_paused = true)]
async fn skills_are_found_by_name_and_foreign_ones_are_among_them() {
    let client = Client::of(small(1)).await;
    assert_eq!(client.get("/api/v2/routing/skills").await.body["total"], 45);
    assert_eq!(client.get("/api/v2/routing/skills?name=skill+7").await.names("entities"), ["Skill 7"]);
    assert_eq!(client.get("/api/v2/routing/skills?name=foreign").await.body["total"], 5);
}

#[tokio::test(start_paused = true)]
async fn skill_groups_are_listed_by_cursor() {
    let client = Client::of(small(1)).await;
    let mut next = Some("/api/v2/routing/skillgroups?pageSize=15".to_owned());
    let (mut names, mut pages) = (Vec::new(), 0);
    while let Some(path) = next {
        let page = client.get(&path).await;
        names.extend(page.names("entities"));
        next = page.body["nextUri"].as_str().map(ToOwned::to_owned);
        pages += 1;
    }
    assert_eq!((names.len(), pages), (35, 3));
    assert_eq!(names.last().unwrap(), "Foreign 5");
    assert_eq!(client.get("/api/v2/routing/skillgroups?after=nonsense").await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn skill_groups_are_found_by_name_sorted_and_read_backwards() {
    let client = Client::of(small(1)).await;
    let path = "/api/v2/routing/skillgroups?name=GROUP+1&pageSize=5&sortOrder=desc";
    let first = client.get(path).await;
    assert_eq!(first.names("entities"), ["Group 19", "Group 18", "Group 17", "Group 16", "Group 15"]);
    assert_eq!((&first.body["selfUri"], first.body.get("previousUri")), (&json!(path), None));
    assert!(first.body["entities"][0]["selfUri"].is_string() && first.body["entities"][0]["dateModified"].is_string());
    let next = client.get(first.body["nextUri"].as_str().unwrap()).await;
    assert_eq!(next.names("entities")[..2], ["Group 14", "Group 13"]);
    let back = client.get(next.body["previousUri"].as_str().unwrap()).await;
    assert_eq!(back.names("entities"), first.names("entities"));
}

#[tokio::test(start_paused = true)]
async fn skills_have_states_and_only_active_ones_are_assigned() {
    let generated = Generated { users: 1, skills: 12, inactive_skills: 2, deleted_skills: 1, ..Generated::default() };
    let client = Client::of(Scenario { population: Population::Generated(generated), ..small(1) }).await;
    let user = client.users()[0];
    let listed = client.get("/api/v2/routing/skills?name=skill&pageSize=500").await.body;
    let states = |listed: &Value| -> Vec<String> {
        let entities = listed["entities"].as_array().unwrap().iter();
        entities.map(|skill| skill["state"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(states(&listed)[8..], ["active", "inactive", "inactive", "deleted"]);
    assert_eq!((&listed["entities"][0]["version"], listed["entities"][0].get("division")), (&json!("1"), None));
    let (active, inactive, deleted) =
        (ids(&listed["entities"])[8], ids(&listed["entities"])[9], ids(&listed["entities"])[11]);
    let bulk = format!("{}/bulk", skills_path(user));
    for (skill, status) in [(active, 200), (inactive, 400), (deleted, 400)] {
        let body = json!([{ "id": skill, "proficiency": 1.0 }]);
        assert_eq!(client.write(Method::PATCH, &bulk, &body).await.status, status);
    }
    assert!(client.simulator.set_skill_state(active, UserState::Inactive));
    assert!(!client.simulator.set_skill_state(Uuid::nil(), UserState::Inactive));
    let changed = client.get(&format!("/api/v2/routing/skills?id={active},{deleted}")).await.body;
    assert_eq!(states(&changed), ["inactive", "deleted"]);
    assert_eq!(changed["entities"][0]["version"], "2");
    let names = [("Skill 10", 409), ("Skill 12", 200)];
    for (name, status) in names {
        assert_eq!(client.write(Method::POST, "/api/v2/routing/skills", &json!({ "name": name })).await.status, status);
    }
}

#[tokio::test(start_paused = true)]
async fn a_skill_is_created_in_a_division() {
    let client = Client::of(small(1)).await;
    let division = Uuid::from_u128(5);
    let body = json!({ "name": "Claims", "divisionId": division });
    let created = client.write(Method::POST, "/api/v2/routing/skills", &body).await;
    assert_eq!((created.status, &created.body["division"]["id"]), (200, &json!(division)));
    let wrong = json!({ "name": "Other", "divisionId": "nonsense" });
    assert_eq!(client.write(Method::POST, "/api/v2/routing/skills", &wrong).await.status, 400);
}
