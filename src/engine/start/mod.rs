//! The composition root of the engine. Recovers what an earlier process left unfinished.

mod interrupted_writes;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::backoff::Backoff;
use crate::clock::WallClock;
use crate::domain::place::DatesBefore;
use crate::engine::core::{Engine, EngineCore, EngineSettings};
use crate::engine::estimate::totals::OpenEntries;
use crate::engine::job::Job;
use crate::engine::job::acceptance_order::AcceptanceOrder;
use crate::engine::job::callback_queue::CallbackQueue;
use crate::engine::job::idempotency_keys::AcceptanceKeys;
use crate::engine::job::registry::JobRegistry;
use crate::engine::org::cache::Ages;
use crate::engine::org::catalogue::Catalogues;
use crate::engine::org::directory::Directory;
use crate::engine::org::endpoints::TargetEndpoints;
use crate::engine::org::holders::Holders;
use crate::engine::org::known_names::KnownNames;
use crate::engine::org::user_index::UserHistories;
use crate::engine::port::Genesys;
use crate::engine::tasks::{refresh, retention, scheduler};
use crate::engine::user::memory::UserStates;
use crate::engine::user::run_queue::RunQueues;
use crate::engine::user::slots::UserSlots;
use crate::journal::{Journal, Recovered};
use crate::lifecycle::Lifecycle;

/// Bytes of memory for jobs from which on the full number of keys is kept. With less memory, fewer keys are kept.
const MEMORY_FOR_ALL_KEYS: usize = 320 * 1024 * 1024;

impl Engine {
    /// Starts an engine and continues what an earlier process left unfinished. Its tasks end with `lifecycle`.
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
        let mut user_states = recovered.user_states;
        let attempts = interrupted_writes::taken_from(&mut user_states);
        let keys = recovered.keys;
        let core = Arc::new(EngineCore {
            registry: JobRegistry::default(),
            keys: Arc::new(AcceptanceKeys::recovered(keys.clone(), MEMORY_FOR_ALL_KEYS / settings.job_room.max(1))),
            open: OpenEntries::default(),
            users: UserHistories::default(),
            slots: UserSlots::default(),
            queues: RunQueues::default(),
            called_back: CallbackQueue::default(),
            user_states: UserStates::recovered(user_states, Arc::clone(&journal), clock, &dates),
            holders: Holders::default(),
            directory: Directory::new(ages),
            endpoints: TargetEndpoints::default(),
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
        refresh::start(&core, lifecycle);
        retention::start(&core, lifecycle);
        let engine = Self { core, lifecycle: lifecycle.clone(), behalf: None };
        let dating = engine.core.dating(Some(Arc::clone(&dates)));
        let jobs =
            recovered.jobs.into_iter().map(|kept| Job::recovered(kept, dating.clone(), engine.core.open.clone()));
        let jobs: Vec<_> = jobs.map(Arc::new).collect();
        // All jobs first: work on one must see that another one is still to be prepared.
        for job in &jobs {
            engine.core.order_of(job);
        }
        for job in &jobs {
            for (index, named, user) in job.known_users() {
                engine.core.users.note(&named, user, job.id(), index);
            }
        }
        let mut parked = interrupted_writes::go_on(&engine.core, attempts, &jobs, &dates);
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
}
