//! Senders that only say who has changed, beside an HR system that is asked for the record; on the paused clock.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::{Request, Response, StatusCode};
use bytes::Bytes;
use genesys_simulator::Simulator;
use serde_json::{Value, json};
use skillsync::domain::EntryState;
use skillsync::hris::RecordTransport;
use skillsync::journal::MemoryJournal;
use tower::service_fn;

use super::{Answer, BEGIN, Office, by_title, employees};
use crate::bed::Bed;
use crate::logs::Captured;

/// An HR system with records, and a log of who was asked for.
#[derive(Default)]
pub(super) struct HrSystem {
    titles: Mutex<HashMap<String, String>>,
    /// Employee numbers, and how much longer an answer takes, where they are not as usual.
    numbers: Mutex<HashMap<String, usize>>,
    slow: Mutex<HashMap<String, Duration>>,
    asked: Mutex<Vec<(tokio::time::Instant, String)>>,
    status: Mutex<Option<StatusCode>>,
    /// What is answered first, each once, before the truth.
    untruths: Mutex<HashMap<String, Vec<(StatusCode, String)>>>,
    /// Every so many calls are answered wrongly, in one way after another; how many were.
    wrong_every: Mutex<Option<usize>>,
    wrong: AtomicUsize,
}

/// Answers that say nothing of the person, for one whose record is `truth`.
fn wrong_answer(nth: usize, truth: &str) -> (StatusCode, String) {
    let somebody_else = "{\"id\": \"4711\", \"employeeNumber\": \"E5711\", \"jobTitle\": \"Group 30\"}";
    let ways = [
        "<!DOCTYPE html><html><body><h1>Scheduled maintenance</h1></body></html>",
        "",
        &truth[..truth.len() / 2],
        "null",
        "{}",
        "{\"error\": {\"code\": \"internal\", \"message\": \"Please try again later\"}}",
        somebody_else,
    ];
    match ways.get(nth % (ways.len() + 1)) {
        Some(body) => (StatusCode::OK, (*body).to_owned()),
        None => (StatusCode::INTERNAL_SERVER_ERROR, String::new()),
    }
}

const LATENCY: Duration = Duration::from_millis(500);

impl HrSystem {
    pub(super) fn set(&self, n: usize, title: &str) {
        self.titles.lock().unwrap().insert(n.to_string(), title.to_owned());
    }

    pub(super) fn answer_wrongly_every(&self, calls: usize) {
        *self.wrong_every.lock().unwrap() = Some(calls);
    }

    /// Calls, and those that were answered wrongly.
    pub(super) fn calls(&self) -> (usize, usize) {
        (self.asked.lock().unwrap().len(), self.wrong.load(Ordering::Relaxed))
    }

    fn asked(&self, n: usize) -> usize {
        self.asked.lock().unwrap().iter().filter(|(_, asked)| *asked == n.to_string()).count()
    }

    pub(super) fn transport(self: &Arc<Self>) -> RecordTransport {
        let system = Arc::clone(self);
        RecordTransport::new(service_fn(move |request: Request<Bytes>| {
            let system = Arc::clone(&system);
            async move { Ok(system.answer(&request).await) }
        }))
    }

    async fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        assert_eq!(request.uri().host(), Some("hr.test"));
        assert_eq!(request.headers()["authorization"], "Bearer t");
        let id = request.uri().path().trim_start_matches('/').to_owned();
        let calls = {
            let mut asked = self.asked.lock().unwrap();
            asked.push((tokio::time::Instant::now(), id.clone()));
            asked.len()
        };
        // What the record was when the call arrived is what is answered.
        let title = self.titles.lock().unwrap().get(&id).cloned();
        let (forced, wrong_every) = (*self.status.lock().unwrap(), *self.wrong_every.lock().unwrap());
        let untruth = self.untruths.lock().unwrap().get_mut(&id).filter(|all| !all.is_empty()).map(|all| all.remove(0));
        let number = self.numbers.lock().unwrap().get(&id).copied();
        let more = self.slow.lock().unwrap().get(&id).copied().unwrap_or_default();
        tokio::time::sleep(LATENCY + more).await;
        let (status, body) = match (forced, title) {
            (Some(status), _) => (status, String::new()),
            (None, _) if untruth.is_some() => untruth.unwrap(),
            (None, None) => (StatusCode::NOT_FOUND, String::new()),
            (None, Some(title)) => {
                let number = 1000 + number.unwrap_or_else(|| id.parse().unwrap());
                let truth =
                    format!("{{\"id\": \"{id}\", \"employeeNumber\": \"E{number}\", \"jobTitle\": \"{title}\"}}");
                match wrong_every {
                    Some(every) if calls.is_multiple_of(every) => {
                        wrong_answer(self.wrong.fetch_add(1, Ordering::Relaxed), &truth)
                    }
                    Some(_) | None => (StatusCode::OK, truth),
                }
            }
        };
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = status;
        response
    }
}

fn sources() -> String {
    let record = "record = { url = 'https://hr.test/{id}', authorization = 'Bearer t', per_second = 10 }";
    by_title("hr", record) + "[sync]\nhold_skill_left = 0\n"
}

pub(super) fn open(system: &Arc<HrSystem>, simulator: Simulator, kept: Arc<MemoryJournal>) -> Office {
    Office::of(Bed::join_hris(simulator, kept, &employees(20), &sources(), system.transport()), &sources())
}

pub(super) async fn event(office: &Office, n: usize, at: i64) -> Answer {
    let stamp = jiff::Timestamp::from_second(at).unwrap();
    let body =
        format!("{{\"type\":\"employee.updated\",\"timestamp\":\"{stamp}\",\"data\":{{\"employeeId\":\"{n}\"}}}}");
    let answer = office.bamboo("hr", &body, at).await;
    assert_eq!((answer.status, answer.body["recordsToRead"].as_u64()), (202, Some(1)), "{answer:?}");
    answer
}

pub(super) fn waiting(office: &Office) -> usize {
    office.bed.service.intake.unread().values().map(|counts| counts.waiting).sum()
}

pub(super) async fn settled(office: &Office) {
    while waiting(office) > 0 || office.bed.service.engine.open_entries() > 0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn events_of_one_person_are_read_together_and_the_newest_record_wins() {
    let system = Arc::new(HrSystem::default());
    let office = open(&system, Simulator::new(employees(20)), Arc::default());
    system.set(1, "Group 1");
    for n in 0..50 {
        event(&office, 1, BEGIN + n).await;
    }
    tokio::time::sleep(LATENCY / 2).await;
    // The record is being read; what changes now may not be in it.
    system.set(1, "Group 2");
    event(&office, 1, BEGIN + 100).await;
    settled(&office).await;
    assert_eq!(office.groups(1), ["Group 2"]);
    assert_eq!(system.asked(1), 2, "51 events, two readings");
    assert_eq!(office.bed.kept.recovered().memos.iter().filter(|memo| &*memo.space == "record").count(), 0);
}

#[tokio::test(start_paused = true)]
async fn one_record_is_read_at_a_time_and_calls_keep_their_pace() {
    let system = Arc::new(HrSystem::default());
    let office = open(&system, Simulator::new(employees(20)), Arc::default());
    for n in 1..=20 {
        system.set(n, "Group 3");
        event(&office, n, BEGIN).await;
    }
    settled(&office).await;
    let asked: Vec<_> = system.asked.lock().unwrap().iter().map(|(at, _)| *at).collect();
    assert_eq!(asked.len(), 20);
    assert!(asked.windows(2).all(|two| two[1] - two[0] >= Duration::from_millis(99)), "{asked:?}");
    assert!((1..=20).all(|n| office.groups(n) == ["Group 3"]));
}

#[tokio::test(start_paused = true)]
async fn what_was_answered_with_202_is_read_after_a_restart() {
    let system = Arc::new(HrSystem::default());
    *system.status.lock().unwrap() = Some(StatusCode::SERVICE_UNAVAILABLE);
    let office = open(&system, Simulator::new(employees(20)), Arc::default());
    system.set(1, "Group 1");
    system.set(2, "Group 2");
    event(&office, 1, BEGIN).await;
    event(&office, 2, BEGIN).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!((office.groups(1).len(), waiting(&office)), (0, 2));

    let (simulator, kept) = (office.bed.simulator.clone(), Arc::clone(&office.bed.kept));
    assert!(office.bed.lifecycle.stop(Duration::from_secs(30)).await);
    *system.status.lock().unwrap() = None;
    let next = open(&system, simulator, kept);
    settled(&next).await;
    assert_eq!([next.groups(1), next.groups(2)], [["Group 1"], ["Group 2"]]);
    let jobs = next.bed.service.engine.jobs(None, None, 100).0;
    assert_eq!(jobs.len(), 2);
    assert!(jobs.iter().all(|job| job.counts.of(EntryState::Applied) == 1));
}

#[tokio::test(start_paused = true)]
async fn an_hr_system_that_fails_is_asked_again_with_growing_pauses_until_patience_ends() {
    let system = Arc::new(HrSystem::default());
    let office = open(&system, Simulator::new(employees(20)), Arc::default());
    *system.status.lock().unwrap() = Some(StatusCode::UNAUTHORIZED);
    event(&office, 1, BEGIN).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let within_an_hour = system.asked(1);
    assert!((10..30).contains(&within_an_hour), "{within_an_hour}");
    tokio::time::sleep(Duration::from_secs(48 * 3600)).await;
    assert_eq!(waiting(&office), 0, "after a day it is given up");
    let list = office.get("/v1/webhook-records").await;
    let (item, total) = (&list["items"][0], &list["total"]);
    assert_eq!((total, &item["state"], &item["record"]), (&json!(1), &json!("failed"), &json!("1")), "{list}");
    assert_eq!(item["problem"], "the answer is 401 Unauthorized");
    assert!(
        item["failedAt"].is_string() && item["since"].is_string() && item["deliveries"].as_array().unwrap().len() == 1
    );
}

#[tokio::test(start_paused = true)]
async fn the_logs_say_what_went_wrong_and_nothing_of_what_was_sent() {
    /// Has more digits than the random ids of a log contain by chance.
    const NOBODY: usize = 773_400_177_340;
    let (captured, guard) = Captured::start();
    let system = Arc::new(HrSystem::default());
    let office = open(&system, Simulator::new(employees(20)), Arc::default());
    for body in [
        "Ana-7734 is no JSON",
        "{\"type\": \"employee.updated\", \"data\": {\"employeeId\": [\"Ana-7734\"]}}",
        "{\"employees\": [{\"id\": \"Ana-7734\", \"fields\": {\"name\": \"Ana-7734\"}}]}",
    ] {
        assert_eq!(office.bamboo("hr", body, BEGIN).await.status, 422, "{body}");
    }
    assert_eq!(office.post("/v1/webhooks/hr", &[("x-bamboohr-signature", "Ana-7734")], "{}").await.status, 401);
    // A record that is not understood, one that names nobody, and one that cannot be read.
    system.set(2, "\": Ana-7734");
    event(&office, 2, BEGIN).await;
    event(&office, NOBODY, BEGIN).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    *system.status.lock().unwrap() = Some(StatusCode::FORBIDDEN);
    event(&office, 3, BEGIN).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    drop(guard);
    let text = captured.text();
    for said in ["a delivery was not accepted", "a record cannot be read; it is tried again", "403 Forbidden"] {
        assert!(text.contains(said), "{said} is not in\n{text}");
    }
    let secret = ["Ana-", &NOBODY.to_string(), "Bearer t", "jobTitle"];
    let line = text.lines().find(|line| secret.iter().any(|secret| line.contains(secret)));
    assert_eq!(line, None, "it is in the logs");
}

#[tokio::test(start_paused = true)]
async fn whoever_has_no_record_any_more_has_left() {
    let system = Arc::new(HrSystem::default());
    let office = open(&system, Simulator::new(employees(20)), Arc::default());
    system.set(1, "Group 1");
    event(&office, 1, BEGIN).await;
    settled(&office).await;
    // That the record is missing for a moment says nothing.
    let not_found = (StatusCode::NOT_FOUND, String::new());
    system.untruths.lock().unwrap().insert("1".into(), vec![not_found]);
    event(&office, 1, BEGIN + 1).await;
    settled(&office).await;
    assert_eq!(office.groups(1), ["Group 1"]);
    // The employee number is in no answer any more, but the source has named it with this id.
    let (simulator, kept) = (office.bed.simulator.clone(), Arc::clone(&office.bed.kept));
    assert!(office.bed.lifecycle.stop(Duration::from_secs(30)).await);
    let office = open(&system, simulator, kept);
    system.titles.lock().unwrap().clear();
    event(&office, 1, BEGIN + 2).await;
    settled(&office).await;
    assert!(office.groups(1).is_empty());
    assert_eq!(office.bed.service.intake.unread_records(), []);
}

#[tokio::test(start_paused = true)]
async fn each_of_several_people_in_one_delivery_is_read_and_gets_what_is_theirs() {
    let system = Arc::new(HrSystem::default());
    let office = open(&system, Simulator::new(employees(20)), Arc::default());
    let several = async |people: &[Value], to_read: u64| {
        let answer = office.bamboo("hr", &json!({"employees": people}).to_string(), BEGIN).await;
        assert_eq!((answer.status, answer.body["recordsToRead"].as_u64()), (202, Some(to_read)), "{answer:?}");
        settled(&office).await;
    };
    let to_read = |n: usize| json!({"id": n.to_string(), "action": "Updated", "fields": []});
    for n in 1..=6 {
        system.set(n, "Group 1");
    }
    several(&[1, 2, 3, 4].map(to_read), 4).await;
    assert!((1..=4).all(|n| office.groups(n) == ["Group 1"]));

    // Beside somebody whose fields are there.
    let told = json!({"id": "7", "action": "Updated", "fields": {"employeeNumber": "E1007", "jobTitle": "Group 2"}});
    several(&[told, to_read(5), to_read(6)], 2).await;
    assert_eq!([5, 6, 7].map(|n| office.groups(n).concat()), ["Group 1", "Group 1", "Group 2"]);

    // And all of them leave.
    system.titles.lock().unwrap().clear();
    several(&[1, 2, 3, 4, 5].map(to_read), 5).await;
    assert!((1..=5).all(|n| office.groups(n).is_empty()));
    assert_eq!(office.groups(6), ["Group 1"]);
    assert_eq!(office.bed.service.intake.unread_records(), []);
}

#[tokio::test(start_paused = true)]
async fn a_record_is_settled_after_the_delivery_that_it_is_read_for() {
    let system = Arc::new(HrSystem::default());
    let office = open(&system, Simulator::new(employees(20)), Arc::default());
    let told = json!({"id": "7", "action": "Updated", "fields": {"employeeNumber": "E1008", "jobTitle": "Group 2"}});
    let to_read = json!({"id": "7", "action": "Updated", "fields": []});
    system.set(7, "Group 1");
    let answer = office.bamboo("hr", &json!({"employees": [to_read, told]}).to_string(), BEGIN).await;
    assert_eq!((answer.status, answer.body["recordsToRead"].as_u64()), (202, Some(1)), "{answer:?}");
    settled(&office).await;
    assert_eq!([7, 8].map(|n| office.groups(n).concat()), ["Group 1", ""], "who is read has one number");
}

#[tokio::test(start_paused = true)]
async fn numbers_that_records_hand_on_at_once_are_whose_they_are_by_now() {
    for slow in 1..=3 {
        for at_once in [true, false] {
            let system = Arc::new(HrSystem::default());
            let office = open(&system, Simulator::new(employees(20)), Arc::default());
            let to_read = |n: usize| json!({"id": n.to_string(), "action": "Updated", "fields": []});
            let events = [1, 2, 3].map(to_read);
            (1..=3).for_each(|n| system.set(n, &format!("Group {n}")));
            for round in 0..2 {
                if round == 1 {
                    system.slow.lock().unwrap().insert(slow.to_string(), Duration::from_secs(1));
                    system.numbers.lock().unwrap().extend((1..=3).map(|n| (n.to_string(), 1 + n % 3)));
                }
                let deliveries: Vec<_> = if at_once { vec![&events[..]] } else { events.chunks(1).collect() };
                for employees in deliveries {
                    let body = json!({"employees": employees, "round": round}).to_string();
                    assert_eq!(office.bamboo("hr", &body, BEGIN + 60 * round).await.status, 202);
                }
                settled(&office).await;
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
            let groups = [1, 2, 3].map(|n| office.groups(n).concat());
            assert_eq!(groups, ["Group 3", "Group 1", "Group 2"], "{slow} is slow, {at_once}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn several_people_of_one_delivery_are_read_after_a_restart() {
    let system = Arc::new(HrSystem::default());
    *system.status.lock().unwrap() = Some(StatusCode::SERVICE_UNAVAILABLE);
    let office = open(&system, Simulator::new(employees(20)), Arc::default());
    let people = [1, 2, 3].map(|n| json!({"id": n.to_string(), "action": "Updated", "fields": []}));
    let answer = office.bamboo("hr", &json!({"employees": people}).to_string(), BEGIN).await;
    assert_eq!(answer.body["recordsToRead"], 3, "{answer:?}");
    tokio::time::sleep(Duration::from_secs(60)).await;
    let (simulator, kept) = (office.bed.simulator.clone(), Arc::clone(&office.bed.kept));
    assert!(office.bed.lifecycle.stop(Duration::from_secs(30)).await);
    *system.status.lock().unwrap() = None;
    (1..=3).for_each(|n| system.set(n, "Group 1"));
    let next = open(&system, simulator, kept);
    settled(&next).await;
    assert!((1..=3).all(|n| next.groups(n) == ["Group 1"]));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_not_there_yet_is_waited_for() {
    let system = Arc::new(HrSystem::default());
    let office = open(&system, Simulator::new(employees(20)), Arc::default());
    event(&office, 1, BEGIN).await;
    event(&office, 2, BEGIN).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    system.set(1, "Group 1");
    settled(&office).await;
    assert_eq!(office.groups(1), ["Group 1"]);
    assert!((5..15).contains(&system.asked(2)), "the other one for ten minutes: {}", system.asked(2));
    assert_eq!(office.bed.service.intake.unread_records(), [], "somebody whom nobody knows has left");
}

#[tokio::test(start_paused = true)]
async fn an_answer_counts_only_if_it_says_something_of_the_person() {
    let system = Arc::new(HrSystem::default());
    let office = open(&system, Simulator::new(employees(20)), Arc::default());
    let bodies = [
        "",
        " \n",
        "null",
        "[]",
        "{}",
        "\"\"",
        "7",
        "<html>maintenance</html>",
        "{\"id\": \"3\", \"employeeNu",
        "{\"error\": \"rate limited\"}",
        "{\"success\": false, \"error\": {\"message\": \"no\"}}",
        "{\"employees\": []}",
        "{\"data\": null}",
        "{\"data\": {}}",
        "{\"responses\": []}",
        "[{}]",
        "{\"id\": \"4711\", \"employeeNumber\": \"E1020\", \"jobTitle\": \"Group 9\"}",
        "{\"employees\": [{\"id\": \"4711\", \"employeeNumber\": \"E1020\", \"jobTitle\": \"Group 9\"}]}",
    ];
    for (n, body) in (1..).zip(bodies) {
        system.set(n, "Group 3");
        let twice = vec![(StatusCode::OK, body.to_owned()); 2];
        system.untruths.lock().unwrap().insert(n.to_string(), twice);
        event(&office, n, BEGIN).await;
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    let list = office.get("/v1/webhook-records?state=waiting&limit=1000").await;
    for item in list["items"].as_array().unwrap() {
        let problem = item["problem"].as_str().unwrap();
        assert!(problem.starts_with("the answer does not describe the person: "), "{item}");
    }
    let problem = &office.get("/v1/webhooks").await["items"][0]["recordProblem"];
    assert!(problem.as_str().unwrap().starts_with("the answer does not describe the person"), "{problem}");
    settled(&office).await;
    for (n, body) in (1..).zip(bodies) {
        assert_eq!(office.groups(n), ["Group 3"], "{body}");
        assert_eq!(system.asked(n), 3, "{body}");
    }
    assert!(office.groups(20).is_empty(), "nobody else's record is taken");
}

#[tokio::test(start_paused = true)]
async fn an_event_whose_record_cannot_be_read_is_kept_until_somebody_decides() {
    let system = Arc::new(HrSystem::default());
    let office = open(&system, Simulator::new(employees(20)), Arc::default());
    *system.status.lock().unwrap() = Some(StatusCode::FORBIDDEN);
    for n in 1..=3 {
        system.set(n, "Group 5");
        event(&office, n, BEGIN).await;
    }
    tokio::time::sleep(Duration::from_secs(25 * 3600)).await;
    let counts = |list: &Value| (list["items"][0]["recordsToRead"].clone(), list["items"][0]["recordsFailed"].clone());
    assert_eq!(counts(&office.get("/v1/webhooks").await), (json!(0), json!(3)));
    let metrics = office.get_text("/metrics").await;
    assert!(metrics.contains("skillsync_webhook_records{source=\"hr\",state=\"failed\"} 3"), "{metrics}");

    let (simulator, kept) = (office.bed.simulator.clone(), Arc::clone(&office.bed.kept));
    assert!(office.bed.lifecycle.stop(Duration::from_secs(30)).await);
    let office = open(&system, simulator, kept);
    assert_eq!(counts(&office.get("/v1/webhooks").await), (json!(0), json!(3)), "over a restart too");
    let before = system.asked(1);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(system.asked(1), before);

    // The next event takes with it what came before; the others are for somebody to decide.
    *system.status.lock().unwrap() = None;
    event(&office, 1, BEGIN + 3600).await;
    settled(&office).await;
    assert_eq!(office.groups(1), ["Group 5"]);
    let retried = office.post("/v1/webhook-records/retry?source=hr&record=2", &[], "").await;
    assert_eq!((retried.status, &retried.body["records"]), (200, &json!(1)));
    settled(&office).await;
    assert_eq!(office.groups(2), ["Group 5"]);
    for (path, records) in [("source=hr&record=2", 0), ("source=other", 0), ("source=hr", 1), ("source=hr", 0)] {
        let dismissed = office.delete(&format!("/v1/webhook-records?{path}")).await;
        assert_eq!((dismissed.status, &dismissed.body["records"]), (200, &json!(records)), "{path}");
    }
    assert!(office.groups(3).is_empty());
    assert_eq!(office.bed.kept.recovered().memos.iter().filter(|memo| &*memo.space == "record").count(), 0);
    assert_eq!(office.post("/v1/webhook-records/retry?source=other", &[], "").await.status, 404);
    assert_eq!(office.post("/v1/webhook-records/retry", &[], "").await.status, 400);
}
