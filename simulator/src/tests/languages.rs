//! Target `routingLanguages`.

use super::*;

/// A client, its only user, and the languages of the org.
async fn org() -> (Client, Uuid, Vec<CatalogueEntry>) {
    let generated = Generated { users: 1, languages: 4, languages_per_user: 2, ..Generated::default() };
    let client = Client::of(Scenario { population: Population::Generated(generated), ..small(1) }).await;
    let (user, languages) = (client.users()[0], client.simulator.catalogue(Target::RoutingLanguages));
    (client, user, languages)
}

fn path(user: Uuid) -> String {
    format!("/api/v2/users/{user}/routinglanguages")
}

#[tokio::test(start_paused = true)]
async fn languages_are_added_with_whole_ratings_and_removed_one_by_one() {
    let (client, user, languages) = org().await;
    let spoken = client.simulator.user(user).unwrap().languages;
    assert_eq!(spoken.len(), 2);
    let new = languages.iter().find(|language| spoken.iter().all(|held| held.id != language.id)).unwrap();
    let body = json!([{ "id": new.id, "proficiency": 3.5 }, { "id": spoken[0].id, "proficiency": 1.4 }]);
    let written = client.write(Method::PATCH, &format!("{}/bulk", path(user)), &body).await;
    assert_eq!((written.status, &written.body["total"]), (200, &json!(3)));
    let ratings = |of: &[Assignment]| of.iter().map(|held| (held.id, held.proficiency)).collect::<Vec<_>>();
    let expected = [(spoken[0].id, Some(1.0)), (spoken[1].id, spoken[1].proficiency), (new.id, Some(4.0))];
    assert_eq!(ratings(&client.simulator.user(user).unwrap().languages), expected);
    let read = client.get(&path(user)).await;
    assert_eq!(
        (&read.body["entities"][2]["name"], &read.body["entities"][2]["proficiency"]),
        (&json!(new.name), &json!(4.0))
    );

    let one = format!("{}/{}", path(user), new.id);
    assert_eq!(client.try_send(Method::DELETE, &one, &[], "").await.unwrap().status, 204);
    assert_eq!(client.try_send(Method::DELETE, &one, &[], "").await.unwrap().status, 404);
    assert_eq!(client.simulator.user(user).unwrap().languages.len(), 2);
    assert_eq!(client.write(Method::PUT, &format!("{}/bulk", path(user)), &body).await.status, 405, "there is no PUT");
    let skill = client.simulator.catalogue(Target::RoutingSkills)[0].id;
    let unknown = json!([{ "id": skill, "proficiency": 1.0 }]);
    assert_eq!(client.write(Method::PATCH, &format!("{}/bulk", path(user)), &unknown).await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn languages_have_a_catalogue_and_are_shown_in_listings() {
    let (client, user, languages) = org().await;
    let listed = client.get("/api/v2/routing/languages?pageSize=3").await;
    assert_eq!(
        (&listed.body["total"], &listed.body["entities"][0]["name"]),
        (&json!(languages.len()), &json!("Language 1"))
    );
    let created = client.write(Method::POST, "/api/v2/routing/languages", &json!({ "name": "Sorbian" })).await;
    assert_eq!((created.status, &created.body["name"]), (200, &json!("Sorbian")));
    let again = client.write(Method::POST, "/api/v2/routing/languages", &json!({ "name": "sorbian" })).await;
    assert_eq!(again.status, 409);
    let users = client.get("/api/v2/users?expand=languages").await;
    let shown = users.body["entities"][0]["languages"].as_array().unwrap();
    assert_eq!(shown.len(), client.simulator.user(user).unwrap().languages.len());
    assert!(users.body["entities"][0].get("skills").is_none());
}
