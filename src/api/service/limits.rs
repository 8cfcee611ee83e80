//! The state of the rate limiter in the form in which the HTTP API returns it, to explain the speed of a job.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// Provides [`LimitsView`]. The composition root implements it, so that this module need not know the rate limiter.
pub trait LimitsSource: fmt::Debug + Send + Sync {
    /// Returns the current state.
    fn limits(&self) -> LimitsView;
}

/// The state of the rate limiter for calls to Genesys.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitsView {
    /// The windows. All of them apply at any time.
    pub windows: Vec<LimitWindowView>,
    /// The number of calls in flight.
    pub in_flight: u32,
    /// The maximum number of calls in flight.
    pub max_in_flight: u32,
    /// The lanes, in order of precedence.
    pub lanes: Vec<LimitLaneView>,
    /// The end of a pause of all calls that Genesys asked for.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub paused_until: Option<Timestamp>,
    /// Routes for which Genesys asked for a pause.
    pub paused_routes: Vec<PausedRouteView>,
    /// Limits of single routes, learned from refusals and forgotten after a while.
    pub learned_limits: Vec<LearnedLimitView>,
    /// The number of calls that other users of the same OAuth client leave until the current window of Genesys ends;
    /// null if they do not restrict skillsync.
    pub left_by_others: Option<u32>,
    pub breaker: BreakerView,
    /// The part of a round trip that is credited to the pace, by class of calls.
    pub credits: Vec<CreditView>,
}

/// A sliding window: at most `calls` calls within any stretch of `periodSeconds`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitWindowView {
    /// The maximum number of calls within the period.
    pub calls: u32,
    /// The length of the window, in seconds.
    pub period_seconds: f64,
    /// The number of calls that currently count towards the window.
    pub used: u32,
}

/// The calls of one lane.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitLaneView {
    /// `continuation` (a write that follows a read), `interactive` or `bulk`.
    #[schema(value_type = String)]
    pub lane: &'static str,
    /// The number of waiting calls.
    pub waiting: u32,
    /// The number of calls granted since the start.
    pub granted: u64,
}

/// A route whose calls are paused.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PausedRouteView {
    #[schema(value_type = String, example = "wfm_write")]
    pub route: &'static str,
    /// The end of the pause.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
}

/// A learned limit of one route.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LearnedLimitView {
    #[schema(value_type = String, example = "wfm_write")]
    pub route: &'static str,
    /// The maximum number of calls within the period.
    pub calls: u32,
    /// The length of the period, in seconds.
    pub period_seconds: f64,
    /// When the limit is forgotten unless Genesys states it again.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
}

/// The state of the breaker, which holds calls back while Genesys is down.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BreakerView {
    /// Whether only single probe calls go out: at least one service of Genesys is down, and none is known to work.
    pub open: bool,
    /// When the next probe is due; null while the breaker is closed and while a probe is in flight.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_probe_at: Option<Timestamp>,
    /// Services of Genesys that are down while others work; only their calls are held back.
    pub services: Vec<ServiceInTroubleView>,
}

/// A service of Genesys that is down.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceInTroubleView {
    /// `users`, `search`, `scim`, `routing`, `wfm` or `organization`.
    #[schema(value_type = String, example = "wfm")]
    pub service: &'static str,
    /// When the next probe is due; null while one is in flight.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_probe_at: Option<Timestamp>,
}

/// The minimum round trip of a class of calls.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreditView {
    /// `listing`, `read` or `write`.
    #[schema(value_type = String)]
    pub class: &'static str,
    /// The credited time, in milliseconds.
    pub milliseconds: f64,
}
