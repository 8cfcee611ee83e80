//! Who submits small jobs all the time, each under a key of its own, and sends again what was not answered.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Method;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use crate::process::{Client, job_for};

/// The group that its jobs give.
pub(super) const GROUP: &str = "Group 2";

/// A submission that was answered with 202, as often as it was asked.
#[derive(Debug, Clone)]
pub(super) struct Accepted {
    pub(super) key: String,
    pub(super) body: Value,
    pub(super) job: String,
}

#[derive(Debug, Default)]
struct State {
    accepted: Vec<Accepted>,
    unanswered: usize,
    over: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Submitter(Arc<Mutex<State>>);

impl Submitter {
    /// Submits until it is told to end; each submission until it is answered.
    pub(super) async fn run(self, client: Client, users: usize, seed: u64) {
        let mut dice = StdRng::seed_from_u64(seed);
        for number in 0.. {
            if self.with(|state| state.over) {
                return;
            }
            let key = format!("small-{number}");
            let body = job_for((0..3).map(|_| dice.random_range(1..=users)), GROUP);
            let job = loop {
                match submit(&client, &key, &body).await {
                    Some((202 | 200, job)) => break job,
                    Some((status, job)) => assert!(matches!(status, 409 | 429 | 503), "{status} {job}"),
                    None => self.with(|state| state.unanswered += 1),
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            };
            let job = job["id"].as_str().unwrap().to_owned();
            self.with(|state| state.accepted.push(Accepted { key, body, job }));
            tokio::time::sleep(Duration::from_millis(dice.random_range(0..40))).await;
        }
    }

    pub(super) fn end(&self) {
        self.with(|state| state.over = true);
    }

    pub(super) fn accepted(&self) -> Vec<Accepted> {
        self.with(|state| state.accepted.clone())
    }

    /// Requests that nobody answered: sent before there was anybody, or cut off by a kill.
    pub(super) fn unanswered(&self) -> usize {
        self.with(|state| state.unanswered)
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Submits under a key; `None` if nobody answers.
pub(super) async fn submit(client: &Client, key: &str, body: &Value) -> Option<(u16, Value)> {
    let request = client.request(Method::POST, "/v1/sync-jobs").header("idempotency-key", key);
    let answer = client.send(request, body).await?;
    Some((answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap_or_default()))
}
