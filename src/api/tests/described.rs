//! The OpenAPI document matches the behaviour of the service, in a form that client generators accept.

use serde_json::Value;

use super::TestApi;
use crate::api::openapi_text;
use crate::api::router::openapi;
use crate::api::shapes::rules;

/// Calls `look` with every value in a document and its path.
fn each(value: &Value, path: &str, look: &mut impl FnMut(&str, &Value)) {
    look(path, value);
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| each(value, &format!("{path}/{name}"), look)),
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                each(item, &format!("{path}/{at}"), look);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn document() -> Value {
    serde_json::to_value(openapi()).unwrap()
}

#[test]
fn every_response_is_described() {
    each(&document(), "", &mut |path, value| {
        let Some(responses) = value.get("responses").and_then(Value::as_object) else { return };
        for (status, response) in responses {
            let description = response["description"].as_str().unwrap_or_default();
            assert!(!description.is_empty(), "{path} {status} lacks a description");
            assert!(response["headers"]["x-request-id"].is_object(), "{path} {status} lacks x-request-id");
            if status.starts_with(['4', '5']) {
                let content = &response["content"]["application/problem+json"]["schema"];
                assert_eq!(content["$ref"], "#/components/schemas/Problem", "{path} {status}");
            }
        }
    });
}

#[test]
fn schemas_are_flat() {
    each(&document(), "", &mut |path, value| {
        for composed in ["oneOf", "anyOf", "allOf", "discriminator"] {
            assert!(value.get(composed).is_none(), "{path} has {composed}");
        }
        if let Some(words) = value.get("enum").and_then(Value::as_array) {
            assert!(words.iter().all(Value::is_string) && value["type"] == "string", "{path} is a nullable enum");
            assert!(path.starts_with("/components/schemas/"), "{path} is an enum without a name");
        }
        if let Some(name) = value.get("$ref").and_then(Value::as_str) {
            let target = name.trim_start_matches('#');
            assert!(document().pointer(target).is_some(), "{path} refers to {name}, which is not there");
        }
    });
}

#[test]
fn every_parameter_is_described() {
    each(&document(), "", &mut |path, value| {
        for parameter in value.get("parameters").and_then(Value::as_array).into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{path}: {parameter}");
        }
    });
}

#[test]
fn operations_are_named_for_the_methods_of_clients() {
    let mut names = Vec::new();
    each(&document(), "", &mut |path, value| {
        if !path.contains("/links/") {
            names.extend(value.get("operationId").cloned());
        }
    });
    names.sort_by_key(Value::to_string);
    let expected = [
        "applySyncJob",
        "cancelSyncJob",
        "createSyncJob",
        "dismissUnreadRecords",
        "eraseUser",
        "followSyncJob",
        "getHealth",
        "getLimits",
        "getMetrics",
        "getOpenApiDocument",
        "getReadiness",
        "getSyncJob",
        "getUser",
        "importPeople",
        "listAuditRecords",
        "listSyncJobEntries",
        "listSyncJobs",
        "listUnreadRecords",
        "listWebhookSources",
        "receiveUnsignedWebhook",
        "receiveWebhook",
        "retrySyncJob",
        "retryUnreadRecords",
    ];
    assert_eq!(names, expected);
}

#[test]
fn the_document_states_the_rules_that_are_enforced() {
    let document = document();
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["SyncJobRequest"]["properties"]["entries"]["maxItems"], rules::MAX_ENTRIES);
    assert_eq!(schemas["SyncJobEntryRequest"]["properties"]["assignments"]["maxItems"], rules::MAX_ASSIGNMENTS);
    assert_eq!(schemas["UserReference"]["properties"]["email"]["maxLength"], rules::MAX_USER_KEY_LENGTH);
    assert_eq!(schemas["AssignmentRequest"]["properties"]["proficiency"]["maximum"], rules::PROFICIENCY.1);
    assert_eq!(schemas["SyncJobRequest"]["required"], serde_json::json!(["target", "entries"]));
    assert_eq!(schemas["SyncJobEntryRequest"]["required"], serde_json::json!(["user", "assignments"]));
    assert_eq!(schemas["EntryPage"]["required"], serde_json::json!(["items"]));
}

#[tokio::test]
async fn the_examples_of_the_document_are_accepted() {
    let api = TestApi::start();
    let document = document();
    let content = &document["paths"]["/v1/sync-jobs"]["post"]["requestBody"]["content"];
    let examples = content["application/json"]["examples"].as_object().unwrap();
    assert_eq!(examples.len(), 2);
    for (name, example) in examples {
        let answer = api.submit(example["value"].to_string()).await;
        assert_eq!(answer.status, 202, "{name}: {answer:?}");
    }
    for media_type in ["application/x-ndjson", "text/csv"] {
        let example = content[media_type]["example"].as_str().unwrap().to_owned();
        let headers = [("content-type", media_type)];
        let answer = api.submit_as("?target=routingSkills", &headers, example).await;
        assert_eq!(answer.status, 202, "{media_type}: {answer:?}");
    }
}

#[test]
fn every_closed_route_says_that_it_needs_a_key() {
    let document = document();
    assert_eq!(document["components"]["securitySchemes"]["apiKey"]["scheme"], "bearer");
    for (path, item) in document["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            let delivery = path.starts_with("/v1/webhooks/");
            let closed = (path.starts_with("/v1/") && !delivery) || path == "/metrics";
            assert_eq!(operation["security"].as_array().unwrap().len(), usize::from(closed), "{path}");
            assert_eq!(operation["responses"].get("401").is_some(), closed || delivery, "{path}");
            // Statuses after which senders of webhooks would never retry.
            assert!(
                !delivery || ["408", "410", "429"].iter().all(|status| operation["responses"].get(status).is_none())
            );
        }
    }
}

#[tokio::test]
async fn the_document_is_served_as_it_is_committed() {
    let api = TestApi::start();
    assert_eq!(api.get("/openapi.json").await.body, document());
    assert_eq!(serde_json::from_str::<Value>(openapi_text()).unwrap(), document());
}

#[test]
fn the_committed_document_is_the_generated_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/openapi.json");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == openapi_text(),
        "openapi/openapi.json is not what the routes say: run `cargo run -- openapi > openapi/openapi.json`"
    );
}
