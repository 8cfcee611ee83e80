//! Carries out a plan on the paused clock and keeps everything that the checks ask about.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use skillsync::domain::entry::{AssignmentName, EntryRequest, ListedAssignment};
use skillsync::domain::job::{JobSpec, Urgency};
use skillsync::domain::{AssignmentId, EntryState, JobId, Mode, Proficiency, Target as OurTarget, UserId, UserRef};
use skillsync::engine::{EntryResult, JobSnapshot};
use skillsync::genesys::transport::Transport;
use skillsync::simulator::{Assignment, ConflictCause, Ledger, Simulator, Target};
use tokio::time::Instant;
use uuid::Uuid;

use super::plan::{Naming, Plan, Submission, What};
use super::tap::{Exchange, Tap};
use crate::bed::{Bed, ORIGIN};

/// What somebody wanted and what came of it.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) job: usize,
    pub(super) user: Uuid,
    pub(super) target: Target,
    pub(super) mode: Mode,
    pub(super) dry_run: bool,
    pub(super) listed: BTreeMap<Uuid, Option<f64>>,
    /// When it happened at the sender, else when it was accepted; and the order among equals.
    pub(super) effective_at: Timestamp,
    pub(super) dated: bool,
    pub(super) order: usize,
    pub(super) accepted_at: Instant,
    pub(super) finished_at: Instant,
    pub(super) state: EntryState,
    pub(super) result: EntryResult,
}

/// A run that has ended.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) ledger: Ledger,
    pub(super) exchanges: Vec<Exchange>,
    pub(super) jobs: Vec<JobSnapshot>,
    pub(super) entries: Vec<Entry>,
    /// What everybody had at the start.
    pub(super) initial: BTreeMap<(Uuid, Target), Vec<Assignment>>,
    pub(super) blocked: Vec<Uuid>,
    pub(super) occupied_slots: usize,
    /// Whether all jobs ended in time.
    pub(super) in_time: bool,
}

/// Longer than any job of a plan may take.
const PATIENCE: Duration = Duration::from_secs(1_200);

/// How the service is joined to the simulator; planted bugs hide here.
pub(super) type Way = fn(Transport) -> Transport;

/// Runs a plan with `services` services beside one simulator; more than one is a bug that the checks must see.
pub(super) fn run(plan: &Plan, way: Way, services: usize) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(carry_out(plan, way, services))
}

struct Running {
    simulator: Simulator,
    services: Vec<Bed>,
    started: Instant,
    users: Vec<Uuid>,
    /// Each job with the service that has it, and how it was asked for.
    jobs: Vec<(usize, JobId, Submission, Instant)>,
}

async fn carry_out(plan: &Plan, way: Way, services: usize) -> Run {
    let tap = Tap::default();
    let simulator = Simulator::new(plan.scenario.clone());
    let settings = format!("[sync]\nwrite_without_read = {}\nconflict_patience = '60s'", plan.write_without_read);
    let start =
        |_| Bed::join(simulator.clone(), Arc::default(), &plan.scenario, &settings, |wire| way(tap.around(wire)));
    let services = (0..services).map(start).collect();
    let users: Vec<Uuid> = simulator.users().iter().map(|user| user.id).collect();
    let mut running = Running { simulator, services, started: Instant::now(), users, jobs: Vec::new() };
    let initial = running.assignments();
    for operation in &plan.operations {
        tokio::time::sleep_until(running.started + Duration::from_millis(operation.at)).await;
        running.perform(&operation.what).await;
    }
    let in_time = tokio::time::timeout(PATIENCE, running.finish()).await.is_ok();
    // What was cancelled while it waited still has its slot until its time comes.
    tokio::time::sleep(Duration::from_secs(120)).await;
    running.record(initial, tap.exchanges(), in_time)
}

impl Running {
    fn assignments(&self) -> BTreeMap<(Uuid, Target), Vec<Assignment>> {
        let both = [Target::WfmSkillGroups, Target::RoutingSkills];
        let keys = self.users.iter().flat_map(|user| both.map(|target| (*user, target)));
        keys.map(|(user, target)| ((user, target), self.simulator.assignments_of(user, target).unwrap())).collect()
    }

    /// The catalogue's items that jobs use.
    fn item(&self, target: Target, item: usize) -> Uuid {
        self.simulator.catalogue(target)[item].id
    }

    async fn perform(&mut self, what: &What) {
        match what {
            What::Submit(submission) => self.submit(submission).await,
            What::Cancel(nth) => {
                if let Some((service, job, ..)) = self.jobs.get(nth % self.jobs.len().max(1)) {
                    self.services[*service].service.engine.cancel(*job);
                }
            }
            What::Foreign(user, target) => drop(self.simulator.foreign_write(self.users[*user], *target)),
            What::Toggle(user, target, item) => self.toggle(self.users[*user], *target, self.item(*target, *item)),
            What::Outage(outage, millis) => {
                let simulator = self.simulator.clone();
                simulator.set_outage(Some(*outage));
                let lasts = Duration::from_millis(*millis);
                #[expect(clippy::disallowed_methods, reason = "the run's own runtime ends it")]
                tokio::spawn(async move {
                    tokio::time::sleep(lasts).await;
                    simulator.set_outage(None);
                });
            }
            What::Revoke => self.simulator.revoke_tokens(),
            What::UseUpRate(calls) => self.simulator.use_up_rate(*calls),
        }
    }

    fn toggle(&self, user: Uuid, target: Target, id: Uuid) {
        let mut set = self.simulator.assignments_of(user, target).unwrap();
        let before = set.len();
        set.retain(|assignment| assignment.id != id);
        if set.len() == before {
            set.push(match target {
                Target::WfmSkillGroups => Assignment::group(id),
                Target::RoutingSkills => Assignment::skill(id, 5.0),
            });
        }
        self.simulator.foreign_set(user, target, &set);
    }

    async fn submit(&mut self, submission: &Submission) {
        let entries = submission.entries.iter().map(|wish| EntryRequest {
            reference: None,
            user: self.named(submission.naming, self.users[wish.user]),
            assignments: wish.items.iter().map(|item| self.listed(submission.target, *item)).collect(),
            occurred_at: wish.occurred.map(|seconds| origin() + SignedDuration::from_secs(seconds)),
        });
        let spec = JobSpec {
            target: ours(submission.target),
            mode: submission.mode,
            label: None,
            dry_run: submission.dry_run,
            urgency: if submission.urgent { Urgency::Interactive } else { Urgency::Bulk },
            callback: None,
        };
        let service = self.jobs.len() % self.services.len();
        let job = self.services[service].service.engine.submit(spec, entries.collect()).await.unwrap();
        self.jobs.push((service, job.id, submission.clone(), Instant::now()));
    }

    fn named(&self, naming: Naming, user: Uuid) -> UserRef {
        match naming {
            Naming::Id => UserRef::Id(UserId(user)),
            Naming::EmployeeId => UserRef::EmployeeId(self.simulator.user(user).unwrap().employee_id.unwrap().into()),
        }
    }

    fn listed(&self, target: Target, (item, rating): (usize, Option<u8>)) -> ListedAssignment {
        let rating = rating.filter(|_| target == Target::RoutingSkills);
        ListedAssignment {
            name: AssignmentName::Id(AssignmentId(self.item(target, item))),
            proficiency: rating.and_then(|rating| Proficiency::new(f64::from(rating))),
            because: None,
        }
    }

    async fn finish(&self) {
        for (service, job, ..) in &self.jobs {
            self.services[*service].finish(*job).await;
        }
    }

    fn record(
        self,
        initial: BTreeMap<(Uuid, Target), Vec<Assignment>>,
        exchanges: Vec<Exchange>,
        in_time: bool,
    ) -> Run {
        let mut entries = Vec::new();
        for (nth, (service, job, submission, accepted_at)) in self.jobs.iter().enumerate() {
            for snapshot in self.services[*service].entries(*job) {
                let request = snapshot.request;
                let user = self.users[submission.entries[snapshot.index as usize].user];
                let finished = snapshot.result.finished_at;
                let mut listed: BTreeMap<Uuid, Option<f64>> = BTreeMap::new();
                for item in request.assignments.iter() {
                    let AssignmentName::Id(id) = item.name else { panic!("assignments go by id here") };
                    let rating = item.proficiency.map(|rating| f64::from(rating.value()));
                    let known = listed.entry(id.0).or_default();
                    *known = known.max_by(rating);
                }
                entries.push(Entry {
                    job: nth,
                    user,
                    target: submission.target,
                    mode: submission.mode,
                    dry_run: submission.dry_run,
                    listed,
                    effective_at: request.occurred_at.unwrap_or_else(|| self.date(*accepted_at)),
                    dated: request.occurred_at.is_some(),
                    order: entries.len(),
                    accepted_at: *accepted_at,
                    finished_at: finished.map_or_else(Instant::now, |at| self.instant(at)),
                    state: snapshot.state,
                    result: snapshot.result,
                });
            }
        }
        let snapshot = |(service, job, ..): &(usize, JobId, _, _)| self.services[*service].service.engine.job(*job);
        Run {
            ledger: self.simulator.ledger(),
            exchanges,
            jobs: self.jobs.iter().filter_map(snapshot).collect(),
            entries,
            initial,
            blocked: self.simulator.fated(ConflictCause::Blocked),
            occupied_slots: self.services.iter().map(|bed| bed.service.engine.occupied_slots()).sum(),
            in_time,
        }
    }

    fn date(&self, at: Instant) -> Timestamp {
        origin() + SignedDuration::try_from(at - self.started).unwrap()
    }

    fn instant(&self, date: Timestamp) -> Instant {
        self.started + Duration::try_from(date.duration_since(origin())).unwrap()
    }
}

trait MaxBy {
    fn max_by(self, other: Self) -> Self;
}

impl MaxBy for Option<f64> {
    /// A listed rating beats none, and a higher one a lower one.
    fn max_by(self, other: Self) -> Self {
        match (self, other) {
            (Some(one), Some(other)) => Some(one.max(other)),
            (one, other) => one.or(other),
        }
    }
}

fn origin() -> Timestamp {
    ORIGIN.parse().unwrap()
}

fn ours(target: Target) -> OurTarget {
    match target {
        Target::WfmSkillGroups => OurTarget::WfmSkillGroups,
        Target::RoutingSkills => OurTarget::RoutingSkills,
    }
}
