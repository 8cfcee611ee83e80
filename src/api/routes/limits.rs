//! `GET /v1/limits`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use crate::api::context::ApiContext;
use crate::api::service::limits::LimitsView;

/// Show the rate limit of the calls to Genesys
///
/// Its windows and what is used of them, who waits, what Genesys asked to pause, and whether it works at all.
#[utoipa::path(
    get,
    path = "/v1/limits",
    operation_id = "getLimits",
    tag = "service",
    responses((status = 200, description = "The limits as they stand.", body = LimitsView)),
)]
pub(in crate::api) async fn get_limits(State(api): State<Arc<ApiContext>>) -> Json<LimitsView> {
    Json(api.limits.limits())
}
