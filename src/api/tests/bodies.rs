//! The body formats of a job, compressed or not.

use async_compression::tokio::write::{GzipEncoder, ZstdEncoder};
use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::{Answer, PlainGenesys, TestApi, job};
use crate::api::context::ApiSettings;
use crate::api::shapes::rules;
use crate::table::XLSX;

const TARGET: &str = "?target=routingSkills";

async fn submit(media_type: &str, query: &str, body: impl Into<Body>) -> Answer {
    TestApi::start().submit_as(query, &[("content-type", media_type)], body).await
}

/// Returns the lines and pointers that a problem names.
fn lines(answer: &Answer) -> Vec<(u64, &str)> {
    let errors = answer.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let place = |error: &'_ serde_json::Value| error["line"].as_u64().unwrap_or_default();
    errors.iter().map(|error| (place(error), error["pointer"].as_str().unwrap_or_default())).collect()
}

#[tokio::test]
async fn lines_and_rows_make_a_job_and_come_back_as_they_were() {
    let rows = "\u{feff}Ref,email, employee_id,external_id,user_id,assignments,occurred_at\r\n\
                a,ana@example.com,,,,Spanish:4;Billing,2026-11-22T20:15:00Z\r\n\
                \"b,\"\"c\",,E1,,,,\n\n\
                ,,,wd:1,,\"x\\;y\",\n\
                d,,,,0199a3f2-7c55-7d2e-9d3e-1f6a5b1c2d3e,0199a3f2-7c55-7d2e-9d3e-1f6a5b1c2d3f,";
    let api = TestApi::start();
    let accepted = api.submit_as(&format!("{TARGET}&mode=add&label=x"), &[("content-type", "text/csv")], rows).await;
    assert_eq!(accepted.status, 202, "{accepted:?}");
    assert_eq!((&accepted.body["mode"], &accepted.body["label"]), (&json!("add"), &json!("x")));
    let mut forms = Vec::new();
    let mut location = accepted.header("location").to_owned();
    for media_type in ["application/x-ndjson", "text/csv", "application/x-ndjson"] {
        let request = Request::get(format!("{location}/entries")).header("accept", media_type);
        let stream = api.send(request.body(Body::empty()).unwrap()).await;
        assert!(stream.header("content-type").starts_with(media_type));
        let text = stream.body.as_str().unwrap().to_owned();
        let again = api.submit_as(TARGET, &[("content-type", media_type)], text.clone()).await;
        assert_eq!((again.status.as_u16(), &again.body["counts"]["total"]), (202, &json!(4)), "{text}");
        location = again.header("location").to_owned();
        forms.push(text);
    }
    assert_eq!(forms[0], forms[2]);
    assert!(forms[0].contains(r#"{"ref":"b,\"c","user":{"employeeId":"E1"},"assignments":[]}"#), "{}", forms[0]);
    assert!(forms[0].contains(r#"{"user":{"externalId":"wd:1"},"assignments":[{"name":"x;y"}]}"#), "{}", forms[0]);
}

#[tokio::test]
async fn faults_of_lines_name_their_line() {
    let body =
        "{\"user\":{\"email\":\"a@b\"},\"assignments\":[]}\n\n{\"user\":{}}\nnothing\n\"\\ud800\"\n{\"a\":\u{0}}\n";
    let answer = submit("application/x-ndjson", TARGET, body).await;
    answer.assert_problem(400, "/problems/invalid-request");
    assert_eq!(lines(&answer), [(3, "/user"), (3, "/assignments"), (4, ""), (5, ""), (6, "")]);
    let mut bytes = b"{}\n\xff\n".to_vec();
    // Nothing after the invalid byte can be read as text.
    bytes.extend(b"{}\n");
    assert_eq!(lines(&submit("application/x-ndjson", TARGET, bytes).await).last(), Some(&(2, "")));
    let nested = submit("application/x-ndjson", TARGET, "[".repeat(100_000)).await;
    assert_eq!(lines(&nested), [(1, "")]);
    for (query, body, places) in [("", "", &["target"][..]), ("?target=x", "", &["target"]), (TARGET, "\n \n", &[])] {
        let answer = submit("application/x-ndjson", query, body).await;
        answer.assert_problem(400, "/problems/invalid-request");
        let errors = answer.body["errors"].as_array().unwrap();
        let named: Vec<_> = errors.iter().filter_map(|error| error["parameter"].as_str()).collect();
        assert_eq!(named, places, "{answer:?}");
    }
}

#[tokio::test]
async fn faults_of_rows_name_their_line_and_column() {
    let rows = "ref,email,employee_id,assignments,occurred_at\n\
                a,a@b,E1,,\nb,,,,\nc,a@b,,A:9,never\nd,a@b\ne,a@b,,\"two\nlines\",\nf,,,,\n";
    let answer = submit("text/csv", TARGET, rows).await;
    answer.assert_problem(400, "/problems/invalid-request");
    let expected = [(2, ""), (3, ""), (4, "/assignments"), (4, "/occurred_at"), (5, ""), (6, "/assignments"), (8, "")];
    assert_eq!(lines(&answer), expected, "{answer:?}");
    for (header, faults) in [("name,email,email", 3), ("ref,assignments", 1), ("", 0), ("email", 1)] {
        let answer = submit("text/csv", TARGET, header.to_owned()).await;
        answer.assert_problem(400, "/problems/invalid-request");
        assert_eq!(lines(&answer).len(), faults + 1, "{answer:?}");
    }
    let group = submit("text/csv", "?target=wfmSkillGroups", "email,assignments\na@b,A:4\n").await;
    assert_eq!(lines(&group), [(2, "/assignments")]);
}

#[tokio::test]
async fn the_number_of_lines_is_bounded() {
    const TARGET: &str = "?target=routingSkills&sameUser=inOrder";
    let row = "a@b,\n";
    let rows = |count| format!("email,assignments\n{}", row.repeat(count));
    assert_eq!(submit("text/csv", TARGET, rows(rules::MAX_ENTRIES)).await.status, 202);
    submit("text/csv", TARGET, rows(rules::MAX_ENTRIES + 1)).await.assert_problem(400, "/problems/invalid-request");
    let interactive = format!("{TARGET}&lane=interactive");
    assert_eq!(submit("text/csv", &interactive, rows(20)).await.status, 202);
    assert_eq!(submit("text/csv", &interactive, rows(21)).await.places(), ["lane"]);
}

async fn compressed<W: AsyncWrite + Unpin>(mut encoder: W, body: &[u8]) -> W {
    encoder.write_all(body).await.unwrap();
    encoder.shutdown().await.unwrap();
    encoder
}

async fn encodings(body: &[u8]) -> [(&'static str, Vec<u8>); 2] {
    let gzip = compressed(GzipEncoder::new(Vec::new()), body).await.into_inner();
    [("gzip", gzip), ("zstd", compressed(ZstdEncoder::new(Vec::new()), body).await.into_inner())]
}

#[tokio::test]
async fn a_body_may_be_compressed_in_several_members() {
    let (first, second) = (encodings(b"email,assignments\na@b,Sales:4\n").await, encodings(b"c@d,Sales:3\n").await);
    for ((encoding, first), (_, second)) in first.into_iter().zip(second) {
        let headers = [("content-type", "text/csv"), ("content-encoding", encoding)];
        let accepted = TestApi::start().submit_as(TARGET, &headers, [first, second].concat()).await;
        assert_eq!((accepted.status.as_u16(), &accepted.body["counts"]["total"]), (202, &json!(2)), "{encoding}");
    }
}

#[tokio::test]
async fn what_is_compressed_and_does_not_say_so_is_told_what_it_is() {
    for (compression, body) in encodings(b"email,assignments\na@b,Sales:4\n").await {
        for media_type in
            ["application/json", "application/x-ndjson", "text/csv", "text/csv; charset=windows-1252", XLSX]
        {
            let told = submit(media_type, TARGET, body.clone()).await;
            let said = told.body.to_string();
            let expected = format!("is compressed with {compression}: declare it with Content-Encoding: {compression}");
            assert!(said.contains(&expected) && !said.contains("windows-1252"), "{media_type}: {said}");
        }
    }
}

#[tokio::test]
async fn a_body_may_be_compressed_and_is_bounded_all_the_same() {
    let settings = ApiSettings { max_body_bytes: 100_000, ..ApiSettings::default() };
    let api = TestApi::with(PlainGenesys::default(), settings);
    let send = async |encoding: &str, media_type: &str, body: Vec<u8>| {
        let headers = [("content-type", media_type), ("content-encoding", encoding)];
        api.submit_as(TARGET, &headers, body).await
    };
    for (encoding, body) in encodings(job(50).to_string().as_bytes()).await {
        assert_eq!(send(encoding, "application/json", body.clone()).await.status, 202, "{encoding}");
        let cut = body[..body.len() - 20].to_vec();
        send(encoding, "application/json", cut).await.assert_problem(400, "/problems/malformed-body");
        send(encoding, "application/json", b"plain".to_vec()).await.assert_problem(400, "/problems/malformed-body");
        let garbage = [&body[..], b"garbage"].concat();
        send(encoding, "application/json", garbage).await.assert_problem(400, "/problems/malformed-body");
    }
    for (encoding, bomb) in encodings(&vec![0; 20_000_000]).await {
        assert!(bomb.len() < 100_000);
        for media_type in ["application/json", "application/x-ndjson", "text/csv"] {
            let answer = send(encoding, media_type, bomb.clone()).await;
            answer.assert_problem(413, "/problems/body-too-large");
        }
    }
}
