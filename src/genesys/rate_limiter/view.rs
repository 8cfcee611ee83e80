//! Snapshot of the rate limiter, for views and metrics.

use std::time::Duration;

use tokio::time::Instant;

use super::limits::WindowLimit;
use crate::genesys::call::{CallLane, GenesysService, Route, RouteClass};

/// One window and the number of its places that are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowView {
    pub limit: WindowLimit,
    pub used: usize,
}

/// One lane: its waiting callers, and the number of calls granted since the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneView {
    pub lane: CallLane,
    pub waiting: usize,
    pub granted: u64,
}

/// State of the rate limiter at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimiterView {
    pub windows: Vec<WindowView>,
    pub in_flight: usize,
    pub max_in_flight: usize,
    /// In order of precedence.
    pub lanes: Vec<LaneView>,
    pub paused_until: Option<Instant>,
    /// Routes with a pause of their own, each with its end.
    pub paused_routes: Vec<(Route, Instant)>,
    /// Routes with a limit learned from a 429, each with the time at which it is forgotten.
    pub learned_limits: Vec<(Route, WindowLimit, Instant)>,
    /// What is subtracted from the time for which an answered call keeps its place.
    pub credit: Vec<(RouteClass, Duration)>,
    /// Calls that other users of the token leave until Genesys resets its window, if fewer than our own limits permit.
    pub left_by_others: Option<usize>,
    /// Whether only probes are sent.
    pub breaker_open: bool,
    /// How often the breaker of any service has opened.
    pub breaker_openings: u64,
    /// Services in trouble, each with the time of its next probe; `None` while a probe is under way.
    pub services_in_trouble: Vec<(GenesysService, Option<Instant>)>,
}

impl RateLimiterView {
    /// Returns the time of the next probe; `None` if no service is in trouble, or only the answer to a probe can help.
    pub fn next_probe_at(&self) -> Option<Instant> {
        self.services_in_trouble.iter().filter_map(|(_, at)| *at).min()
    }

    /// Returns the number of callers waiting in all lanes.
    pub fn waiting(&self) -> usize {
        self.lanes.iter().map(|lane| lane.waiting).sum()
    }

    /// Returns the number of callers waiting in `lane`.
    pub fn waiting_in(&self, lane: CallLane) -> usize {
        self.lanes.iter().find(|view| view.lane == lane).map_or(0, |view| view.waiting)
    }

    /// Returns the number of calls granted to `lane` so far.
    pub fn granted_to(&self, lane: CallLane) -> u64 {
        self.lanes.iter().find(|view| view.lane == lane).map_or(0, |view| view.granted)
    }
}
