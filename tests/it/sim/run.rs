//! Carries out a plan on the paused clock and keeps everything that the checks ask about.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use genesys_simulator::{Assignment, ConflictCause, Target, UserState};
use jiff::{SignedDuration, Timestamp};
use skillsync::domain::entry::{AssignmentName, EntryRequest, ListedAssignment};
use skillsync::domain::job::{JobSpec, JobStatus, Lane, SameUser};
use skillsync::domain::{
    AssignmentId, EntryState, JobId, Mode, Owner, Proficiency, Target as OurTarget, UserId, UserRef,
};
use skillsync::engine::{Engine, EntrySnapshot, ResubmitError};
use tokio::time::Instant;
use uuid::Uuid;

use super::life::{Joints, Life, World};
use super::plan::{Naming, Plan, Restart, Submission, What, Wish};
use super::record::{Entry, Place, Run, listed, merge};
use super::shown::Taken;
use crate::bed::ORIGIN;
use crate::dying::Left;

/// Longer than any job of a plan may take.
const PATIENCE: Duration = Duration::from_secs(1_200);
/// What is shown is looked at this often.
const GLANCE: Duration = Duration::from_millis(100);

/// Runs a plan.
pub(super) fn run(plan: &Plan, joints: Joints) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(carry_out(plan, joints))
}

/// A job, and where it comes from.
#[derive(Debug, Clone)]
struct Job {
    service: usize,
    id: JobId,
    origin: Origin,
    accepted_at: Instant,
}

#[derive(Debug, Clone)]
enum Origin {
    Submitted(Submission),
    /// Repeats these entries of the job of this number.
    Repeats(usize, Vec<u32>),
}

struct Running<'a> {
    plan: &'a Plan,
    world: World,
    /// Taken out while one is being replaced.
    lives: Vec<Option<Life>>,
    started: Instant,
    users: Vec<Uuid>,
    jobs: Vec<Job>,
    /// What was being submitted when a process died.
    unanswered: Option<Origin>,
    doomed: Option<u64>,
    taken: Taken,
    employed: Vec<(Instant, Uuid, bool)>,
    restarts: usize,
    /// Since when a process may die with something lost, and from when to when one did.
    lossy_since: Option<Instant>,
    losses: Vec<(Instant, Instant)>,
}

async fn carry_out(plan: &Plan, joints: Joints) -> Run {
    let world = World::new(plan, joints);
    let lives = (0..joints.services).map(|_| Some(world.start(plan, &Arc::default()))).collect();
    let users: Vec<Uuid> = world.simulator.users().iter().map(|user| user.id).collect();
    let mut running = Running {
        plan,
        world,
        lives,
        started: Instant::now(),
        users,
        jobs: Vec::new(),
        unanswered: None,
        doomed: None,
        taken: Taken::default(),
        employed: Vec::new(),
        restarts: 0,
        lossy_since: None,
        losses: Vec::new(),
    };
    let initial = running.assignments();
    for operation in &plan.operations {
        running.pass_until(running.started + Duration::from_millis(operation.at)).await;
        running.perform(&operation.what).await;
        running.look();
    }
    let in_time = running.finish().await;
    // What was cancelled while it waited still has its slot until its time comes.
    tokio::time::sleep(Duration::from_secs(120)).await;
    running.record(initial, in_time)
}

impl Running<'_> {
    fn life(&self, service: usize) -> &Life {
        self.lives[service].as_ref().unwrap()
    }

    fn engine(&self, service: usize) -> Engine {
        self.life(service).bed.service.engine.clone()
    }

    fn assignments(&self) -> BTreeMap<(Uuid, Target), Vec<Assignment>> {
        let both = [Target::WfmSkillGroups, Target::RoutingSkills];
        let keys = self.users.iter().flat_map(|user| both.map(|target| (*user, target)));
        let has = |user, target| self.world.simulator.assignments_of(user, target).unwrap();
        keys.map(|(user, target)| ((user, target), has(user, target))).collect()
    }

    /// The catalogue's items that jobs use.
    fn item(&self, target: Target, item: usize) -> Uuid {
        self.world.simulator.catalogue(target)[item].id
    }

    /// Looks at everything that is shown.
    fn look(&mut self) {
        for job in &self.jobs {
            if let Some(life) = &self.lives[job.service] {
                self.taken.look(&life.bed.service.engine, job.id);
            }
        }
    }

    /// Lets time go by, and looks; a process that dies meanwhile is replaced.
    async fn pass_until(&mut self, until: Instant) {
        loop {
            self.revive().await;
            let next = (Instant::now() + GLANCE).min(until);
            let dead = self.life(0).journal.dead.clone();
            tokio::select! {
                () = dead.cancelled() => {}
                () = tokio::time::sleep_until(next) => self.look(),
            }
            if Instant::now() >= until && !self.life(0).journal.dead.is_cancelled() {
                return;
            }
        }
    }

    /// Replaces a dead process.
    async fn revive(&mut self) {
        if self.life(0).journal.dead.is_cancelled() {
            let pause = self.doomed.take().unwrap_or(1_000);
            self.replace(Restart::Killed { after: None, left: Left::Everything, pause }).await;
        }
    }

    async fn replace(&mut self, how: Restart) {
        let life = self.lives[0].take().unwrap();
        self.lives[0] = Some(self.world.restart(self.plan, life, how).await);
        self.restarts += 1;
        self.losses.extend(self.lossy_since.take().map(|since| (since, Instant::now())));
        let Some(origin) = self.unanswered.take() else { return };
        // Nobody was told of it, but it may have been accepted all the same.
        let engine = self.engine(0);
        let known = |id: JobId| self.jobs.iter().any(|job| job.id == id);
        if let Some(found) = engine.jobs(None, None, usize::MAX).0.into_iter().find(|job| !known(job.id)) {
            let accepted_at = self.instant(found.created_at);
            self.jobs.push(Job { service: 0, id: found.id, origin, accepted_at });
        }
    }

    async fn restart(&mut self, how: Restart) {
        if let Restart::Killed { after, left, .. } = how
            && (after.is_some() || left != Left::Everything)
        {
            self.lossy_since.get_or_insert_with(Instant::now);
        }
        match how {
            Restart::Stopped { .. } => self.replace(how).await,
            Restart::Killed { after: Some((after, done)), left, pause } => {
                self.doomed = Some(pause);
                self.life(0).journal.doom(after, done, left);
            }
            Restart::Killed { after: None, left, .. } => {
                self.look();
                self.life(0).journal.kill(left);
                self.replace(how).await;
            }
        }
        self.look();
    }

    /// What a call to the service comes to, unless the process dies meanwhile.
    async fn unless_dead<T>(&self, service: usize, call: impl Future<Output = T>) -> Option<T> {
        let dead = self.life(service).journal.dead.clone();
        tokio::select! {
            biased;
            answer = call => Some(answer),
            () = dead.cancelled() => None,
        }
    }

    async fn perform(&mut self, what: &What) {
        match what {
            What::Submit(submission) => self.submit(submission).await,
            What::Cancel(nth) => {
                if let Some(job) = self.nth(*nth) {
                    let engine = self.engine(job.service);
                    self.unless_dead(job.service, engine.cancel(job.id)).await;
                }
            }
            What::Retry(nth) => self.repeat(*nth, false).await,
            What::Apply(nth) => self.repeat(*nth, true).await,
            What::Release(nth) => {
                if let Some(job) = self.nth(*nth) {
                    let engine = self.engine(job.service);
                    self.unless_dead(job.service, engine.release(job.id)).await;
                }
            }
            What::Foreign(user, target) => {
                self.world.simulator.foreign_write(self.users[*user], *target);
            }
            What::Toggle(user, target, item) => self.toggle(self.users[*user], *target, self.item(*target, *item)),
            What::Employ(user, active) => {
                let state = if *active { UserState::Active } else { UserState::Inactive };
                self.world.simulator.set_user_state(self.users[*user], state);
                self.employed.push((Instant::now(), self.users[*user], *active));
            }
            What::Outage(outage, millis) => {
                let simulator = self.world.simulator.clone();
                simulator.set_outage(Some(*outage));
                let lasts = Duration::from_millis(*millis);
                #[expect(clippy::disallowed_methods, reason = "the run's own runtime ends it")]
                tokio::spawn(async move {
                    tokio::time::sleep(lasts).await;
                    simulator.set_outage(None);
                });
            }
            What::Revoke => self.world.simulator.revoke_tokens(),
            What::UseUpRate(calls) => self.world.simulator.use_up_rate(*calls),
            What::Restart(how) => self.restart(*how).await,
        }
        self.revive().await;
    }

    fn nth(&self, nth: usize) -> Option<Job> {
        self.jobs.get(nth % self.jobs.len().max(1)).cloned()
    }

    fn toggle(&self, user: Uuid, target: Target, id: Uuid) {
        let mut set = self.world.simulator.assignments_of(user, target).unwrap();
        let before = set.len();
        set.retain(|assignment| assignment.id != id);
        if set.len() == before {
            set.push(match target {
                Target::WfmSkillGroups => Assignment::group(id),
                Target::RoutingSkills | Target::RoutingLanguages => Assignment::skill(id, 5.0),
            });
        }
        self.world.simulator.foreign_set(user, target, &set);
    }

    async fn submit(&mut self, submission: &Submission) {
        let entries = submission.entries.iter().map(|wish| EntryRequest {
            reference: None,
            user: self.named(wish),
            assignments: wish.items.iter().map(|item| self.listed(submission.target, *item)).collect(),
            occurred_at: wish.occurred.map(|seconds| origin() + SignedDuration::from_secs(seconds)),
        });
        let entries = entries.collect();
        let spec = JobSpec {
            dry_run: submission.dry_run,
            lane: if submission.urgent { Lane::Interactive } else { Lane::Bulk },
            same_user: submission.same_user,
            owner: Owner::new(submission.owner),
            ..JobSpec::new(ours(submission.target), submission.mode)
        };
        let service = self.jobs.len() % self.lives.len();
        let engine = self.engine(service);
        let answer = self.unless_dead(service, engine.submit(spec, entries)).await;
        let id = answer.map(|answer| answer.unwrap().id);
        self.accepted(service, id, Origin::Submitted(submission.clone()));
    }

    /// Makes a job of what did not come through, or of what a dry run planned.
    async fn repeat(&mut self, nth: usize, applies: bool) {
        let Some(job) = self.nth(nth) else { return };
        let engine = self.engine(job.service);
        let states: &[EntryState] = if applies {
            &[EntryState::Planned]
        } else {
            &[EntryState::Failed, EntryState::Cancelled, EntryState::Held]
        };
        let entries = engine.entries(job.id, None, 0, usize::MAX).unwrap().0;
        let wanted: Vec<_> = entries.iter().filter(|entry| states.contains(&entry.state)).collect();
        let was_folded = |entry: &EntrySnapshot| {
            let state = matches!(entry.state, EntryState::Planned | EntryState::Unchanged | EntryState::Superseded);
            state && entry.result.reason.is_none()
        };
        // Rows that are one whole list are repeated together, as far as it is known that they are.
        let spec = engine.job(job.id).unwrap().spec;
        let whole = spec.same_user == SameUser::Merge && matches!(spec.mode, Mode::Managed | Mode::Replace);
        let with = |entry: &&EntrySnapshot| {
            let same_list = |other: &&EntrySnapshot| entry.user.is_some() && entry.user == other.user;
            wanted.iter().any(|other| other.index == entry.index || whole && !applies && same_list(other))
                || applies && was_folded(entry) && wanted.iter().any(same_list)
        };
        let repeated = entries.iter().filter(with).map(|entry| entry.index).collect();
        let origin = Origin::Repeats(self.jobs.iter().position(|known| known.id == job.id).unwrap(), repeated);
        let call = async {
            let again = if applies { engine.apply(job.id, None, true).await } else { engine.retry(job.id, None).await };
            match again {
                Ok(again) => Some(again),
                Err(ResubmitError::NothingToDo) => None,
                Err(error) => panic!("{error}"),
            }
        };
        match self.unless_dead(job.service, call).await {
            Some(None) => {}
            Some(Some(again)) => self.accepted(job.service, Some(again.id), origin),
            None => self.accepted(job.service, None, origin),
        }
    }

    fn accepted(&mut self, service: usize, id: Option<JobId>, origin: Origin) {
        match id {
            Some(id) => self.jobs.push(Job { service, id, origin, accepted_at: Instant::now() }),
            None => self.unanswered = Some(origin),
        }
    }

    fn named(&self, wish: &Wish) -> UserRef {
        let Some(user) = self.users.get(wish.user).and_then(|user| self.world.simulator.user(*user)) else {
            return match wish.naming {
                Naming::Id => UserRef::Id(UserId(Uuid::from_u128(404))),
                Naming::Email => UserRef::Email("nobody@example.com".into()),
                Naming::EmployeeId => UserRef::EmployeeId("E404".into()),
                Naming::ExternalId => UserRef::ExternalId { authority: "hris".into(), key: "H404".into() },
            };
        };
        match wish.naming {
            Naming::Id => UserRef::Id(UserId(user.id)),
            Naming::Email => UserRef::Email(user.email.into()),
            Naming::EmployeeId => UserRef::EmployeeId(user.employee_id.unwrap().into()),
            Naming::ExternalId => {
                let external = &user.external_ids[0];
                UserRef::ExternalId { authority: external.authority.as_str().into(), key: external.key.as_str().into() }
            }
        }
    }

    fn listed(&self, target: Target, (item, rating): (usize, Option<u8>)) -> ListedAssignment {
        let rating = rating.filter(|_| target == Target::RoutingSkills);
        ListedAssignment {
            name: AssignmentName::Id(AssignmentId(self.item(target, item))),
            proficiency: rating.and_then(|rating| Proficiency::new(f64::from(rating))),
            because: None,
            left_as_is: false,
        }
    }

    /// Waits until every job has ended, and lets those go on that are held; false if that takes too long.
    async fn finish(&mut self) -> bool {
        let since = Instant::now();
        loop {
            let rest = since.elapsed();
            let pause =
                if rest < Duration::from_secs(60) { Duration::from_millis(100) } else { Duration::from_secs(2) };
            self.pass_until(Instant::now() + pause).await;
            let mut ended = true;
            for job in self.jobs.clone() {
                let engine = self.engine(job.service);
                let Some(snapshot) = engine.job(job.id) else { continue };
                ended &= snapshot.finished_at.is_some();
                if snapshot.status == JobStatus::Held {
                    self.unless_dead(job.service, engine.release(job.id)).await;
                }
            }
            if ended || rest > PATIENCE {
                self.look();
                self.empty_slots().await;
                return ended;
            }
        }
    }

    /// Who was cancelled while Genesys had asked for a wait keeps the slot until then.
    async fn empty_slots(&self) {
        let longest = Instant::now() + Duration::from_secs(3_700);
        let occupied = || self.lives.iter().flatten().any(|life| life.bed.service.engine.occupied_slots() > 0);
        while occupied() && Instant::now() < longest {
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    }

    fn record(mut self, initial: BTreeMap<(Uuid, Target), Vec<Assignment>>, in_time: bool) -> Run {
        let entries = self.entries();
        let snapshot = |job: &Job| self.engine(job.service).job(job.id);
        Run {
            plan: self.plan.clone(),
            ledger: self.world.simulator.ledger(),
            exchanges: self.world.tap.exchanges(),
            jobs: self.jobs.iter().filter_map(snapshot).collect(),
            entries,
            initial,
            blocked: self.world.simulator.fated(ConflictCause::Blocked),
            occupied_slots: self.lives.iter().flatten().map(|life| life.bed.service.engine.occupied_slots()).sum(),
            in_time,
            taken: std::mem::take(&mut self.taken),
            employed: self.employed,
            restarts: self.restarts,
            losses: self.losses,
        }
    }

    fn entries(&self) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        for (nth, job) in self.jobs.iter().enumerate() {
            let engine = self.engine(job.service);
            let created_at = engine.job(job.id).unwrap().created_at;
            for snapshot in engine.entries(job.id, None, 0, usize::MAX).unwrap().0 {
                let origin = self.original(nth, snapshot.index);
                let first = entries.iter().find(|entry| (entry.job, entry.index) == origin);
                let Origin::Submitted(submission) = &self.jobs[origin.0].origin else {
                    panic!("every job has a first")
                };
                let place = first.map_or_else(
                    || snapshot.request.occurred_at.unwrap_or(created_at),
                    |first| first.place.effective_at,
                );
                entries.push(Entry {
                    job: nth,
                    index: snapshot.index,
                    user: self.users.get(submission.entries[origin.1 as usize].user).copied(),
                    target: submission.target,
                    mode: submission.mode,
                    owner: submission.owner,
                    dry_run: engine.job(job.id).unwrap().spec.dry_run,
                    listed: listed(&snapshot),
                    own: listed(&snapshot),
                    place: Place { effective_at: place, accepted: origin, own: (nth, snapshot.index) },
                    same_user: submission.same_user,
                    dated: snapshot.request.occurred_at.is_some(),
                    repeats: origin.0 != nth,
                    order: entries.len(),
                    accepted_at: job.accepted_at,
                    finished_at: snapshot.result.finished_at.map_or_else(Instant::now, |at| self.instant(at)),
                    state: snapshot.state,
                    result: snapshot.result,
                });
            }
        }
        merge(&mut entries);
        entries
    }

    /// The first of the entries that repeat one another.
    fn original(&self, job: usize, index: u32) -> (usize, u32) {
        match &self.jobs[job].origin {
            Origin::Submitted(_) => (job, index),
            Origin::Repeats(before, entries) => self.original(*before, entries[index as usize]),
        }
    }

    fn instant(&self, date: Timestamp) -> Instant {
        self.started + Duration::try_from(date.duration_since(origin())).unwrap_or_default()
    }
}

fn origin() -> Timestamp {
    ORIGIN.parse().unwrap()
}

fn ours(target: Target) -> OurTarget {
    match target {
        Target::WfmSkillGroups => OurTarget::WfmSkillGroups,
        Target::RoutingSkills => OurTarget::RoutingSkills,
        Target::RoutingLanguages => unreachable!("no job of skillsync is about languages"),
    }
}
