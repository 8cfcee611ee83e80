//! What the rate limiter shows of itself: values, taken at one moment.

use std::time::Duration;

use tokio::time::Instant;

use super::limits::WindowLimit;
use crate::genesys::call::{CallLane, GenesysService, Route, RouteClass};

/// One window and how many of its places are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowView {
    pub limit: WindowLimit,
    pub used: usize,
}

/// One lane: who waits in it, and how many calls it was ever granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneView {
    pub lane: CallLane,
    pub waiting: usize,
    pub granted: u64,
}

/// The state of the rate limiter at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimiterView {
    pub windows: Vec<WindowView>,
    pub in_flight: usize,
    pub max_in_flight: usize,
    /// In order of precedence.
    pub lanes: Vec<LaneView>,
    pub paused_until: Option<Instant>,
    /// Routes paused on their own, each with the end of its pause.
    pub paused_routes: Vec<(Route, Instant)>,
    /// Routes with a limit learned from a 429, each with the time at which that is forgotten.
    pub learned_limits: Vec<(Route, WindowLimit, Instant)>,
    /// What is taken off the time for which an answered call keeps its place.
    pub credit: Vec<(RouteClass, Duration)>,
    /// Calls that other users of the token leave until Genesys resets its window, if fewer than the own limits.
    pub left_by_others: Option<usize>,
    /// Whether only probes go out.
    pub breaker_open: bool,
    /// How often the breaker of a service opened.
    pub breaker_openings: u64,
    /// Services in trouble, with the time of the next probe of each; none while one is under way.
    pub services_in_trouble: Vec<(GenesysService, Option<Instant>)>,
}

impl RateLimiterView {
    /// When the next probe goes through; none while no service is in trouble, or only the answer to one can help.
    pub fn next_probe_at(&self) -> Option<Instant> {
        self.services_in_trouble.iter().filter_map(|(_, at)| *at).min()
    }

    /// Callers waiting in all lanes.
    pub fn waiting(&self) -> usize {
        self.lanes.iter().map(|lane| lane.waiting).sum()
    }

    /// Callers waiting in `lane`.
    pub fn waiting_in(&self, lane: CallLane) -> usize {
        self.lanes.iter().find(|view| view.lane == lane).map_or(0, |view| view.waiting)
    }

    /// Calls granted to `lane` so far.
    pub fn granted_to(&self, lane: CallLane) -> u64 {
        self.lanes.iter().find(|view| view.lane == lane).map_or(0, |view| view.granted)
    }
}
