//! Deliveries over HTTP, on the paused clock: what senders are answered, and what they are never answered.

use std::sync::Arc;

use async_compression::tokio::write::{GzipEncoder, ZstdEncoder};
use skillsync::domain::EntryState;
use skillsync::domain::job::Lane;

use ring::hmac;
use tokio::io::AsyncWriteExt as _;

use super::senders::{Event, Vendor};
use super::{BAMBOO_SECRET, BEGIN, Office, by_title, employees, hex, titled};
use crate::bed::in_state;

#[tokio::test(start_paused = true)]
async fn a_delivery_becomes_an_interactive_job_once_however_often_it_comes() {
    let (scenario, sources) = (employees(10), by_title("hr", ""));
    let office = Office::open(&scenario, &sources);
    let body = titled(1, "Group 7");
    let first = office.bamboo("hr", &body, BEGIN).await;
    assert_eq!(first.status, 202, "{first:?}");
    let again = office.bamboo("hr", &body, BEGIN).await;
    assert_eq!((again.status, again.job()), (202, first.job()));
    let job = office.bed.finish(first.job()).await;
    assert_eq!((job.spec.lane, job.spec.label.as_deref()), (Lane::Interactive, Some("webhook hr")));
    assert_eq!(in_state(&job, EntryState::Applied), 1);
    assert_eq!(office.groups(1), ["Group 7"]);
    let because = |office: &Office| office.bed.entries(first.job())[0].request.assignments[0].because.clone();
    assert_eq!(because(&office).as_deref(), Some("title-7"), "the result can be explained");

    let (simulator, kept) = (office.bed.simulator.clone(), Arc::clone(&office.bed.kept));
    office.bed.lifecycle.begin_stop();
    let next = Office::reopen(simulator, kept, &scenario, &sources);
    let after = next.bamboo("hr", &body, BEGIN).await;
    assert_eq!((after.status, after.job()), (202, first.job()), "also over a restart");
    assert_eq!(because(&next).as_deref(), Some("title-7"));
}

#[tokio::test(start_paused = true)]
async fn late_deliveries_do_not_beat_newer_ones() {
    let office = Office::open(&employees(10), &by_title("hr", ""));
    let newer = office.bamboo("hr", &titled(1, "Group 2"), BEGIN + 60).await;
    office.finish(&newer).await;
    let older = office.bamboo("hr", &titled(1, "Group 3"), BEGIN).await;
    let job = office.bed.finish(older.job()).await;
    assert_eq!(in_state(&job, EntryState::Superseded), 1, "{:?}", job.counts);
    assert_eq!(office.groups(1), ["Group 2"]);
}

#[tokio::test(start_paused = true)]
async fn a_date_in_the_future_is_taken_as_now_and_bars_nobody() {
    let office = Office::open(&employees(10), &by_title("hr", ""));
    let ahead = office.bamboo("hr", &titled(1, "Group 2"), BEGIN + 2 * 3600).await;
    assert_eq!((ahead.status, &ahead.body["datedInFuture"]), (202, &1.into()), "{ahead:?}");
    office.finish(&ahead).await;
    assert_eq!(office.bed.entries(ahead.job())[0].request.occurred_at, None);
    assert_eq!(office.groups(1), ["Group 2"]);

    let next = office.bamboo("hr", &titled(1, "Group 3"), BEGIN + 300).await;
    assert_eq!(next.body["datedInFuture"], 0, "clocks may differ: {next:?}");
    office.finish(&next).await;
    assert_eq!(office.groups(1), ["Group 3"]);
    let text = office.get_text("/metrics").await;
    assert!(text.contains("skillsync_webhook_future_dates_total{source=\"hr\"} 1"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn many_at_once_are_one_job() {
    let office = Office::open(&employees(10), &by_title("hr", ""));
    let body = titled(3, "Group 1");
    let answers = futures_util::future::join_all((0..20).map(|_| office.bamboo("hr", &body, BEGIN))).await;
    assert!(answers.iter().all(|answer| answer.status == 202 && answer.job() == answers[0].job()));
    assert_eq!(office.bed.service.engine.jobs(None, None, 100).0.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn only_a_wrong_signature_and_a_strange_body_are_refused_for_good() {
    let office = Office::open(&employees(10), &by_title("hr", ""));
    let body = titled(1, "Group 1");
    let unsigned = office.post("/v1/webhooks/hr", &[], &body).await;
    assert_eq!((unsigned.status, unsigned.body["type"].as_str()), (401, Some("/problems/not-let-in")));
    let stale = office.bamboo("hr", &body, BEGIN - 3 * 3600 - 1).await;
    assert_eq!(stale.status, 401);
    for strange in ["", "[]", "no JSON", "{\"employees\": [{}]}", "{\"employees\": [{\"id\": \"1\", \"fields\": {}}]}"]
    {
        let answer = office.bamboo("hr", strange, BEGIN).await;
        assert_eq!((answer.status, answer.body["type"].as_str()), (422, Some("/problems/not-understood")), "{strange}");
    }
    let unknown = office.bamboo("other", &body, BEGIN).await;
    assert_eq!(unknown.status, 404);
    let nothing = office.bamboo("hr", "{\"type\": \"form.signed\"}", BEGIN).await;
    assert_eq!(nothing.status, 200, "what is of no interest here is still good");
    assert!(office.bed.service.engine.jobs(None, None, 100).0.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_event_that_needs_a_record_is_refused_until_there_is_a_place_for_it() {
    let office = Office::open(&employees(10), &by_title("hr", ""));
    let event = r#"{"type": "employee.updated", "timestamp": "2026-11-22T22:00:00Z", "data": {"employeeId": "1"}}"#;
    let refused = office.bamboo("hr", event, BEGIN).await;
    assert_eq!((refused.status, refused.retry_after.is_some()), (503, true), "its sender comes again: {refused:?}");
    let told = refused.body["detail"].as_str().unwrap();
    assert!(told.starts_with("webhooks.hr: record: is missing"), "{told}");
    let mended = by_title("hr", "record = { url = 'https://hr.test/{id}' }");
    let genesys = "[genesys]\nregion = 'eu-central-1'\nclient_id = 'id'\nclient_secret = 's'\n";
    let config = skillsync::config::Config::from_toml(&format!("{genesys}{mended}")).unwrap();
    office.bed.service.intake.sources().reload(Ok(&config.webhooks)).unwrap();
    let taken = office.bamboo("hr", event, BEGIN).await;
    assert_eq!((taken.status, &taken.body["recordsToRead"]), (202, &1.into()), "{taken:?}");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_full_or_stopping_asks_to_come_again() {
    let full = "[server]\nmax_open_entries = 0\n".to_owned() + &by_title("hr", "");
    let office = Office::open(&employees(10), &full);
    let answer = office.bamboo("hr", &titled(1, "Group 1"), BEGIN).await;
    assert_eq!((answer.status, answer.retry_after.is_some()), (503, true), "{answer:?}");
    let office = Office::open(&employees(10), &by_title("hr", ""));
    office.bed.lifecycle.begin_stop();
    let answer = office.bamboo("hr", &titled(1, "Group 1"), BEGIN).await;
    assert_eq!((answer.status, answer.retry_after.is_some()), (503, true), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_told_to_come_less_often_and_no_key_is_asked_for() {
    let sha256 = "ab".repeat(32);
    let closed = format!(
        "[server]\nrequests_per_second = 1\napi_keys = [{{ name = 'hr', sha256 = '{sha256}', role = 'submit' }}]\n{}",
        by_title("hr", "")
    );
    let office = Office::open(&employees(10), &closed);
    for n in 0..50 {
        let answer = office.bamboo("hr", &titled(1, "Group 1"), BEGIN + n).await;
        assert_eq!(answer.status, 202, "{answer:?}");
    }
    let import = office.post("/v1/imports/hr?scope=delta", &[("content-type", "text/csv")], "a\n1\n").await;
    assert_eq!(import.status, 401, "exports need a key");
}

#[tokio::test(start_paused = true)]
async fn a_handshake_is_answered_and_a_secret_of_the_path_lets_in() {
    let secret = "3f1c0e3b8f5d4e0f9a7d6c5b4a392817";
    let sources = format!(
        "[[webhooks]]\nname = 'bob'\npreset = 'hibob'\ntarget = 'routingSkills'\nsecret = 'bob-test-secret'\n\
         user = {{ email = 'email' }}\nrecord = {{ url = 'https://hr.test/{{id}}' }}\n\
         [[webhooks]]\nname = 'push'\npreset = 'workday'\ntarget = 'wfmSkillGroups'\nsecret = '{secret}'\n\
         user = {{ employee_id = 'Employee_ID' }}\n[[webhooks.rules]]\nid = 'all'\nassign = [{{ skill = 'Group 1' }}]\n"
    );
    let office = Office::open(&employees(10), &sources);
    for ping in ["\"Ping test\"", "{\"text\": \"Ping test\"}"] {
        assert_eq!(office.post("/v1/webhooks/bob", &[], ping).await.status, 200);
    }
    let report = "{\"Report_Entry\": [{\"Employee_ID\": \"E1001\"}]}";
    for path in ["/v1/webhooks/push", "/v1/webhooks/push/wrong", "/v1/webhooks/push/3f1c0e3b8f5d4e0f9a7d6c5b4a392818"] {
        assert_eq!(office.post(path, &[], report).await.status, 401, "{path}");
    }
    let answer = office.post(&format!("/v1/webhooks/push/{secret}"), &[], report).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    office.finish(&answer).await;
    assert_eq!(office.groups(1), ["Group 1"]);
}

#[tokio::test(start_paused = true)]
async fn what_became_of_each_delivery_is_counted_by_source() {
    let office = Office::open(&employees(10), &(by_title("hr", "") + &by_title("other", "")));
    let body = titled(1, "Group 1");
    office.bamboo("hr", &body, BEGIN).await;
    office.bamboo("hr", &body, BEGIN).await;
    office.bamboo("hr", "{\"type\": \"form.signed\"}", BEGIN).await;
    office.bamboo("hr", "[]", BEGIN).await;
    office.post("/v1/webhooks/hr", &[], &body).await;
    office.bamboo("other", &body, BEGIN).await;
    office.bamboo("nobody-configured-this", &body, BEGIN).await;
    let text = office.get_text("/metrics").await;
    let series: Vec<_> = text.lines().filter(|line| line.starts_with("skillsync_webhooks_total{")).collect();
    let expected = [
        "skillsync_webhooks_total{source=\"hr\",result=\"accepted\"} 2",
        "skillsync_webhooks_total{source=\"hr\",result=\"ignored\"} 1",
        "skillsync_webhooks_total{source=\"hr\",result=\"unauthorized\"} 1",
        "skillsync_webhooks_total{source=\"hr\",result=\"invalid\"} 1",
        "skillsync_webhooks_total{source=\"other\",result=\"accepted\"} 1",
    ];
    assert_eq!(series, expected, "and nothing of a source that is not configured");
    let full = Office::open(&employees(10), &("[server]\nmax_open_entries = 0\n".to_owned() + &by_title("hr", "")));
    assert_eq!(full.bamboo("hr", &body, BEGIN).await.status, 503);
    let text = full.get_text("/metrics").await;
    assert!(text.contains("skillsync_webhooks_total{source=\"hr\",result=\"refused\"} 1"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_state_that_comes_back_is_news_where_nothing_tells_deliveries_apart() {
    let office = Office::open(&employees(10), &Vendor::Workday.source());
    for title in ["Group 1", "Group 2", "Group 1"] {
        let event = Event { n: 3, title: title.to_owned(), changed_at: BEGIN, clock: 0 };
        let answer = Vendor::Workday.deliver(&office, &event, BEGIN).await;
        office.finish(&answer).await;
        assert_eq!(office.groups(3), [title]);
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_leaver_loses_what_skillsync_assigned_and_nothing_else() {
    let office = Office::open(&employees(10), &by_title("hr", ""));
    let hired = office.bamboo("hr", &titled(1, "Group 7"), BEGIN).await;
    office.finish(&hired).await;
    let left = titled(1, "Group 7").replace("\"id\":\"1\"", "\"id\":\"1\",\"action\":\"Deleted\"");
    let answer = office.bamboo("hr", &left, BEGIN + 1).await;
    office.finish(&answer).await;
    assert_eq!(office.groups(1), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_secret_may_be_rotated() {
    let office = Office::open(&employees(10), &by_title("hr", "previous_secret = 'the one before'"));
    let (body, stamp) = (titled(1, "Group 1"), BEGIN.to_string());
    let signed = [body.as_bytes(), stamp.as_bytes()].concat();
    for (secret, status) in [("the one before", 202), ("another", 401)] {
        let signature = hex(hmac::HMAC_SHA256, secret, &signed);
        let headers = [("x-bamboohr-timestamp", &*stamp), ("x-bamboohr-signature", &*signature)];
        assert_eq!(office.post("/v1/webhooks/hr", &headers, &body).await.status, status, "{secret}");
    }
}

/// What BambooHR would send with the delivery, with a signature over these bytes.
fn signed(bytes: &[u8]) -> [(&'static str, String); 2] {
    let stamp = BEGIN.to_string();
    let signature = hex(hmac::HMAC_SHA256, BAMBOO_SECRET, &[bytes, stamp.as_bytes()].concat());
    [("x-bamboohr-timestamp", stamp), ("x-bamboohr-signature", signature)]
}

#[tokio::test(start_paused = true)]
async fn a_delivery_may_be_compressed_before_or_after_it_was_signed() {
    let office = Office::open(&employees(10), &by_title("hr", ""));
    let (mut gzip, mut zstd) = (GzipEncoder::new(Vec::new()), ZstdEncoder::new(Vec::new()));
    let (first, second) = (titled(1, "Group 1"), titled(2, "Group 2"));
    gzip.write_all(first.as_bytes()).await.unwrap();
    gzip.shutdown().await.unwrap();
    zstd.write_all(second.as_bytes()).await.unwrap();
    zstd.shutdown().await.unwrap();
    let (gzip, zstd) = (gzip.into_inner(), zstd.into_inner());
    let post = async |encoding: &str, headers: [(&'static str, String); 2], body: &[u8]| {
        let [(stamp, at), (name, signature)] = &headers;
        let headers = [(*stamp, at.as_str()), (*name, signature.as_str()), ("content-encoding", encoding)];
        office.post_bytes("/v1/webhooks/hr", &headers, body).await
    };
    for (encoding, headers, body) in [
        ("gzip", signed(&gzip), &gzip),
        ("zstd", signed(second.as_bytes()), &zstd),
        ("x-gzip", signed(first.as_bytes()), &gzip),
    ] {
        let answer = post(encoding, headers, body).await;
        assert_eq!(answer.status, 202, "{encoding}: {answer:?}");
        office.finish(&answer).await;
    }
    assert_eq!((office.groups(1), office.groups(2)), (vec!["Group 1".to_owned()], vec!["Group 2".to_owned()]));
    assert_eq!(office.bed.service.engine.jobs(None, None, 100).0.len(), 2, "signed in two ways, it is one delivery");
    for (encoding, headers, body, status) in [
        ("gzip", signed(b"other"), &gzip[..], 401),
        ("br", signed(&gzip), &gzip, 415),
        ("gzip, gzip", signed(&gzip), &gzip, 415),
        ("gzip", signed(b"plain"), b"plain", 400),
    ] {
        assert_eq!(post(encoding, headers, body).await.status, status, "{encoding}");
    }
    let mut bomb = GzipEncoder::new(Vec::new());
    bomb.write_all(&vec![b' '; 9 << 20]).await.unwrap();
    bomb.shutdown().await.unwrap();
    let bomb = bomb.into_inner();
    assert_eq!(post("gzip", signed(&bomb), &bomb).await.status, 413);
}

#[tokio::test(start_paused = true)]
async fn a_byte_order_mark_is_no_part_of_what_is_delivered() {
    let office = Office::open(&employees(10), &by_title("hr", ""));
    let marked = format!("\u{feff}{}", titled(1, "Group 1"));
    let answer = office.bamboo("hr", &marked, BEGIN).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    office.finish(&answer).await;
    assert_eq!(office.groups(1), ["Group 1"]);
    let wide: Vec<u8> = format!("\u{feff}{}", titled(2, "Group 2")).encode_utf16().flat_map(u16::to_be_bytes).collect();
    let headers = signed(&wide);
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(office.post_bytes("/v1/webhooks/hr", &headers, &wide).await.status, 202);
}
