//! What the parts count and show of themselves, as families of metrics.
//!
//! Names and units follow the conventions of Prometheus; words are those of the HTTP API. No label holds the id of a job, a
//! user or a skill, so that the number of series does not grow with what is synced. `docs/OPERATIONS.md` explains each
//! family; a test holds it, the dashboard and the alert rules against what is written here.

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

const BUILD: Family = Family::gauge("skillsync_build_info", "Always 1; the label says which version runs.");
const JOBS: Family = Family::gauge("skillsync_jobs", "Jobs in memory by status.");
const OLDEST: Family =
    Family::gauge("skillsync_oldest_open_job_age_seconds", "Age of the oldest job that has not ended; 0 without one.");
const ENTRIES: Family = Family::gauge("skillsync_entries", "Entries of the jobs in memory by state.");
const ENDED: Family =
    Family::counter("skillsync_entries_ended_total", "Entries that ended, by the state they ended in.");
const REASONS: Family = Family::counter(
    "skillsync_entries_unsuccessful_total",
    "Entries that failed, or were superseded as stale, by reason.",
);
const USERS: Family =
    Family::gauge("skillsync_users_occupied", "Users with something pending or under way: one writer each.");
const CONFLICTS: Family =
    Family::counter("skillsync_conflicts_total", "Refused writes by the cause that was found, each once.");
const CALLS: Family =
    Family::counter("skillsync_genesys_calls_total", "Attempts of calls to Genesys by route and how they ended.");
const ANSWERS: Family = Family::histogram(
    "skillsync_genesys_call_duration_seconds",
    "Time from sending an attempt to the last byte of its answer, by class of route.",
);
const RETRIES: Family =
    Family::counter("skillsync_genesys_retries_total", "Attempts that were repeated at once, by why.");
const REFUSED_RETRIES: Family = Family::counter(
    "skillsync_genesys_retries_refused_total",
    "Repetitions left out because the budget of repetitions was used up: an outage.",
);
const LOGINS: Family = Family::counter("skillsync_genesys_logins_total", "Logins to Genesys by how they ended.");
const LOGGED_IN: Family = Family::gauge("skillsync_genesys_logged_in", "1 if the last login worked, else 0.");
const WINDOW_LIMIT: Family =
    Family::gauge("skillsync_gate_window_limit_calls", "Calls permitted in each window of the rate limit.");
const WINDOW_USED: Family = Family::gauge("skillsync_gate_window_used_calls", "Places taken in each window.");
const IN_FLIGHT: Family = Family::gauge("skillsync_gate_in_flight_calls", "Calls under way.");
const MAX_IN_FLIGHT: Family =
    Family::gauge("skillsync_gate_in_flight_limit_calls", "Calls that may be under way at once.");
const WAITING: Family = Family::gauge("skillsync_gate_waiting_calls", "Calls that wait for their turn, by lane.");
const GRANTED: Family = Family::counter("skillsync_gate_granted_total", "Calls that were let through, by lane.");
const WAITED: Family =
    Family::histogram("skillsync_gate_wait_seconds", "Time that calls waited at the gate until their turn, by lane.");
const PAUSE: Family = Family::gauge(
    "skillsync_gate_pause_remaining_seconds",
    "For how long Genesys still wants no call at all (429 with Retry-After); 0 if it takes calls.",
);
const PAUSED_ROUTES: Family =
    Family::gauge("skillsync_gate_paused_routes", "Routes that Genesys wants to be left alone on their own.");
const BREAKER: Family =
    Family::gauge("skillsync_gate_breaker_open", "1 while Genesys seems to be down and only probes go out, else 0.");
const SERVICE_BREAKER: Family = Family::gauge(
    "skillsync_gate_service_breaker_open",
    "1 while only probes go out to one service of Genesys, as it seems to be down alone, else 0.",
);
const OPENINGS: Family = Family::counter("skillsync_gate_breaker_openings_total", "How often the breaker opened.");

const FLUSHES: Family = Family::histogram(
    "skillsync_journal_flush_duration_seconds",
    "Time that the journal took to make a batch durable.",
);
const FAILURES: Family =
    Family::counter("skillsync_journal_failures_total", "Batches that the journal could not write; it tries again.");
const UNWRITTEN: Family = Family::gauge(
    "skillsync_journal_unwritten_records",
    "Records handed to the journal and not durable yet; grows while it cannot write.",
);
const JOURNAL_SIZE: Family = Family::gauge("skillsync_journal_size_bytes", "Size of the journal on the disk.");
const PANICS: Family = Family::counter(
    "skillsync_task_panics_total",
    "Panics of tasks, by task: a defect; what it did is taken up again.",
);

/// The parts that are asked when somebody asks for metrics.
#[derive(Debug)]
pub(super) struct ServiceMetrics {
    pub(super) engine: Engine,
    pub(super) gate: RateLimiter,
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
        write_gate(text, &self.gate.snapshot());
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
        let statistics = self.gate.statistics();
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

/// Shown without series where nothing is written down.
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

fn write_gate(text: &mut MetricsText, gate: &RateLimiterView) {
    text.family(&WINDOW_LIMIT);
    for window in &gate.windows {
        text.series(&[("window", &length(window.limit))], window.limit.calls);
    }
    text.family(&WINDOW_USED);
    for window in &gate.windows {
        text.series(&[("window", &length(window.limit))], window.used);
    }
    text.family(&IN_FLIGHT).series(&[], gate.in_flight);
    text.family(&MAX_IN_FLIGHT).series(&[], gate.max_in_flight);
    text.family(&WAITING);
    for lane in &gate.lanes {
        text.series(&[("lane", lane.lane.name())], lane.waiting);
    }
    text.family(&GRANTED);
    for lane in &gate.lanes {
        text.series(&[("lane", lane.lane.name())], lane.granted);
    }
    let pause = gate.paused_until.map_or(0.0, |until| until.saturating_duration_since(Instant::now()).as_secs_f64());
    text.family(&PAUSE).series(&[], pause);
    text.family(&PAUSED_ROUTES).series(&[], gate.paused_routes.len());
    text.family(&BREAKER).series(&[], u8::from(gate.breaker_open));
    text.family(&SERVICE_BREAKER);
    for service in GenesysService::ALL {
        let open = gate.services_in_trouble.iter().any(|(other, _)| *other == service);
        text.series(&[("service", service.name())], u8::from(open));
    }
    text.family(&OPENINGS).series(&[], gate.breaker_openings);
}

/// A window by its length, as people write it.
fn length(limit: WindowLimit) -> String {
    format!("{}s", limit.period.as_secs_f64())
}
