//! What the HTTP side itself counts, and what it asks the parts below for.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use axum::extract::MatchedPath;
use axum::http::{Method, StatusCode};
use parking_lot::Mutex;

use crate::metrics::{Family, Histogram, MetricsText};

/// What the parts below count; the composition root knows them all, this module does not.
pub trait MetricsSource: fmt::Debug + Send + Sync {
    /// Writes the families of the parts as they stand.
    fn write(&self, text: &mut MetricsText);
}

const REQUESTS: Family = Family::counter(
    "skillsync_http_requests_total",
    "Requests to this service by method, route and status. Routes are templates; what matched none is unmatched.",
);
const DURATION: Family = Family::histogram(
    "skillsync_http_request_duration_seconds",
    "Time from a request's head to the head of its answer, by route. Long polls are held back on purpose.",
);
const WEBHOOKS: Family =
    Family::counter("skillsync_webhooks_total", "Webhook deliveries by configured source and what became of them.");
const FUTURE_DATES: Family = Family::counter(
    "skillsync_webhook_future_dates_total",
    "People in deliveries and exports whose change had a date in the future, by configured source; taken as of now.",
);
const DATES_NOT_READ: Family = Family::counter(
    "skillsync_webhook_dates_not_read_total",
    "Dates in deliveries that were given and cannot be read, by configured source.",
);

const DURATION_BOUNDS: [f64; 7] = [0.005, 0.025, 0.1, 0.5, 2.0, 10.0, 30.0];

/// Requests by route: as many as there are routes, because requests that match none count as one.
#[derive(Debug, Default)]
pub(in crate::api) struct RequestStatistics(Mutex<BTreeMap<String, OfRoute>>);

#[derive(Debug)]
struct OfRoute {
    answers: BTreeMap<(&'static str, u16), u64>,
    took: Histogram,
}

impl RequestStatistics {
    /// Counts a request and its answer.
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

/// Methods are what callers send: only those that mean something have a name of their own.
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

/// What became of a webhook delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WebhookResult {
    /// It was taken, now or when it came first.
    Accepted,
    /// Nothing in it concerns us.
    Ignored,
    /// Its signature, or its age, is not what it should be.
    Unauthorized,
    /// It could not be understood.
    Invalid,
    /// It could not be taken at the time: the sender has to come again.
    Refused,
}

impl WebhookResult {
    /// What a delivery counts as that was answered so.
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

/// Webhook deliveries by source and result, and dates that were not taken as they came.
///
/// Invariant: only configured sources are counted, so that callers cannot make series; deliveries to others are
/// requests with status 404.
#[derive(Debug, Default)]
pub(in crate::api) struct WebhookStatistics {
    results: Mutex<BTreeMap<(String, WebhookResult), u64>>,
    /// Sources without any are left out.
    future_dates: Mutex<BTreeMap<String, usize>>,
    dates_not_read: Mutex<BTreeMap<String, usize>>,
}

impl WebhookStatistics {
    pub(in crate::api) fn count(&self, configured_source: &str, result: WebhookResult) {
        let mut counts = self.results.lock();
        *counts.entry((configured_source.to_owned(), result)).or_default() += 1;
    }

    /// Counts people whose date was taken as of now.
    pub(in crate::api) fn count_future_dates(&self, configured_source: &str, people: usize) {
        count_some(&self.future_dates, configured_source, people);
    }

    /// Counts dates that were given and cannot be read.
    pub(in crate::api) fn count_dates_not_read(&self, configured_source: &str, dates: usize) {
        count_some(&self.dates_not_read, configured_source, dates);
    }

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
