//! What nobody knows is left as it is, also when the entries are sent once more.

use serde_json::Value;
use skillsync::domain::{EntryState, Reason};

use super::{BEGIN, Office, by_title, employees, titled};
use crate::bed::in_state;

/// The first employee, of whom the sender tells no job title.
fn untitled() -> String {
    titled(1, "").replace(r#""jobTitle":{"value":""}"#, "").replace(",}", "}")
}

const SUBMIT: &str = "/v1/sync-jobs?target=wfmSkillGroups&mode=managed";

#[tokio::test(start_paused = true)]
async fn entries_sent_once_more_leave_as_it_is_what_they_left() {
    let office = Office::open(&employees(10), &by_title("hr", ""));
    let told = office.bamboo("hr", &titled(1, "Group 3"), BEGIN).await;
    office.finish(&told).await;
    let untold = office.bamboo("hr", &untitled(), BEGIN + 60).await;
    assert_eq!((untold.status, &untold.body["undecided"]), (202, &1.into()), "{untold:?}");
    office.finish(&untold).await;
    assert_eq!(office.groups(1), ["Group 3"]);

    let entries = format!("/v1/sync-jobs/{}/entries", untold.job().0);
    let view = office.get(&entries).await;
    let left = |view: &Value| view["items"][0]["leftAsIs"].as_array().map(Vec::len);
    assert_eq!(left(&view), Some(30), "{view}");
    for form in ["text/csv", "application/x-ndjson"] {
        let text = office.get_text_as(&entries, form).await;
        let again = office.post(SUBMIT, &[("content-type", form)], &text).await;
        assert_eq!(again.status, 202, "{text} {again:?}");
        let job = office.bed.finish(again.job()).await;
        assert_eq!(in_state(&job, EntryState::Unchanged), 1, "{:?}", job.counts);
        assert_eq!(office.groups(1), ["Group 3"]);
        let path = format!("/v1/sync-jobs/{}/entries", again.job().0);
        assert_eq!(left(&office.get(&path).await), Some(30));
        assert_eq!(office.get_text_as(&path, form).await, text, "and so on");
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_may_leave_some_as_they_are() {
    let office = Office::open(&employees(10), "");
    let submit = |assignments: &'static str| {
        let entry = format!(r#"{{"user":{{"employeeId":"E1001"}},"assignments":[{assignments}]}}"#);
        let office = &office;
        async move { office.post(SUBMIT, &[("content-type", "application/x-ndjson")], &entry).await }
    };
    let first = submit(r#"{"name":"Group 1"},{"name":"Group 2"},{"name":"Group 3"}"#).await;
    office.finish(&first).await;
    let second =
        submit(r#"{"name":"Group 4"},{"name":"group 2","leaveAsIs":true},{"name":"Group 5","leaveAsIs":true}"#).await;
    office.finish(&second).await;
    assert_eq!(office.groups(1), ["Group 2", "Group 4"], "it asks for nothing, and takes nothing");

    // Who has what it used to be called would else lose it without a word.
    let unknown = submit(r#"{"name":"Group 4"},{"name":"Grup 2","leaveAsIs":true}"#).await;
    let job = office.bed.finish(unknown.job()).await;
    assert_eq!(in_state(&job, EntryState::Failed), 1);
    assert_eq!(office.bed.entries(unknown.job())[0].result.reason, Some(Reason::AssignmentNotFound));
    assert_eq!(office.groups(1), ["Group 2", "Group 4"]);

    let rated = submit(r#"{"name":"Group 4","leaveAsIs":true,"proficiency":3}"#).await;
    assert_eq!(rated.status, 400, "{rated:?}");
}
