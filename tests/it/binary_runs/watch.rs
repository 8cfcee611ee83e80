//! Polls every job all the time and keeps what was shown as ended, which may never be otherwise again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::history::{Kind, Violation};
use crate::process::Client;

#[derive(Debug, Default)]
struct Shown {
    jobs: Vec<String>,
    /// Each with the time at which the answer was there: what was asked before may show less.
    statuses: BTreeMap<String, (String, Instant)>,
    entries: BTreeMap<(String, u64), (Value, Instant)>,
    violations: Vec<Violation>,
    over: bool,
}

/// What polls have shown so far; clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch(Arc<Mutex<Shown>>);

impl Watch {
    /// Polls until it is told to end.
    pub(super) async fn run(self, client: Client) {
        while !self.shown().over {
            let jobs = self.shown().jobs.clone();
            for job in &jobs {
                let asked = Instant::now();
                if let Some((200, view)) = client.get(&format!("/v1/sync-jobs/{job}")).await {
                    self.saw_job(job, &view, asked);
                }
                self.look_at_entries(&client, job).await;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    pub(super) fn end(&self) {
        self.shown().over = true;
    }

    pub(super) fn also(&self, job: &str) {
        self.shown().jobs.push(job.to_owned());
    }

    /// Reads the entries of a job and holds them against what was shown before.
    pub(super) async fn look_at_entries(&self, client: &Client, job: &str) -> Option<Vec<Value>> {
        let asked = Instant::now();
        let (status, page) = client.get(&format!("/v1/sync-jobs/{job}/entries?limit=1000")).await?;
        let items = (status == 200).then(|| page["items"].as_array().cloned()).flatten()?;
        let mut shown = self.shown();
        for entry in &items {
            saw_entry(&mut shown, job, entry, asked);
        }
        Some(items)
    }

    pub(super) fn saw_job(&self, job: &str, view: &Value, asked: Instant) {
        let mut shown = self.shown();
        let status = view["status"].as_str().unwrap_or_default().to_owned();
        match shown.statuses.get(job).cloned() {
            Some((before, at)) if before != status && at < asked => {
                shown.complain(Kind::WentBack, format!("job {job} was shown as {before} and is {status}"));
            }
            None if ["completed", "cancelled"].contains(&status.as_str()) => {
                shown.statuses.insert(job.to_owned(), (status, Instant::now()));
            }
            Some(_) | None => {}
        }
    }

    pub(super) fn violations(&self) -> Vec<Violation> {
        self.shown().violations.clone()
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shown {
    /// The same complaint is made once.
    fn complain(&mut self, kind: Kind, detail: String) {
        if self.violations.iter().all(|known| known.kind != kind || known.detail != detail) {
            self.violations.push(Violation { kind, detail });
        }
    }
}

fn saw_entry(shown: &mut Shown, job: &str, entry: &Value, asked: Instant) {
    let state = entry["state"].as_str().unwrap_or_default();
    let ended = ["applied", "unchanged", "superseded", "failed", "cancelled", "planned"].contains(&state);
    let key = (job.to_owned(), entry["index"].as_u64().unwrap_or_default());
    let now = essence(entry);
    match shown.entries.get(&key).cloned() {
        Some((before, at)) if before != now && at < asked => {
            shown.complain(Kind::WentBack, format!("entry {} of {job} was {before} and is {now}", key.1));
        }
        None if ended => {
            shown.entries.insert(key, (now, Instant::now()));
        }
        Some(_) | None => {}
    }
    for list in ["added", "removed", "updated", "overwritten"] {
        if entry[list].as_array().into_iter().flatten().any(|item| item["name"].is_null()) {
            shown.complain(Kind::NameLost, format!("{list} of an entry of {job} has no name"));
        }
    }
}

/// What may not change; names come and go with the catalogue.
fn essence(entry: &Value) -> Value {
    let ids = |list: &str| {
        let items = entry[list].as_array().into_iter().flatten();
        let mut ids: Vec<String> = items.map(|item| format!("{} {}", item["id"], item["proficiency"])).collect();
        ids.sort();
        ids
    };
    json!({
        "state": entry["state"], "reason": entry["reason"], "by": entry["supersededBy"], "at": entry["finishedAt"],
        "added": ids("added"), "removed": ids("removed"), "updated": ids("updated"),
        "overwritten": ids("overwritten"),
    })
}
