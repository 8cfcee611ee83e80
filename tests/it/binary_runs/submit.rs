//! How a run sends jobs and repeats them, under keys, until somebody answers.

use std::time::Duration;

use http::Method;
use serde_json::Value;
use skillsync::clock::WallClock;
use tokio::time::Instant;

use super::bodies::is_refused;
use super::history::Kind;
use super::plan::{SameUser, Submission};
use super::run::{Accepted, PATIENCE, Run};

impl Run {
    /// Sends a submission until it is answered; its place among the jobs, if it was accepted.
    pub(super) async fn submit(&mut self, mut submission: Submission, kill_after: Option<u64>) -> Option<usize> {
        if !self.knows_same_user {
            submission.same_user = Some(SameUser::InOrder);
        }
        let (job, last) = (self.jobs.len(), self.jobs.last().map(|job| job.created));
        let body = self.org.body(&submission, job, WallClock::System.now(), last, self.knows_same_user);
        let sent = Instant::now();
        let key = self.next_key();
        if let Some(millis) = kill_after {
            let client = self.service.client.clone();
            let request = client.request(Method::POST, "/v1/sync-jobs").header("idempotency-key", &key);
            let killed = async {
                tokio::time::sleep(Duration::from_millis(millis)).await;
                self.service.kill();
            };
            tokio::join!(client.send(request, &body), killed);
            self.service.start().await;
        }
        let (status, view) = self.post("/v1/sync-jobs", &key, &body).await?;
        let refused = is_refused(&submission);
        if refused != matches!(status, 400 | 422) || !refused && status >= 300 {
            self.complain(Kind::Refusal, format!("job {job} was answered with {status} {view}; {body}"));
        }
        if status >= 300 {
            return None;
        }
        self.accept("/v1/sync-jobs", key, body, submission, None, sent, &view)
    }

    pub(super) fn next_key(&mut self) -> String {
        self.requests += 1;
        format!("request-{}-{}", self.plan.seed, self.requests)
    }

    #[expect(clippy::too_many_arguments, reason = "what was sent, and when")]
    fn accept(
        &mut self,
        path: &str,
        key: String,
        body: Value,
        submission: Submission,
        repeats: Option<usize>,
        sent: Instant,
        view: &Value,
    ) -> Option<usize> {
        let id = view["id"].as_str()?.to_owned();
        let created = view["createdAt"].as_str()?.parse().ok()?;
        self.watch.also(&id);
        let accepted = Accepted {
            id,
            path: path.to_owned(),
            key,
            body,
            submission,
            repeats,
            applies: path.ends_with("apply"),
            cancelled: false,
            sent,
            answered: Instant::now(),
            created,
            view: Value::Null,
            entries: Vec::new(),
        };
        if let Some(last) = self.jobs.last().filter(|last| last.id >= accepted.id || last.created > created) {
            let detail = format!("{} of {} after {} of {}", accepted.id, accepted.created, last.id, last.created);
            self.complain(Kind::Acceptance, detail);
        }
        self.jobs.push(accepted);
        Some(self.jobs.len() - 1)
    }

    /// Sends until somebody answers who can.
    pub(super) async fn post(&mut self, path: &str, key: &str, body: &Value) -> Option<(u16, Value)> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let request = self.service.client.request(Method::POST, path).header("idempotency-key", key);
            if let Some(answer) = self.service.client.send(request, body).await {
                let status = answer.status().as_u16();
                if ![429, 503].contains(&status) {
                    return Some((status, serde_json::from_slice(answer.body()).unwrap_or_default()));
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.complain(Kind::Process, format!("{path} is not answered"));
        None
    }

    /// `retry` or `apply` of a job; the new job, if there is one.
    pub(super) async fn repeat(&mut self, nth: usize, verb: &str) -> Option<usize> {
        let of = nth.checked_rem(self.jobs.len())?;
        let path = format!("/v1/sync-jobs/{}/{verb}", self.jobs[of].id);
        let (key, sent) = (self.next_key(), Instant::now());
        let (status, view) = self.post(&path, &key, &Value::Null).await?;
        let known = self.jobs.iter().any(|job| Some(job.id.as_str()) == view["id"].as_str());
        if status >= 300 || known {
            return None;
        }
        let mut submission = self.jobs[of].submission.clone();
        submission.dry_run &= verb != "apply";
        self.accept(&path, key, Value::Null, submission, Some(of), sent, &view)
    }
}
