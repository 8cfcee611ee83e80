//! The HTTP API: routes, the shapes that callers see, and the one form of every error.
//!
//! Requests are parsed into domain types here and never travel further in; answers are made from the engine's snapshots.

mod document;
mod entry_view;
mod faults;
mod job_view;
mod layers;
mod limits;
mod names;
mod paging;
mod probes;
mod problem;
mod rules;
mod schemas;
mod submission;
mod sync_jobs;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use self::document::text as openapi_text;
pub use self::limits::{
    BreakerView, CreditView, LearnedLimitView, LimitLaneView, LimitWindowView, LimitsSource, LimitsView,
    PausedRouteView,
};
pub use self::names::{SyncLane, SyncMode, SyncTarget};
pub use self::probes::Readiness;
pub use self::submission::request::{AssignmentRequest, SyncJobEntryRequest, SyncJobRequest, UserReference};
use crate::clock::WallClock;
use crate::engine::Engine;
use crate::lifecycle::Lifecycle;

/// Bounds on requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiSettings {
    /// A longer body is refused.
    pub max_body_bytes: usize,
    /// A request that takes longer, from its head to its answer, is refused.
    pub request_timeout: Duration,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self { max_body_bytes: 64 * 1024 * 1024, request_timeout: Duration::from_secs(60) }
    }
}

/// What the handlers work with.
#[derive(Debug, Clone)]
pub struct ApiContext {
    pub engine: Engine,
    pub clock: WallClock,
    pub readiness: watch::Receiver<Readiness>,
    pub limits: Arc<dyn LimitsSource>,
    pub settings: ApiSettings,
    pub lifecycle: Lifecycle,
}

/// All routes, inside all layers.
pub fn router(context: ApiContext) -> Router {
    let settings = context.settings;
    let (router, _) = described_routes().split_for_parts();
    layers::around(router.with_state(context), &settings)
}

/// The document of all routes.
pub fn openapi() -> OpenApi {
    document::completed(described_routes().into_openapi())
}

/// Answers requests until the service is told to stop, then finishes those that were begun.
pub async fn serve(listener: TcpListener, router: Router, lifecycle: Lifecycle) -> io::Result<()> {
    axum::serve(listener, router).with_graceful_shutdown(async move { lifecycle.stopping().await }).await
}

fn described_routes() -> OpenApiRouter<ApiContext> {
    OpenApiRouter::with_openapi(document::frame())
        .routes(routes!(sync_jobs::create_sync_job))
        .routes(routes!(sync_jobs::get_sync_job))
        .routes(routes!(sync_jobs::list_sync_job_entries))
        .routes(routes!(sync_jobs::cancel_sync_job))
        .routes(routes!(limits::get_limits))
        .routes(routes!(probes::get_health))
        .routes(routes!(probes::get_readiness))
        .routes(routes!(probes::get_openapi_document))
}
