//! The HTTP API: routes, the shapes that callers see, and the one form of every error.
//!
//! Requests are parsed into domain types here and never travel further in; answers are made from the engine's snapshots.

mod access;
mod allowance;
mod audit;
mod caller;
mod connections;
mod dashboard;
mod document;
mod entry_view;
mod faults;
mod feeds;
mod forms;
mod formulas;
mod idempotency;
mod imports;
mod job_view;
mod layers;
mod limits;
mod metrics;
mod names;
mod origin;
mod paging;
mod polls;
mod probes;
mod problem;
mod query;
mod reader;
mod rules;
mod schemas;
mod serve;
mod streams;
mod submission;
mod sync_jobs;
#[cfg(test)]
mod tests;
mod unread;
mod users;
mod webhooks;
mod wire;

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use ipnet::IpNet;
use tokio::sync::watch;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use self::access::Access;
pub use self::access::{ApiKeys, NoKeyLeft};
pub use self::caller::{ApiKey, Bounds, Role};
pub use self::document::text as openapi_text;
use self::feeds::Feeds;
pub use self::job_view::job_document;
use self::layers::Witness;
pub use self::limits::{
    BreakerView, CreditView, LearnedLimitView, LimitLaneView, LimitWindowView, LimitsSource, LimitsView,
    PausedRouteView, ServiceInTroubleView,
};
pub use self::metrics::{MetricsSource, WebhookResult};
use self::metrics::{RequestStatistics, WebhookStatistics};
pub use self::names::{
    ConflictCause, SyncJobEntryState, SyncJobStatus, SyncLane, SyncMode, SyncTarget, reason as reason_word,
};
use self::polls::Polls;
pub use self::probes::Readiness;
pub use self::serve::{ServeSettings, serve};
use self::streams::Streams;
use self::submission::BodyRoom;
pub use self::submission::request::{AssignmentRequest, SyncJobEntryRequest, SyncJobRequest, UserReference};
use crate::clock::WallClock;
use crate::domain::callback::CallbackRules;
use crate::engine::Engine;
use crate::hris::Intake;
use crate::lifecycle::Lifecycle;

/// Bounds on requests.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// A longer body is refused.
    pub max_body_bytes: usize,
    /// A request that takes longer, from its head to its answer, is refused.
    pub request_timeout: Duration,
    /// Who may call; without a key anybody who can reach us may.
    pub api_keys: Vec<ApiKey>,
    /// Of each key.
    pub requests_per_second: NonZeroU32,
    /// Whose word is taken for where a request came from.
    pub trusted_proxies: Vec<IpNet>,
    /// Bytes that submissions and exports may take together while they are read, and what is made of them.
    pub body_room: usize,
    /// The same for deliveries, whose senders are not known before they are read.
    pub delivery_room: usize,
    /// Answers that are held back at a time: event streams, and polls that wait.
    pub max_streams: usize,
    /// Entries that have not ended, of all jobs; beyond that nothing new is accepted.
    pub max_open_entries: u32,
    /// Whether `/metrics` is open to those without a key.
    pub open_metrics: bool,
    /// What callers may ask of callbacks.
    pub callbacks: CallbackRules,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            max_body_bytes: 64 * 1024 * 1024,
            request_timeout: Duration::from_secs(60),
            api_keys: Vec::new(),
            requests_per_second: NonZeroU32::MIN.saturating_add(99),
            trusted_proxies: Vec::new(),
            body_room: 128 * 1024 * 1024,
            delivery_room: 192 * 1024 * 1024,
            max_streams: 512,
            max_open_entries: 1_000_000,
            open_metrics: false,
            callbacks: CallbackRules::default(),
        }
    }
}

/// What the handlers work with: one for all requests.
#[derive(Debug)]
pub struct ApiContext {
    pub engine: Engine,
    pub clock: WallClock,
    pub readiness: watch::Receiver<Readiness>,
    pub limits: Arc<dyn LimitsSource>,
    pub metrics: Arc<dyn MetricsSource>,
    pub settings: Arc<ApiSettings>,
    pub keys: ApiKeys,
    pub lifecycle: Lifecycle,
    pub intake: Intake,
    /// What only requests share with each other.
    pub shared: Shared,
}

/// What requests share with each other; new for each start of the service.
#[derive(Debug)]
pub struct Shared {
    requests: Arc<RequestStatistics>,
    webhooks: Arc<WebhookStatistics>,
    feeds: Arc<Feeds>,
    polls: Polls,
    streams: Arc<Streams>,
    /// Of submissions and exports.
    room: BodyRoom,
    /// Of deliveries.
    deliveries: BodyRoom,
}

impl Shared {
    pub fn new(settings: &ApiSettings) -> Self {
        // Tells revisions of this run from those of the one before.
        let run = Uuid::new_v4();
        Self {
            requests: Arc::default(),
            webhooks: Arc::default(),
            feeds: Arc::new(Feeds::new(run)),
            polls: Polls::new(run),
            streams: Arc::new(Streams::new(settings.max_streams)),
            room: BodyRoom::new(settings.body_room),
            deliveries: BodyRoom::new(settings.delivery_room),
        }
    }
}

/// All routes, inside all layers.
pub fn router(context: ApiContext) -> Router {
    let settings = Arc::clone(&context.settings);
    let access = Access {
        keys: context.keys.clone(),
        open_metrics: settings.open_metrics,
        proxies: settings.trusted_proxies.clone(),
        clock: context.clock,
    };
    let requests = Arc::clone(&context.shared.requests);
    let witness = Witness { requests, engine: context.engine.clone(), refusals: Mutex::default() };
    let (router, _) = described_routes(&settings).split_for_parts();
    let pages = dashboard::routes().merge(reader::routes()).layer(layers::time_limit(&settings));
    layers::around(router.merge(pages).with_state(Arc::new(context)), &settings, access, witness)
}

/// The document of all routes.
pub fn openapi() -> OpenApi {
    document::completed(described_routes(&ApiSettings::default()).into_openapi())
}

fn described_routes(settings: &ApiSettings) -> OpenApiRouter<Arc<ApiContext>> {
    OpenApiRouter::with_openapi(document::frame())
        .routes(routes!(sync_jobs::create::create_sync_job, sync_jobs::list::list_sync_jobs))
        .routes(routes!(sync_jobs::entries::list_sync_job_entries))
        .routes(routes!(sync_jobs::again::cancel_sync_job))
        .routes(routes!(sync_jobs::again::retry_sync_job))
        .routes(routes!(sync_jobs::again::apply_sync_job))
        .routes(routes!(imports::import_people))
        .routes(routes!(webhooks::list_webhook_sources))
        .routes(routes!(unread::list_unread_records, unread::dismiss_unread_records))
        .routes(routes!(unread::retry_unread_records))
        .routes(routes!(users::get_user, users::erase_user))
        .routes(routes!(audit::list_audit_records))
        .routes(routes!(limits::get_limits))
        .routes(routes!(metrics::get_metrics))
        .routes(routes!(probes::get_health))
        .routes(routes!(probes::get_readiness))
        .routes(routes!(probes::get_openapi_document))
        .layer(layers::time_limit(settings))
        .merge(held_back_routes())
        .merge(sender_routes())
}

/// Routes for senders of webhooks, which take a time limit of another status: many of them never come back after a 4xx.
fn sender_routes() -> OpenApiRouter<Arc<ApiContext>> {
    OpenApiRouter::new().routes(routes!(webhooks::receive_webhook)).routes(routes!(webhooks::receive_unsigned_webhook))
}

/// Routes that hold their answers back, within bounds of their own.
fn held_back_routes() -> OpenApiRouter<Arc<ApiContext>> {
    OpenApiRouter::new()
        .routes(routes!(sync_jobs::read::get_sync_job))
        .routes(routes!(sync_jobs::events::follow_sync_job))
}
