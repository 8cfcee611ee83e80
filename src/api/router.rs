//! Composes all routes with all layers, and the OpenAPI document of the routes.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::callers::access::Access;
use crate::api::context::{ApiContext, ApiSettings};
use crate::api::document;
use crate::api::layers::{self, Witness};
use crate::api::routes::{
    audit, dashboard, imports, limits, metrics, probes, swagger, sync_jobs, users, webhook_records, webhooks,
};

/// Returns all routes, wrapped in all layers.
pub fn router(context: ApiContext) -> Router {
    let settings = Arc::clone(&context.settings);
    let access = Access {
        keys: context.keys.clone(),
        open_metrics: settings.open_metrics,
        proxies: settings.trusted_proxies.clone(),
        clock: context.clock,
    };
    let requests = Arc::clone(&context.shared.requests);
    let witness = Witness { requests, engine: context.engine.clone(), refusals: parking_lot::Mutex::default() };
    let (router, _) = described_routes(&settings).split_for_parts();
    let pages = dashboard::routes().merge(swagger::routes()).layer(layers::time_limit(&settings));
    layers::around(router.merge(pages).with_state(Arc::new(context)), &settings, access, witness)
}

/// Returns the OpenAPI document of all routes.
pub fn openapi() -> OpenApi {
    document::completed(described_routes(&ApiSettings::default()).into_openapi())
}

/// Returns the OpenAPI document as served and as committed: pretty-printed JSON with a trailing newline.
pub fn openapi_text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| openapi().to_pretty_json().unwrap_or_default() + "\n");
    &TEXT
}

/// Read the OpenAPI document
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "getOpenApiDocument",
    tag = "service",
    responses((status = 200, description = "The OpenAPI document.", body = Object, content_type = "application/json")),
)]
async fn get_openapi_document() -> Response {
    ([(CONTENT_TYPE, "application/json")], openapi_text()).into_response()
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
        .routes(routes!(webhook_records::list_unread_records, webhook_records::dismiss_unread_records))
        .routes(routes!(webhook_records::retry_unread_records))
        .routes(routes!(users::get_user, users::erase_user))
        .routes(routes!(audit::list_audit_records))
        .routes(routes!(limits::get_limits))
        .routes(routes!(metrics::get_metrics))
        .routes(routes!(probes::get_health))
        .routes(routes!(probes::get_readiness))
        .routes(routes!(get_openapi_document))
        .layer(layers::time_limit(settings))
        .merge(held_back_routes())
        .merge(sender_routes())
}

/// Returns the routes for senders of webhooks. They have their own time limits, which answer 503 instead of 408,
/// because many senders never retry after a 4xx.
fn sender_routes() -> OpenApiRouter<Arc<ApiContext>> {
    OpenApiRouter::new().routes(routes!(webhooks::receive_webhook)).routes(routes!(webhooks::receive_unsigned_webhook))
}

/// Returns the routes that hold their responses back (long polls and streams), within bounds of their own.
fn held_back_routes() -> OpenApiRouter<Arc<ApiContext>> {
    OpenApiRouter::new()
        .routes(routes!(sync_jobs::read::get_sync_job))
        .routes(routes!(sync_jobs::events::follow_sync_job))
}
