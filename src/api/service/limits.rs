//! What the rate limit of the calls to Genesys is doing: for who wonders why a job is as fast as it is.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// Where [`LimitsView`] comes from; the composition root knows the rate limiter, this module does not.
pub trait LimitsSource: fmt::Debug + Send + Sync {
    /// The limits as they stand.
    fn limits(&self) -> LimitsView;
}

/// The rate limit of the calls to Genesys.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitsView {
    /// All of them hold at any time.
    pub windows: Vec<LimitWindowView>,
    /// Calls under way.
    pub in_flight: u32,
    /// Calls that may be under way at once.
    pub max_in_flight: u32,
    /// In order of precedence.
    pub lanes: Vec<LimitLaneView>,
    /// Until when Genesys asked to send nothing at all.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub paused_until: Option<Timestamp>,
    /// Routes that Genesys asked to leave alone.
    pub paused_routes: Vec<PausedRouteView>,
    /// Routes with a limit of their own that a refusal told, and which is forgotten after a while.
    pub learned_limits: Vec<LearnedLimitView>,
    /// Calls that other users of the same OAuth client leave until Genesys' current window ends; null if they do not get
    /// in the way.
    pub left_by_others: Option<u32>,
    pub breaker: BreakerView,
    /// What of a round trip is given back to the pace.
    pub credits: Vec<CreditView>,
}

/// So many calls in any stretch of time of such a length.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitWindowView {
    pub calls: u32,
    pub period_seconds: f64,
    /// Places that are taken.
    pub used: u32,
}

/// One class of callers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitLaneView {
    /// `continuation` (a write that follows a read), `interactive` or `bulk`.
    #[schema(value_type = String)]
    pub lane: &'static str,
    /// Calls that wait.
    pub waiting: u32,
    /// Calls let through since the start.
    pub granted: u64,
}

/// A route that is left alone for a while.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PausedRouteView {
    #[schema(value_type = String, example = "wfm_write")]
    pub route: &'static str,
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
}

/// A limit of one route.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LearnedLimitView {
    #[schema(value_type = String, example = "wfm_write")]
    pub route: &'static str,
    pub calls: u32,
    pub period_seconds: f64,
    /// When it is forgotten, if it is not told again.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
}

/// Whether calls are held back because Genesys does not work.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BreakerView {
    /// Whether only single calls go out that find out whether Genesys works again: a service does not, and none is known to.
    pub open: bool,
    /// When the next of them is due; null while closed, and while one is under way.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_probe_at: Option<Timestamp>,
    /// Services of Genesys that do not work while others do: their calls are held back alone.
    pub services: Vec<ServiceInTroubleView>,
}

/// A service of Genesys that does not work.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceInTroubleView {
    /// `users`, `search`, `scim`, `routing`, `wfm` or `organization`.
    #[schema(value_type = String, example = "wfm")]
    pub service: &'static str,
    /// When the next single call finds out whether it works again; null while one is under way.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_probe_at: Option<Timestamp>,
}

/// The part of a round trip that every call of a class needs.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreditView {
    /// `listing`, `read` or `write`.
    #[schema(value_type = String)]
    pub class: &'static str,
    pub milliseconds: f64,
}
