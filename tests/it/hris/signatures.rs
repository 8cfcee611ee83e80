//! Signatures in the spellings of senders, at the door: who is let in, and what tells their deliveries apart.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::json;

use super::{BEGIN, Office, by_title, employees, hex, titled};

const KEY: &str = "a key of thirty-two bytes or so.";

/// A source that signs as these settings say.
fn signing(settings: &str) -> String {
    by_title("hr", &format!("signature = {{ {settings} }}"))
        .replace("preset = 'bamboohr'", "preset = 'generic'")
        .replace(super::BAMBOO_SECRET, KEY)
}

/// What Standard Webhooks are, with people where no filter is.
fn standard() -> String {
    let secret = format!("whsec_{}", STANDARD.encode(KEY));
    by_title("hr", "")
        .replace("preset = 'bamboohr'", "preset = 'standardWebhooks'")
        .replace(super::BAMBOO_SECRET, &secret)
}

fn person(title: &str) -> String {
    json!({"employeeNumber": "E1001", "jobTitle": title}).to_string()
}

#[tokio::test(start_paused = true)]
async fn digits_and_prefixes_may_be_in_either_case() {
    let office = Office::open(&employees(10), &signing("header = 'X-Sig', prefix = 'sha256=', list = true"));
    let body = person("Group 1");
    let (good, wrong) = (hex(hmac::HMAC_SHA256, KEY, body.as_bytes()), hex(hmac::HMAC_SHA256, "k", body.as_bytes()));
    for (value, status) in [
        (format!("sha256={good}"), 202),
        (format!("sha256={}", good.to_uppercase()), 202),
        (format!("SHA256={good}"), 202),
        (format!("sha256={wrong},sha256={good}"), 202),
        (format!("sha256={wrong}, sha256={good}"), 202),
        (format!("sha256={wrong} sha256={good}"), 202),
        (format!("sha256={wrong}"), 401),
        (good, 401),
    ] {
        let answer = office.post("/v1/webhooks/hr", &[("x-sig", &value)], &body).await;
        assert_eq!(answer.status, status, "{value}");
    }
    let answer = office.bamboo("hr", &titled(1, "Group 1"), BEGIN).await;
    let told = answer.body["detail"].as_str().unwrap();
    assert!(answer.status == 401 && !told.contains("x-sig"), "the reason is for the log alone: {told}");
}

#[tokio::test(start_paused = true)]
async fn a_sender_may_sign_milliseconds() {
    let settings = "header = 'X-Sig', signed = '{ts}.{body}', timestamp_header = 'X-Ts'";
    let office = Office::open(&employees(10), &signing(settings));
    let body = person("Group 1");
    for (stamp, status) in [
        ((BEGIN * 1000 + 250).to_string(), 202),
        ((BEGIN - 299).to_string(), 202),
        (((BEGIN - 301) * 1000).to_string(), 401),
        ((BEGIN + 301).to_string(), 401),
    ] {
        let signature = hex(hmac::HMAC_SHA256, KEY, format!("{stamp}.{body}").as_bytes());
        let answer = office.post("/v1/webhooks/hr", &[("x-ts", &stamp), ("x-sig", &signature)], &body).await;
        assert_eq!(answer.status, status, "{stamp}");
    }
}

#[tokio::test(start_paused = true)]
async fn standard_webhooks_are_told_apart_by_the_id_that_is_signed() {
    for [id_header, stamp_header, signature_header] in
        [["webhook-id", "webhook-timestamp", "webhook-signature"], ["svix-id", "svix-timestamp", "svix-signature"]]
    {
        let office = Office::open(&employees(10), &standard());
        let (body, stamp) = (person("Group 1"), BEGIN.to_string());
        let deliver = async |id: &str, more: &[(&str, &str)]| {
            let tag = hmac::sign(
                &hmac::Key::new(hmac::HMAC_SHA256, KEY.as_bytes()),
                format!("{id}.{stamp}.{body}").as_bytes(),
            );
            let signature = format!("v1,{}", STANDARD.encode(tag));
            let headers = [(id_header, id), (stamp_header, &*stamp), (signature_header, &*signature)];
            office.post("/v1/webhooks/hr", &[&headers[..], more].concat(), &body).await
        };
        let first = deliver("msg_1", &[]).await;
        assert_eq!(first.status, 202, "{signature_header}: {first:?}");
        assert_eq!(deliver("msg_1", &[]).await.job(), first.job());
        assert_ne!(deliver("msg_2", &[]).await.job(), first.job());
        let other = if id_header == "svix-id" { "webhook-id" } else { "svix-id" };
        assert_eq!(deliver("msg_1", &[(other, "msg_9")]).await.job(), first.job(), "nobody has signed that id");
    }
}
