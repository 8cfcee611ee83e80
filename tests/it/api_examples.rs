//! `docs/API.md`, carried out: each request in it is sent, and each answer in it is held against the real one.
//!
//! A block of type `http` is a request: its head, an empty line, its body. The line behind it says the status, and a block
//! of type `json` behind that what the answer holds at least; `"…"` stands for anything. `{jobId}` is the job that was
//! answered last; where an answer is to show its end, it is waited for.

use axum::body::Body;
use genesys_simulator::{Generated, Population, Scenario};
use http::Request;
use serde_json::Value;
use skillsync::domain::JobId;

use crate::bed::Bed;

/// One request with what is written about its answer.
#[derive(Debug, Default)]
struct Example {
    request: String,
    status: u16,
    answer: Option<Value>,
}

fn examples(text: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let mut block = || lines.by_ref().take_while(|line| *line != "```").collect::<Vec<_>>().join("\n");
        match line {
            "```http" => examples.push(Example { request: block(), ..Example::default() }),
            "```json" => {
                let text = block();
                let answer = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in\n{text}"));
                examples.last_mut().expect("an answer has a request").answer = Some(answer);
            }
            line => {
                if let Some(status) = line.strip_prefix("Answer: `") {
                    let example = examples.last_mut().expect("an answer has a request");
                    example.status = status[..3].parse().expect("a status");
                }
            }
        }
    }
    examples
}

fn request(text: &str, job: &str) -> Request<Body> {
    let text = text.replace("{jobId}", job);
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let mut lines = head.lines();
    let (method, path) = lines.next().unwrap().split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(path);
    for header in lines {
        let (name, value) = header.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    request.body(Body::from(body.to_owned())).unwrap()
}

/// Whether an answer holds what is written, and where it does not.
fn missing(written: &Value, answered: &Value, place: &str) -> Option<String> {
    match (written, answered) {
        (Value::String(text), _) if text == "…" => (*answered == Value::Null).then(|| format!("{place} is null")),
        (Value::Object(written), Value::Object(answered)) => written.iter().find_map(|(name, value)| {
            let place = format!("{place}/{name}");
            answered.get(name).map_or_else(|| Some(format!("{place} is not there")), |of| missing(value, of, &place))
        }),
        (Value::Array(written), Value::Array(answered)) if written.len() == answered.len() => {
            let pairs = written.iter().zip(answered).enumerate();
            pairs.into_iter().find_map(|(at, (value, of))| missing(value, of, &format!("{place}/{at}")))
        }
        _ if written == answered => None,
        _ => Some(format!("{place} is {answered}, not {written}")),
    }
}

#[tokio::test(start_paused = true)]
async fn every_example_of_the_api_is_answered_as_it_is_written() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/API.md")).unwrap();
    let examples = examples(&text);
    assert!(examples.len() > 12, "{} examples", examples.len());
    let scenario = Scenario {
        population: Population::Generated(Generated { users: 10, ..Generated::default() }),
        ..Scenario::default()
    };
    let bed = Bed::start(&scenario, "");
    let mut job = String::new();
    for example in examples {
        if example.answer.as_ref().is_some_and(|answer| answer["finishedAt"] == "…")
            || example.request.ends_with("/apply")
        {
            bed.finish(JobId(job.parse().unwrap())).await;
        }
        let (status, body) = bed.send(request(&example.request, &job)).await;
        assert_eq!(status, example.status, "{}\n{body}", example.request);
        let answered: Value = serde_json::from_str(&body).unwrap_or_default();
        if let Some(written) = &example.answer {
            assert_eq!(missing(written, &answered, ""), None, "{}\n{answered:#}", example.request);
        }
        if status == 202 {
            answered["id"].as_str().expect("a job").clone_into(&mut job);
        }
    }
}
