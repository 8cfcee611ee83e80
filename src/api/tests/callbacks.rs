//! Callback URLs of jobs: which are permitted, and how a job shows its callback.

use serde_json::json;

use super::{PlainGenesys, TestApi, job};
use crate::api::context::ApiSettings;
use crate::domain::callback::CallbackRules;

fn api(callbacks: CallbackRules) -> TestApi {
    TestApi::with(PlainGenesys::default(), ApiSettings { callbacks, ..ApiSettings::default() })
}

#[tokio::test(start_paused = true)]
async fn a_callback_url_is_held_against_the_rules_at_its_place() {
    let strict = api(CallbackRules { enabled: true, ..CallbackRules::default() });
    for (rules, url, detail) in [
        (&strict, "https://127.0.0.1/", "private"),
        (&strict, "http://hr.example.com/", "https"),
        (&strict, "hr.example.com", "absolute URL"),
        (&api(CallbackRules::default()), "https://hr.example.com/", "callbacks.secret"),
    ] {
        let mut body = job(1);
        body["callbackUrl"] = json!(url);
        let refused = rules.submit(body.to_string()).await;
        refused.assert_problem(400, "/problems/invalid-request");
        assert_eq!(refused.places(), ["/callbackUrl"]);
        assert!(refused.body["errors"][0]["detail"].as_str().unwrap().contains(detail), "{refused:?}");
        let query = format!("?target=wfmSkillGroups&callbackUrl={url}");
        let csv = [("content-type", "text/csv")];
        let refused = rules.submit_as(&query, &csv, "employee_id,assignments\nE1,Billing T2\n").await;
        assert_eq!(refused.places(), ["callbackUrl"], "{refused:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_shows_where_it_will_call_back_to_without_what_may_be_a_secret() {
    let api = api(CallbackRules { enabled: true, ..CallbackRules::default() });
    let mut body = job(1);
    body["callbackUrl"] = json!("https://hr.example.com/hook?token=secret");
    let view = api.submit(body.to_string()).await.body;
    let expected = json!({
        "url": "https://hr.example.com/hook", "state": "waiting", "attempts": 0, "last": null, "nextAttemptAt": null,
    });
    assert_eq!(view["callback"], expected, "{view}");
    assert!(api.submit(job(1).to_string()).await.body.get("callback").is_none());
}
