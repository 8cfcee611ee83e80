//! What the handlers work with.

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
    pub shared: RequestState,
}

/// What requests share with each other; new for each start of the service.
#[derive(Debug)]
pub struct RequestState {
    pub(in crate::api) requests: Arc<RequestStatistics>,
    pub(in crate::api) webhooks: Arc<WebhookStatistics>,
    pub(in crate::api) feeds: Arc<Feeds>,
    pub(in crate::api) polls: Polls,
    pub(in crate::api) streams: Arc<Streams>,
    /// Of submissions and exports.
    pub(in crate::api) room: BodyRoom,
    /// Of deliveries.
    pub(in crate::api) deliveries: BodyRoom,
}

impl RequestState {
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
