//! Carries out a plan against the real binary and keeps everything that the judge asks about.

use std::time::Duration;

use genesys_simulator::{Assignment, Target};
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

use super::bodies::Org;
use super::history::{Kind, Violation};
use super::plan::{Plan, Submission, What};
use super::record;
use super::service::Service;
use super::watch::Watch;

/// How long everything may take to end once nothing happens any more, and after which time that is slow.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);
const SLOW: Duration = Duration::from_secs(50);

/// A job that was accepted.
#[derive(Debug, Clone)]
pub(super) struct Accepted {
    pub(super) id: String,
    pub(super) path: String,
    pub(super) key: String,
    pub(super) body: Value,
    /// What it asks for; of one that repeats entries, what the first of its kind asked for.
    pub(super) submission: Submission,
    /// The job whose entries it repeats.
    pub(super) repeats: Option<usize>,
    /// It carries out the plan of a dry run.
    pub(super) applies: bool,
    pub(super) cancelled: bool,
    pub(super) sent: Instant,
    pub(super) answered: Instant,
    pub(super) created: Timestamp,
    pub(super) view: Value,
    pub(super) entries: Vec<Value>,
}

pub(super) struct Run {
    pub(super) service: Service,
    pub(super) plan: Plan,
    pub(super) org: Org,
    pub(super) jobs: Vec<Accepted>,
    pub(super) initial: Vec<(Uuid, Target, Vec<Assignment>)>,
    pub(super) knows_same_user: bool,
    pub(super) violations: Vec<Violation>,
    /// Pairs of a dry run and the job that carried it out at once.
    pub(super) plans: Vec<(usize, usize)>,
    pub(super) watch: Watch,
    pub(super) requests: usize,
    begun: Instant,
}

/// Runs a plan and says everything that was wrong.
pub(super) async fn run(plan: &Plan) -> (Vec<Violation>, String) {
    let mut run = Run::new(plan.clone()).await;
    run.begun = Instant::now();
    for operation in plan.operations.clone() {
        tokio::time::sleep_until(run.begun + Duration::from_millis(operation.at)).await;
        run.perform(operation.what).await;
    }
    run.finish().await;
    run.service.end().await;
    let mut found = record::violations(&run);
    found.extend(run.violations.iter().cloned());
    found.extend(run.service.violations.iter().cloned());
    found.extend(run.watch.violations());
    (found, record::story(&run))
}

impl Run {
    async fn new(plan: Plan) -> Self {
        let service = Service::of(&plan).await;
        let (simulator, watch) = (service.simulator.clone(), Watch::default());
        let org = Org {
            users: simulator.users(),
            skills: simulator.catalogue(Target::RoutingSkills),
            groups: simulator.catalogue(Target::WfmSkillGroups),
        };
        let both = [Target::WfmSkillGroups, Target::RoutingSkills];
        let subjects = org.users.iter().flat_map(|user| both.map(|target| (user.id, target)));
        let initial =
            subjects.map(|(user, target)| (user, target, simulator.assignments_of(user, target).unwrap())).collect();
        let knows_same_user = service.knows("sameUser").await;
        service.lifecycle.spawn(watch.clone().run(service.client.clone()));
        let (jobs, violations, plans) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            service,
            plan,
            org,
            jobs,
            initial,
            knows_same_user,
            violations,
            plans,
            watch,
            requests: 0,
            begun: Instant::now(),
        }
    }

    pub(super) fn complain(&mut self, kind: Kind, detail: String) {
        self.violations.push(Violation { kind, detail });
    }

    async fn perform(&mut self, what: What) {
        match what {
            What::Submit(submission) => drop(self.submit(submission, None).await),
            What::SubmitIntoKill(submission, millis) => drop(self.submit(submission, Some(millis)).await),
            What::Retry(nth) => drop(self.repeat(nth, "retry").await),
            What::Apply(nth) => drop(self.repeat(nth, "apply").await),
            What::Cancel(nth) => self.cancel(nth).await,
            What::PlanAndApply(submission) => self.plan_and_apply(submission).await,
            What::Foreign(user, target) => drop(self.service.simulator.foreign_write(self.org.users[user].id, target)),
            What::Toggle(user, target, item) => self.toggle(self.org.users[user].id, target, item),
            What::Terminate => self.terminate().await,
            What::Kill => self.kill().await,
            What::KillWhenShown => {
                self.last_shown_as_ended().await;
                self.kill().await;
            }
            What::TerminateWhenShown => {
                self.last_shown_as_ended().await;
                self.terminate().await;
            }
        }
    }

    async fn last_shown_as_ended(&self) {
        if let Some(job) = self.jobs.last() {
            self.shown_as_ended(&job.id, Duration::from_secs(4)).await;
        }
    }

    async fn terminate(&mut self) {
        self.service.terminate().await;
        self.service.start().await;
    }

    async fn kill(&mut self) {
        self.service.kill();
        self.service.start().await;
    }

    fn toggle(&self, user: Uuid, target: Target, item: usize) {
        let id = self.org.items(target)[item].id;
        let mut set = self.service.simulator.assignments_of(user, target).unwrap();
        let before = set.len();
        set.retain(|assignment| assignment.id != id);
        if set.len() == before {
            set.push(match target {
                Target::WfmSkillGroups => Assignment::group(id),
                Target::RoutingSkills | Target::RoutingLanguages => Assignment::skill(id, 5.0),
            });
        }
        self.service.simulator.foreign_set(user, target, &set);
    }

    async fn cancel(&mut self, nth: usize) {
        let Some(of) = nth.checked_rem(self.jobs.len()) else { return };
        let path = format!("/v1/sync-jobs/{}/cancel", self.jobs[of].id);
        self.jobs[of].cancelled = true;
        let key = self.next_key();
        self.post(&path, &key, &Value::Null).await;
    }

    async fn plan_and_apply(&mut self, submission: Submission) {
        let submission = Submission { dry_run: true, ..submission };
        let Some(dry) = self.submit(submission, None).await else { return };
        let id = self.jobs[dry].id.clone();
        if self.shown_as_ended(&id, Duration::from_secs(10)).await
            && let Some(real) = self.repeat(dry, "apply").await
        {
            self.plans.push((dry, real));
        }
    }

    /// Polls until a job is shown as ended.
    async fn shown_as_ended(&self, job: &str, patience: Duration) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < patience {
            let asked = Instant::now();
            if let Some((200, view)) = self.service.client.get(&format!("/v1/sync-jobs/{job}")).await {
                self.watch.saw_job(job, &view, asked);
                if view["finishedAt"].is_string() {
                    return true;
                }
            }
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        false
    }

    /// Lets everything end and reads what came of it, after a last kill if the plan has one.
    async fn finish(&mut self) {
        let quiet = Instant::now();
        self.let_all_end().await;
        let took = quiet.elapsed();
        if took > SLOW + self.plan.lag {
            self.complain(Kind::Slow, format!("everything had ended {took:?} after the last operation"));
        }
        if self.plan.killed_at_the_end {
            self.kill().await;
            self.let_all_end().await;
        }
        self.read_back().await;
        self.watch.end();
    }

    /// Waits until every job has ended, and lets those go on that are held.
    async fn let_all_end(&mut self) {
        let begun = Instant::now();
        for nth in 0..self.jobs.len() {
            let id = self.jobs[nth].id.clone();
            let mut ended = false;
            while !ended && begun.elapsed() < PATIENCE {
                ended = self.shown_as_ended(&id, Duration::from_millis(300)).await;
                let view = self.service.client.get(&format!("/v1/sync-jobs/{id}")).await;
                if view.is_some_and(|(_, view)| view["status"] == "held") {
                    let key = self.next_key();
                    self.post(&format!("/v1/sync-jobs/{id}/apply"), &key, &Value::Null).await;
                }
            }
            if !ended {
                self.complain(Kind::NotEnded, format!("job {nth} has not ended"));
            }
        }
    }

    async fn read_back(&mut self) {
        for nth in 0..self.jobs.len() {
            let Accepted { id, path, key, body, .. } = self.jobs[nth].clone();
            let asked = Instant::now();
            let view = self.service.client.get(&format!("/v1/sync-jobs/{id}")).await;
            let Some((200, view)) = view else {
                self.complain(Kind::Key, format!("job {nth} is answered with {view:?}"));
                continue;
            };
            self.watch.saw_job(&id, &view, asked);
            self.jobs[nth].view = view;
            let client = self.service.client.clone();
            self.jobs[nth].entries = self.watch.look_at_entries(&client, &id).await.unwrap_or_default();
            let again = self.post(&path, &key, &body).await;
            if again.as_ref().is_none_or(|(_, again)| again["id"] != id.as_str()) {
                self.complain(Kind::Key, format!("the key of job {nth} leads to {again:?}"));
            }
        }
    }
}
