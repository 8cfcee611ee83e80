//! Tables as people save them: the same rows give the same job in every dialect, charset and format.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use super::{Answer, TestApi};
use crate::table::XLSX;
use crate::table::sheets::{Workbook, table};

const TARGET: &str = "?target=routingSkills&mode=add";
const CSV: &str = "text/csv";

fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

/// Returns the entries of the job created from a body, or its problem.
async fn entries(api: &TestApi, media_type: &str, query: &str, body: impl Into<Vec<u8>>) -> Result<Value, Answer> {
    let sent = api.submit_as(&format!("{TARGET}{query}"), &[("content-type", media_type)], body.into()).await;
    if sent.status != 202 {
        return Err(sent);
    }
    let request = Request::get(format!("{}/entries", sent.header("location")));
    let request = request.header("accept", "application/x-ndjson").body(Body::empty()).unwrap();
    Ok(api.send(request).await.body)
}

/// Returns the line, cell and detail of each fault.
fn faults(answer: &Answer) -> Vec<(u64, &str, &str)> {
    let errors = answer.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |error: &'_ Value, name: &str| error[name].as_u64().unwrap_or_default();
    let told = |error| (text(error, "line"), error["cell"].as_str().unwrap_or(""), error["detail"].as_str().unwrap());
    errors.iter().map(told).collect()
}

#[tokio::test]
async fn the_same_rows_are_the_same_job_however_they_were_saved() {
    let api = TestApi::start();
    let comma = "ref,employee_id,assignments\r\n1,E1,Ümläut:4.5;Billing\r\n2,E2,\"a, b\"\r\n";
    let expected = entries(&api, CSV, "", comma).await.unwrap();
    assert!(expected.to_string().contains("Ümläut"), "{expected}");
    let semicolon = "ref;employee_id;assignments\r\n1;E1;\"Ümläut:4,5;Billing\"\r\n2;E2;a, b\r\n";
    let tab = "ref\temployee_id\tassignments\n1\tE1\tÜmläut:4.5;Billing\n2\tE2\ta, b\n";
    let latin = |text: &str| text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect::<Vec<_>>();
    for (what, media_type, body) in [
        ("semicolons", CSV, semicolon.into()),
        ("sep=", CSV, format!("sep=;\r\n{semicolon}").into_bytes()),
        ("tabs", CSV, tab.into()),
        ("a byte order mark", CSV, format!("\u{feff}{semicolon}").into_bytes()),
        ("windows-1252", "text/csv; charset=windows-1252", latin(semicolon)),
        ("ISO-8859-1", "text/csv;charset=\"iso-8859-1\"", latin(comma)),
        ("UTF-16", CSV, utf16(&format!("\u{feff}{tab}"), u16::to_le_bytes)),
        ("UTF-16BE", "text/csv; charset=utf-16be", utf16(comma, u16::to_be_bytes)),
        ("lone CR", CSV, comma.replace("\r\n", "\r").into()),
        ("blank rows", CSV, comma.replace("\r\n", "\r\n,,\r\n , ,\r\n\r\n").into()),
        (
            "blank columns",
            CSV,
            comma.replace("\r\n", ",\" \",,\r\n").replace("assignments,\" \"", "assignments,").into(),
        ),
        ("a blank before quotes", CSV, comma.replace(",\"", ", \"").into()),
        (
            "XLSX",
            XLSX,
            table(&[&["ref", "employee_id", "assignments"], &["1", "E1", "Ümläut:4.5;Billing"], &["2", "E2", "a, b"]]),
        ),
    ] {
        let read = entries(&api, media_type, "", body).await;
        assert_eq!(read.unwrap_or_else(|problem| panic!("{what}: {problem:?}")), expected, "{what}");
    }
}

#[tokio::test]
async fn what_can_be_read_in_two_ways_is_refused_with_its_place() {
    let api = TestApi::start();
    for (body, line, said) in [
        (&b"ref,employee_id;assignments\n1,E1;A\n"[..], 1, "sep=;"),
        (b"ref,employee_id,assignments\n1,E1,\"A\" B\n", 2, "column 10"),
        (b"ref,employee_id,assignments\n1,E1,A\n2,E2,\"A\n3,E3,A\n", 3, "never closed"),
        (b"ref,employee_id,assignments\n1,E1,M\xfcller\n", 2, "charset=windows-1252"),
        (b"employee_id,assignments,,\nE1,A\nE1,A,,x\n", 3, "column 4, which line 1 gives no name"),
        (b"employee_id,assignments\nE1,A,x\n", 2, "has 3 cells; line 1 names 2"),
        (b"r\0e\0f\0\n\0", 1, "charset=utf-16le"),
    ] {
        let problem = entries(&api, CSV, "&sameUser=inOrder", body).await.unwrap_err();
        problem.assert_problem(400, "/problems/invalid-request");
        let faults = faults(&problem);
        assert!(faults.iter().any(|(at, _, what)| *at == line && what.contains(said)), "{said}: {faults:?}");
    }
    let unknown = entries(&api, "text/csv; charset=ebcdic", "", "a").await.unwrap_err();
    unknown.assert_problem(415, "/problems/unsupported-media-type");
    assert!(unknown.body["detail"].as_str().unwrap().contains("windows-1252"), "{unknown:?}");
    let spreadsheet = entries(&api, CSV, "", table(&[&["ref"]])).await.unwrap_err();
    spreadsheet.assert_problem(422, "/problems/not-understood");
    let csv = entries(&api, XLSX, "", "ref,email\n").await.unwrap_err();
    csv.assert_problem(422, "/problems/not-understood");
}

#[tokio::test]
async fn a_charset_is_declared_for_json_as_well() {
    let api = TestApi::start();
    let job = json!({"target": "routingSkills", "entries": [{"user": {"employeeId": "E1"}, "assignments": [{"name": "Ümläut"}]}]});
    let text = job.to_string();
    let submit = async |media_type: &str, body: Vec<u8>| api.submit_as("", &[("content-type", media_type)], body).await;
    for (media_type, body) in [
        ("application/json", format!("\u{feff}{text}").into_bytes()),
        ("application/json; charset=UTF-8", text.clone().into_bytes()),
        ("application/json", utf16(&format!("\u{feff}{text}"), u16::to_be_bytes)),
        ("application/json; charset=utf-16le", utf16(&text, u16::to_le_bytes)),
    ] {
        assert_eq!(submit(media_type, body).await.status, 202, "{media_type}");
    }
    submit("application/json; charset=utf-7", text.into_bytes())
        .await
        .assert_problem(415, "/problems/unsupported-media-type");
    let problem = submit("application/json", b"{\n\"\xff\"}".to_vec()).await;
    problem.assert_problem(400, "/problems/malformed-body");
    assert!(problem.body["detail"].as_str().unwrap().contains("line 2, column 2 is not valid UTF-8"), "{problem:?}");
}

#[tokio::test]
async fn the_same_bytes_in_another_charset_are_another_body() {
    let api = TestApi::start();
    let submit = async |media_type: &str| {
        let headers = [("content-type", media_type), ("idempotency-key", "k")];
        api.submit_as(TARGET, &headers, &b"employee_id,assignments\nE1,\xc3\xbc\n"[..]).await.status.as_u16()
    };
    let statuses =
        [submit(CSV).await, submit("text/csv; charset=UTF-8").await, submit("text/csv; charset=latin1").await];
    assert_eq!(statuses, [202, 202, 422]);
}

#[tokio::test]
async fn faults_of_a_spreadsheet_name_their_cells() {
    let rows = [
        &["employee_id", "", "assignments", "occurred_at"][..],
        &["E1", "", "A:9", "never"],
        &["", "x", "A", ""],
        &["", "", "A"],
    ];
    let api = TestApi::start();
    let problem = entries(&api, XLSX, "", table(&rows)).await.unwrap_err();
    problem.assert_problem(400, "/problems/invalid-request");
    let places: Vec<_> = faults(&problem).iter().map(|(line, cell, _)| (*line, (*cell).to_owned())).collect();
    let expected = [(2, "People!C2"), (2, "People!D2"), (3, "People!B3"), (4, "People!4:4")];
    assert_eq!(places, expected.map(|(line, cell)| (line, cell.to_owned())), "{problem:?}");
    assert_eq!(problem.body["errors"][0]["pointer"], "/assignments");
    // Without column names, no fault of a row is reported.
    let nameless =
        "<row><c t=\"str\"><v>email</v></c><c t=\"e\"><v>#REF!</v></c></row><row><c><v>1</v></c><c><v>2</v></c></row>";
    let problem = entries(&api, XLSX, "", Workbook::of(nameless).file()).await.unwrap_err();
    let told = faults(&problem);
    assert!(matches!(told.as_slice(), [(1, "People!B1", _)]), "{told:?}");
}

#[tokio::test]
async fn dates_of_cells_are_in_utc_and_a_sheet_may_be_named() {
    let api = TestApi::start();
    let head = "<row><c t=\"str\"><v>employee_id</v></c><c t=\"str\"><v>assignments</v></c><c t=\"str\"><v>occurred_at</v></c></row>";
    let rows = format!("{head}<row><c><v>1001</v></c><c t=\"str\"><v>A</v></c><c s=\"1\"><v>45982.84375</v></c></row>");
    let styles = "<styleSheet><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"22\"/></cellXfs></styleSheet>";
    let file = Workbook::of(&rows).with("xl/styles.xml", styles).file();
    let read = entries(&api, XLSX, "&sheet=People", file.clone()).await.unwrap();
    let text = read.as_str().map_or_else(|| read.to_string(), str::to_owned);
    assert!(
        text.contains("\"employeeId\":\"1001\"") && text.contains("\"occurredAt\":\"2025-11-21T20:15:00Z\""),
        "{text}"
    );
    for (date, moment) in
        [("2025-11-21", "2025-11-21T00:00:00Z"), ("2025-11-21T20:15:00+01:00", "2025-11-21T19:15:00Z")]
    {
        let read =
            entries(&api, XLSX, "", table(&[&["employee_id", "assignments", "occurred_at"], &["E1", "A", date]])).await;
        let read = read.unwrap().to_string();
        assert!(read.contains(moment), "{read}");
    }
    let problem = entries(&api, XLSX, "&sheet=Staff", file).await.unwrap_err();
    problem.assert_problem(422, "/problems/not-understood");
    assert_eq!(problem.body["detail"], "the spreadsheet has no sheet \"Staff\"; it has \"People\"");
    assert_eq!(entries(&api, CSV, "&sheet=People", "a").await.unwrap_err().places(), ["sheet"]);
}
