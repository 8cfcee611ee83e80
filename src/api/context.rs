//! The state that the handlers share.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::watch;
use uuid::Uuid;

use crate::api::callers::access::ApiKeys;
use crate::api::callers::caller::ApiKey;
use crate::api::service::body_room::BodyRoom;
use crate::api::service::limits::LimitsSource;
use crate::api::service::readiness::Readiness;
use crate::api::service::statistics::{MetricsSource, RequestStatistics, WebhookStatistics};
use crate::api::updates::feeds::Feeds;
use crate::api::updates::polls::Polls;
use crate::api::updates::streams::Streams;
use crate::clock::WallClock;
use crate::domain::callback::CallbackRules;
use crate::engine::Engine;
use crate::hris::Intake;
use crate::lifecycle::Lifecycle;

/// The limits and permissions of the HTTP API.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// Maximum length of a request body, in bytes.
    pub max_body_bytes: usize,
    /// Maximum time from the head of a request to the head of its response.
    pub request_timeout: Duration,
    /// The API keys. If empty, every caller who can reach the service may do everything.
    pub api_keys: Vec<ApiKey>,
    /// The permitted request rate of each API key.
    pub requests_per_second: NonZeroU32,
    /// Proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// Memory for all submissions and exports together while they are read and parsed, in bytes.
    pub body_room: usize,
    /// Memory for all deliveries together, in bytes. It is separate because their senders are not authenticated until
    /// the body has been read.
    pub delivery_room: usize,
    /// Maximum number of responses held back at the same time: event streams and waiting polls.
    pub max_streams: usize,
    /// Number of open entries, over all jobs, at which nothing new is accepted.
    pub max_open_entries: u32,
    /// Whether `/metrics` is open to callers without an API key.
    pub open_metrics: bool,
    /// The rules for callback URLs.
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

/// The state that all handlers share.
#[derive(Debug)]
pub struct ApiContext {
    pub engine: Engine,
    pub clock: WallClock,
    pub readiness: watch::Receiver<Readiness>,
    /// The source of the rate limiter's state.
    pub limits: Arc<dyn LimitsSource>,
    /// The source of the metrics of all other parts.
    pub metrics: Arc<dyn MetricsSource>,
    pub settings: Arc<ApiSettings>,
    pub keys: ApiKeys,
    pub lifecycle: Lifecycle,
    pub intake: Intake,
    /// State that requests share only with each other.
    pub shared: RequestState,
}

/// State that requests share with each other, created at each start of the service.
#[derive(Debug)]
pub struct RequestState {
    pub(in crate::api) requests: Arc<RequestStatistics>,
    pub(in crate::api) webhooks: Arc<WebhookStatistics>,
    pub(in crate::api) feeds: Arc<Feeds>,
    pub(in crate::api) polls: Polls,
    pub(in crate::api) streams: Arc<Streams>,
    /// Room for submissions and exports.
    pub(in crate::api) room: BodyRoom,
    /// Room for deliveries.
    pub(in crate::api) deliveries: BodyRoom,
}

impl RequestState {
    /// Creates the state with the limits of `settings`.
    pub fn new(settings: &ApiSettings) -> Self {
        // Distinguishes revisions of this run of the service from those of earlier runs.
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
