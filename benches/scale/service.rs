//! The service under measurement, put together as always, beside a Genesys of the bench's choice.

use std::future::pending;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use skillsync::app::{self, Dependencies, Service};
use skillsync::clock::WallClock;
use skillsync::config::Config;
use skillsync::domain::entry::EntryRequest;
use skillsync::domain::job::{JobSpec, Lane, SameUser};
use skillsync::domain::{JobId, Mode, Target};
use skillsync::engine::JobSnapshot;
use skillsync::genesys::rate_limiter::Start;
use skillsync::genesys::transport::Transport;
use skillsync::journal::{Journal, Recovered};
use skillsync::lifecycle::Lifecycle;
use tower::util::BoxCloneSyncService;

pub(crate) struct Running {
    pub(crate) service: Service,
    pub(crate) router: Router,
}

/// Starts a service.
pub(crate) fn start(transport: Transport, journal: Arc<dyn Journal>, extra: &str) -> Running {
    let config = format!(
        "[genesys]\napi_url = 'http://g'\nlogin_url = 'http://g'\nclient_id = 'skillsync-simulated'\n\
         client_secret = 'not-a-secret'\n{extra}"
    );
    let config = Config::from_toml(&config).expect("a good configuration");
    let around = Dependencies {
        transport,
        rate_limiter_start: Start::Empty,
        journal,
        recovered: Recovered::default(),
        clock: WallClock::following("2026-11-23T00:00:00Z".parse().expect("a date")),
        seed: 1,
    };
    let lifecycle = Lifecycle::default();
    let service = app::start(&config, around, &lifecycle).expect("the service starts");
    let router = app::router(&config, &service, &lifecycle);
    Running { service, router }
}

/// A Genesys that never answers, so that nothing but the acceptance is measured.
pub(crate) fn silent_genesys() -> Transport {
    BoxCloneSyncService::new(tower::service_fn(|_| pending()))
}

/// A folder for a journal, removed when dropped.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    /// Beside the build, which is on a disk; the folder for temporary files may be in memory.
    pub(crate) fn new() -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("scale-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Running {
    /// Submits a bulk job in mode `managed`.
    pub(crate) async fn submit(&self, target: Target, entries: Vec<EntryRequest>) -> JobId {
        let (mode, lane) = (Mode::Managed, Lane::Bulk);
        let spec = JobSpec { lane, same_user: SameUser::InOrder, ..JobSpec::new(target, mode) };
        self.service.engine.submit(spec, entries).await.expect("it is written down").id
    }

    /// Waits until a job is over.
    pub(crate) async fn finish(&self, job: JobId) -> JobSnapshot {
        let mut revisions = self.service.engine.watch(job).expect("the job exists");
        loop {
            let snapshot = self.service.engine.job(job).expect("the job exists");
            if snapshot.finished_at.is_some() {
                return snapshot;
            }
            revisions.changed().await.expect("the job lives");
        }
    }
}
