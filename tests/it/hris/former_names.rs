//! People whom their sender calls otherwise than before, and what is theirs then; on the paused clock.

use serde_json::json;
use skillsync::domain::{EntryState, Reason};

use super::imports::CSV;
use super::{Answer, BEGIN, Office, by_title, employees};
use crate::bed::in_state;

/// What BambooHR tells of somebody: its own id of them, their number, and when; without a title they were deleted.
async fn told(office: &Office, id: &str, name: &str, title: Option<&str>, at: i64) -> Answer {
    let fields = title.map(|title| json!({"employeeNumber": name, "jobTitle": title}));
    let timestamp = jiff::Timestamp::from_second(BEGIN + at).unwrap().to_string();
    let action = if title.is_some() { "Updated" } else { "Deleted" };
    let employee = json!({"id": id, "action": action, "timestamp": timestamp, "fields": fields.unwrap_or(json!([]))});
    let answer = office.bamboo("hr", &json!({"employees": [employee]}).to_string(), BEGIN + at.max(0)).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    if answer.body["jobId"].is_string() {
        office.finish(&answer).await;
    }
    answer
}

fn open() -> Office {
    Office::open(&employees(10), &(by_title("hr", "") + "[sync]\nhold_skill_left = 0\n"))
}

#[tokio::test(start_paused = true)]
async fn who_is_called_otherwise_leaves_nothing_under_the_former_name() {
    let office = open();
    told(&office, "7", "E1004", Some("Group 1"), -60).await;
    let renamed = told(&office, "7", "E1005", Some("Group 2"), -50).await;
    assert_eq!([office.groups(4).concat(), office.groups(5).concat()], ["", "Group 2"]);
    let entries = office.get(&format!("/v1/sync-jobs/{}/entries", renamed.job())).await;
    assert_eq!(entries["items"][0]["formerName"], true, "{entries}");

    // What is older changes neither.
    let late = told(&office, "7", "E1004", Some("Group 3"), -55).await;
    assert_eq!(in_state(&office.bed.finish(late.job()).await, EntryState::Superseded), 1);
    assert_eq!([office.groups(4).concat(), office.groups(5).concat()], ["", "Group 2"]);
    told(&office, "7", "", None, -10).await;
    assert!(office.groups(5).is_empty(), "and it is the present one who leaves");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_leads_to_nobody_takes_nothing_away_under_the_former_one() {
    let office = open();
    told(&office, "7", "E1004", Some("Group 1"), -60).await;
    let wrong = told(&office, "7", "1004", Some("Group 1"), -50).await;
    let reasons: Vec<_> = office.bed.entries(wrong.job()).iter().map(|entry| entry.result.reason).collect();
    assert_eq!(reasons, [Some(Reason::UserNotFound); 2]);
    assert_eq!(office.groups(4), ["Group 1"]);
    told(&office, "7", "", None, -40).await;
    assert!(office.groups(4).is_empty(), "whoever leaves leaves under each name that may have something");
}

#[tokio::test(start_paused = true)]
async fn two_who_change_numbers_keep_what_is_theirs() {
    let office = open();
    told(&office, "7", "E1004", Some("Group 1"), -60).await;
    told(&office, "8", "E1005", Some("Group 2"), -60).await;
    told(&office, "7", "E1005", Some("Group 1"), -50).await;
    told(&office, "8", "E1004", Some("Group 2"), -49).await;
    assert_eq!([office.groups(4).concat(), office.groups(5).concat()], ["Group 2", "Group 1"]);
    told(&office, "7", "", None, -10).await;
    assert_eq!([office.groups(4).concat(), office.groups(5).concat()], ["Group 2", ""]);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_changes_nothing_of_whom_an_id_stands_for() {
    let office = open();
    told(&office, "7", "E1004", Some("Group 1"), -60).await;
    for scope in ["delta", "full"] {
        let rows = "id,employeeNumber,jobTitle\n7,E1009,Group 1\n";
        let dry = office.post(&format!("/v1/imports/hr?scope={scope}&dryRun=true"), &CSV, rows).await;
        office.finish(&dry).await;
    }
    told(&office, "7", "", None, -10).await;
    assert!(office.groups(4).is_empty());
}
