//! What a token has used of its limits, in fixed windows like those of the real gateway.

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use serde_json::json;
use tokio::time::Instant;

use super::super::route::Route;
use super::super::scenario::{Limits, RateLimit};
use super::reply::Reply;

/// A fixed window that begins with the first call after the previous one ended.
#[derive(Debug, Clone)]
pub(super) struct Window {
    limit: RateLimit,
    begun: Option<Instant>,
    used: u32,
}

impl Window {
    pub(super) fn new(limit: RateLimit) -> Self {
        Self { limit, begun: None, used: 0 }
    }

    /// Returns the seconds until the window ends, if it is used up.
    pub(super) fn refusal(&mut self, now: Instant) -> Option<u64> {
        if self.remaining(now).is_zero() {
            (self.begun, self.used) = (None, 0);
        }
        (self.used >= self.limit.calls).then(|| whole_seconds(self.remaining(now)))
    }

    pub(super) fn count(&mut self, calls: u32, now: Instant) {
        self.begun.get_or_insert(now);
        self.used = self.used.saturating_add(calls);
    }

    fn remaining(&self, now: Instant) -> Duration {
        self.begun.map_or(Duration::ZERO, |begun| (begun + self.limit.per).saturating_duration_since(now))
    }
}

/// Rounded up, so that a client that waits as long as it is told finds a new window.
fn whole_seconds(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1)
}

/// The windows of one token.
#[derive(Debug, Clone)]
pub(super) struct Allowance {
    general: Vec<Window>,
    /// In the order of [`Limits::routes`].
    by_route: Vec<Window>,
}

impl Allowance {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            general: limits.windows.iter().copied().map(Window::new).collect(),
            by_route: limits.routes.iter().map(|route| Window::new(route.limit)).collect(),
        }
    }

    /// Counts a call, or refuses it. A refused call does not count.
    pub(super) fn admit(&mut self, limits: &Limits, route: Route, now: Instant) -> Result<(), Reply> {
        if let Some(seconds) = self.general.iter_mut().filter_map(|window| window.refusal(now)).max() {
            return Err(Reply::rate_limited(seconds));
        }
        let own = limits.routes.iter().zip(&mut self.by_route).filter(|(limit, _)| limit.routes.contains(&route));
        let mut counted = Vec::new();
        for (limit, window) in own {
            if let Some(seconds) = window.refusal(now) {
                let reply = Reply::rate_limited(seconds);
                if limit.key.is_empty() {
                    return Err(reply);
                }
                let name = json!({ "key": limit.key, "namespace": limit.namespace, "value": limit.limit.calls });
                return Err(reply.with_field("limit", name));
            }
            counted.push(window);
        }
        self.general.iter_mut().chain(counted).for_each(|window| window.count(1, now));
        Ok(())
    }

    /// Counts calls of another application with the same token.
    pub(super) fn use_up(&mut self, calls: u32, now: Instant) {
        for window in &mut self.general {
            window.refusal(now);
            window.count(calls, now);
        }
    }

    /// Returns the deprecated headers, from the longest general window.
    pub(super) fn headers(&self, now: Instant) -> Vec<(HeaderName, HeaderValue)> {
        let Some(window) = self.general.iter().max_by_key(|window| window.limit.per) else { return Vec::new() };
        vec![
            (HeaderName::from_static("inin-ratelimit-count"), HeaderValue::from(window.used)),
            (HeaderName::from_static("inin-ratelimit-allowed"), HeaderValue::from(window.limit.calls)),
            (HeaderName::from_static("inin-ratelimit-reset"), HeaderValue::from(whole_seconds(window.remaining(now)))),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::scenario::RouteLimit;
    use super::*;

    fn limit(calls: u32, seconds: u64) -> RateLimit {
        RateLimit { calls, per: Duration::from_secs(seconds) }
    }

    #[test]
    fn a_full_window_refuses_until_it_ends_and_says_how_long() {
        let limits = Limits { windows: vec![limit(2, 60)], ..Limits::default() };
        let (mut allowance, start) = (Allowance::new(&limits), Instant::now());
        let mut admitted =
            |after: u64| allowance.admit(&limits, Route::Users, start + Duration::from_secs(after)).is_ok();
        assert_eq!([0, 30, 59, 60, 61, 62].map(&mut admitted), [true, true, false, true, true, false]);
        let mut window = Window::new(limit(1, 60));
        window.count(1, start);
        assert_eq!(window.refusal(start + Duration::from_millis(17_500)), Some(43));
    }

    #[test]
    fn a_route_with_a_limit_of_its_own_does_not_hold_up_the_others() {
        let own = RouteLimit {
            routes: vec![Route::WfmWrite],
            limit: limit(1, 10),
            key: "k".to_owned(),
            namespace: "n".to_owned(),
        };
        let limits = Limits { routes: vec![own], ..Limits::default() };
        let (mut allowance, now) = (Allowance::new(&limits), Instant::now());
        assert!(allowance.admit(&limits, Route::WfmWrite, now).is_ok());
        assert!(allowance.admit(&limits, Route::WfmWrite, now).is_err());
        assert!(allowance.admit(&limits, Route::WfmRead, now).is_ok());
    }
}
