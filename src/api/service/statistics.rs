//! The metrics of the HTTP API, and the source of all other metrics.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use axum::extract::MatchedPath;
use axum::http::{Method, StatusCode};
use parking_lot::Mutex;

use crate::metrics::{Family, Histogram, MetricsText};

/// Provides the metrics of all other parts. The composition root implements it, so that this module need not know them.
pub trait MetricsSource: fmt::Debug + Send + Sync {
    /// Writes the current values of all families.
    fn write(&self, text: &mut MetricsText);
}

const REQUESTS: Family = Family::counter(
    "skillsync_http_requests_total",
    "Requests to this service by method, route template and status. Requests without a matching route are unmatched.",
);
const DURATION: Family = Family::histogram(
    "skillsync_http_request_duration_seconds",
    "Time from the head of a request to the head of its response, by route. Long polls are held back on purpose.",
);
const WEBHOOKS: Family =
    Family::counter("skillsync_webhooks_total", "Webhook deliveries by configured source and result.");
const FUTURE_DATES: Family = Family::counter(
    "skillsync_webhook_future_dates_total",
    "People in deliveries and exports whose change had a date in the future and counts as now, by configured source.",
);
const DATES_NOT_READ: Family =
    Family::counter("skillsync_webhook_dates_not_read_total", "Unreadable dates in deliveries, by configured source.");

const DURATION_BOUNDS: [f64; 7] = [0.005, 0.025, 0.1, 0.5, 2.0, 10.0, 30.0];

/// Request counts by route. Bounded by the number of routes, because requests that match none share one.
#[derive(Debug, Default)]
pub(in crate::api) struct RequestStatistics(Mutex<BTreeMap<String, OfRoute>>);

#[derive(Debug)]
struct OfRoute {
    answers: BTreeMap<(&'static str, u16), u64>,
    took: Histogram,
}

impl RequestStatistics {
    /// Counts a request with its response.
    pub(in crate::api) fn answered(
        &self,
        method: &Method,
        route: Option<&MatchedPath>,
        status: StatusCode,
        took: Duration,
    ) {
        let route = route.map_or("unmatched", MatchedPath::as_str);
        let mut routes = self.0.lock();
        if !routes.contains_key(route) {
            let new = OfRoute { answers: BTreeMap::new(), took: Histogram::new(&DURATION_BOUNDS) };
            routes.insert(route.to_owned(), new);
        }
        if let Some(of_route) = routes.get_mut(route) {
            *of_route.answers.entry((known_method(method), status.as_u16())).or_default() += 1;
            of_route.took.record(took);
        }
    }

    /// Writes the families of requests.
    pub(in crate::api) fn write(&self, text: &mut MetricsText) {
        let routes = self.0.lock();
        text.family(&REQUESTS);
        for (route, of_route) in &*routes {
            for ((method, status), count) in &of_route.answers {
                text.series(&[("method", method), ("route", route), ("status", &status.to_string())], count);
            }
        }
        text.family(&DURATION);
        for (route, of_route) in &*routes {
            text.distribution(&[("route", route)], &of_route.took.distribution());
        }
    }
}

/// Returns the label of a method. Methods are chosen by callers, so unknown ones share a label.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

/// The result of a webhook delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WebhookResult {
    /// It was accepted, now or when it was first received.
    Accepted,
    /// Nothing in it concerns skillsync.
    Ignored,
    /// Its signature or timestamp is wrong.
    Unauthorized,
    /// It was not understood.
    Invalid,
    /// It could not be accepted at the time; the sender has to send it again.
    Refused,
}

impl WebhookResult {
    /// Returns the result for the status of the response.
    pub(in crate::api) fn of(answer: StatusCode) -> Self {
        match answer {
            StatusCode::ACCEPTED => Self::Accepted,
            StatusCode::OK => Self::Ignored,
            StatusCode::UNAUTHORIZED => Self::Unauthorized,
            status if status.is_client_error() => Self::Invalid,
            _ => Self::Refused,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Ignored => "ignored",
            Self::Unauthorized => "unauthorized",
            Self::Invalid => "invalid",
            Self::Refused => "refused",
        }
    }
}

/// Counts of webhook deliveries by source and result, and of dates that were not used as given.
///
/// Invariant: only configured sources are counted, so that callers cannot create series. Deliveries to other names
/// count as requests with status 404 only.
#[derive(Debug, Default)]
pub(in crate::api) struct WebhookStatistics {
    results: Mutex<BTreeMap<(String, WebhookResult), u64>>,
    /// By source; without sources whose count is zero.
    future_dates: Mutex<BTreeMap<String, usize>>,
    dates_not_read: Mutex<BTreeMap<String, usize>>,
}

impl WebhookStatistics {
    /// Counts a delivery with its result.
    pub(in crate::api) fn count(&self, configured_source: &str, result: WebhookResult) {
        let mut counts = self.results.lock();
        *counts.entry((configured_source.to_owned(), result)).or_default() += 1;
    }

    /// Counts people whose date was in the future and counts as now.
    pub(in crate::api) fn count_future_dates(&self, configured_source: &str, people: usize) {
        count_some(&self.future_dates, configured_source, people);
    }

    /// Counts unreadable dates.
    pub(in crate::api) fn count_dates_not_read(&self, configured_source: &str, dates: usize) {
        count_some(&self.dates_not_read, configured_source, dates);
    }

    /// Writes the families of deliveries and dates.
    pub(in crate::api) fn write(&self, text: &mut MetricsText) {
        let counts = self.results.lock();
        text.family(&WEBHOOKS);
        for ((source, result), count) in &*counts {
            text.series(&[("source", source), ("result", result.name())], count);
        }
        for (family, counts) in [(&FUTURE_DATES, &self.future_dates), (&DATES_NOT_READ, &self.dates_not_read)] {
            text.family(family);
            for (source, count) in &*counts.lock() {
                text.series(&[("source", source)], count);
            }
        }
    }
}

fn count_some(counts: &Mutex<BTreeMap<String, usize>>, configured_source: &str, some: usize) {
    if some > 0 {
        let mut counts = counts.lock();
        *counts.entry(configured_source.to_owned()).or_default() += some;
    }
}
