//! Records that a filter reads: an answer counts for whom it was asked for, or not at all.

use std::sync::Arc;

use skillsync::config::Config;
use skillsync::domain::UserRef;
use skillsync::hris::{Mapping, Source, Sources};

use super::filters::runner;

/// Records of `{"people": […]}`; a person without a number has no id in what the filter yields.
fn source(more: &str) -> Arc<Source> {
    let text = format!(
        "[genesys]\nregion = 'eu-central-1'\nclient_id = 'id'\nclient_secret = 's'\n
         [[webhooks]]\nname = 'hr'\npreset = 'generic'\ntarget = 'routingSkills'\nsecret = 'k'\nfilter = '{{changed: .id}}'
         signature = {{ header = 'x-s' }}\n{more}
         rules = [{{ id = 'agents', when = {{ all = [{{ attr = 'title', eq = 'Agent' }}] }}, assign = [{{ skill = 'Billing' }}] }}]
         [webhooks.record]\nurl = 'https://hr.test/{{id}}'
         filter = '.people[]? | {{employeeId: .employee, attributes: {{title, id: .number, key: .id}}}}'"
    );
    let config = Config::from_toml(&text).unwrap();
    Sources::compile(&config.webhooks, runner()).unwrap().get("hr").unwrap()
}

async fn read(source: &Source, answer: &str) -> Result<Mapping, String> {
    let at = "2026-11-22T22:00:00Z".parse().unwrap();
    source.map_record(Some("4"), answer.as_bytes(), at).await.map_err(|setback| setback.to_string())
}

#[tokio::test]
async fn an_answer_that_yields_nobody_says_nothing() {
    let source = source("");
    for answer in [r#"{"people": []}"#, r#"{"error": "expired"}"#, r#"{"people": null}"#, "null", "{}"] {
        let problem = read(&source, answer).await.unwrap_err();
        assert_eq!(problem, "the answer does not describe the person: record.filter yields no person", "{answer}");
        assert!(source.map_record(None, answer.as_bytes(), jiff::Timestamp::UNIX_EPOCH).await.is_err(), "{answer}");
    }
}

#[tokio::test]
async fn somebody_without_a_name_and_anything_else_is_nobody() {
    let source = source("");
    let problem = read(&source, r#"{"people": [{"error": "expired"}]}"#).await.unwrap_err();
    assert_eq!(problem, "the answer does not describe the person: all attributes that the source uses are empty");
    let mapped = read(&source, r#"{"people": [{"title": "Agent"}]}"#).await.unwrap();
    assert_eq!(mapped.faults.len(), 1, "that the filter names nobody is for the operator to mend");
    let mapped = read(&source, r#"{"people": [{"employee": "E4", "title": null}]}"#).await.unwrap();
    assert!(mapped.people[0].assignments.is_empty(), "whoever has lost a title is told of");
}

#[tokio::test]
async fn only_who_was_asked_for_is_taken_from_an_answer() {
    let (by_id, by_key) = (source(""), source("sender_id = 'key'"));
    let person = |employee: &str, more: &str| format!(r#"{{"employee": "{employee}", "title": "Agent"{more}}}"#);
    let people = |people: &[String]| format!(r#"{{"people": [{}]}}"#, people.join(","));
    for (source, answer) in [
        (&by_id, people(&[person("E4", r#", "number": 4"#)])),
        (&by_id, people(&[person("E4", r#", "number": "4", "id": "99""#)])),
        (&by_id, people(&[person("E4", "")])),
        (&by_id, people(&[person("E9", r#", "number": "9""#), person("E4", r#", "number": "4""#)])),
        (&by_id, people(&[person("E9", ""), person("E4", r#", "number": "4""#)])),
        (&by_key, people(&[person("E4", r#", "number": "99", "id": "4""#), person("E9", r#", "id": "9""#)])),
    ] {
        let mapped = read(source, &answer).await.unwrap();
        let users: Vec<_> = mapped.people.iter().map(|person| person.user.clone()).collect();
        assert_eq!(users, [UserRef::EmployeeId("E4".into())], "{answer}");
    }
    for (source, answer, said) in [
        (&by_id, people(&[person("E99", r#", "number": "99""#)]), "it describes a person other than the one requested"),
        (&by_key, people(&[person("E99", r#", "id": "99""#)]), "it describes a person other than the one requested"),
        (
            &by_id,
            people(&[person("E9", r#", "number": "9""#), person("E10", "")]),
            "it describes a person other than the one requested",
        ),
        (
            &by_id,
            people(&[person("E4", ""), person("E9", "")]),
            "it contains several people, and none has \"id\" to tell which of them was requested",
        ),
    ] {
        let problem = read(source, &answer).await.unwrap_err();
        assert!(problem.ends_with(said), "{answer}: {problem}");
    }
}
