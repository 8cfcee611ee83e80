//! The configurations under `examples/hris` with their payloads: what each becomes, and by which rule.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use skillsync::hris::{ExportForm, Mapping, Source};
use skillsync::table::endless_room;

use super::filters::runner;
use super::properties::{example, source};

fn named(name: &str) -> Arc<Source> {
    source(name, runner())
}

/// A line a person.
fn shown(mapping: &Mapping) -> Vec<String> {
    assert_eq!(mapping.faults, []);
    let people = mapping.people.iter().map(|person| {
        let gets = person.assignments.iter().map(|derived| {
            let rating = derived.proficiency.map(|rating| format!(":{rating}")).unwrap_or_default();
            format!(" {}{rating} because {}", derived.name, derived.because.join("+"))
        });
        let left = if person.leaver { " left" } else { "" };
        format!("{:?}{left}{}", person.user, gets.collect::<Vec<_>>().join(","))
    });
    let changed = mapping.changed.iter().map(|changed| format!("read {}", changed.record));
    people.chain(changed).collect()
}

async fn delivery(name: &str) -> Vec<String> {
    let headers: HeaderMap =
        [(HeaderName::from_static("content-type"), HeaderValue::from_static("application/json"))].into_iter().collect();
    shown(&named(name).map_delivery(&headers, &example(&format!("{name}.json"))).await.expect(name))
}

async fn record(name: &str) -> Vec<String> {
    let record = example(&format!("{name}.record.json"));
    let at = "2026-11-22T22:00:00Z".parse().unwrap();
    let mapping = named(name).map_record(None, &record, at).await.expect(name);
    assert!(mapping.people.iter().all(|person| person.occurred_at == Some(at)), "as it was when it was asked for");
    shown(&mapping)
}

#[tokio::test]
async fn payloads_with_attributes_become_assignments() {
    assert_eq!(
        delivery("bamboohr").await,
        [
            "EmployeeId(\"E1001\") Billing:4 because billing-agents+billing-seniors, Escalations:3 because billing-seniors",
            "EmployeeId(\"E1002\") left",
        ]
    );
    assert_eq!(delivery("merge").await, ["Email(\"t.adams@example.com\") General:1 because everybody"]);
    let workday = [
        "EmployeeId(\"E1001\") Group 1 because tier-1",
        "EmployeeId(\"E1002\") Group 1 because tier-1, Group 2 because leads",
        "EmployeeId(\"E1003\") left",
    ];
    assert_eq!(delivery("workday").await, workday);
    assert_eq!(
        shown(
            &named("workday")
                .map_export(ExportForm::Csv(None), example("workday.csv").into(), endless_room())
                .await
                .unwrap()
        ),
        workday
    );
    assert_eq!(
        shown(
            &named("workday")
                .map_export(ExportForm::Json(None), example("workday.json").into(), endless_room())
                .await
                .unwrap()
        ),
        workday
    );
}

#[tokio::test]
async fn payloads_with_ids_become_records_and_these_assignments() {
    assert_eq!(delivery("bamboohr-events").await, ["read 67890"]);
    assert_eq!(record("bamboohr-events").await, ["EmployeeId(\"E1001\") Group 1 because agents"]);
    assert_eq!(delivery("hibob").await, ["read 3332883854254932743"]);
    assert_eq!(record("hibob").await, ["Email(\"Ana@Example.com\") Support EMEA:3 because emea-support"]);
    assert_eq!(delivery("finch").await, ["read 5d0b10a1-f09a-430f-81f1-20be735dc5e9"]);
    let finch =
        "ExternalId { authority: \"finch\", key: \"5d0b10a1-f09a-430f-81f1-20be735dc5e9\" } Claims because claims";
    assert_eq!(record("finch").await, [finch]);
    assert_eq!(delivery("personio").await, ["read 4711"]);
    assert_eq!(record("personio").await, ["Email(\"ana@example.com\") French:4 because french"]);
}

#[tokio::test]
async fn filters_make_people_of_any_payload() {
    assert_eq!(delivery("standard-webhooks").await, ["EmployeeId(\"E1001\") Returns:2.5 because by-team"]);
    assert_eq!(
        delivery("generic").await,
        ["Email(\"ana@example.com\") Spanish:5 because spanish", "Email(\"bob@example.com\")"]
    );
}

#[test]
fn map_shows_what_becomes_of_a_file_and_why() {
    let map = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_skillsync"));
        let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).arg("map").args(arguments).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let config = ["--config", "examples/hris/bamboohr.toml"];
    let (good, table, _) = map(&[&config[..], &["--source", "bamboohr", "examples/hris/bamboohr.json"]].concat());
    assert!(good);
    let lines: Vec<_> = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let expected = [
        "user gets because of",
        "E1001 Billing at 4 billing-agents, billing-seniors",
        "E1001 Escalations at 3 billing-seniors",
        "E1002 nothing: has left",
    ];
    assert_eq!(lines, expected);
    let (good, json, _) =
        map(&[&config[..], &["--json", "--source", "bamboohr", "examples/hris/bamboohr.json"]].concat());
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(good && json["people"][0]["assignments"][0]["because"][1] == "billing-seniors", "{json}");
    let (good, _, said) = map(&[&config[..], &["--source", "bamboo", "examples/hris/bamboohr.json"]].concat());
    assert!(!good && said.contains("bamboohr"), "{said}");
}
