//! The engine: accepts jobs, resolves their entries, and carries them out user by user.
//!
//! It knows nothing of HTTP. What it needs from Genesys is the trait in [`port`]; what others may ask of it are the verbs
//! of [`Engine`].

mod acceptance;
mod asked;
mod attempts;
mod backoff;
mod cache;
mod callback;
mod catalogue;
mod conclusion;
mod creation;
mod dates;
mod deferrals;
mod directory;
mod ending;
mod endpoints;
mod erasure;
mod forecast;
mod holders;
mod job;
mod listing;
mod missing;
mod names;
mod open;
mod order;
mod overview;
mod pass;
pub mod port;
mod preparation;
mod preread;
mod progress;
mod queue;
mod recheck;
mod registry;
mod release;
mod renewal;
mod resolve;
mod retention;
mod scheduler;
mod slots;
mod standings;
mod submit;
mod ticket;
mod turns;
mod users;
mod verdict;
mod weigh;
mod workload;

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::watch;
use tracing::Instrument as _;

use self::acceptance::AcceptanceKeys;
pub use self::acceptance::{Claim, OtherClaim, Reservation, TooManyKeys};
use self::asked::Behalf;
pub use self::backoff::Backoff;
use self::cache::Ages;
use self::callback::CalledBack;
use self::catalogue::Catalogues;
use self::directory::Directory;
use self::endpoints::Endpoints;
pub use self::erasure::{ErasureFault, Person};
pub use self::forecast::Forecast;
use self::holders::Holders;
pub use self::job::{ConflictRecord, EntryResult, EntrySnapshot, Followed, JobSnapshot, News};
use self::job::{Dating, Job};
use self::names::KnownNames;
pub use self::names::Names;
pub use self::open::EndedEntries;
use self::open::OpenEntries;
use self::order::AcceptanceOrder;
pub use self::overview::Overview;
use self::port::Genesys;
use self::queue::RunQueues;
use self::registry::JobRegistry;
use self::slots::UserSlots;
use self::standings::Standings;
pub use self::submit::{Once, OnceError, Under};
use self::users::UserHistories;
use crate::clock::WallClock;
use crate::domain::callback::CallbackUrl;
use crate::domain::conflict::ConflictPolicy;
use crate::domain::entry::AssignmentName;
use crate::domain::hold::HoldThresholds;
use crate::domain::job::JobStatus;
use crate::domain::place::DatesBefore;
use crate::domain::{AssignmentId, EntryState, JobId, Target, UserId, UserKey, UserRef};
use crate::journal::{Journal, JournalUsage, Recovered};
use crate::lifecycle::Lifecycle;

/// How the engine goes about its work.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    pub conflicts: ConflictPolicy,
    /// How long an entry waits for Genesys to be available.
    pub patience: Duration,
    /// How far the date of a change may lie ahead of now.
    pub future_tolerance: Duration,
    /// Whether a write may go out without a read where the version is known and checked.
    pub write_without_read: bool,
    /// Users worked on at a time, in each lane.
    pub seats: usize,
    /// What counts as ours, by name or id, whoever assigned it.
    pub managed: Vec<AssignmentName>,
    /// Of `routingSkills`, skills that Genesys lacks and that one job may have created.
    pub most_created_skills: u32,
    /// How much a job may take away without being looked at.
    pub hold: HoldThresholds,
    /// The cached directory and catalogues are read again when they are used at this age.
    pub renew_after: Duration,
    /// Beyond this age they are not used any more.
    pub use_until: Duration,
    /// How long a job can be read after it has ended.
    pub retention: Duration,
    /// Bytes that jobs may hold together.
    pub job_room: usize,
    /// How long the audit record is kept.
    pub audit_retention: Duration,
    /// Who is told of jobs that name nobody themselves.
    pub callback: Option<CallbackUrl>,
    pub seed: u64,
}

impl EngineSettings {
    /// How far the date of a change may lie ahead of now.
    fn tolerance(&self) -> SignedDuration {
        SignedDuration::try_from(self.future_tolerance).unwrap_or(SignedDuration::MAX)
    }
}

impl EngineCore {
    /// How the places of a job's entries follow from their dates; `before` for a job of a process before this one.
    fn dating(&self, before: Option<Arc<DatesBefore>>) -> Dating {
        Dating { tolerance: self.settings.tolerance(), before }
    }

    /// Enters a job of a process before this one into the acceptance order, if something of it is still to be parked.
    fn order_of(&self, job: &Job) {
        if let Some(place) = job.oldest_place() {
            self.order.prepares(job.id(), place);
        }
    }
}

/// What is known of one user.
#[derive(Debug)]
pub struct UserSnapshot {
    pub user: UserId,
    /// The newest entries about them, newest first.
    pub entries: Vec<(JobId, Target, EntrySnapshot)>,
    /// What skillsync itself assigned.
    pub owned: Vec<(Target, Arc<BTreeSet<AssignmentId>>)>,
}

/// With so much memory for jobs, there is room for all keys; with less, for as many fewer.
const MEMORY_FOR_ALL_KEYS: usize = 320 * 1024 * 1024;

/// Everything that belongs to one Genesys org.
#[derive(Debug)]
struct EngineCore {
    genesys: Arc<dyn Genesys>,
    journal: Arc<dyn Journal>,
    settings: EngineSettings,
    clock: WallClock,
    registry: JobRegistry,
    keys: Arc<AcceptanceKeys>,
    open: OpenEntries,
    users: UserHistories,
    slots: UserSlots,
    queues: RunQueues,
    called_back: CalledBack,
    standings: Standings,
    holders: Holders,
    directory: Directory,
    endpoints: Endpoints,
    catalogues: Catalogues,
    names: KnownNames,
    backoff: Backoff,
    order: AcceptanceOrder,
    /// Held while ends are decided and handed to the journal.
    deciding: Mutex<()>,
}

/// The engine of one org; clones are handles to the same one.
#[derive(Debug, Clone)]
pub struct Engine {
    core: Arc<EngineCore>,
    lifecycle: Lifecycle,
    /// On whose behalf this handle acts; nobody's, if the service acts by itself.
    behalf: Option<Arc<Behalf>>,
}

impl Engine {
    /// Starts an engine with what a process before this one left unfinished; its tasks end with `lifecycle`.
    pub fn start(
        genesys: Arc<dyn Genesys>,
        journal: Arc<dyn Journal>,
        recovered: Recovered,
        settings: EngineSettings,
        clock: WallClock,
        lifecycle: &Lifecycle,
    ) -> Self {
        let ages = Ages { renew_after: settings.renew_after, use_until: settings.use_until };
        let started = clock.now();
        let accepted = || recovered.jobs.iter().map(|kept| (kept.job.id, kept.job.created_at));
        let dates = Arc::new(DatesBefore::at(started, settings.tolerance(), accepted()));
        let mut standings = recovered.standings;
        let attempts = attempts::taken_from(&mut standings);
        let keys = recovered.keys;
        let core = Arc::new(EngineCore {
            registry: JobRegistry::default(),
            keys: Arc::new(AcceptanceKeys::recovered(keys.clone(), MEMORY_FOR_ALL_KEYS / settings.job_room.max(1))),
            open: OpenEntries::default(),
            users: UserHistories::default(),
            slots: UserSlots::default(),
            queues: RunQueues::default(),
            called_back: CalledBack::default(),
            standings: Standings::recovered(standings, Arc::clone(&journal), clock, &dates),
            holders: Holders::default(),
            directory: Directory::new(ages),
            endpoints: Endpoints::default(),
            catalogues: Catalogues::new(ages, settings.managed.clone()),
            names: KnownNames::recovered(&recovered.memos),
            backoff: Backoff::new(Duration::from_secs(1), Duration::from_secs(60), settings.seed),
            order: AcceptanceOrder::after(accepted(), &dates),
            deciding: Mutex::default(),
            genesys,
            journal,
            settings,
            clock,
        });
        scheduler::start(&core, lifecycle);
        renewal::start(&core, lifecycle);
        retention::start(&core, lifecycle);
        let engine = Self { core, lifecycle: lifecycle.clone(), behalf: None };
        let dating = engine.core.dating(Some(Arc::clone(&dates)));
        let jobs =
            recovered.jobs.into_iter().map(|kept| Job::recovered(kept, dating.clone(), engine.core.open.clone()));
        let jobs: Vec<_> = jobs.map(Arc::new).collect();
        // All of them first: work on one may not overlook that another one is still to be prepared.
        for job in &jobs {
            engine.core.order_of(job);
        }
        for job in &jobs {
            for (index, named, user) in job.known_users() {
                engine.core.users.note(&named, user, job.id(), index);
            }
        }
        let mut parked = attempts::go_on(&engine.core, attempts, &jobs, &dates);
        for job in jobs {
            let parked = parked.remove(&job.id()).unwrap_or_default();
            engine.take_up(job, parked);
        }
        for (key, job) in keys {
            if let Some(job) = engine.core.registry.get(job) {
                job.keep_until(key.kept_until);
            }
        }
        engine
    }

    /// Makes a job readable, and works on what is open of it and not with its user already.
    fn take_up(&self, job: Arc<Job>, parked: HashSet<u32>) -> JobSnapshot {
        self.core.registry.insert(Arc::clone(&job));
        self.core.called_back.note(&job);
        let snapshot = job.snapshot();
        if snapshot.counts.ahead() > 0 {
            self.work_on(job, parked);
        }
        snapshot
    }

    /// Begins, or begins again, to bring the open entries of a job on their way, but for those that are on it.
    fn work_on(&self, job: Arc<Job>, parked: HashSet<u32>) {
        let (core, lifecycle, span) = (Arc::clone(&self.core), self.lifecycle.clone(), job.span());
        let work = async move { preparation::prepare(&core, &lifecycle, &job, parked).await };
        self.lifecycle.spawn_until_stop(work.instrument(span));
    }

    /// Jobs older than `before`, newest first; and whether there are more.
    pub fn jobs(&self, status: Option<JobStatus>, before: Option<JobId>, limit: usize) -> (Vec<JobSnapshot>, bool) {
        let (jobs, more) = self.core.registry.list(status, before, limit);
        (jobs.iter().map(|job| job.snapshot()).collect(), more)
    }

    /// What changed in a job since a follower was last told, at most `limit` entries of it.
    pub fn news(&self, id: JobId, told: Followed, limit: usize) -> Option<News> {
        self.core.registry.get(id).map(|job| job.news(told, limit))
    }

    /// What is known of a user, if any job has named them.
    pub fn user(&self, named: &UserRef) -> Option<UserSnapshot> {
        let (user, places) = self.core.users.find(named)?;
        let entries = places.into_iter().filter_map(|(id, index)| {
            let job = self.core.registry.get(id)?;
            let entry = job.entries(None, index, 1).0.pop()?;
            Some((id, job.spec().target, entry))
        });
        let owned = |target| self.core.standings.recall(UserKey { target, user }).owned;
        Some(UserSnapshot {
            user,
            entries: entries.collect(),
            owned: [Target::RoutingSkills, Target::WfmSkillGroups].map(|target| (target, owned(target))).into(),
        })
    }

    /// The user whom a caller has named so before.
    pub fn user_called(&self, named: &UserRef) -> Option<UserId> {
        self.core.users.find(named).map(|(user, _)| user)
    }

    /// The names, folded, that open entries give their users.
    pub fn open_names(&self) -> HashSet<UserRef> {
        let mut names = HashSet::new();
        self.core.registry.for_each(|job| job.add_open_names(&mut names));
        names
    }

    /// Whether nothing that a user has was assigned by us.
    pub fn owns_nothing_of(&self, user: UserId) -> bool {
        let owned = |target| self.core.standings.recall(UserKey { target, user }).owned;
        [Target::RoutingSkills, Target::WfmSkillGroups].into_iter().all(|target| owned(target).is_empty())
    }

    /// A job as it stands.
    pub fn job(&self, id: JobId) -> Option<JobSnapshot> {
        self.core.registry.get(id).map(|job| job.snapshot())
    }

    /// How often a job has changed.
    pub fn revision(&self, id: JobId) -> Option<u64> {
        self.core.registry.get(id).map(|job| job.revision())
    }

    /// At most `limit` entries of a job from `from` on, only those in `state` if given; and where the next page starts.
    pub fn entries(
        &self,
        id: JobId,
        state: Option<EntryState>,
        from: u32,
        limit: usize,
    ) -> Option<(Vec<EntrySnapshot>, Option<u32>)> {
        self.core.registry.get(id).map(|job| job.entries(state, from, limit))
    }

    /// Tells each new revision of a job.
    pub fn watch(&self, id: JobId) -> Option<watch::Receiver<u64>> {
        self.core.registry.get(id).map(|job| job.watch())
    }

    /// The names of a target's assignments, as far as they are known.
    pub fn names(&self, target: Target) -> Names<'_> {
        self.core.names.with(self.core.catalogues.known(target))
    }

    /// How much the journal holds.
    pub fn journal_usage(&self) -> JournalUsage {
        self.core.journal.usage()
    }

    /// Entries of all jobs that have not ended.
    pub fn open_entries(&self) -> u32 {
        self.core.open.count()
    }

    /// What Genesys has not listed for so long, although it was asked.
    pub fn unlisted_for(&self, time: Duration) -> Option<&'static str> {
        self.core.directory.unreadable_for(time).or_else(|| self.core.catalogues.unreadable_for(time))
    }

    /// Whether jobs hold all the memory that they may.
    pub fn lacks_room(&self) -> bool {
        self.core.open.held_bytes() >= self.core.settings.job_room
    }

    /// Bytes that jobs hold, also those that have ended.
    pub fn held_bytes(&self) -> usize {
        self.core.open.held_bytes()
    }

    /// Users with something pending or under way; zero when all work is done.
    pub fn occupied_slots(&self) -> usize {
        self.core.slots.len()
    }
}
