//! `GET /v1/limits`: the state of the rate limiter.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use crate::api::context::ApiContext;
use crate::api::service::limits::LimitsView;

/// Read the state of the rate limiter
///
/// Returns the windows of the rate limiter and their usage, the waiting calls, the pauses that Genesys asked for, and
/// the state of the breaker.
#[utoipa::path(
    get,
    path = "/v1/limits",
    operation_id = "getLimits",
    tag = "service",
    responses((status = 200, description = "The current state of the rate limiter.", body = LimitsView)),
)]
pub(in crate::api) async fn get_limits(State(api): State<Arc<ApiContext>>) -> Json<LimitsView> {
    Json(api.limits.limits())
}
