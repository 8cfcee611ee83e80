//! Erasing people whom HR systems have named, on the paused clock.

use std::sync::Arc;

use genesys_simulator::Simulator;
use serde_json::json;
use skillsync::journal::{Journal as _, Memo, MemoryJournal};

use super::former_names::told as tell;
use super::records::{HrSystem, event, open, settled};
use super::{BEGIN, Office, by_title, employees};

const CSV: [(&str, &str); 1] = [("content-type", "text/csv")];

async fn import(office: &Office, scope: &str, people: &[usize]) -> u64 {
    let rows = people.iter().map(|n| format!("E{},Group 1\n", 1000 + n));
    let export = "employeeNumber,jobTitle\n".to_owned() + &rows.collect::<String>();
    let answer = office.post(&format!("/v1/imports/hr?scope={scope}"), &CSV, &export).await;
    office.finish(&answer).await;
    answer.body["counts"]["total"].as_u64().unwrap()
}

fn known(kept: &MemoryJournal) -> Vec<String> {
    kept.recovered().memos.iter().filter(|memo| &*memo.space == "known").map(|memo| memo.key.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn who_is_erased_is_not_known_any_more_and_no_leaver() {
    let office = Office::open(&employees(10), &by_title("hr", ""));
    assert_eq!(import(&office, "full", &[1, 2, 3]).await, 3);
    // By a name that no source has used: Genesys tells whose it is.
    let erased = office.delete("/v1/users/Agent2@example.com").await;
    assert_eq!((erased.status, erased.body), (200, json!({"entries": 1})));
    assert_eq!(known(&office.bed.kept), ["hr\nemployeeId:E1001", "hr\nemployeeId:E1003"]);
    assert!(office.bed.kept.recovered().user_states.iter().all(|(key, _)| {
        let users = office.bed.simulator.users();
        users.iter().find(|user| user.id == key.user.0).is_some_and(|user| user.employee_id.as_deref() != Some("E1002"))
    }));
    assert_eq!(import(&office, "full", &[1, 3]).await, 2, "there is nobody to be taken for a leaver");
    assert_eq!(office.groups(2), ["Group 1"], "Genesys is left as it is");
}

#[tokio::test(start_paused = true)]
async fn who_has_a_record_that_is_still_to_be_read_is_not_erased_before() {
    let system = Arc::new(HrSystem::default());
    let office = open(&system, Simulator::new(employees(20)), Arc::default());
    system.set(7, "Group 2");
    event(&office, 7, BEGIN).await;
    let waits = office.delete("/v1/users/7").await;
    assert_eq!((waits.status, &waits.body["type"]), (409, &json!("/problems/still-open")));
    assert!(waits.retry_after.is_some());
    settled(&office).await;
    assert_eq!(office.delete("/v1/users/7").await.status, 200);
    assert_eq!(office.delete("/v1/users/E1007").await.body, json!({"entries": 1}));
    assert!(office.bed.kept.recovered().memos.iter().all(|memo| !memo.key.contains("1007")));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_was_given_to_two_users_says_nothing_of_whom_to_erase() {
    let kept = Arc::new(MemoryJournal::default());
    let simulator = Simulator::new(employees(20));
    let other = simulator.users()[8].id;
    let value = format!("{{\"namedAt\":\"2026-11-01T00:00:00Z\",\"user\":\"{other}\"}}");
    let memo = Memo { space: "known".into(), key: "old\nemployeeId:E1001".into(), value: Some(value.into()) };
    kept.remember(vec![memo]).await.unwrap();
    let office = open(&Arc::default(), simulator.clone(), Arc::clone(&kept));
    assert_eq!(import(&office, "delta", &[1]).await, 1);
    let answer = office.delete("/v1/users/E1001").await;
    assert_eq!((answer.status, &answer.body["type"]), (409, &json!("/problems/several-users")));
    let first = simulator.users()[0].id;
    assert_eq!(office.delete(&format!("/v1/users/{first}")).await.body, json!({"entries": 1}));
    assert_eq!(known(&kept), ["old\nemployeeId:E1001"], "of somebody else");
    assert_eq!(office.delete("/v1/users/E1001").await.body, json!({"entries": 0}));
    assert_eq!(known(&kept), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn nothing_tells_of_who_is_erased_in_what_is_known_of_another_by_their_number() {
    let office = Office::open(&employees(10), &by_title("hr", ""));
    let users: Vec<_> = office.bed.simulator.users().iter().map(|user| user.id).collect();
    let name = |id: &str| format!("id,employeeNumber,jobTitle\n{id},OLD,Group 1\n");
    for (holder, id) in [(2, "former-7"), (3, "present-8")] {
        for user in &users {
            let number = (*user == users[holder]).then_some("OLD");
            office.bed.simulator.set_employee_id(*user, number);
        }
        tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
        let answer = office.post("/v1/imports/hr?scope=delta", &CSV, &name(id)).await;
        office.finish(&answer).await;
    }
    tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
    let told = |what: &str| {
        let memos = office.bed.kept.recovered().memos;
        memos.iter().any(|memo| memo.value.as_deref().is_some_and(|value| value.contains(what)))
    };
    let former = users[2].to_string();
    assert!(told("former-7") && told("present-8") && told(&former));
    assert_eq!(office.delete(&format!("/v1/users/{former}")).await.status, 200);
    assert!(!told("former-7") && told("present-8") && !told(&former));
}

#[tokio::test(start_paused = true)]
async fn that_somebody_had_left_before_their_number_was_anothers_is_erased_with_them() {
    let office = Office::open(&employees(10), &(by_title("hr", "") + "[sync]\nhold_skill_left = 0\n"));
    tell(&office, "former-7", "E1004", Some("Group 1"), -90).await;
    tell(&office, "former-7", "", None, -50).await;
    tell(&office, "present-8", "E1004", Some("Group 2"), -60).await;
    assert_eq!(office.groups(4), ["Group 2"]);
    assert!(known(&office.bed.kept).contains(&"hr\ngone:former-7".to_owned()));
    assert_eq!(office.delete("/v1/users/E1004").await.status, 200);
    assert_eq!(known(&office.bed.kept), [""; 0]);
}

/// The sender's id shows that two names are one person's. What was told under the other name goes with them.
#[tokio::test(start_paused = true)]
async fn what_was_told_with_their_id_under_another_name_is_erased_with_a_person() {
    for former in ["NOSUCH7", "E1002"] {
        let office = Office::open(&employees(10), &(by_title("hr", "") + "[sync]\nhold_skill_left = 0\n"));
        tell(&office, "present-7", former, Some("Group 1"), -300).await;
        tell(&office, "present-7", "E1004", Some("Group 2"), -200).await;
        let told = |what: &str| {
            let memos = office.bed.kept.recovered().memos;
            memos.iter().any(|memo| format!("{} {:?}", memo.key, memo.value).contains(what))
        };
        assert!(told("present-7") && told(former));
        assert_eq!(office.delete("/v1/users/E1004").await.status, 200);
        assert!(!told("present-7") && !told("E1004"), "{former}");
        // Whom Genesys knows by the former name is another person.
        assert_eq!(told(former), former == "E1002");
        let named = |job: &serde_json::Value| job["user"]["employeeId"] == former;
        let mut about_former = 0;
        for job in office.get("/v1/sync-jobs").await["items"].as_array().unwrap() {
            let path = format!("/v1/sync-jobs/{}/entries", job["id"].as_str().unwrap());
            about_former += office.get(&path).await["items"].as_array().unwrap().iter().filter(|it| named(it)).count();
        }
        assert_eq!(about_former > 0, former == "E1002", "{former}");
    }
}

/// A name that the sender gave with an id before it gave another one: erasing its holder leaves the id where it is.
#[tokio::test(start_paused = true)]
async fn whose_name_was_given_with_an_id_by_mistake_is_erased_without_it() {
    let office = Office::open(&employees(10), &(by_title("hr", "") + "[sync]\nhold_skill_left = 0\n"));
    tell(&office, "present-7", "E1002", Some("Group 1"), -300).await;
    tell(&office, "present-7", "E1004", Some("Group 2"), -200).await;
    assert_eq!(office.delete("/v1/users/E1002").await.status, 200);
    assert_eq!(known(&office.bed.kept), ["hr\nemployeeId:E1004"]);
    tell(&office, "present-7", "", None, -100).await;
    assert_eq!(office.groups(4), [""; 0], "the deletion is theirs all the same");
}
