//! Target `wfmSkillGroups`.

use super::*;

#[tokio::test(start_paused = true)]
async fn assignments_are_read_with_their_version_and_written_as_a_whole() {
    let client = Client::of(small(1)).await;
    let user = client.users()[0];
    let read = client.read_groups(user).await;
    let version = read.body["version"].as_u64().unwrap();
    assert_eq!(read.header("etag"), format!("\"{version}\""));
    assert_eq!(read.body["userId"], json!(user));
    assert_eq!(read.body["selfUri"], wfm_path(user));
    assert_eq!(read.names("skillGroups").len(), 4);
    let wanted = ids(&read.body["skillGroups"])[..2].to_vec();
    let written = client.write_groups(user, version, &wanted).await;
    assert_eq!((written.status, &written.body["version"]), (200, &json!(version + 1)));
    assert_eq!(client.simulator.user(user).unwrap().groups, wanted);
    let effect = client.simulator.ledger().effects()[0].clone();
    assert_eq!((effect.writer, effect.version_before, effect.version_after), (Writer::Client, version, version + 1));
    assert_eq!(effect.correlation_id.unwrap().to_string(), written.header("inin-correlation-id"));
}

#[tokio::test(start_paused = true)]
async fn a_bare_version_is_taken_and_a_missing_or_broken_one_is_refused() {
    let client = Client::of(small(1)).await;
    let user = client.users()[0];
    let version = client.simulator.version_of(user, Target::WfmSkillGroups).unwrap().to_string();
    let body = json!({ "skillGroupIds": [] }).to_string();
    let path = wfm_path(user);
    let sent = |headers: Vec<(&'static str, String)>| {
        let (client, path, body) = (client.clone(), path.clone(), body.clone());
        async move {
            let mut all: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            all.push(JSON);
            client.try_send(Method::PATCH, &path, &all, body).await.unwrap().status
        }
    };
    assert_eq!(sent(vec![]).await, 428);
    assert_eq!(sent(vec![("if-match", "*".to_owned())]).await, 400);
    assert_eq!(sent(vec![("if-match", version)]).await, 200);
}

#[tokio::test(start_paused = true)]
async fn unknown_groups_and_users_are_refused() {
    let client = Client::of(small(1)).await;
    let user = client.users()[0];
    let version = client.simulator.version_of(user, Target::WfmSkillGroups).unwrap();
    let unknown = client.write_groups(user, version, &[Uuid::nil()]).await;
    assert_eq!((unknown.status, &unknown.body["code"]), (400, &json!("invalid.value")));
    assert_eq!(client.write_groups(Uuid::nil(), 1, &[]).await.status, 404);
    assert_eq!(client.read_groups(Uuid::nil()).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn path_and_version_header_are_settings() {
    let wfm = WfmEndpoint { path: "/partner/{userId}/groups".to_owned(), version_header: "X-Version".to_owned() };
    let client = Client::of(Scenario { wfm, ..small(1) }).await;
    let user = client.users()[0];
    let path = format!("/partner/{user}/groups");
    let version = client.get(&path).await.body["version"].to_string();
    let body = json!({ "skillGroupIds": [] }).to_string();
    let written = client.try_send(Method::PATCH, &path, &[JSON, ("x-version", &version)], body).await.unwrap();
    assert_eq!(written.status, 200);
    assert_eq!(client.read_groups(user).await.status, 404);
}
