//! The shared state of one org's engine, and its settings.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::SignedDuration;

use crate::backoff::Backoff;
use crate::clock::WallClock;
use crate::domain::Proficiency;
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

/// Number of panics in a row, in the preparation of a job or in the reconciliations of a user, after which the entries
/// concerned fail.
pub(in crate::engine) const MAX_PANICS: u32 = 5;

/// The settings of the engine.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    pub conflicts: ConflictPolicy,
    /// How long an entry waits for Genesys to become available.
    pub patience: Duration,
    /// How far ahead of now the date of a change may lie.
    pub future_tolerance: Duration,
    /// Whether a write may go out without a read if the target checks versions and the version is known.
    pub write_without_read: bool,
    /// Rating of new assignments that are listed without one, unless the job has its own.
    pub default_proficiency: Option<Proficiency>,
    /// Number of users worked on at the same time, per lane and target.
    pub seats: usize,
    /// Assignments that count as owned whoever assigned them, by name or id.
    pub managed: Vec<AssignmentName>,
    /// Maximum number of missing skills created for one job. Applies to `routingSkills` only.
    pub most_created_skills: u32,
    /// How much a job may remove before it is held.
    pub hold: HoldThresholds,
    /// Age at which using a cached directory or catalogue triggers a refresh.
    pub renew_after: Duration,
    /// Maximum age at which a cached directory or catalogue is used.
    pub use_until: Duration,
    /// How long a job stays readable after it has ended.
    pub retention: Duration,
    /// Memory that all jobs together may take, in bytes.
    pub job_room: usize,
    /// How long audit records are kept.
    pub audit_retention: Duration,
    /// The callback of jobs that name none themselves.
    pub callback: Option<CallbackUrl>,
    pub seed: u64,
}

impl EngineSettings {
    /// Returns how far ahead of now the date of a change may lie.
    pub(in crate::engine) fn tolerance(&self) -> SignedDuration {
        SignedDuration::try_from(self.future_tolerance).unwrap_or(SignedDuration::MAX)
    }
}

/// The state that belongs to one Genesys org.
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

/// A handle to the engine of one org. Clones share the same engine.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(in crate::engine) core: Arc<EngineCore>,
    pub(in crate::engine) lifecycle: Lifecycle,
    /// Who this handle acts for; `None` if the service acts on its own behalf.
    pub(in crate::engine) behalf: Option<Arc<ActingFor>>,
}

impl EngineCore {
    /// Returns the rule by which a job's entries get their places from their dates. `before` is given for a job of an
    /// earlier process.
    pub(in crate::engine) fn dating(&self, before: Option<Arc<DatesBefore>>) -> Dating {
        Dating { tolerance: self.settings.tolerance(), before }
    }

    /// Returns what tells the holders of a skill.
    pub(in crate::engine) fn holder_sources(&self) -> HolderSources<'_> {
        let (jobs, users, directory) = (&self.registry, &self.user_states, &self.directory);
        HolderSources { jobs, users, directory, use_until: self.settings.use_until }
    }

    /// Enters a job of an earlier process into the acceptance order if some of its entries are still to be parked.
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
    /// The source whose export is being submitted, if it is one.
    pub(in crate::engine) export_of: Option<Arc<str>>,
}
