//! People whom their sender calls otherwise than before, and what is theirs then; on the paused clock.

use futures_util::future::join_all;
use genesys_simulator::Target as SimTarget;
use serde_json::json;
use skillsync::domain::{EntryState, Reason};

use super::imports::{CSV, held};
use super::{Answer, BEGIN, Office, by_title, employees};
use crate::bed::in_state;

/// BambooHR's own id of somebody, their number if it is told, title and when they had it; without a title they were deleted.
type Told<'t> = (&'t str, &'t str, Option<&'t str>, i64);

pub(super) async fn told(office: &Office, id: &str, name: &str, title: Option<&str>, at: i64) -> Answer {
    all_told(office, &[(id, name, title, at)]).await
}

async fn all_told(office: &Office, people: &[Told<'_>]) -> Answer {
    let employees = people.iter().map(|(id, name, title, at)| {
        let fields = match title {
            Some(title) => Some(json!({"employeeNumber": name, "jobTitle": title})),
            None => (!name.is_empty()).then(|| json!({"employeeNumber": name})),
        };
        let timestamp = jiff::Timestamp::from_second(BEGIN + at).unwrap().to_string();
        let action = if title.is_some() { "Updated" } else { "Deleted" };
        json!({"id": id, "action": action, "timestamp": timestamp, "fields": fields.unwrap_or(json!([]))})
    });
    let body = json!({"employees": employees.collect::<Vec<_>>()}).to_string();
    let answer = office.bamboo("hr", &body, BEGIN).await;
    assert!([200, 202].contains(&answer.status), "{answer:?}");
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

#[tokio::test(start_paused = true)]
async fn what_is_late_gives_nothing_under_any_name() {
    let office = open();
    told(&office, "7", "E1004", Some("Group 1"), -60).await;
    told(&office, "7", "", None, -50).await;
    told(&office, "7", "E1005", Some("Group 2"), -55).await;
    assert_eq!([office.groups(4).concat(), office.groups(5).concat()], ["", ""]);
    told(&office, "8", "E1006", Some("Group 1"), -60).await;
    told(&office, "8", "E1007", Some("Group 1"), -50).await;
    told(&office, "8", "E1008", Some("Group 1"), -55).await;
    assert_eq!([6, 7, 8].map(|n| office.groups(n).len()), [0, 1, 0]);
}

#[tokio::test(start_paused = true)]
async fn one_delivery_may_tell_of_all_names_of_a_person() {
    for (both, expected) in [
        ([("7", "E1004", Some("Group 3"), -30), ("7", "E1005", Some("Group 2"), -20)], ["", "Group 2"]),
        ([("7", "E1005", Some("Group 2"), -20), ("7", "E1004", Some("Group 3"), -30)], ["", "Group 2"]),
        ([("7", "E1005", Some("Group 2"), -30), ("7", "", None, -20)], ["", ""]),
        ([("7", "", None, -20), ("7", "E1005", Some("Group 2"), -30)], ["", ""]),
        ([("7", "", None, -30), ("7", "E1005", Some("Group 2"), -20)], ["", "Group 2"]),
    ] {
        let office = open();
        told(&office, "7", "E1004", Some("Group 1"), -60).await;
        all_told(&office, &both).await;
        assert_eq!([office.groups(4).concat(), office.groups(5).concat()], expected, "{both:?}");
    }
    // A number that is handed on is not the former holder's any more.
    let office = open();
    told(&office, "7", "E1004", Some("Group 1"), -60).await;
    told(&office, "8", "E1005", Some("Group 2"), -60).await;
    all_told(&office, &[("7", "E1005", Some("Group 1"), -30), ("8", "", None, -20)]).await;
    assert_eq!([office.groups(4).concat(), office.groups(5).concat()], ["", "Group 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_that_is_carried_out_renames_as_its_export_would() {
    for scope in ["delta", "full"] {
        let office = open();
        let rows = |name: &str, group: u8| format!("id,employeeNumber,jobTitle\n7,{name},Group {group}\n");
        let import = |rows: String, dry_run: bool| {
            let path = format!("/v1/imports/hr?scope={scope}&dryRun={dry_run}");
            let office = &office;
            async move {
                let answer = office.post(&path, &CSV, &rows).await;
                assert_eq!(answer.status, 202, "{answer:?}");
                office.bed.finish(answer.job()).await;
                answer
            }
        };
        import(rows("E1004", 1), false).await;
        let plan = import(rows("E1005", 2), true).await;
        let applied = office.post(&format!("/v1/sync-jobs/{}/apply", plan.job()), &[], "").await;
        assert_eq!(applied.status, 202, "{applied:?}");
        office.bed.finish(applied.job()).await;
        assert_eq!([office.groups(4).concat(), office.groups(5).concat()], ["", "Group 2"], "{scope}");
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        told(&office, "7", "E1006", Some("Group 3"), 50).await;
        assert_eq!([4, 5, 6].map(|n| office.groups(n).concat()), ["", "", "Group 3"], "{scope}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_is_whom_the_id_stands_for_whatever_the_payload_calls_them() {
    for called in ["E1004", "E1005", "deleted-E1005", "E1009"] {
        let office = open();
        told(&office, "7", "E1004", Some("Group 1"), -60).await;
        told(&office, "7", "E1005", Some("Group 2"), -50).await;
        let left = told(&office, "7", called, None, -40).await;
        assert_eq!([office.groups(4).concat(), office.groups(5).concat()], ["", ""], "{called}");
        let job = office.bed.finish(left.job()).await;
        assert_eq!(in_state(&job, EntryState::Failed), 0, "{called}: {:?}", job.counts);
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_anothers_by_now_does_not_leave_with_the_one_before() {
    let office = open();
    told(&office, "7", "E1004", Some("Group 1"), -60).await;
    told(&office, "7", "E1005", Some("Group 1"), -50).await;
    told(&office, "8", "E1004", Some("Group 2"), -40).await;
    told(&office, "7", "E1004", None, -30).await;
    assert_eq!([office.groups(4).concat(), office.groups(5).concat()], ["Group 2", ""]);

    // A new record of the same person, and the old one ends.
    let office = open();
    told(&office, "7", "E1004", Some("Group 1"), -60).await;
    told(&office, "8", "E1004", Some("Group 2"), -50).await;
    let ended = told(&office, "7", "E1004", None, -40).await;
    assert_eq!(
        (office.groups(4).concat().as_str(), &ended.body["leaversUnknown"]),
        ("Group 2", &1.into()),
        "{ended:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_id_is_the_same_however_it_is_written() {
    let office = open();
    told(&office, "J\u{fc}7", "E1004", Some("Group 1"), -60).await;
    told(&office, "Ju\u{308}\u{200b}7 ", "", None, -50).await;
    assert_eq!(office.groups(4).concat(), "");
}

#[tokio::test(start_paused = true)]
async fn what_is_dated_before_an_undated_export_and_told_after_it_counts() {
    for (kind, expected) in [(None, ""), (Some("Group 2"), "Group 2")] {
        for scope in ["delta", "full"] {
            let office = open();
            let rows = "id,employeeNumber,jobTitle\n7,E1004,Group 1\n8,E1005,Group 5\n";
            let export = office.post(&format!("/v1/imports/hr?scope={scope}"), &CSV, rows).await;
            office.finish(&export).await;
            tokio::time::sleep(std::time::Duration::from_secs(60)).await;
            told(&office, "7", "E1004", kind, -3600).await;
            assert_eq!([office.groups(4).concat(), office.groups(5).concat()], [expected, "Group 5"], "{scope}");
            // Older still.
            told(&office, "7", "E1004", Some("Group 3"), -7200).await;
            assert_eq!(office.groups(4).concat(), expected, "{scope}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_rows_of_an_export_with_one_id_are_two_people() {
    for scope in ["delta", "full"] {
        let office = open();
        let rows = "id,employeeNumber,jobTitle\n7,E1004,Group 1\n7,E1005,Group 5\n";
        for _ in 0..2 {
            let export = office.post(&format!("/v1/imports/hr?scope={scope}"), &CSV, rows).await;
            office.finish(&export).await;
            assert_eq!([office.groups(4).concat(), office.groups(5).concat()], ["Group 1", "Group 5"], "{scope}");
        }
    }
}

/// Tells of somebody who had the number of a present holder before, late.
async fn told_late(office: &Office) {
    told(office, "7", "E1004", Some("Group 1"), -60).await;
    let late = told(office, "8", "E1004", Some("Group 2"), -90).await;
    assert_eq!(in_state(&office.bed.finish(late.job()).await, EntryState::Superseded), 1);
    assert_eq!(office.groups(4), ["Group 1"]);
}

#[tokio::test(start_paused = true)]
async fn what_comes_late_about_the_former_holder_of_a_number_changes_nothing_of_the_present_one() {
    // The present holder leaves.
    let office = open();
    told_late(&office).await;
    let left = told(&office, "7", "", None, -10).await;
    assert_eq!((office.groups(4).concat().as_str(), &left.body["leaversUnknown"]), ("", &0.into()), "{left:?}");
    // An older change of theirs.
    let office = open();
    told_late(&office).await;
    told(&office, "7", "E1005", Some("Group 3"), -70).await;
    assert_eq!([office.groups(4).concat(), office.groups(5).concat()], ["Group 1", ""]);
    // They get another number.
    told(&office, "7", "E1006", Some("Group 1"), -20).await;
    assert_eq!([office.groups(4).concat(), office.groups(6).concat()], ["", "Group 1"]);
    // The former holder goes on under the number that is theirs now, and leaves.
    for before in [true, false] {
        let office = open();
        if before {
            told(&office, "8", "E1005", Some("Group 2"), -80).await;
        }
        told_late(&office).await;
        told(&office, "8", "E1005", Some("Group 3"), -10).await;
        assert_eq!([office.groups(4).concat(), office.groups(5).concat()], ["Group 1", "Group 3"]);
        told(&office, "8", "", None, -5).await;
        assert_eq!([office.groups(4).concat(), office.groups(5).concat()], ["Group 1", ""]);
    }
    // Both in one delivery, the former holder last.
    let office = open();
    all_told(&office, &[("7", "E1004", Some("Group 1"), -60), ("8", "E1004", Some("Group 2"), -90)]).await;
    told(&office, "8", "", None, -20).await;
    assert_eq!(office.groups(4), ["Group 1"]);
    told(&office, "7", "", None, -10).await;
    assert!(office.groups(4).is_empty());
}

#[tokio::test(start_paused = true)]
async fn whoever_had_a_number_that_is_anothers_at_genesys_by_now_leaves_by_their_id() {
    for called in ["", "OLD"] {
        let office = open();
        let user = |n: usize| office.bed.simulator.users().into_iter().nth(n).unwrap().id;
        let simulator = &office.bed.simulator;
        let (first, second) = (user(4), user(5));
        simulator.set_employee_id(second, None);
        simulator.set_employee_id(first, Some("OLD"));
        told(&office, "7", "OLD", Some("Group 1"), -60).await;
        let groups = |user| simulator.assignments_of(user, SimTarget::WfmSkillGroups).unwrap().len();
        assert_eq!(groups(first), 1);
        simulator.set_employee_id(first, None);
        simulator.set_employee_id(second, Some("OLD"));
        tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
        told(&office, "8", "OLD", Some("Group 2"), -40).await;
        assert_eq!([groups(first), groups(second)], [1, 1], "{called}");
        let left = told(&office, "7", called, None, -20).await;
        assert_eq!([groups(first), groups(second)], [0, 1], "{called}: {left:?}");
        assert_eq!(left.body["leaversUnknown"], 0, "{called}: {left:?}");
        let entries = office.get(&format!("/v1/sync-jobs/{}/entries", left.job())).await;
        assert_eq!(entries["items"][0]["ref"], "OLD", "{entries}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_several_ids_of_one_number_none_alone_stands_for_its_user() {
    for scope in ["delta", "full"] {
        let office = open();
        let rows = "id,employeeNumber,jobTitle\n7,E1004,Group 1\n8,E1004,Group 2\n";
        let export = office.post(&format!("/v1/imports/hr?scope={scope}"), &CSV, rows).await;
        office.finish(&export).await;
        assert_eq!(office.groups(4).len(), 2);
        for id in ["7", "8"] {
            let ended = told(&office, id, "", None, 10).await;
            assert_eq!((office.groups(4).len(), &ended.body["leaversUnknown"]), (2, &1.into()), "{scope}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_undated_export_comes_after_what_is_dated_ahead() {
    for (ahead, scope, rows, doubted, expected) in [
        (300, "delta", "7,E1004,Group 2\n", false, ["Group 2", "", ""]),
        (300, "full", "7,E1004,Group 2\n", false, ["Group 2", "", ""]),
        (300, "full", "9,E1006,Group 3\n", true, ["", "", "Group 3"]),
        (-300, "full", "7,E1005,Group 2\n", true, ["", "Group 2", ""]),
        (300, "full", "7,E1005,Group 2\n", true, ["", "Group 2", ""]),
    ] {
        let office = open();
        told(&office, "7", "E1004", Some("Group 1"), ahead).await;
        let export = format!("id,employeeNumber,jobTitle\n{rows}");
        let export = office.post(&format!("/v1/imports/hr?scope={scope}"), &CSV, &export).await;
        if doubted {
            held(&office, &export).await;
            office.bed.service.engine.release(export.job()).await.unwrap();
        }
        office.finish(&export).await;
        assert_eq!([4, 5, 6].map(|n| office.groups(n).concat()), expected, "{ahead} {scope} {rows}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_what_one_undated_delivery_tells_of_a_person_the_last_row_counts() {
    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    let keys = "sender_id = 'id'\nleaver = { all = [{ attr = 'left', eq = 'yes' }] }";
    let source = by_title("hr", keys).replace("preset = 'bamboohr'", "preset = 'generic'");
    let source = source.replace(super::BAMBOO_SECRET, SECRET) + "[sync]\nhold_skill_left = 0\n";
    let named = |number: &str, title: &str| json!({"id": "7", "employeeNumber": number, "jobTitle": title});
    let gone = || json!({"id": "7", "left": "yes"});
    let gone_named = || json!({"id": "7", "employeeNumber": "E1004", "left": "yes"});
    for (known, rows, expected) in [
        (false, vec![named("E1004", "Group 2"), named("E1004", "Group 3")], ["Group 3", ""]),
        (true, vec![named("E1004", "Group 2"), named("E1004", "Group 3")], ["Group 3", ""]),
        (false, vec![named("E1004", "Group 2"), gone()], ["", ""]),
        (true, vec![named("E1004", "Group 2"), gone()], ["", ""]),
        (true, vec![named("E1004", "Group 2"), gone_named()], ["", ""]),
        (true, vec![gone(), named("E1004", "Group 2")], ["Group 2", ""]),
        (true, vec![gone_named(), named("E1004", "Group 2")], ["Group 2", ""]),
        (false, vec![named("E1004", "Group 2"), named("E1005", "Group 3")], ["", "Group 3"]),
        (true, vec![named("E1005", "Group 2"), named("E1004", "Group 3")], ["Group 3", ""]),
        (true, vec![named("E1005", "Group 2"), named("E1004", "Group 3"), gone()], ["", ""]),
    ] {
        let office = Office::open(&employees(10), &source);
        let tell = async |rows: &[serde_json::Value]| {
            let body = json!({"employees": rows}).to_string();
            let answer = office.post(&format!("/v1/webhooks/hr/{SECRET}"), &[], &body).await;
            office.finish(&answer).await;
        };
        if known {
            tell(&[named("E1004", "Group 1")]).await;
        }
        tell(&rows).await;
        assert_eq!([office.groups(4).concat(), office.groups(5).concat()], expected, "{known}: {rows:?}");
        // Whatever it was, nothing is left of them in the end.
        tell(&[gone()]).await;
        assert_eq!([office.groups(4).len(), office.groups(5).len()], [0, 0], "{known}: {rows:?}");
    }
}

/// Whom, under which number if one is told, in which group; without a group they have left.
type Row = (&'static str, &'static str, Option<u8>);

#[tokio::test(start_paused = true)]
async fn rows_of_one_delivery_count_as_if_they_had_come_one_after_another() {
    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    let keys = "sender_id = 'id'\nleaver = { all = [{ attr = 'left', eq = 'yes' }] }";
    let source = by_title("hr", keys).replace("preset = 'bamboohr'", "preset = 'generic'");
    let source = source.replace(super::BAMBOO_SECRET, SECRET) + "[sync]\nhold_skill_left = 0\n";
    let cases: [(&[Row], &[Row], [&str; 3]); 12] = [
        (&[("x", "4", Some(1))], &[("y", "4", Some(2)), ("x", "4", None)], ["Group 2", "", ""]),
        (&[("x", "4", Some(1))], &[("y", "4", Some(2)), ("x", "", None)], ["Group 2", "", ""]),
        (&[("x", "4", Some(1)), ("x", "5", Some(1))], &[("x", "5", Some(2)), ("x", "4", None)], ["", "", ""]),
        (&[("x", "4", Some(1))], &[("x", "5", Some(2)), ("x", "", None)], ["", "", ""]),
        (&[("x", "4", Some(1))], &[("x", "5", Some(2)), ("x", "6", Some(2)), ("x", "5", None)], ["", "", ""]),
        (&[], &[("x", "4", Some(1)), ("y", "4", Some(2)), ("x", "5", Some(3))], ["Group 2", "Group 3", ""]),
        (&[("x", "4", Some(1))], &[("y", "4", Some(2)), ("x", "5", Some(3))], ["Group 2", "Group 3", ""]),
        (
            &[("x", "4", Some(1)), ("y", "5", Some(2))],
            &[("x", "5", Some(1)), ("y", "4", Some(2))],
            ["Group 2", "Group 1", ""],
        ),
        (&[("x", "4", Some(1))], &[("x", "", None), ("y", "4", Some(2))], ["Group 2", "", ""]),
        (&[("x", "4", Some(1))], &[("y", "4", Some(2)), ("x", "5", Some(3)), ("y", "", None)], ["", "Group 3", ""]),
        (&[("w", "4", Some(1)), ("w", "", None)], &[("y", "4", Some(2)), ("y", "", None)], ["", "", ""]),
        (&[("x", "4", Some(1))], &[("x", "", None), ("x", "5", Some(2)), ("x", "4", Some(3))], ["Group 3", "", ""]),
    ];
    for (before, rows, expected) in cases {
        let office = Office::open(&employees(10), &source);
        let tell = async |rows: &[Row]| {
            let row = |(id, number, group): &Row| {
                let mut row = json!({"id": id});
                if !number.is_empty() {
                    row["employeeNumber"] = format!("E100{number}").into();
                }
                match group {
                    Some(group) => row["jobTitle"] = format!("Group {group}").into(),
                    None => row["left"] = "yes".into(),
                }
                row
            };
            let body = json!({"employees": rows.iter().map(row).collect::<Vec<_>>()}).to_string();
            let answer = office.post(&format!("/v1/webhooks/hr/{SECRET}"), &[], &body).await;
            if answer.body["jobId"].is_string() {
                office.finish(&answer).await;
            }
        };
        for row in before {
            tell(std::slice::from_ref(row)).await;
        }
        tell(rows).await;
        let groups = [4, 5, 6].map(|n| office.groups(n).concat());
        assert_eq!(groups, expected, "{before:?}, then {rows:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn deliveries_about_one_person_that_come_at_once_are_settled_one_after_another() {
    for (id, first, second, expected) in [
        ("7", ("E1004", Some("Group 1"), -60), ("E1005", Some("Group 2"), -50), ["", "Group 2"]),
        ("7", ("E1005", Some("Group 2"), -50), ("E1004", Some("Group 1"), -60), ["", "Group 2"]),
        ("7", ("E1004", Some("Group 1"), -60), ("", None, -50), ["", ""]),
        ("7", ("", None, -50), ("E1004", Some("Group 1"), -60), ["", ""]),
    ] {
        let office = open();
        let tell =
            |(name, title, at)| all_told(&office, std::slice::from_ref(Box::leak(Box::new((id, name, title, at)))));
        futures_util::join!(tell(first), tell(second));
        let groups = [office.groups(4).concat(), office.groups(5).concat()];
        assert_eq!(groups, expected, "{first:?} {second:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_export_and_a_delivery_that_come_at_once_are_settled_one_after_the_other() {
    for export_first in [true, false] {
        let office = open();
        told(&office, "7", "E1003", Some("Group 3"), -90).await;
        let import = async {
            let rows = "id,employeeNumber,jobTitle\n7,E1005,Group 2\n";
            let export = office.post("/v1/imports/hr?scope=delta", &CSV, rows).await;
            office.finish(&export).await;
        };
        let delivery = told(&office, "7", "E1004", Some("Group 1"), -60);
        if export_first {
            futures_util::join!(import, delivery);
        } else {
            futures_util::join!(delivery, import);
        }
        let groups = [3, 4, 5].map(|n| office.groups(n).concat());
        assert_eq!(groups.iter().filter(|group| !group.is_empty()).count(), 1, "{export_first}: {groups:?}");
    }
}

/// All orders of three.
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

#[tokio::test(start_paused = true)]
async fn a_number_in_another_case_is_handed_on_as_well() {
    for (first, second) in [("E1004", "e1004"), ("e1004", "E1004")] {
        for (last, other) in [
            (("7", "E1005", Some("Group 3"), -70), "Group 3"),
            (("7", "", None, -70), ""),
            (("7", first, None, -70), ""),
            (("7", second, None, -70), ""),
        ] {
            for order in ORDERS {
                let office = open();
                let events = [("7", first, Some("Group 1"), -90), ("8", second, Some("Group 2"), -80), last];
                for (id, name, title, at) in order.map(|at| events[at]) {
                    told(&office, id, name, title, at).await;
                }
                let groups = [office.groups(4).concat(), office.groups(5).concat()];
                assert_eq!(groups, ["Group 2", other], "{events:?} {order:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_gives_nothing_to_whom_something_newer_is_told_of() {
    for (newer, expected) in [
        (("7", "", None, -1), ["", "", ""]),
        (("7", "E1006", Some("Group 3"), -1), ["", "", "Group 3"]),
        (("7", "E1004", Some("Group 3"), -1), ["Group 3", "", ""]),
    ] {
        let office = open();
        told(&office, "7", "E1004", Some("Group 1"), -5000).await;
        let rows = "id,employeeNumber,jobTitle\n7,E1005,Group 2\n";
        let dry = office.post("/v1/imports/hr?scope=delta&dryRun=true", &CSV, rows).await;
        office.finish(&dry).await;
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        let (id, name, title, at) = newer;
        told(&office, id, name, title, at + 60).await;
        let applied = office.post(&format!("/v1/sync-jobs/{}/apply", dry.job().0), &[], "").await;
        office.finish(&applied).await;
        assert_eq!([4, 5, 6].map(|n| office.groups(n).concat()), expected, "{newer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_told_after_a_plan_was_applied_counts_by_its_own_date() {
    for restart in [false, true] {
        for (title, expected) in [(None, ""), (Some("Group 3"), "Group 3")] {
            let mut office = open();
            told(&office, "7", "E1004", Some("Group 1"), -5000).await;
            let rows = "id,employeeNumber,jobTitle\n7,E1004,Group 2\n";
            let dry = office.post("/v1/imports/hr?scope=delta&dryRun=true", &CSV, rows).await;
            office.finish(&dry).await;
            let applied = office.post(&format!("/v1/sync-jobs/{}/apply", dry.job().0), &[], "").await;
            office.finish(&applied).await;
            assert_eq!(office.groups(4), ["Group 2"]);
            if restart {
                let (simulator, kept) = (office.bed.simulator.clone(), std::sync::Arc::clone(&office.bed.kept));
                assert!(office.bed.lifecycle.stop(std::time::Duration::from_secs(30)).await);
                let sources = by_title("hr", "") + "[sync]\nhold_skill_left = 0\n";
                office = Office::reopen(simulator, kept, &employees(10), &sources);
            }
            tokio::time::sleep(std::time::Duration::from_secs(60)).await;
            told(&office, "7", "E1004", title, -1000).await;
            assert_eq!(office.groups(4).concat(), expected, "restart: {restart}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn numbers_that_three_people_hand_on_at_once_are_whose_they_are_by_now() {
    for turn in 0..3 {
        let office = open();
        let names = ["E1004", "E1005", "E1006"];
        let titles = ["Group 1", "Group 2", "Group 3"];
        for (n, id) in ["7", "8", "9"].into_iter().enumerate() {
            told(&office, id, names[n], Some(titles[n]), -90).await;
        }
        let event =
            |n: usize| (["7", "8", "9"][n], names[(n + 1) % 3], Some(titles[n]), -60 - i64::try_from(n).unwrap());
        let events = [turn, (turn + 1) % 3, (turn + 2) % 3].map(event);
        join_all(events.iter().map(|event| all_told(&office, std::slice::from_ref(event)))).await;
        assert_eq!([4, 5, 6].map(|n| office.groups(n).concat()), ["Group 3", "Group 1", "Group 2"], "{turn}");
    }
}

#[tokio::test(start_paused = true)]
async fn somebody_unknown_who_was_deleted_takes_nothing_from_who_has_their_number_by_now() {
    let office = open();
    told(&office, "7", "", None, -10).await;
    told(&office, "8", "E1004", Some("Group 2"), -50).await;
    told(&office, "7", "E1004", Some("Group 1"), -60).await;
    assert_eq!(office.groups(4), ["Group 2"]);
}
