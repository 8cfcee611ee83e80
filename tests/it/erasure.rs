//! Erasing people with the real binary: whatever they were named by, nothing of them is left in any file of the journal.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use genesys_simulator::{Limits, Scenario, SimUser, Simulator};
use http::Method;
use serde_json::{Value, json};
use skillsync::clock::WallClock;
use skillsync::genesys::transport::{TransportSettings, over_http};
use skillsync::lifecycle::Lifecycle;
use tower::ServiceExt;

use crate::hris::{bamboo_request, by_title, employees, titled};
use crate::process::{Client, Folder, Process, free_port, serve_genesys};

/// Erased are the first four, each by another kind of reference.
const PEOPLE: usize = 6;
const ERASED: usize = 4;

/// Everything that tells of a person, as it would stand in a file.
fn traces(person: &SimUser) -> Vec<Vec<u8>> {
    let external = &person.external_ids[0];
    let texts = [
        person.email.clone(),
        person.email.to_uppercase(),
        person.employee_id.clone().unwrap(),
        format!("\"{}\",\"{}\"", external.authority, external.key),
        format!("externalId:{}:{}\"", external.authority, external.key),
        format!("row-of-{}", person.id.simple()),
        person.id.to_string(),
        person.id.simple().to_string(),
    ];
    texts.into_iter().map(String::into_bytes).chain([person.id.as_bytes().to_vec()]).collect()
}

/// The traces of a person in these files.
fn found<'a>(person: &SimUser, files: impl IntoIterator<Item = &'a Path>) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        let bytes = fs::read(file).unwrap();
        let is_in = |trace: &Vec<u8>| bytes.windows(trace.len()).any(|window| window == trace);
        let traces = traces(person).into_iter().filter(is_in);
        found.extend(traces.map(|trace| format!("{}: {}", file.display(), String::from_utf8_lossy(&trace))));
    }
    found
}

fn in_journal(person: &SimUser, folder: &Folder) -> Vec<String> {
    let files: Vec<_> = fs::read_dir(folder.journal()).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.iter().any(|file| file.ends_with("journal.sqlite-wal")), "{files:?}");
    found(person, files.iter().map(AsRef::as_ref))
}

fn command(what: &[&str], folder: &Folder) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_skillsync"));
    command.arg("journal").args(what).arg("--path").arg(folder.journal());
    command
}

/// Submits a job, and waits for its end.
async fn done(client: &Client, body: &Value) -> String {
    let (status, job) = client.call(Method::POST, "/v1/sync-jobs", body).await.unwrap();
    assert_eq!(status, 202, "{job}");
    let path = format!("/v1/sync-jobs/{}", job["id"].as_str().unwrap());
    client.until(&path, |job| job["finishedAt"].is_string()).await;
    path
}

/// An entry about each person.
fn entries(people: &[SimUser], user: impl Fn(&SimUser) -> Value, skill: &str, at: Option<&str>) -> Value {
    let entry = |person: &SimUser| {
        let mut entry = json!({"ref": format!("row-of-{}", person.id.simple()), "user": user(person), "assignments": [{"name": skill}]});
        if let Some(at) = at {
            entry["occurredAt"] = json!(at);
        }
        entry
    };
    people.iter().map(entry).collect()
}

fn by_email(person: &SimUser) -> Value {
    json!({"email": person.email})
}

fn by_employee_id(person: &SimUser) -> Value {
    json!({"employeeId": person.employee_id})
}

fn by_external_id(person: &SimUser) -> Value {
    let external = &person.external_ids[0];
    json!({"externalId": format!("{}:{}", external.authority, external.key)})
}

/// Names everybody in all ways, in jobs of both targets that go well, fail and come too late, in an export and a webhook.
async fn keep_busy(client: &Client, people: &[SimUser]) -> Vec<String> {
    let upper = |person: &SimUser| json!({"email": person.email.to_uppercase()});
    let by_id = |person: &SimUser| json!({"id": person.id});
    let (groups, skills) = ("wfmSkillGroups", "routingSkills");
    let mut jobs = Vec::new();
    for (target, mode, entries) in [
        (groups, "add", entries(people, by_email, "Group 1", None)),
        (skills, "add", entries(people, upper, "Skill 1", None)),
        (groups, "managed", entries(people, by_employee_id, "Group 2", Some("2026-01-03T00:00:00Z"))),
        (groups, "managed", entries(people, by_external_id, "Group 3", Some("2026-01-02T00:00:00Z"))),
        (skills, "managed", entries(people, by_id, "Skill 2", None)),
        (groups, "add", entries(people, by_employee_id, "No such group", None)),
        (groups, "add", entries(people, upper, "No such group either", None)),
    ] {
        jobs.push(done(client, &json!({"target": target, "mode": mode, "entries": entries})).await);
    }
    // More than a pipe takes, about one who stays.
    let last = vec![people[PEOPLE - 1].clone(); 600];
    let mut many = entries(&last, by_employee_id, "Group 6", None);
    many.as_array_mut().unwrap().iter_mut().for_each(|entry| entry["ref"] = json!("r".repeat(200)));
    done(client, &json!({"target": groups, "mode": "add", "entries": many})).await;
    let rows = people.iter().map(|person| format!("{},Group 4\n", person.employee_id.as_deref().unwrap()));
    let export = "employeeNumber,jobTitle\n".to_owned() + &rows.collect::<String>();
    let request =
        http::Request::post(format!("{}/v1/imports/hr?scope=delta", client.url)).header("content-type", "text/csv");
    let transport = over_http(&TransportSettings::default()).unwrap();
    let answer = transport.clone().oneshot(request.body(export.into()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 202, "{answer:?}");
    for n in 1..=people.len() {
        let request = bamboo_request(
            &format!("{}/v1/webhooks/hr", client.url),
            titled(n, "Group 5"),
            WallClock::System.now().as_second(),
        );
        assert_eq!(transport.clone().oneshot(request).await.unwrap().status(), 202);
    }
    let over = |view: &Value| view["items"].as_array().unwrap().iter().all(|job| job["finishedAt"].is_string());
    client.until("/v1/sync-jobs?limit=100", over).await;
    jobs
}

async fn erase(client: &Client, user: &str) -> (u16, Value) {
    client.call(Method::DELETE, &format!("/v1/users/{user}"), &Value::Null).await.unwrap()
}

#[tokio::test]
async fn nothing_of_who_was_erased_is_left_in_the_files_and_all_of_the_others() {
    let (lifecycle, port) = (Lifecycle::default(), free_port());
    let limits = Limits { windows: Vec::new(), ..Limits::default() };
    let simulator = Simulator::new(Scenario { limits, ..employees(PEOPLE) });
    let genesys = serve_genesys(&simulator, &lifecycle).await;
    let (folder, client) = (Folder::new("erasure"), Client::new(format!("http://127.0.0.1:{port}")));
    let config = folder.0.join("skillsync.toml");
    // Everybody changes all they have, which a threshold would have somebody look at.
    let settings = by_title("hr", "") + "[sync]\nhold_skill_percent = 100\nhold_skill_left = 0\n";
    fs::write(&config, settings).unwrap();
    let start = || Process::configured(port, &genesys, &folder.journal(), &config, &[]);
    let process = start();
    client.until("/readyz", |_| true).await;
    let people = simulator.users();
    let jobs = keep_busy(&client, &people).await;
    // What a process has not seen itself, it knows from the journal.
    process.stop().await;
    let process = start();
    client.until("/readyz", |_| true).await;
    for person in &people {
        assert!(in_journal(person, &folder).len() >= 7, "{:?}", in_journal(person, &folder));
    }
    let others_before = others(&client, &jobs).await;

    // Somebody exports meanwhile and does not come on: what is erased is said to be in the files still.
    let mut export = command(&["export"], &folder).stdout(Stdio::piped()).spawn().unwrap();
    let mut reading = BufReader::new(export.stdout.take().unwrap());
    reading.read_line(&mut String::new()).unwrap();
    let by_upper = people[0].email.to_uppercase();
    let (status, problem) = erase(&client, &by_upper).await;
    assert_eq!((status, &problem["type"]), (503, &json!("/problems/not-ready")), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("still in the journal's files"), "{problem}");
    reading.read_to_end(&mut Vec::new()).unwrap();
    assert!(export.wait().unwrap().success());

    let ways = [
        by_upper,
        people[1].employee_id.clone().unwrap(),
        format!("{}:{}", people[2].external_ids[0].authority, people[2].external_ids[0].key),
        people[3].id.to_string(),
    ];
    for (n, (way, person)) in ways.iter().zip(&people).enumerate() {
        let answer = erase(&client, way).await;
        // The first one was erased above, but for the files.
        assert_eq!(answer, (200, json!({"entries": if n == 0 { 0 } else { 9 }})), "{way}");
        assert_eq!(in_journal(person, &folder), [""; 0], "erased as {way}");
        assert_eq!(erase(&client, way).await, (200, json!({"entries": 0})), "again");
        assert_eq!(client.get(&format!("/v1/users/{way}")).await.unwrap().0, 404);
    }
    let backup = folder.0.join("backup.sqlite");
    assert!(command(&["backup", backup.to_str().unwrap()], &folder).output().unwrap().status.success());
    let exported = command(&["export"], &folder).output().unwrap().stdout;
    let export = folder.0.join("export");
    fs::write(&export, &exported).unwrap();
    for person in &people[..ERASED] {
        assert_eq!(found(person, [backup.as_path(), export.as_path()]), [""; 0]);
    }
    assert_eq!(others(&client, &jobs).await, others_before);

    // Neither logs nor the audit record say who it was, and the next process knows nobody of them.
    process.stop().await;
    let process = start();
    client.until("/readyz", |_| true).await;
    assert_eq!(others(&client, &jobs).await, others_before);
    let audit = client.get("/v1/audit?action=erased").await.unwrap().1;
    let about: Vec<_> = audit["items"].as_array().unwrap().iter().map(|item| item["about"].as_str().unwrap()).collect();
    assert!(about.len() >= 8 && about.contains(&"entries: 9") && about.contains(&"entries: 0"), "{about:?}");
    for (way, person) in ways.iter().zip(&people) {
        assert_eq!(in_journal(person, &folder), [""; 0]);
        assert_eq!(found(person, [folder.0.join("service.log").as_path()]), [""; 0]);
        assert!(!audit.to_string().contains(way.as_str()));
    }
    for job in &jobs {
        let items = client.get(&format!("{job}/entries")).await.unwrap().1["items"].take();
        for (n, entry) in items.as_array().unwrap().iter().enumerate() {
            assert_eq!(entry["erased"] == json!(true), n < ERASED, "{entry}");
        }
    }
    // Who comes again is known again.
    done(
        &client,
        &json!({"target": "routingSkills", "mode": "add", "entries": entries(&people[..1], by_email, "Skill 3", None)}),
    )
    .await;
    assert!(!in_journal(&people[0], &folder).is_empty());
    process.stop().await;
    lifecycle.stop(Duration::from_secs(5)).await;
}

/// What is shown of those who are not erased, and the counts of the jobs.
async fn others(client: &Client, jobs: &[String]) -> Vec<Value> {
    let mut shown = Vec::new();
    for job in jobs {
        let (view, page) = (client.get(job).await.unwrap().1, client.get(&format!("{job}/entries")).await.unwrap().1);
        shown.push(view["counts"].clone());
        shown.push(view["finishedAt"].clone());
        shown.extend(page["items"].as_array().unwrap().iter().skip(ERASED).cloned());
    }
    shown
}
