//! Target `routingSkills`.

use super::*;

/// A client, its only user, and up to `free` skills that the user does not have.
async fn org(free: usize) -> (Client, Uuid, Vec<Uuid>) {
    let generated = Generated { users: 1, skills: 60, ..Generated::default() };
    let client = Client::of(Scenario { population: Population::Generated(generated), ..small(1) }).await;
    let user = client.users()[0];
    let held: Vec<Uuid> = client.simulator.user(user).unwrap().skills.iter().map(|skill| skill.id).collect();
    let all = client.simulator.catalogue(Target::RoutingSkills).into_iter().map(|entry| entry.id);
    let free = all.filter(|id| !held.contains(id)).take(free).collect();
    (client, user, free)
}

fn at_level(skills: &[Uuid], proficiency: f64) -> Value {
    skills.iter().map(|id| json!({ "id": id, "proficiency": proficiency })).collect()
}

#[tokio::test(start_paused = true)]
async fn skills_are_read_page_by_page_and_a_bulk_answer_holds_only_the_first() {
    let (client, user, free) = org(30).await;
    let bulk = format!("{}/bulk", skills_path(user));
    let written = client.write(Method::PATCH, &bulk, &at_level(&free, 3.5)).await;
    assert_eq!((written.status, &written.body["total"]), (200, &json!(35)));
    assert_eq!(written.body["entities"].as_array().unwrap().len(), 25);
    let second = client.get(&format!("{}?pageNumber=2", skills_path(user))).await;
    assert_eq!(second.body["entities"].as_array().unwrap().len(), 10);
    assert_eq!(second.body["entities"][9]["proficiency"], 3.5);
}

#[tokio::test(start_paused = true)]
async fn patch_keeps_the_others_put_replaces_them_and_delete_takes_one() {
    let (client, user, free) = org(2).await;
    let bulk = format!("{}/bulk", skills_path(user));
    let first = client.simulator.user(user).unwrap().skills[0].id;
    client.write(Method::PATCH, &bulk, &at_level(&[first, free[0]], 0.0)).await;
    let skills = client.simulator.user(user).unwrap().skills;
    assert_eq!((skills.len(), skills[0], skills[5].id), (6, Assignment::skill(first, 0.0), free[0]));
    client.write(Method::PUT, &bulk, &at_level(&free, 5.0)).await;
    assert_eq!(client.simulator.user(user).unwrap().skills.len(), 2);
    let one = format!("{}/{}", skills_path(user), free[0]);
    assert_eq!(client.try_send(Method::DELETE, &one, &[], "").await.unwrap().status, 204);
    assert_eq!(client.try_send(Method::DELETE, &one, &[], "").await.unwrap().status, 404);
    let kinds: Vec<WriteKind> = client.simulator.ledger().effects().iter().map(|effect| effect.kind).collect();
    assert_eq!(kinds, [WriteKind::Add, WriteKind::Replace, WriteKind::Remove]);
}

#[tokio::test(start_paused = true)]
async fn what_the_api_does_not_take_has_no_effect() {
    let (client, user, free) = org(51).await;
    let bulk = format!("{}/bulk", skills_path(user));
    for (body, code) in [
        (at_level(&free, 1.0), "invalid.value"),
        (at_level(&free[..46], 1.0), "invalid.value"),
        (at_level(&[Uuid::nil()], 1.0), "invalid.value"),
        (at_level(&free[..1], 5.5), "invalid.value"),
        (at_level(&[free[0], free[0]], 1.0), "invalid.value"),
        (json!({ "id": free[0] }), "bad.request"),
    ] {
        let answer = client.write(Method::PATCH, &bulk, &body).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (400, Some(code)));
    }
    let plain = client.try_send(Method::PATCH, &bulk, &[], "[]").await.unwrap();
    assert_eq!(plain.status, 415);
    let nobody = format!("{}/bulk", skills_path(Uuid::nil()));
    assert_eq!(client.write(Method::PATCH, &nobody, &json!([])).await.status, 404);
    assert!(client.simulator.ledger().effects().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_skill_is_created_once_by_name() {
    let (client, user, _) = org(0).await;
    let path = "/api/v2/routing/skills";
    let created = client.write(Method::POST, path, &json!({ "name": "Claims" })).await;
    assert_eq!((created.status, &created.body["name"]), (200, &json!("Claims")));
    let listed = client.get("/api/v2/routing/skills?name=claims").await;
    assert_eq!(listed.body["entities"][0]["id"], created.body["id"]);
    assert_eq!(client.write(Method::POST, path, &json!({ "name": "CLAIMS" })).await.status, 409);
    assert_eq!(client.write(Method::POST, path, &json!({ "name": " " })).await.status, 400);
    let id = created.body["id"].as_str().unwrap().parse().unwrap();
    let bulk = format!("{}/bulk", skills_path(user));
    assert_eq!(client.write(Method::PATCH, &bulk, &at_level(&[id], 1.0)).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_skill_can_be_deactivated_at_the_user() {
    let (client, user, _) = org(0).await;
    let path = skills_path(user);
    let first = client.get(&path).await.body["entities"][0].clone();
    assert_eq!(first["selfUri"], format!("{path}/{}", first["id"].as_str().unwrap()));
    assert_eq!((&first["state"], first["skillUri"].is_string()), (&json!("active"), true));
    client.simulator.with_behaviour(|behaviour| behaviour.deactivated_skills = 1.0);
    assert_eq!(client.get(&path).await.body["entities"][0]["state"], "inactive");
}
