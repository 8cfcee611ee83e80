//! Who submits small jobs all the time, each under a key of its own, and sends again what was not answered.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use crate::process::{Client, job_for, submit};

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
    /// It is to end, and it has.
    end: bool,
    over: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Submitter(Arc<Mutex<State>>);

impl Submitter {
    /// Submits until it is told to end; each submission until it is answered.
    pub(super) async fn run(self, client: Client, users: usize, seed: u64) {
        let mut dice = StdRng::seed_from_u64(seed);
        for number in 0.. {
            if self.with(|state| state.end) {
                self.with(|state| state.over = true);
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

    /// Lets it end its last submission.
    pub(super) async fn end(&self) {
        self.with(|state| state.end = true);
        while !self.with(|state| state.over) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
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
