//! Callbacks: who is told what, how often, and what a restart makes of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use genesys_simulator::{Generated, Population, Scenario};
use serde_json::Value;
use skillsync::api;
use skillsync::callback::{self, Answer, CallbackMessage, Courier, Post, SigningKey};
use skillsync::clock::WallClock;
use skillsync::domain::callback::{CallbackRules, CallbackUrl};
use skillsync::domain::job::{JobSpec, JobStatus, SameUser};
use skillsync::domain::{JobId, Mode, Target};
use tokio::time::Instant;

use crate::bed::{Bed, ORIGIN, employee};

const USERS: usize = 25;

/// One host answers; the others take connections and say nothing.
#[derive(Debug, Default)]
struct Hosts {
    answered: Mutex<Vec<Instant>>,
    at_once: Mutex<(usize, usize)>,
}

#[async_trait]
impl Post for Hosts {
    async fn post(&self, url: &CallbackUrl, _: CallbackMessage) -> Result<Answer, String> {
        if url.as_str().starts_with("https://good.example/") {
            self.answered.lock().unwrap().push(Instant::now());
            return Ok(Answer { status: 200, retry_after: None });
        }
        {
            let (now, most) = &mut *self.at_once.lock().unwrap();
            *now += 1;
            *most = (*most).max(*now);
        }
        tokio::time::sleep(Duration::from_secs(15)).await;
        self.at_once.lock().unwrap().0 -= 1;
        Err("timed out".to_owned())
    }
}

/// Takes messages, and answers what it is told to, the last answer over and over.
#[derive(Debug, Default)]
struct Receiver {
    answers: Mutex<Vec<Answer>>,
    came: Mutex<Vec<(Instant, String, Value)>>,
}

impl Receiver {
    fn answering(statuses: &[u16]) -> Arc<Self> {
        let answers = statuses.iter().rev().map(|status| Answer { status: *status, retry_after: None }).collect();
        Arc::new(Self { answers: Mutex::new(answers), ..Self::default() })
    }

    fn came(&self) -> Vec<(String, String)> {
        let came = self.came.lock().unwrap();
        came.iter().map(|(_, id, body)| (id.clone(), body["type"].as_str().unwrap().to_owned())).collect()
    }
}

#[async_trait]
impl Post for Receiver {
    async fn post(&self, url: &CallbackUrl, message: CallbackMessage) -> Result<Answer, String> {
        assert_eq!(url.as_str(), "https://hr.example.com/hook");
        let body = serde_json::from_slice(&message.body).unwrap();
        self.came.lock().unwrap().push((Instant::now(), message.id, body));
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop() } else { answers.first().cloned() };
        answer.ok_or_else(|| "no answer".to_owned())
    }
}

fn org() -> Scenario {
    let population = Generated { users: USERS, groups: 12, ..Generated::default() };
    Scenario { population: Population::Generated(population), ..Scenario::default() }
}

fn tell(bed: &Bed, receiver: &Arc<Receiver>) {
    tell_through(bed, Arc::clone(receiver) as Arc<dyn Post>);
}

fn tell_through(bed: &Bed, post: Arc<dyn Post>) {
    let clock = WallClock::following(ORIGIN.parse().unwrap());
    let engine = bed.service.engine.clone();
    let key = SigningKey::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let show = Arc::new(api::job_document(&engine));
    callback::start(Courier { engine, key, post, show, clock, seed: 1 }, &bed.lifecycle);
}

async fn submit(bed: &Bed, mode: Mode) -> JobId {
    submit_telling(bed, mode, USERS, "https://hr.example.com/hook").await
}

async fn submit_telling(bed: &Bed, mode: Mode, users: usize, url: &str) -> JobId {
    let rules = CallbackRules { enabled: true, ..CallbackRules::default() };
    let callback = Some(CallbackUrl::new(url, rules).unwrap());
    let spec = JobSpec { callback, same_user: SameUser::InOrder, ..JobSpec::new(Target::WfmSkillGroups, mode) };
    let entries = (1..=users).map(|n| employee(n, if mode == Mode::Replace { &[] } else { &["Group 1"] })).collect();
    bed.service.engine.submit(spec, entries).await.unwrap().id
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_job_is_told_once_it_is_taken() {
    let (bed, receiver) = (Bed::start(&org(), ""), Receiver::answering(&[500, 302, 204]));
    tell(&bed, &receiver);
    let job = submit(&bed, Mode::Add).await;
    bed.finish(job).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let expected = (format!("job_{job}_ended"), "job.completed".to_owned());
    assert_eq!(receiver.came(), [expected.clone(), expected.clone(), expected], "the same message until it is taken");
    let body = receiver.came.lock().unwrap()[2].2.clone();
    assert_eq!(
        (&body["data"]["id"], &body["data"]["status"]),
        (&job.to_string().into(), &"completed".into()),
        "{body}"
    );
    assert_eq!((&body["data"]["counts"]["total"], &body["data"]["callback"]), (&USERS.into(), &Value::Null));
    let progress = bed.service.engine.job(job).unwrap().callback;
    assert!(progress.settled.is_some_and(|settled| settled.delivered) && progress.attempts == 3);
}

/// How long after the end of its job a good callback is made, while those of many jobs hang.
async fn delay_beside(hanging: impl Fn(usize) -> String, known: bool) -> Duration {
    let bed = Bed::start(&org(), "");
    let hosts = Arc::new(Hosts::default());
    tell_through(&bed, Arc::clone(&hosts) as Arc<dyn Post>);
    if known {
        let first = submit_telling(&bed, Mode::Add, 1, "https://good.example/hook").await;
        bed.finish(first).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let mut last = None;
    for n in 0..100 {
        last = Some(submit_telling(&bed, Mode::Add, 1, &hanging(n)).await);
    }
    bed.finish(last.unwrap()).await;
    let good = submit_telling(&bed, Mode::Add, 1, "https://good.example/hook").await;
    bed.finish(good).await;
    let ended = Instant::now();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let (_, most) = *hosts.at_once.lock().unwrap();
    assert!((1..=48).contains(&most), "{most} hung at once");
    hosts.answered.lock().unwrap().last().unwrap().saturating_duration_since(ended)
}

#[tokio::test(start_paused = true)]
async fn receivers_that_hang_keep_no_callback_of_another_waiting() {
    let at_once = Duration::from_secs(1);
    for known in [false, true] {
        let delay = delay_beside(|n| format!("https://one.example/{n}"), known).await;
        assert!(delay < at_once, "one that hangs: {delay:?}");
    }
    let delay = delay_beside(|n| format!("https://h{n}.example/"), true).await;
    assert!(delay < at_once, "a hundred that hang, and one that is known: {delay:?}");
    let delay = delay_beside(|n| format!("https://h{n}.example/"), false).await;
    assert!(delay < Duration::from_secs(60), "a hundred that hang, and one that is not: {delay:?}");
}

#[tokio::test(start_paused = true)]
async fn a_held_job_is_told_of_and_so_is_its_end() {
    let (bed, receiver) = (Bed::start(&org(), ""), Receiver::answering(&[200]));
    tell(&bed, &receiver);
    let job = submit(&bed, Mode::Replace).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(bed.service.engine.job(job).unwrap().status, JobStatus::Held);
    assert_eq!(receiver.came(), [(format!("job_{job}_held"), "job.held".to_owned())]);
    assert_eq!(receiver.came.lock().unwrap()[0].2["data"]["held"]["users"], USERS);
    // Neither a restart nor time tells it again.
    bed.lifecycle.begin_stop();
    let bed = Bed::resume(bed.simulator.clone(), Arc::clone(&bed.kept), &org());
    tell(&bed, &receiver);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(receiver.came().len(), 1);
    bed.service.engine.cancel(job).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(receiver.came()[1..], [(format!("job_{job}_ended"), "job.cancelled".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_callback_survives_a_restart_until_it_is_settled() {
    let (bed, deaf) = (Bed::start(&org(), ""), Receiver::answering(&[503]));
    tell(&bed, &deaf);
    let job = submit(&bed, Mode::Add).await;
    bed.finish(job).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!deaf.came().is_empty());
    bed.lifecycle.begin_stop();
    for expected in [1, 0] {
        let receiver = Receiver::answering(&[200]);
        let bed = Bed::resume(bed.simulator.clone(), Arc::clone(&bed.kept), &org());
        tell(&bed, &receiver);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(receiver.came().len(), expected);
        bed.lifecycle.begin_stop();
    }
}

#[tokio::test(start_paused = true)]
async fn a_deaf_receiver_is_tried_for_a_day_and_one_that_is_gone_once() {
    for (status, attempts, hours) in [(500, 15..60, 24), (410, 1..2, 0)] {
        let (bed, receiver) = (Bed::start(&org(), ""), Receiver::answering(&[status]));
        tell(&bed, &receiver);
        let job = submit(&bed, Mode::Add).await;
        bed.finish(job).await;
        let ended = Instant::now();
        tokio::time::sleep(Duration::from_secs(72 * 3600)).await;
        let came = receiver.came.lock().unwrap();
        assert!(attempts.contains(&came.len()), "{} attempts", came.len());
        let last = came.last().unwrap().0.duration_since(ended).as_secs() / 3600;
        assert!((hours..=hours + 2).contains(&last), "{last} h");
        let settled = bed.service.engine.job(job).unwrap().callback.settled;
        assert!(settled.is_some_and(|settled| !settled.delivered));
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_the_receiver_names_is_kept() {
    let (bed, receiver) = (Bed::start(&org(), ""), Receiver::answering(&[200]));
    let busy = Answer { status: 503, retry_after: Some(Duration::from_secs(3600)) };
    receiver.answers.lock().unwrap().push(busy);
    tell(&bed, &receiver);
    let job = submit(&bed, Mode::Add).await;
    bed.finish(job).await;
    tokio::time::sleep(Duration::from_secs(3 * 3600)).await;
    let came = receiver.came.lock().unwrap();
    let pause = came[1].0.duration_since(came[0].0);
    assert!((3600..3610).contains(&pause.as_secs()) && came.len() == 2, "{pause:?}");
}
