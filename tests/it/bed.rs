//! The test bed: a service and the simulated Genesys in one process, joined in memory, on a clock that tests may pause.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use genesys_simulator::{Scenario, Simulator};
use http::Request;
use skillsync::app::{self, Dependencies, Service};
use skillsync::clock::WallClock;
use skillsync::config::Config;
use skillsync::domain::acceptance::{Fingerprint, KeySpace};
use skillsync::domain::assignment::Target;
use skillsync::domain::entry::{AssignmentName, EntryRequest, ListedAssignment};
use skillsync::domain::job::{JobSpec, JobStatus, SameUser};
use skillsync::domain::{EntryState, JobId, Mode, UserRef};
use skillsync::engine::{Claim, EntrySnapshot, IdempotencyContext, JobSnapshot};
use skillsync::genesys::rate_limiter::Start;
use skillsync::genesys::transport::Transport;
use skillsync::hris::RecordTransport;
use skillsync::journal::{Journal, MemoryJournal};
use skillsync::lifecycle::Lifecycle;
use tower::ServiceExt;

use crate::noted::noting;

/// The date at which every test begins.
pub(crate) const ORIGIN: &str = "2026-11-22T22:00:00Z";

/// A running service beside its simulator.
pub(crate) struct Bed {
    pub(crate) simulator: Simulator,
    pub(crate) service: Service,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) kept: Arc<MemoryJournal>,
    pub(crate) clock: WallClock,
    pub(crate) config: Config,
}

impl Bed {
    /// Starts both; `extra` is added to the configuration.
    pub(crate) fn start(scenario: &Scenario, extra: &str) -> Self {
        Self::join(Simulator::new(scenario.clone()), Arc::default(), scenario, extra, |wire| wire)
    }

    /// The same with another secret than Genesys knows.
    pub(crate) fn start_with_secret(scenario: &Scenario, extra: &str, secret: &str) -> Self {
        let simulator = Simulator::new(scenario.clone());
        let mut login = scenario.clone();
        secret.clone_into(&mut login.credentials.client_secret);
        Self::join(simulator, Arc::default(), &login, extra, |wire| wire)
    }

    /// Starts a service on what a service before it left in the journal, beside a simulator that went on.
    pub(crate) fn resume(simulator: Simulator, kept: Arc<MemoryJournal>, scenario: &Scenario) -> Self {
        Self::join(simulator, kept, scenario, "", |wire| wire)
    }

    /// The process stops, what is under way is finished, and another one starts `pause` later on what is left in the
    /// journal: Genesys and the calendar went on.
    pub(crate) async fn restart(self, scenario: &Scenario, pause: Duration) -> Self {
        assert!(self.lifecycle.stop(Duration::from_secs(120)).await, "what is under way ends");
        let journal = Arc::clone(&self.kept);
        self.replaced(scenario, pause, journal, |wire| wire).await
    }

    /// Another process starts `pause` later in the place of one that is dead.
    pub(crate) async fn replaced(
        self,
        scenario: &Scenario,
        pause: Duration,
        journal: Arc<dyn Journal>,
        way: impl FnOnce(Transport) -> Transport,
    ) -> Self {
        self.lifecycle.begin_stop();
        let Self { simulator, kept, clock, service, .. } = self;
        drop(service);
        tokio::time::sleep(pause).await;
        Self::join_at(clock, simulator, kept, journal, scenario, "", way, no_hris())
    }

    /// Starts a service beside a simulator that runs already, with something of the test's own between them.
    pub(crate) fn join(
        simulator: Simulator,
        kept: Arc<MemoryJournal>,
        scenario: &Scenario,
        extra: &str,
        way: impl FnOnce(Transport) -> Transport,
    ) -> Self {
        let clock = WallClock::following(ORIGIN.parse().expect("a date"));
        let journal = Arc::clone(&kept);
        Self::join_at(clock, simulator, kept, journal, scenario, extra, way, no_hris())
    }

    /// The same beside an HR system of the test's own.
    pub(crate) fn join_hris(
        simulator: Simulator,
        kept: Arc<MemoryJournal>,
        scenario: &Scenario,
        extra: &str,
        records: RecordTransport,
    ) -> Self {
        let clock = WallClock::following(ORIGIN.parse().expect("a date"));
        let journal = Arc::clone(&kept);
        Self::join_at(clock, simulator, kept, journal, scenario, extra, |wire| wire, records)
    }

    /// Starts a first service with something of the test's own before what the journal keeps, and on the wire.
    pub(crate) fn first(
        simulator: Simulator,
        kept: Arc<MemoryJournal>,
        journal: Arc<dyn Journal>,
        scenario: &Scenario,
        way: impl FnOnce(Transport) -> Transport,
    ) -> Self {
        let clock = WallClock::following(ORIGIN.parse().expect("a date"));
        Self::join_at(clock, simulator, kept, journal, scenario, "", way, no_hris())
    }

    /// Starts one life of a service whose settings and calendar outlive it, with something of the test's own before what
    /// the journal keeps, and on the wire.
    pub(crate) fn living(
        clock: WallClock,
        simulator: Simulator,
        kept: &Arc<MemoryJournal>,
        journal: Arc<dyn Journal>,
        settings: (&Scenario, &str),
        way: impl FnOnce(Transport) -> Transport,
    ) -> Self {
        let (scenario, extra) = settings;
        Self::join_at(clock, simulator, Arc::clone(kept), journal, scenario, extra, way, no_hris())
    }

    /// The same at another date, and with something of the test's own before what the journal keeps.
    #[expect(clippy::too_many_arguments, reason = "the verbs above give all but what they are about")]
    fn join_at(
        clock: WallClock,
        simulator: Simulator,
        kept: Arc<MemoryJournal>,
        journal: Arc<dyn Journal>,
        scenario: &Scenario,
        extra: &str,
        way: impl FnOnce(Transport) -> Transport,
        records: RecordTransport,
    ) -> Self {
        let login = &scenario.credentials;
        let config = Config::from_toml(&format!(
            "[genesys]\napi_url = 'http://genesys.test'\nlogin_url = 'http://genesys.test'\n\
             client_id = '{}'\nclient_secret = '{}'\n{extra}",
            login.client_id, login.client_secret
        ))
        .expect("the test's configuration is good");
        let lifecycle = Lifecycle::default();
        let recovered = kept.recovered();
        let around = Dependencies {
            transport: way(noting(app::in_memory(&simulator, Duration::from_secs(60)))),
            rate_limiter_start: if recovered.calls.is_empty() {
                Start::Empty
            } else {
                app::start_from(&recovered.calls, clock)
            },
            recovered,
            journal,
            clock,
            seed: scenario.seed,
        };
        let service = app::start_beside(&config, around, &lifecycle, records).expect("the service starts");
        Self { simulator, service, lifecycle, kept, clock, config }
    }

    /// Accepts a job under a key, unless one was: the job, and whether it was.
    pub(crate) async fn submit_once(
        &self,
        space: &KeySpace,
        key: &str,
        spec: JobSpec,
        entries: Vec<EntryRequest>,
    ) -> Result<(JobId, bool), String> {
        let engine = &self.service.engine;
        loop {
            match engine.claim(space, key).map_err(|error| error.to_string())? {
                Claim::Accepted(_, job) => return Ok((job, true)),
                Claim::Accepting(other) => other.ended().await,
                Claim::Reserved(reservation) => {
                    let under = IdempotencyContext { reservation, fingerprint: Fingerprint::default() };
                    let job = engine.submit_under(Some(under), spec, entries).await;
                    return job.map(|job| (job.id, false)).map_err(|error| error.to_string());
                }
            }
        }
    }

    /// Submits a job of the given mode over all `entries`.
    pub(crate) async fn submit(&self, target: Target, mode: Mode, entries: Vec<EntryRequest>) -> JobId {
        let spec = JobSpec { same_user: SameUser::InOrder, ..JobSpec::new(target, mode) };
        self.service.engine.submit(spec, entries).await.expect("the journal takes it").id
    }

    /// Waits until every entry of the job has ended.
    pub(crate) async fn finish(&self, job: JobId) -> JobSnapshot {
        let mut revisions = self.service.engine.watch(job).expect("the job exists");
        loop {
            let snapshot = self.service.engine.job(job).expect("the job exists");
            if snapshot.finished_at.is_some() {
                return snapshot;
            }
            let hold = snapshot.hold.as_ref().filter(|_| snapshot.status == JobStatus::Held);
            assert!(hold.is_none(), "nobody lets it go on: {hold:?}");
            revisions.changed().await.expect("the job lives");
        }
    }

    /// What the HTTP side answers to a GET, as text.
    pub(crate) async fn get(&self, path: &str) -> String {
        self.send(Request::get(path).body(Body::empty()).expect("a request")).await.1
    }

    /// What the HTTP side answers, as status and text.
    pub(crate) async fn send(&self, request: Request<Body>) -> (u16, String) {
        let router = app::router(&self.config, &self.service, &self.lifecycle);
        let answer = router.oneshot(request).await.expect("routers do not fail");
        let status = answer.status().as_u16();
        let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.expect("a body");
        (status, String::from_utf8(body.into()).expect("text"))
    }

    /// All entries of a job.
    pub(crate) fn entries(&self, job: JobId) -> Vec<EntrySnapshot> {
        self.service.engine.entries(job, None, 0, usize::MAX).expect("the job exists").0
    }
}

/// The way to an HR system of a test that has none.
fn no_hris() -> RecordTransport {
    skillsync::hris::over_http().expect("there can be a client")
}

/// An entry for the `n`th generated employee.
pub(crate) fn employee(n: usize, groups: &[&str]) -> EntryRequest {
    let listed = |name: &&str| ListedAssignment {
        name: AssignmentName::Name((*name).into()),
        proficiency: None,
        because: None,
        left_as_is: false,
    };
    EntryRequest {
        reference: None,
        user: UserRef::EmployeeId(format!("E{}", 1000 + n).into()),
        assignments: groups.iter().map(listed).collect(),
        occurred_at: None,
    }
}

/// Entries in a state.
pub(crate) fn in_state(job: &JobSnapshot, state: EntryState) -> u32 {
    job.counts.of(state)
}
