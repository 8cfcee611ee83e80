//! Senders that only say who has changed, beside an HR system that is asked for the record; on the paused clock.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::{Request, Response, StatusCode};
use bytes::Bytes;
use skillsync::domain::EntryState;
use skillsync::hris::RecordTransport;
use skillsync::journal::MemoryJournal;
use skillsync::simulator::Simulator;
use tower::service_fn;

use super::{Answer, BEGIN, Office, by_title, employees};
use crate::bed::Bed;
use crate::logs::Captured;

/// An HR system with records, and a log of who was asked for.
#[derive(Default)]
pub(super) struct HrSystem {
    titles: Mutex<HashMap<String, String>>,
    asked: Mutex<Vec<(tokio::time::Instant, String)>>,
    status: Mutex<Option<StatusCode>>,
}

const LATENCY: Duration = Duration::from_millis(500);

impl HrSystem {
    pub(super) fn set(&self, n: usize, title: &str) {
        self.titles.lock().unwrap().insert(n.to_string(), title.to_owned());
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
        self.asked.lock().unwrap().push((tokio::time::Instant::now(), id.clone()));
        // What the record was when the call arrived is what is answered.
        let title = self.titles.lock().unwrap().get(&id).cloned();
        let forced = *self.status.lock().unwrap();
        tokio::time::sleep(LATENCY).await;
        let (status, body) = match (forced, title) {
            (Some(status), _) => (status, String::new()),
            (None, None) => (StatusCode::NOT_FOUND, String::new()),
            (None, Some(title)) => {
                let number = 1000 + id.parse::<usize>().unwrap();
                (StatusCode::OK, format!("{{\"employeeNumber\": \"E{number}\", \"jobTitle\": \"{title}\"}}"))
            }
        };
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = status;
        response
    }
}

fn sources() -> String {
    by_title("hr", "record = { url = 'https://hr.test/{id}', authorization = 'Bearer t', per_second = 10 }")
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

pub(super) async fn settled(office: &Office) {
    while office.bed.service.intake.waiting("hr") > 0 || office.bed.service.engine.open_entries() > 0 {
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
    assert_eq!((office.groups(1).len(), office.bed.service.intake.waiting("hr")), (0, 2));

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
    assert_eq!(office.bed.service.intake.waiting("hr"), 0, "after a day it is given up, and the log says so");
}

#[tokio::test(start_paused = true)]
async fn the_logs_say_what_went_wrong_and_nothing_of_what_was_sent() {
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
    event(&office, 7734, BEGIN).await;
    settled(&office).await;
    *system.status.lock().unwrap() = Some(StatusCode::FORBIDDEN);
    event(&office, 3, BEGIN).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    drop(guard);
    let text = captured.text();
    for said in ["a delivery is not taken", "leads to nothing", "a record cannot be read yet", "403 Forbidden"] {
        assert!(text.contains(said), "{said} is not in\n{text}");
    }
    let line =
        text.lines().find(|line| line.contains("7734") || line.contains("Bearer t") || line.contains("jobTitle"));
    assert_eq!(line, None, "it is in the logs");
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_gone_is_a_leaver_only_where_its_id_names_the_user() {
    let system = Arc::new(HrSystem::default());
    let office = open(&system, Simulator::new(employees(20)), Arc::default());
    system.set(1, "Group 1");
    event(&office, 1, BEGIN).await;
    settled(&office).await;
    system.titles.lock().unwrap().clear();
    event(&office, 1, BEGIN + 1).await;
    settled(&office).await;
    assert_eq!(office.groups(1), ["Group 1"], "the employee number is not known any more; nothing is guessed");
}
