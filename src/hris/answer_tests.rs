use serde_json::{Value, json};

use super::*;
use crate::config::Config;
use crate::hris::filter::FilterRunner;
use crate::hris::sources::Sources;

/// A source with this preset, whose users are identified by `user`, and with these further lines.
fn source(preset: &str, user: &str, more: &str) -> std::sync::Arc<Source> {
    let text = format!(
        "[genesys]\nregion = 'eu-central-1'\nclient_id = 'id'\nclient_secret = 's'\n
         [[webhooks]]\nname = 'hr'\npreset = '{preset}'\ntarget = 'routingSkills'\nuser = {user}
         secret = '3f1c0e3b8f5d4e0f9a7d6c5b4a392817'\n{more}
         record = {{ url = 'https://hr.test/{{id}}' }}
         rules = [{{ id = 'agents', when = {{ all = [{{ attr = 'title', eq = 'Agent' }}] }}, assign = [{{ skill = 'Billing' }}] }}]"
    );
    let config = Config::from_toml(&text).unwrap();
    Sources::compile(&config.webhooks, FilterRunner::of_this_program()).unwrap().get("hr").unwrap()
}

async fn read(source: &Source, answer: &Value) -> Result<Mapping, String> {
    let body = answer.to_string().into_bytes();
    let fetched = source.by_its_own_status(Fetched::Record(body.into())).map_err(|setback| setback.to_string())?;
    let Fetched::Record(body) = fetched else { return Err("gone".to_owned()) };
    source.map_record(Some("7"), &body, Timestamp::UNIX_EPOCH).await.map_err(|setback| setback.to_string())
}

#[tokio::test]
async fn an_item_has_a_status_of_its_own() {
    let source = source("finch", "{ external_id = 'id', authority = 'finch' }", "");
    let answer = |code: Value, body: Value| json!({"responses": [{"individual_id": "7", "code": code, "body": body}]});
    let good = json!({"id": "7", "title": "Agent"});
    for code in [json!(200), json!("200")] {
        assert_eq!(read(&source, &answer(code, good.clone())).await.unwrap().people.len(), 1);
    }
    for code in [202, 401, 403, 429, 500, 503] {
        let problem = read(&source, &answer(json!(code), json!({"message": "no"}))).await.unwrap_err();
        assert_eq!(problem, format!("the answer has status 200, but the item in it has status {code}"));
    }
    for code in [404, 410] {
        assert_eq!(read(&source, &answer(json!(code), json!({}))).await.unwrap_err(), "gone");
    }
    // The id is already known, so an answer with nothing else describes nothing.
    for empty in [json!({}), json!({"id": "7"}), json!({"id": "7", "error": "x"}), Value::Null] {
        assert!(read(&source, &answer(json!(200), empty.clone())).await.is_err(), "{empty}");
    }
}

#[tokio::test]
async fn nothing_is_empty_because_an_error_was_answered() {
    let source = source("hibob", "{ email = 'email' }", "omits_empty = true");
    for answer in [
        json!({"error": "rate limited"}),
        json!({"employees": [], "errors": []}),
        json!({"id": "8", "email": "ben@example.com", "title": "Agent"}),
        json!([{"id": "8", "email": "ben@example.com"}, {"id": "9", "email": "cem@example.com"}]),
        json!({"id": "7", "title": "Agent"}),
    ] {
        assert!(read(&source, &answer).await.unwrap_err().contains("does not describe"), "{answer}");
    }
    let mapped = read(&source, &json!([{"id": "8", "email": "b@x"}, {"id": "7", "email": "ana@example.com"}])).await;
    let [person] = &mapped.unwrap().people[..] else { panic!("one of the two was asked for") };
    assert!(person.assignments.is_empty() && person.unknown.is_empty());
}

#[tokio::test]
async fn who_is_told_to_have_no_name_is_not_asked_for_again() {
    let source = source("hibob", "{ email = 'email' }", "");
    let mapped = read(&source, &json!({"id": "7", "email": null, "title": "Agent"})).await.unwrap();
    assert_eq!(mapped.faults[0].problem, "lacks email, which identifies the user");
    for empty in [
        json!({"id": "7", "email": null, "title": null, "internal": {"status": null}}),
        json!({"id": "7", "email": "", "title": []}),
    ] {
        let problem = read(&source, &empty).await.unwrap_err();
        assert!(problem.contains("does not describe") && problem.contains("are empty"), "{problem}");
    }
    let left = read(&source, &json!({"id": "7", "internal": {"status": "Inactive"}})).await.unwrap();
    assert_eq!((left.people.len(), left.gone.len()), (0, 1), "who has left is known by the id");
}

#[tokio::test]
async fn who_is_named_may_have_nothing_else() {
    let source = source("finch", "{ external_id = 'id', authority = 'finch' }", "");
    let empty = json!({"responses": [{"individual_id": "7", "code": 200, "body": {"id": "7", "title": null}}]});
    let mapped = read(&source, &empty).await.unwrap();
    let [person] = &mapped.people[..] else { panic!("{mapped:?}") };
    assert!(person.assignments.is_empty() && person.unknown.is_empty(), "a title that is gone takes its skills along");
}
