//! The composition root: the only module that connects all parts.

mod callbacks;
mod calls;
mod limits;
mod metrics;
pub mod owner;
mod readiness;
pub mod usable;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::HeaderName;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use self::callbacks::CalledBack;
use self::calls::JournalledCalls;
pub use self::calls::start_from;
use self::limits::RateLimiterLimits;
use self::metrics::ServiceMetrics;
use self::owner::Ownership;
use crate::api::{
    self, ApiContext, ApiKey, ApiKeys, ApiSettings, Bounds, NoKeyLeft, RequestState, Role, ServeSettings,
};
use crate::backoff::Backoff;
use crate::clock::WallClock;
use crate::config::{ApiKeyConfig, Config, ConfigError, KeyMode, KeyRole, SourceTarget};
use crate::domain::conflict::ConflictPolicy;
use crate::domain::entry::AssignmentName;
use crate::domain::hold::{HoldThresholds, Percent};
use crate::domain::{Mode, Owner, Proficiency, Target};
use crate::engine::{Engine, EngineSettings};
use crate::genesys::login::{Credentials, TokenSource};
use crate::genesys::org::{OrgGuard, OrgState};
use crate::genesys::rate_limiter::{Credit, Limits, RateLimiter, Start, WindowLimit};
use crate::genesys::transport::{Transport, TransportError, TransportSettings};
use crate::genesys::{Endpoints, GenesysClient};
use crate::hris::filter::FilterRunner;
use crate::hris::{self, Intake, IntakeDependencies, RecordTransport, Sources};
use crate::journal::{Journal, Recovered};
use crate::lifecycle::Lifecycle;
use genesys_simulator::Simulator;

/// The external dependencies of a service, which tests replace.
#[derive(Debug)]
pub struct Dependencies {
    /// The transport to Genesys.
    pub transport: Transport,
    /// What the rate limiter assumes about calls of an earlier process.
    pub rate_limiter_start: Start,
    pub journal: Arc<dyn Journal>,
    /// What was read back from the journal.
    pub recovered: Recovered,
    pub clock: WallClock,
    /// The seed of jitter.
    pub seed: u64,
}

/// A running service without its HTTP API.
#[derive(Debug)]
pub struct Service {
    pub engine: Engine,
    /// The rate limiter for calls to Genesys.
    pub rate_limiter: RateLimiter,
    /// Handles what HR systems send.
    pub intake: Intake,
    clock: WallClock,
    tokens: Arc<TokenSource>,
    journal: Arc<dyn Journal>,
    /// Whether the org is the one that the journal belongs to; `None` if the journal belongs to no org yet.
    org: Option<watch::Receiver<OrgState>>,
}

/// Assembles a service and starts its tasks, which end with `lifecycle`.
pub fn start(config: &Config, around: Dependencies, lifecycle: &Lifecycle) -> Result<Service, ConfigError> {
    start_beside(config, around, lifecycle, hris::over_http()?)
}

/// Like [`start`], with another transport for reading records from HR systems.
pub fn start_beside(
    config: &Config,
    around: Dependencies,
    lifecycle: &Lifecycle,
    records: RecordTransport,
) -> Result<Service, ConfigError> {
    let backoff = Arc::new(Backoff::new(Duration::from_millis(500), Duration::from_secs(30), around.seed));
    let book = Arc::new(JournalledCalls { journal: Arc::clone(&around.journal), clock: around.clock });
    let rate_limiter = RateLimiter::with_usage_log(&limits(config), around.rate_limiter_start, book, lifecycle);
    let (transport, clock) = (around.transport, around.clock);
    let tokens = login(config, transport.clone(), Arc::clone(&backoff), clock)?;
    let endpoints = endpoints(config)?;
    let client = GenesysClient::new(transport, rate_limiter.clone(), Arc::clone(&tokens), backoff, endpoints, clock);
    let sources = Sources::compile(&config.webhooks, FilterRunner::of_this_program())?;
    let recovered = around.recovered;
    let (client, org) = confirmed(config, client, &around.journal, &recovered, lifecycle)?;
    let memos = recovered.memos.clone();
    let called_back = CalledBack::configured(&config.callbacks)?;
    let journal = Arc::clone(&around.journal);
    let engine = Engine::start(
        Arc::new(client),
        Arc::clone(&around.journal),
        recovered,
        EngineSettings { callback: called_back.by_default.clone(), ..engine_settings(config, around.seed) },
        around.clock,
        lifecycle,
    );
    let (kept, ends) = (Arc::clone(&journal), lifecycle.clone());
    lifecycle.spawn_until_stop(async move { ends.fail(kept.broken().await.to_string()) });
    called_back.start(&engine, around.clock, around.seed, lifecycle)?;
    let intake = Intake::start(IntakeDependencies {
        sources,
        engine: engine.clone(),
        journal: around.journal,
        memos,
        clock: around.clock,
        lifecycle: lifecycle.clone(),
        transport: records,
        retention: config.journal.retention,
    });
    Ok(Service { engine, rate_limiter, intake, clock: around.clock, tokens, journal, org })
}

/// If the journal belongs to an org, makes the client ask for the org before it makes any other call.
fn confirmed(
    config: &Config,
    client: GenesysClient,
    journal: &Arc<dyn Journal>,
    recovered: &Recovered,
    lifecycle: &Lifecycle,
) -> Result<(GenesysClient, Option<watch::Receiver<OrgState>>), ConfigError> {
    let Some(found) = recovered.belongs_to.clone() else { return Ok((client, None)) };
    let ownership = Ownership { found, configured: owner::configured(config)?, holdings: owner::holdings(recovered) };
    let (state, known) = watch::channel(OrgState::Unknown);
    let client = client.guarded(OrgGuard::new(known.clone()));
    owner::confirm(client.clone(), ownership, Arc::clone(journal), state, lifecycle);
    Ok((client, Some(known)))
}

/// Returns a stand-alone client, for commands that call Genesys without running a service.
pub fn client(
    config: &Config,
    transport: Transport,
    lifecycle: &Lifecycle,
) -> Result<(GenesysClient, Arc<TokenSource>), ConfigError> {
    let backoff = Arc::new(Backoff::new(Duration::from_millis(500), Duration::from_secs(30), 0));
    let rate_limiter = RateLimiter::new(&limits(config), Start::Empty, lifecycle);
    let clock = WallClock::System;
    let tokens = login(config, transport.clone(), Arc::clone(&backoff), clock)?;
    Ok((GenesysClient::new(transport, rate_limiter, Arc::clone(&tokens), backoff, endpoints(config)?, clock), tokens))
}

fn login(
    config: &Config,
    transport: Transport,
    backoff: Arc<Backoff>,
    clock: WallClock,
) -> Result<Arc<TokenSource>, ConfigError> {
    let credentials =
        Credentials { client_id: config.genesys.client_id.clone(), client_secret: config.genesys.client_secret()? };
    Ok(Arc::new(TokenSource::new(transport, &config.genesys.login_url()?, credentials, backoff, clock)))
}

/// Returns the configured API keys, which can be reloaded while the service runs.
pub fn api_keys(config: &Config) -> ApiKeys {
    let settings = api_settings(config);
    ApiKeys::new(&settings.api_keys, settings.requests_per_second)
}

/// Returns the HTTP API of a service.
pub fn router(config: &Config, service: &Service, lifecycle: &Lifecycle) -> Router {
    router_for(config, service, &api_keys(config), lifecycle)
}

/// Like [`router`], with the given API keys.
pub fn router_for(config: &Config, service: &Service, keys: &ApiKeys, lifecycle: &Lifecycle) -> Router {
    let settings = api_settings(config);
    api::router(ApiContext {
        engine: service.engine.clone(),
        clock: service.clock,
        limits: Arc::new(RateLimiterLimits::new(service.rate_limiter.clone(), service.clock)),
        metrics: Arc::new(ServiceMetrics {
            engine: service.engine.clone(),
            rate_limiter: service.rate_limiter.clone(),
            tokens: Arc::clone(&service.tokens),
            journal: Arc::clone(&service.journal),
            clock: service.clock,
            lifecycle: lifecycle.clone(),
        }),
        readiness: readiness::follow(Arc::clone(&service.tokens), service.org.clone(), &*service.journal, lifecycle),
        shared: RequestState::new(&settings),
        keys: keys.clone(),
        settings: Arc::new(settings),
        lifecycle: lifecycle.clone(),
        intake: service.intake.clone(),
    })
}

/// Applies a reloaded configuration: API keys and sources, both or neither. Returns the new number of each, or why the
/// reload failed.
pub fn reload(service: &Service, keys: &ApiKeys, read: Result<&Config, String>) -> Result<(usize, usize), String> {
    let read = read.and_then(|config| {
        let leaves_none = config.server.api_keys.is_empty() && !keys.is_empty();
        if leaves_none { Err(NoKeyLeft.to_string()) } else { Ok(config) }
    });
    let configs = read.as_ref().map(|config| &config.webhooks[..]).map_err(Clone::clone);
    let sources = service.intake.sources().reload(configs)?;
    let settings = api_settings(read?);
    let keys = keys.replace(&settings.api_keys, settings.requests_per_second).map_err(|error| error.to_string())?;
    Ok((keys, sources))
}

fn api_settings(config: &Config) -> ApiSettings {
    ApiSettings {
        max_body_bytes: config.server.body_bytes(),
        body_room: config.server.max_memory_bytes / 8,
        delivery_room: config.server.max_memory_bytes / 16 * 3,
        request_timeout: config.server.request_timeout,
        api_keys: config.server.api_keys.iter().map(api_key).collect(),
        requests_per_second: config.server.requests_per_second,
        trusted_proxies: config.server.trusted_proxies.clone(),
        max_open_entries: config.server.max_open_entries,
        open_metrics: config.server.open_metrics,
        callbacks: callbacks::rules(&config.callbacks),
        max_streams: config.server.streams(),
    }
}

/// Serves requests on a listener until the service is told to stop.
pub async fn serve(config: &Config, listener: TcpListener, router: Router, lifecycle: Lifecycle) -> io::Result<()> {
    let most = usize::try_from(config.server.max_connections.get()).unwrap_or(usize::MAX);
    let settings = ServeSettings { max_connections: most, ..ServeSettings::default() };
    api::serve(listener, router, settings, lifecycle).await
}

fn api_key(key: &ApiKeyConfig) -> ApiKey {
    let role = match key.role {
        KeyRole::Read => Role::Read,
        KeyRole::Submit => Role::Submit,
        KeyRole::Admin => Role::Admin,
    };
    let target = |target: &SourceTarget| match target {
        SourceTarget::RoutingSkills => Target::RoutingSkills,
        SourceTarget::WfmSkillGroups => Target::WfmSkillGroups,
    };
    let mode = |mode: &KeyMode| match mode {
        KeyMode::Add => Mode::Add,
        KeyMode::Remove => Mode::Remove,
        KeyMode::Managed => Mode::Managed,
        KeyMode::Replace => Mode::Replace,
    };
    let bounds = Bounds {
        targets: key.targets.as_ref().map(|targets| targets.iter().map(target).collect()),
        modes: key.modes.as_ref().map(|modes| modes.iter().map(mode).collect()),
        sources: key.sources.as_ref().map(|sources| sources.iter().map(|name| name.as_str().into()).collect()),
        owners: key.owners.as_ref().map(|owners| owners.iter().filter_map(|name| Owner::new(name)).collect()),
    };
    ApiKey { name: key.name.as_str().into(), sha256: key.sha256, role, bounds, expires: key.expires }
}

/// Returns a transport to a simulator in this process, without any network.
pub fn in_memory(simulator: &Simulator, attempt_timeout: Duration) -> Transport {
    let service = simulator.service();
    BoxCloneSyncService::new(tower::service_fn(move |request| {
        let exchange = service.clone().oneshot(request);
        async move {
            match tokio::time::timeout(attempt_timeout, exchange).await {
                Ok(answer) => answer.map_err(|fault| TransportError::NoAnswer(fault.to_string())),
                Err(_) => Err(TransportError::NoAnswer("timed out".to_owned())),
            }
        }
    }))
}

/// Returns the configured transport settings for Genesys.
pub fn transport_settings(config: &Config) -> Result<TransportSettings, ConfigError> {
    Ok(TransportSettings {
        proxy: config.genesys.proxy.clone(),
        extra_ca: config.genesys.extra_ca()?,
        connect_timeout: config.genesys.connect_timeout,
        attempt_timeout: config.genesys.attempt_timeout,
        ..TransportSettings::default()
    })
}

fn limits(config: &Config) -> Limits {
    let windows = config.genesys.limits.0.iter().map(|&(calls, period)| WindowLimit { calls, period }).collect();
    Limits {
        windows,
        max_in_flight: config.genesys.max_in_flight,
        credit: Credit::SmallestRoundTrip,
        ..Limits::default()
    }
}

fn endpoints(config: &Config) -> Result<Endpoints, ConfigError> {
    let version_header = HeaderName::try_from(config.genesys.version_header.as_str()).map_err(|_| {
        ConfigError::Contradiction { key: "genesys.version_header", problem: "is not a valid header name".to_owned() }
    })?;
    let genesys = &config.genesys;
    Ok(Endpoints {
        api_url: genesys.api_url()?,
        wfm_path: genesys.wfm_path.clone(),
        version_header,
        unversioned_writes: genesys.unversioned_writes,
        skill_division: genesys.skill_division,
    })
}

fn engine_settings(config: &Config, seed: u64) -> EngineSettings {
    let sync = &config.sync;
    EngineSettings {
        conflicts: ConflictPolicy {
            patience: sync.conflict_patience,
            attempts: sync.conflict_attempts.get(),
            first_pause: Duration::from_millis(500).min(sync.conflict_patience / 16),
            longest_pause: Duration::from_secs(15),
        },
        patience: sync.patience,
        future_tolerance: sync.future_tolerance,
        write_without_read: sync.write_without_read,
        default_proficiency: Proficiency::new(sync.default_proficiency),
        seats: 20,
        hold: HoldThresholds {
            users_percent: Percent::new(sync.hold_users_percent).unwrap_or(Percent::ALL),
            users_min: sync.hold_users_min,
            floor: sync.hold_floor,
            skill_percent: Percent::new(sync.hold_skill_percent).unwrap_or(Percent::ALL),
            skill_left: sync.hold_skill_left,
        },
        callback: None,
        most_created_skills: sync.create_missing_skills,
        managed: sync.managed.iter().map(|name| AssignmentName::from(name.as_str())).collect(),
        renew_after: Duration::from_secs(600),
        use_until: Duration::from_secs(1800),
        retention: config.journal.retention,
        audit_retention: config.journal.audit_retention,
        job_room: config.server.max_memory_bytes / 16 * 5,
        seed,
    }
}
