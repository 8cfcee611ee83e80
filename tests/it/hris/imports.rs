//! Whole exports over HTTP, on the paused clock.

use std::sync::Arc;
use std::time::Duration;

use async_compression::tokio::write::GzipEncoder;
use genesys_simulator::{Explicit, Population, Scenario};
use serde_json::Value;
use skillsync::journal::{Journal as _, Memo};
use skillsync::table::XLSX;
use tokio::io::AsyncWriteExt as _;

use super::{Answer, BEGIN, Office, by_title, employees, titled};
use crate::bed::Bed;
use crate::sheets::table;

pub(super) const CSV: [(&str, &str); 1] = [("content-type", "text/csv")];

fn export(people: &[(usize, &str)]) -> String {
    let rows = people.iter().map(|(n, title)| format!("E{},{title}\n", 1000 + n));
    "employeeNumber,jobTitle\n".to_owned() + &rows.collect::<String>()
}

pub(super) async fn import(office: &Office, source: &str, scope: &str, people: &[(usize, &str)]) -> Answer {
    let answer = office.post(&format!("/v1/imports/{source}?scope={scope}"), &CSV, &export(people)).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    office.finish(&answer).await;
    answer
}

#[tokio::test(start_paused = true)]
async fn who_is_missing_from_a_full_export_has_left_and_from_a_delta_has_not() {
    let office = Office::open(&employees(10), &by_title("hr", ""));
    import(&office, "hr", "full", &[(1, "Group 1"), (2, "Group 2"), (3, "Group 3")]).await;
    import(&office, "hr", "delta", &[(1, "Group 4")]).await;
    assert_eq!([office.groups(1), office.groups(2), office.groups(3)], [["Group 4"], ["Group 2"], ["Group 3"]]);
    let full = import(&office, "hr", "full", &[(1, "Group 4"), (3, "Group 3")]).await;
    assert_eq!(full.body["counts"]["total"], 3, "two who are there and one who left");
    assert_eq!([office.groups(1).len(), office.groups(2).len(), office.groups(3).len()], [1, 0, 1]);
    let once_more = import(&office, "hr", "full", &[(1, "Group 4"), (3, "Group 3")]).await;
    assert_eq!(once_more.body["counts"]["total"], 2, "who has nothing of ours left is not asked after again");
}

#[tokio::test(start_paused = true)]
async fn one_sources_full_export_says_nothing_of_anothers_people() {
    let sources = by_title("north", "") + &by_title("south", "");
    let (scenario, office) = (employees(10), Office::open(&employees(10), &sources));
    for n in [1, 4] {
        let delivered = office.bamboo("north", &titled(n, &format!("Group {n}")), BEGIN).await;
        office.finish(&delivered).await;
    }
    import(&office, "south", "full", &[(2, "Group 2"), (3, "Group 3")]).await;
    import(&office, "south", "full", &[(2, "Group 2")]).await;
    assert_eq!([office.groups(1).len(), office.groups(2).len(), office.groups(3).len()], [1, 1, 0]);

    // Who is known is known after a restart as well, also by deliveries.
    let (simulator, kept) = (office.bed.simulator.clone(), Arc::clone(&office.bed.kept));
    office.bed.lifecycle.begin_stop();
    let next = Office::reopen(simulator, kept, &scenario, &sources);
    import(&next, "north", "full", &[(4, "Group 4")]).await;
    assert_eq!([next.groups(1).len(), next.groups(2).len(), next.groups(4).len()], [0, 1, 1]);
}

/// Whom the journal says to be known.
fn known(office: &Office) -> Vec<String> {
    let memos = office.bed.kept.recovered().memos;
    let people = memos.iter().filter(|memo| &*memo.space == "known");
    people.filter_map(|memo| Some(memo.key.rsplit_once(':')?.1.to_uppercase())).collect()
}

/// Another process with the same journal, later on the same calendar.
fn restarted(office: Office, scenario: &Scenario, settings: &str) -> Office {
    let Bed { clock, simulator, kept, lifecycle, .. } = office.bed;
    lifecycle.begin_stop();
    let journal = Arc::clone(&kept);
    Office::of(Bed::living(clock, simulator, &kept, journal, (scenario, settings), |wire| wire), settings)
}

async fn days(days: u64) {
    tokio::time::sleep(Duration::from_secs(days * 24 * 3600)).await;
}

#[tokio::test(start_paused = true)]
async fn who_is_not_named_any_more_and_has_nothing_of_ours_is_forgotten_with_the_retention() {
    let settings = "[journal]\nretention = '10d'\n".to_owned() + &by_title("hr", "");
    let (scenario, office) = (employees(10), Office::open(&employees(10), &settings));
    import(&office, "hr", "delta", &[(1, "Group 1"), (2, "Group 2"), (8999, "Group 3")]).await;
    assert_eq!(known(&office), ["E1001", "E1002", "E9999"]);
    days(6).await;
    import(&office, "hr", "delta", &[(2, "Group 2")]).await;
    let office = restarted(office, &scenario, &settings);
    assert_eq!(known(&office).len(), 3);
    days(5).await;
    assert_eq!(known(&office), ["E1001", "E1002"], "one has something of ours, one was named, one is nobody");
    days(20).await;
    assert_eq!(known(&office), ["E1001", "E1002"], "also when the jobs that named them are not kept any more");
    import(&office, "hr", "full", &[(2, "Group 2")]).await;
    assert!(office.groups(1).is_empty() && office.groups(2).len() == 1);
    days(1).await;
    assert_eq!(known(&office), ["E1002"]);
}

#[tokio::test(start_paused = true)]
async fn who_was_known_before_there_were_dates_is_dated_once() {
    let settings = "[journal]\nretention = '10d'\n".to_owned() + &by_title("hr", "");
    let (scenario, office) = (employees(10), Office::open(&employees(10), &settings));
    let old = Memo { space: "known".into(), key: "hr\nemployeeId:E9999".into(), value: Some("".into()) };
    office.bed.kept.remember(vec![old]).await.unwrap();
    let mut office = office;
    for _ in 0..2 {
        office = restarted(office, &scenario, &settings);
        assert_eq!(known(&office), ["E9999"]);
        days(6).await;
    }
    assert!(known(&office).is_empty(), "a restart does not begin the time anew");
}

#[tokio::test(start_paused = true)]
async fn rows_about_one_person_are_taken_together() {
    let office = Office::open(&employees(10), &by_title("hr", ""));
    import(&office, "hr", "delta", &[(1, "Group 1"), (2, "Group 5"), (1, "Group 2")]).await;
    let mut groups = office.groups(1);
    groups.sort();
    assert_eq!(groups, ["Group 1", "Group 2"]);

    let by_address = by_title("hr", "").replace("employee_id = 'employeeNumber'", "email = 'mail'");
    let office = Office::open(&employees(10), &by_address);
    let rows = "mail,jobTitle\nagent1@example.com,Group 1\nAgent1@Example.com,Group 2\n";
    let answer = office.post("/v1/imports/hr?scope=delta", &CSV, rows).await;
    assert_eq!(answer.body["counts"]["total"], 1, "an address is the same in any spelling");
    office.finish(&answer).await;
    let mut groups = office.groups(1);
    groups.sort();
    assert_eq!(groups, ["Group 1", "Group 2"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_faulty_export_is_accepted() {
    let office = Office::open(&employees(10), &by_title("hr", "required = ['jobTitle']"));
    let path = "/v1/imports/hr?scope=full";
    let faulty = office.post(path, &CSV, "employeeNumber,jobTitle\nE1001,Group 1\n,Group 2\nE1003,\n").await;
    assert_eq!(faulty.status, 400, "{faulty:?}");
    let errors = &faulty.body["errors"];
    assert_eq!((&errors[0]["line"], &errors[1]["line"]), (&3.into(), &4.into()), "{errors}");
    assert!(errors[0]["detail"].as_str().unwrap().starts_with("lacks employeeNumber"), "{errors}");
    let records = "[{\"employeeNumber\": \"E1001\", \"jobTitle\": \"Group 1\"}, {\"employeeNumber\": \"E1002\"}]";
    let faulty = office.post(path, &[("content-type", "application/json")], records).await;
    assert_eq!(faulty.body["errors"][0]["detail"], "person 2: lacks jobTitle, which is required", "{faulty:?}");
    for (path, headers, body, status) in [
        (path, &CSV[..], "", 422),
        (path, &CSV[..], "employeeNumber,jobTitle\n", 422),
        (path, &[("content-type", "application/json")], "{\"Report_Entry\": []}", 422),
        (path, &[("content-type", "text/plain")], "x", 415),
        ("/v1/imports/hr", &CSV[..], "employeeNumber\n1\n", 400),
        ("/v1/imports/hr?scope=some", &CSV[..], "employeeNumber\n1\n", 400),
        ("/v1/imports/other?scope=full", &CSV[..], "employeeNumber\n1\n", 404),
    ] {
        let answer = office.post(path, headers, body).await;
        assert_eq!(answer.status, status, "{path} {body}: {answer:?}");
    }
    assert!(office.bed.service.engine.jobs(None, None, 100).0.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_import_under_a_key_is_accepted_once() {
    let office = Office::open(&employees(10), &by_title("hr", ""));
    let headers = [CSV[0], ("idempotency-key", "2026-11-22")];
    let send =
        async |people: &[(usize, &str)]| office.post("/v1/imports/hr?scope=delta", &headers, &export(people)).await;
    let first = send(&[(1, "Group 1")]).await;
    let again = send(&[(1, "Group 1")]).await;
    assert_eq!((first.status, again.status, again.job()), (202, 202, first.job()));
    assert_eq!(send(&[(1, "Group 2")]).await.status, 422);
}

/// A memo of an earlier version, which told spellings apart.
fn known_by(spelling: &str) -> Memo {
    let value = "{\"namedAt\":\"2026-11-22T00:00:00Z\"}".to_owned();
    Memo { space: "known".into(), key: format!("hr\nemployeeId:{spelling}").into(), value: Some(value.into()) }
}

#[tokio::test(start_paused = true)]
async fn who_was_known_by_another_spelling_is_the_same_person() {
    let settings = by_title("hr", "");
    let (scenario, office) = (employees(10), Office::open(&employees(10), &settings));
    import(&office, "hr", "full", &[(1, "Group 1"), (2, "Group 2"), (3, "Group 3")]).await;
    let old = ["E\u{200b}1001", "E1002\u{ad}", "\u{feff}E1004"].map(known_by).into();
    office.bed.kept.remember(old).await.unwrap();
    let office = restarted(office, &scenario, &settings);
    // Neither is a leaver beside themselves, and who was known by another spelling alone is one.
    import(&office, "hr", "full", &[(1, "Group 1"), (3, "Group 3")]).await;
    assert_eq!([office.groups(1).len(), office.groups(2).len(), office.groups(3).len()], [1, 0, 1]);
    days(1).await;
    let mut left = known(&office);
    left.sort();
    assert_eq!(left, ["E1001", "E1002", "E1003", "E1004"], "each once");
    let erased = office.delete("/v1/users/E1001").await;
    assert_eq!(erased.status, 200, "{:?}", erased.body);
    assert_eq!(known(&office).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_older_spelling_of_who_is_erased_goes_as_well() {
    let settings = by_title("hr", "");
    let (scenario, office) = (employees(10), Office::open(&employees(10), &settings));
    office.bed.kept.remember(vec![known_by("E\u{200b}1001")]).await.unwrap();
    let office = restarted(office, &scenario, &settings);
    assert_eq!(office.delete("/v1/users/E1001").await.status, 200);
    assert!(known(&office).is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_id_in_another_case_has_not_left() {
    let office = Office::open(&employees(10), &by_title("hr", ""));
    import(&office, "hr", "full", &[(1, "Group 1"), (2, "Group 2"), (3, "Group 3")]).await;
    let export = "employeeNumber,jobTitle\ne1001,Group 1\nE1002,Group 2\n";
    let answer = office.post("/v1/imports/hr?scope=full", &CSV, export).await;
    office.finish(&answer).await;
    assert_eq!(
        [office.groups(1).len(), office.groups(2).len(), office.groups(3).len()],
        [1, 1, 0],
        "{:?}",
        answer.body
    );
}

#[tokio::test(start_paused = true)]
async fn an_id_in_another_case_that_is_anothers_has_left() {
    let mut scenario = employees(3);
    let plain = Office::open(&scenario, "");
    let mut users = plain.bed.simulator.users();
    users[1].employee_id = Some("e1001".into());
    let groups = plain.bed.simulator.catalogue(genesys_simulator::Target::WfmSkillGroups);
    scenario.population = Population::Explicit(Explicit { users, groups, ..Explicit::default() });
    let office = Office::open(&scenario, &by_title("hr", ""));
    let both = "employeeNumber,jobTitle\nE1001,Group 1\ne1001,Group 2\nE1003,Group 3\n";
    let answer = office.post("/v1/imports/hr?scope=full", &CSV, both).await;
    office.finish(&answer).await;
    let answer = office.post("/v1/imports/hr?scope=full", &CSV, &both.replace("e1001,Group 2\n", "")).await;
    office.finish(&answer).await;
    assert_eq!(answer.body["counts"]["total"], 3);
    assert_eq!(office.bed.simulator.statistics().client_writes, 4);
}

#[tokio::test(start_paused = true)]
async fn an_export_means_the_same_however_it_was_saved() {
    let lines = "employeeNumber;jobTitle\r\n1001;Gruppe Süd\r\n1002;Group 2\r\n";
    let latin: Vec<u8> = lines.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let marked: Vec<u8> = format!("\u{feff}{lines}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let rows = [&["employeeNumber", "jobTitle"][..], &["1001", "Gruppe Süd"], &[], &["1002", "Group 2"]];
    let records = "\u{feff}[{\"employeeNumber\": 1001, \"jobTitle\": \"Gruppe Süd\"}, {\"employeeNumber\": 1002, \"jobTitle\": \"Group 2\"}]";
    let windows = "charset = 'windows-1252'";
    for (source, media_type, body) in [
        ("", "text/csv", lines.into()),
        ("", "text/csv; charset=windows-1252", latin.clone()),
        (windows, "text/csv", latin.clone()),
        (windows, "text/csv; charset=utf-8", lines.into()),
        (windows, "text/csv", marked),
        ("", XLSX, table(&rows)),
        ("sheet = 'People'", XLSX, table(&rows)),
        ("", "application/json", records.into()),
        (windows, "application/json; charset=utf-8", records.into()),
    ] {
        let office = Office::open(&employees(10), &by_title("hr", source));
        let headers = [("content-type", media_type)];
        let answer = office.post_bytes("/v1/imports/hr?scope=delta&dryRun=true", &headers, &body).await;
        assert_eq!(
            (answer.status, &answer.body["counts"]["total"]),
            (202, &2.into()),
            "{source} {media_type}: {answer:?}"
        );
        let entries = office.get_text(&format!("/v1/sync-jobs/{}/entries", answer.body["id"].as_str().unwrap())).await;
        assert!(entries.contains("Gruppe Süd") || entries.contains("1001"), "{entries}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_no_export_is_refused_with_what_to_do() {
    let office = Office::open(&employees(10), &by_title("hr", "required = ['jobTitle']\nsheet = 'Staff'"));
    let rows = [&["employeeNumber", "jobTitle"][..], &["E1001", ""]];
    for (query, media_type, body, status, said) in [
        (
            "",
            "text/csv",
            &b"employeeNumber,jobTitle\nM\xfcller,\n"[..],
            422,
            "line 2 is not valid UTF-8; say which charset",
        ),
        ("", "text/csv; charset=latin-99", b"a\n", 415, "windows-1252"),
        ("", "text/csv", b"employeeNumber,jobTitle;x\n", 422, "sep=;"),
        ("", "text/csv", b"employeeNumber,jobTitle\nE1,\"a\" b\n", 422, "line 2 has text at column 8"),
        ("", XLSX, &table(&rows), 422, "no sheet \"Staff\"; it has \"People\""),
        ("&sheet=People", XLSX, &table(&rows), 400, "\"line\":2"),
        ("&sheet=People", XLSX, &table(&rows), 400, "\"detail\":\"lacks jobTitle"),
        ("", XLSX, b"employeeNumber\n", 422, "if it is CSV"),
        ("", "application/json; charset=utf-7", b"[]", 415, "utf-8"),
    ] {
        let answer = office
            .post_bytes(&format!("/v1/imports/hr?scope=delta{query}"), &[("content-type", media_type)], body)
            .await;
        assert!(
            answer.status == status && answer.body.to_string().replace("\\\"", "\"").contains(said),
            "{said}: {answer:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_export_may_be_compressed() {
    let office = Office::open(&employees(10), &by_title("hr", ""));
    let mut gzip = GzipEncoder::new(Vec::new());
    gzip.write_all(&table(&[&["employeeNumber", "jobTitle"], &["E1001", "Group 1"]])).await.unwrap();
    gzip.shutdown().await.unwrap();
    let headers = [("content-type", XLSX), ("content-encoding", "gzip")];
    let answer = office.post_bytes("/v1/imports/hr?scope=delta", &headers, &gzip.into_inner()).await;
    assert_eq!((answer.status, &answer.body["counts"]["total"]), (202, &1.into()), "{answer:?}");
}

/// Waits until a job is held, and answers its view.
pub(super) async fn held(office: &Office, answer: &Answer) -> Value {
    let path = format!("/v1/sync-jobs/{}", answer.job());
    loop {
        let view: Value = serde_json::from_str(&office.get_text(&path).await).unwrap();
        assert!(view["finishedAt"].is_null(), "{view}");
        if view["status"] == "held" {
            return view["held"].clone();
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_small_export_in_which_nobody_has_a_known_title_is_held() {
    let office = Office::open(&employees(40), &by_title("hr", ""));
    let people = |title: &'static str, of: std::ops::Range<usize>| of.map(|n| (n, title)).collect::<Vec<_>>();
    import(&office, "hr", "delta", &people("Group 1", 1..40)).await;
    let rows = export(&people("an unknown title", 1..11));
    let answer = office.post("/v1/imports/hr?scope=delta", &CSV, &rows).await;
    let held = held(&office, &answer).await;
    assert_eq!((&held["users"], &held["skills"][0]["name"]), (&10.into(), &"Group 1".into()), "{held}");
    assert!(held["message"].as_str().unwrap().starts_with("10 of its 10 users would be left with nothing"), "{held}");
    assert!((1..11).all(|n| office.groups(n) == ["Group 1"]));
}

#[tokio::test(start_paused = true)]
async fn deliveries_about_one_person_each_do_not_take_a_skill_from_the_last_who_have_it() {
    let office = Office::open(&employees(40), &by_title("hr", ""));
    import(&office, "hr", "delta", &[(1, "Group 1"), (2, "Group 1"), (3, "Group 1"), (4, "Group 1")]).await;
    let mut deliveries = Vec::new();
    for n in 1..=4 {
        deliveries.push(office.bamboo("hr", &titled(n, "Group 2"), BEGIN).await);
    }
    office.finish(&deliveries[0]).await;
    office.finish(&deliveries[1]).await;
    for delivery in &deliveries[2..] {
        let held = held(&office, delivery).await;
        assert_eq!((&held["skills"][0]["name"], &held["skills"][0]["holdersLeft"]), (&"Group 1".into(), &1.into()));
    }
    let groups: Vec<_> = (1..=4).map(|n| office.groups(n).concat()).collect();
    assert_eq!(groups, ["Group 2", "Group 2", "Group 1", "Group 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_table_for_a_source_with_a_filter_needs_the_column_that_names_the_user() {
    let filtered = by_title("hr", "filter = '.employees[]'").replace("preset = 'bamboohr'", "preset = 'generic'");
    let by_filter_alone = filtered.replace("user = { employee_id = 'employeeNumber' }\n", "");
    let renamed = "employee_number,jobTitle\nE1001,Group 1\nE1002,Group 1\n";
    for (source, told) in [
        (&filtered, "employeeNumber"),
        (&by_filter_alone, "the source names users by its filter, which reads JSON only; set `user` to import tables"),
    ] {
        let source = source.replace(super::BAMBOO_SECRET, "0123456789abcdef0123456789abcdef");
        let office = Office::open(&employees(3), &source);
        let answer = office.post("/v1/imports/hr?scope=delta", &CSV, renamed).await;
        assert_eq!(answer.status, 422, "{answer:?}");
        assert!(answer.body["detail"].as_str().unwrap().contains(told), "{answer:?}");
    }
    let office =
        Office::open(&employees(3), &filtered.replace(super::BAMBOO_SECRET, "0123456789abcdef0123456789abcdef"));
    import(&office, "hr", "delta", &[(1, "Group 1")]).await;
    assert_eq!(office.groups(1), ["Group 1"]);
}
