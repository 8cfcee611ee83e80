//! Exposes the counters and states of all parts as families of metrics.
//!
//! Names and units follow the conventions of Prometheus; label values are the words of the HTTP API. No label contains
//! the id of a job, a user or a skill, so the number of series does not grow with the synced data. `docs/OPERATIONS.md`
//! explains each family; a test compares it, the dashboard and the alert rules with the names here.

use std::sync::Arc;

use tokio::time::Instant;

use crate::api::{ConflictCause, MetricsSource, SyncJobEntryState, SyncJobStatus, reason_word};
use crate::clock::WallClock;
use crate::domain::EntryState;
use crate::domain::job::JobStatus;
use crate::engine::Engine;
use crate::genesys::call::GenesysService;
use crate::genesys::login::{LoginStatus, TokenSource};
use crate::genesys::rate_limiter::{RateLimiter, RateLimiterView, WindowLimit};
use crate::journal::{Journal, JournalHealth};
use crate::lifecycle::Lifecycle;
use crate::metrics::{Family, MetricsText};

const BUILD: Family = Family::gauge("skillsync_build_info", "Always 1; the label is the version of the service.");
const JOBS: Family = Family::gauge("skillsync_jobs", "Jobs in memory, by status.");
const OLDEST: Family = Family::gauge(
    "skillsync_oldest_open_job_age_seconds",
    "Age of the oldest job that has not ended; 0 if there is none.",
);
const ENTRIES: Family = Family::gauge("skillsync_entries", "Entries of the jobs in memory, by state.");
const ENDED: Family = Family::counter("skillsync_entries_ended_total", "Entries that have ended, by final state.");
const REASONS: Family = Family::counter(
    "skillsync_entries_unsuccessful_total",
    "Entries that failed or were superseded as stale, by reason.",
);
const USERS: Family = Family::gauge("skillsync_users_occupied", "Users with pending changes or work under way.");
const CONFLICTS: Family = Family::counter("skillsync_conflicts_total", "Refused writes, by cause.");
const CALLS: Family =
    Family::counter("skillsync_genesys_calls_total", "Attempts of calls to Genesys, by route and status.");
const ANSWERS: Family = Family::histogram(
    "skillsync_genesys_call_duration_seconds",
    "Time from sending an attempt to the last byte of its answer, by class of route.",
);
const RETRIES: Family =
    Family::counter("skillsync_genesys_retries_total", "Attempts that were repeated at once, by cause.");
const REFUSED_RETRIES: Family = Family::counter(
    "skillsync_genesys_retries_refused_total",
    "Attempts not repeated because the retry budget was used up, as in an outage.",
);
const LOGINS: Family = Family::counter("skillsync_genesys_logins_total", "Logins to Genesys, by result.");
const LOGGED_IN: Family = Family::gauge("skillsync_genesys_logged_in", "1 if the last login succeeded, otherwise 0.");
const WINDOW_LIMIT: Family =
    Family::gauge("skillsync_gate_window_limit_calls", "Calls permitted in each window of the rate limiter.");
const WINDOW_USED: Family =
    Family::gauge("skillsync_gate_window_used_calls", "Calls that currently count towards each window.");
const IN_FLIGHT: Family = Family::gauge("skillsync_gate_in_flight_calls", "Calls in flight.");
const MAX_IN_FLIGHT: Family =
    Family::gauge("skillsync_gate_in_flight_limit_calls", "Maximum number of calls in flight.");
const WAITING: Family = Family::gauge("skillsync_gate_waiting_calls", "Calls waiting for their turn, by lane.");
const GRANTED: Family = Family::counter("skillsync_gate_granted_total", "Calls granted, by lane.");
const WAITED: Family = Family::histogram(
    "skillsync_gate_wait_seconds",
    "Time that calls waited for their turn at the rate limiter, by lane.",
);
const PAUSE: Family = Family::gauge(
    "skillsync_gate_pause_remaining_seconds",
    "Remaining pause of all calls that Genesys asked for (429 with Retry-After); 0 without a pause.",
);
const PAUSED_ROUTES: Family =
    Family::gauge("skillsync_gate_paused_routes", "Routes for which Genesys asked for a pause.");
const BREAKER: Family = Family::gauge(
    "skillsync_gate_breaker_open",
    "1 while Genesys seems to be down and only probes go out, otherwise 0.",
);
const SERVICE_BREAKER: Family = Family::gauge(
    "skillsync_gate_service_breaker_open",
    "1 while this service of Genesys alone seems to be down and only probes go out to it, otherwise 0.",
);
const OPENINGS: Family = Family::counter("skillsync_gate_breaker_openings_total", "Number of times a breaker opened.");

const FLUSHES: Family =
    Family::histogram("skillsync_journal_flush_duration_seconds", "Time to make a batch of the journal durable.");
const FAILURES: Family =
    Family::counter("skillsync_journal_failures_total", "Batches that the journal could not write; it retries them.");
const UNWRITTEN: Family = Family::gauge(
    "skillsync_journal_unwritten_records",
    "Records handed to the journal but not yet durable; grows while it cannot write.",
);
const JOURNAL_SIZE: Family = Family::gauge("skillsync_journal_size_bytes", "Size of the journal on disk.");
const PANICS: Family = Family::counter(
    "skillsync_task_panics_total",
    "Panics of tasks, by task. Each is a defect; the task is restarted.",
);

/// The parts that are queried when metrics are scraped.
#[derive(Debug)]
pub(super) struct ServiceMetrics {
    pub(super) engine: Engine,
    pub(super) rate_limiter: RateLimiter,
    pub(super) tokens: Arc<TokenSource>,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) clock: WallClock,
    pub(super) lifecycle: Lifecycle,
}

impl MetricsSource for ServiceMetrics {
    fn write(&self, text: &mut MetricsText) {
        text.family(&BUILD).series(&[("version", env!("CARGO_PKG_VERSION"))], 1);
        self.write_work(text);
        self.write_calls(text);
        self.write_logins(text);
        write_rate_limiter(text, &self.rate_limiter.snapshot());
        self.write_journal(text);
        text.family(&PANICS);
        for (task, count) in self.lifecycle.panics() {
            text.series(&[("task", task)], count);
        }
    }
}

impl ServiceMetrics {
    fn write_work(&self, text: &mut MetricsText) {
        let overview = self.engine.overview();
        text.family(&JOBS);
        for (status, count) in JobStatus::ALL.into_iter().zip(overview.jobs) {
            text.series(&[("status", SyncJobStatus::from(status).word())], count);
        }
        let now = self.clock.now();
        let age = overview.oldest_open.map_or(0.0, |accepted| now.duration_since(accepted).as_secs_f64());
        text.family(&OLDEST).series(&[], age);
        text.family(&ENTRIES);
        for (state, count) in EntryState::ALL.into_iter().zip(overview.entries) {
            text.series(&[("state", SyncJobEntryState::from(state).word())], count);
        }
        text.family(&ENDED);
        for (state, count) in overview.ended.by_state() {
            text.counter(&[("state", SyncJobEntryState::from(state).word())], count);
        }
        text.family(&REASONS);
        for (reason, count) in overview.ended.by_reason() {
            text.counter(&[("reason", reason_word(reason))], count);
        }
        text.family(&CONFLICTS);
        for (cause, count) in overview.ended.conflicts() {
            text.counter(&[("cause", ConflictCause::from(cause).word())], count);
        }
        text.family(&USERS).series(&[], overview.occupied_slots);
    }

    fn write_calls(&self, text: &mut MetricsText) {
        let statistics = self.rate_limiter.statistics();
        text.family(&CALLS);
        for (route, end, count) in statistics.calls() {
            text.series(&[("route", route.name()), ("status", end)], count);
        }
        text.family(&ANSWERS);
        for (class, histogram) in statistics.answers() {
            text.distribution(&[("class", class.name())], &histogram.distribution());
        }
        text.family(&WAITED);
        for (lane, histogram) in statistics.waits() {
            text.distribution(&[("lane", lane.name())], &histogram.distribution());
        }
        text.family(&RETRIES);
        for (cause, count) in statistics.retries() {
            text.counter(&[("cause", cause.name())], count);
        }
        text.family(&REFUSED_RETRIES).counter(&[], statistics.refused_retries());
    }

    fn write_journal(&self, text: &mut MetricsText) {
        let usage = self.journal.usage();
        write_journal_of(text, self.journal.health().as_ref(), usage.database_bytes + usage.log_bytes);
    }

    fn write_logins(&self, text: &mut MetricsText) {
        text.family(&LOGINS);
        for (end, count) in self.tokens.ends() {
            text.counter(&[("result", end.name())], count);
        }
        let logged_in = *self.tokens.status().borrow() == LoginStatus::LoggedIn;
        text.family(&LOGGED_IN).series(&[], u8::from(logged_in));
    }
}

/// Writes the families of the journal, without series if there is no journal.
fn write_journal_of(text: &mut MetricsText, health: Option<&JournalHealth>, bytes: u64) {
    text.family(&FLUSHES);
    if let Some(health) = health {
        text.distribution(&[], &health.flushes);
    }
    text.family(&FAILURES);
    if let Some(health) = health {
        text.series(&[], health.failures);
    }
    text.family(&UNWRITTEN);
    if let Some(health) = health {
        text.series(&[], health.unwritten);
    }
    text.family(&JOURNAL_SIZE);
    if health.is_some() {
        text.series(&[], bytes);
    }
}

fn write_rate_limiter(text: &mut MetricsText, rate_limiter: &RateLimiterView) {
    text.family(&WINDOW_LIMIT);
    for window in &rate_limiter.windows {
        text.series(&[("window", &length(window.limit))], window.limit.calls);
    }
    text.family(&WINDOW_USED);
    for window in &rate_limiter.windows {
        text.series(&[("window", &length(window.limit))], window.used);
    }
    text.family(&IN_FLIGHT).series(&[], rate_limiter.in_flight);
    text.family(&MAX_IN_FLIGHT).series(&[], rate_limiter.max_in_flight);
    text.family(&WAITING);
    for lane in &rate_limiter.lanes {
        text.series(&[("lane", lane.lane.name())], lane.waiting);
    }
    text.family(&GRANTED);
    for lane in &rate_limiter.lanes {
        text.series(&[("lane", lane.lane.name())], lane.granted);
    }
    let pause =
        rate_limiter.paused_until.map_or(0.0, |until| until.saturating_duration_since(Instant::now()).as_secs_f64());
    text.family(&PAUSE).series(&[], pause);
    text.family(&PAUSED_ROUTES).series(&[], rate_limiter.paused_routes.len());
    text.family(&BREAKER).series(&[], u8::from(rate_limiter.breaker_open));
    text.family(&SERVICE_BREAKER);
    for service in GenesysService::ALL {
        let open = rate_limiter.services_in_trouble.iter().any(|(other, _)| *other == service);
        text.series(&[("service", service.name())], u8::from(open));
    }
    text.family(&OPENINGS).series(&[], rate_limiter.breaker_openings);
}

/// Returns the length of a window in seconds, like `60s`.
fn length(limit: WindowLimit) -> String {
    format!("{}s", limit.period.as_secs_f64())
}
