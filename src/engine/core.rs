//! What the engine of one org consists of: the state that its stations share, and how it goes about its work.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::SignedDuration;

use crate::backoff::Backoff;
use crate::clock::WallClock;
use crate::domain::audit::Asker;
use crate::domain::callback::CallbackUrl;
use crate::domain::conflict::ConflictPolicy;
use crate::domain::entry::AssignmentName;
use crate::domain::hold::HoldThresholds;
use crate::domain::place::DatesBefore;
use crate::engine::estimate::totals::OpenEntries;
use crate::engine::job::acceptance_order::AcceptanceOrder;
use crate::engine::job::callback_queue::CallbackQueue;
use crate::engine::job::idempotency_keys::AcceptanceKeys;
use crate::engine::job::registry::JobRegistry;
use crate::engine::job::{Dating, Job};
use crate::engine::org::catalogue::Catalogues;
use crate::engine::org::directory::Directory;
use crate::engine::org::endpoints::TargetEndpoints;
use crate::engine::org::holders::{HolderSources, Holders};
use crate::engine::org::known_names::KnownNames;
use crate::engine::org::user_index::UserHistories;
use crate::engine::port::Genesys;
use crate::engine::user::memory::UserStates;
use crate::engine::user::run_queue::RunQueues;
use crate::engine::user::slots::UserSlots;
use crate::journal::Journal;
use crate::lifecycle::Lifecycle;

/// After so many panics in a row, of the preparation of a job or of the passes over a user, the entries concerned fail.
pub(in crate::engine) const MAX_PANICS: u32 = 5;

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
    pub(in crate::engine) fn tolerance(&self) -> SignedDuration {
        SignedDuration::try_from(self.future_tolerance).unwrap_or(SignedDuration::MAX)
    }
}

/// Everything that belongs to one Genesys org.
#[derive(Debug)]
pub(in crate::engine) struct EngineCore {
    pub(in crate::engine) genesys: Arc<dyn Genesys>,
    pub(in crate::engine) journal: Arc<dyn Journal>,
    pub(in crate::engine) settings: EngineSettings,
    pub(in crate::engine) clock: WallClock,
    pub(in crate::engine) registry: JobRegistry,
    pub(in crate::engine) keys: Arc<AcceptanceKeys>,
    pub(in crate::engine) open: OpenEntries,
    pub(in crate::engine) users: UserHistories,
    pub(in crate::engine) slots: UserSlots,
    pub(in crate::engine) queues: RunQueues,
    pub(in crate::engine) called_back: CallbackQueue,
    pub(in crate::engine) user_states: UserStates,
    pub(in crate::engine) holders: Holders,
    pub(in crate::engine) directory: Directory,
    pub(in crate::engine) endpoints: TargetEndpoints,
    pub(in crate::engine) catalogues: Catalogues,
    pub(in crate::engine) names: KnownNames,
    pub(in crate::engine) backoff: Backoff,
    pub(in crate::engine) order: AcceptanceOrder,
    /// Held while ends are decided and handed to the journal.
    pub(in crate::engine) deciding: Mutex<()>,
}

/// The engine of one org; clones are handles to the same one.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(in crate::engine) core: Arc<EngineCore>,
    pub(in crate::engine) lifecycle: Lifecycle,
    /// On whose behalf this handle acts; nobody's, if the service acts by itself.
    pub(in crate::engine) behalf: Option<Arc<ActingFor>>,
}

impl EngineCore {
    /// How the places of a job's entries follow from their dates; `before` for a job of a process before this one.
    pub(in crate::engine) fn dating(&self, before: Option<Arc<DatesBefore>>) -> Dating {
        Dating { tolerance: self.settings.tolerance(), before }
    }

    /// What tells who has a skill.
    pub(in crate::engine) fn holder_sources(&self) -> HolderSources<'_> {
        let (jobs, users, directory) = (&self.registry, &self.user_states, &self.directory);
        HolderSources { jobs, users, directory, use_until: self.settings.use_until }
    }

    /// Enters a job of a process before this one into the acceptance order, if something of it is still to be parked.
    pub(in crate::engine) fn order_of(&self, job: &Job) {
        if let Some(place) = job.oldest_place() {
            self.order.prepares(job.id(), place);
        }
    }
}

/// Who asks the engine for something.
#[derive(Debug)]
pub(in crate::engine) struct ActingFor {
    pub(in crate::engine) asker: Asker,
    /// The source whose export the submission is.
    pub(in crate::engine) export_of: Option<Arc<str>>,
}
