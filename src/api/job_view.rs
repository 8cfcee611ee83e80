//! A job as the HTTP API shows it.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::names::{SyncJobStatus, SyncLane, SyncMode, SyncTarget};
use crate::clock::WallClock;
use crate::domain::EntryState;
use crate::domain::assignment::CatalogueItem;
use crate::domain::callback::{CallbackProgress, CallbackUrl};
use crate::domain::conflict::Cause;
use crate::domain::hold::Hold;
use crate::domain::job::{ConflictCounts, EntryCounts, Urgency};
use crate::engine::{Engine, JobSnapshot};

/// A sync job.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SyncJobView {
    id: Uuid,
    status: SyncJobStatus,
    target: SyncTarget,
    mode: SyncMode,
    label: Option<Box<str>>,
    dry_run: bool,
    lane: SyncLane,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
    /// When the job will be done at the permitted rate, if nothing gets in the way; null when it is.
    #[schema(value_type = Option<String>, format = DateTime)]
    estimated_finish_at: Option<Timestamp>,
    /// Until when Genesys asked to wait.
    #[schema(value_type = Option<String>, format = DateTime)]
    parked_until: Option<Timestamp>,
    counts: EntryCountsView,
    conflicts: ConflictCountsView,
    calls: CallsView,
    /// Skills that Genesys did not have and that were created for the job.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    created_skills: Vec<CreatedSkillView>,
    /// What a held job would take away, while it is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = HeldView, required = false)]
    held: Option<HeldView>,
    /// How far telling the caller has come, if somebody is to be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = CallbackView, required = false)]
    callback: Option<CallbackView>,
}

/// A skill that Genesys did not have.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CreatedSkillView {
    id: Uuid,
    name: Box<str>,
}

/// Why a job is held: what it would take away. Nothing of the job has been written.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct HeldView {
    /// Users who would lose something.
    users: u32,
    /// Their share of the job's users.
    #[schema(example = 34.6)]
    users_percent: f64,
    /// What would be lost, the largest losses first; at most 20.
    skills: Vec<SkillLossView>,
    /// What is too much about it, and what to do.
    message: Box<str>,
}

/// A skill or skill group that users of a held job would lose.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SkillLossView {
    id: Uuid,
    /// Its name, if the catalogue has it.
    name: Option<Box<str>>,
    /// Users who would lose it.
    users: u32,
    /// Their share of the job's users who have it, as far as is known.
    #[schema(example = 80.0)]
    holders_percent: f64,
}

/// How far telling somebody that the job has ended, or is held, has come.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CallbackView {
    /// Where to, without what follows the path.
    #[schema(example = "https://hr.example.com/hooks/skillsync")]
    url: Box<str>,
    /// `waiting` for the job or for the next attempt, `delivered`, or `givenUp`.
    #[schema(example = "delivered")]
    state: &'static str,
    /// Attempts since the service started.
    attempts: u32,
    /// What became of the last attempt.
    last: Option<Box<str>>,
    #[schema(value_type = Option<String>, format = DateTime)]
    next_attempt_at: Option<Timestamp>,
}

impl CallbackView {
    fn of(url: &CallbackUrl, progress: CallbackProgress) -> Self {
        let state = match &progress.settled {
            Some(settled) if settled.delivered => "delivered",
            Some(_) => "givenUp",
            None => "waiting",
        };
        let CallbackProgress { attempts, last, next_attempt_at, .. } = progress;
        Self { url: url.shown().into(), state, attempts, last, next_attempt_at }
    }
}

/// How many entries are in each state.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EntryCountsView {
    total: u32,
    pending: u32,
    running: u32,
    waiting: u32,
    planned: u32,
    applied: u32,
    unchanged: u32,
    failed: u32,
    superseded: u32,
    cancelled: u32,
    held: u32,
}

/// How many conflicts the job met, by cause.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConflictCountsView {
    total: u32,
    wrong_version: u32,
    foreign_writer: u32,
    own_concurrency: u32,
    read_lag: u32,
    busy: u32,
    blocked: u32,
}

/// Calls to Genesys on behalf of the job.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CallsView {
    /// Calls made so far.
    made: u32,
    /// Calls that it will have taken in the end, roughly.
    estimated: u32,
}

impl SyncJobView {
    /// The job as it stands at `now`.
    pub(super) fn of(job: JobSnapshot, engine: &Engine, now: Timestamp) -> Self {
        let estimated = job.calls_made.saturating_add(calls_ahead_of(&job));
        Self {
            id: job.id.0,
            status: job.status.into(),
            target: job.spec.target.into(),
            mode: job.spec.mode.into(),
            dry_run: job.spec.dry_run,
            lane: job.spec.urgency.into(),
            created_at: job.created_at,
            started_at: job.started_at,
            finished_at: job.finished_at,
            estimated_finish_at: estimated_finish_at(&job, engine, now),
            parked_until: job.parked_until,
            counts: job.counts.into(),
            conflicts: job.conflicts.into(),
            calls: CallsView { made: job.calls_made, estimated },
            created_skills: job.created.into_iter().map(CreatedSkillView::from).collect(),
            held: job.hold.map(HeldView::from),
            callback: job.spec.callback.as_ref().map(|url| CallbackView::of(url, job.callback)),
            label: job.spec.label,
        }
    }
}

/// A job as messages to others show it: as its callers see it, but for the callback itself, which every attempt changes.
pub fn job_document(engine: &Engine, clock: WallClock) -> impl Fn(JobSnapshot) -> Value + Send + Sync + use<> {
    let engine = engine.clone();
    move |mut job| {
        job.spec.callback = None;
        serde_json::to_value(SyncJobView::of(job, &engine, clock.now())).unwrap_or_default()
    }
}

/// Seconds after which it is worth asking for the job again: when it may be done, but neither at once nor in ages.
pub(super) fn poll_after_seconds(engine: &Engine) -> u64 {
    engine.time_for(calls_ahead(engine.open_entries())).as_secs().clamp(1, 30)
}

/// Calls that open entries will take: a read and a write each, where nothing better is known.
fn calls_ahead(open_entries: u32) -> u32 {
    open_entries.saturating_mul(2)
}

/// Calls that a job will still take: what its entries have taken so far, once enough of them have ended to tell.
/// Unchanged users take one, conflicts take more, and listings are shared by all.
fn calls_ahead_of(job: &JobSnapshot) -> u32 {
    const ENOUGH: u32 = 20;
    let open = job.counts.ahead();
    let ended = job.counts.total() - job.counts.open();
    if ended < ENOUGH {
        return calls_ahead(open);
    }
    let ahead = u64::from(open) * u64::from(job.calls_made) / u64::from(ended);
    u32::try_from(ahead).unwrap_or(u32::MAX).max(open)
}

/// Jobs take turns, so a bulk job is done for sure only when the work of all jobs is; interactive ones go ahead of it.
fn estimated_finish_at(job: &JobSnapshot, engine: &Engine, now: Timestamp) -> Option<Timestamp> {
    let open = job.counts.ahead();
    if open == 0 {
        return None;
    }
    let of_others = match job.spec.urgency {
        Urgency::Interactive => 0,
        Urgency::Bulk => engine.open_entries().saturating_sub(open),
    };
    let calls = calls_ahead_of(job).saturating_add(calls_ahead(of_others));
    // In whole milliseconds, like every date.
    let work = SignedDuration::from_millis(i64::try_from(engine.time_for(calls).as_millis()).ok()?);
    job.parked_until.map_or(now, |until| until.max(now)).checked_add(work).ok()
}

impl From<CatalogueItem> for CreatedSkillView {
    fn from(skill: CatalogueItem) -> Self {
        Self { id: skill.id.0, name: skill.name }
    }
}

impl From<Hold> for HeldView {
    fn from(hold: Hold) -> Self {
        let losses = hold.skills.into_iter().map(|loss| SkillLossView {
            id: loss.id.0,
            name: loss.name,
            users: loss.users,
            holders_percent: percent(loss.users, loss.holders),
        });
        Self {
            users: hold.users,
            users_percent: percent(hold.users, hold.of_users),
            skills: losses.collect(),
            message: hold.message,
        }
    }
}

/// A share in hundredths, to one decimal place.
fn percent(part: u32, whole: u32) -> f64 {
    (f64::from(part) * 1000.0 / f64::from(whole.max(1))).round() / 10.0
}

impl From<EntryCounts> for EntryCountsView {
    fn from(counts: EntryCounts) -> Self {
        Self {
            total: counts.total(),
            pending: counts.of(EntryState::Pending),
            running: counts.of(EntryState::Running),
            waiting: counts.of(EntryState::Waiting),
            planned: counts.of(EntryState::Planned),
            applied: counts.of(EntryState::Applied),
            unchanged: counts.of(EntryState::Unchanged),
            failed: counts.of(EntryState::Failed),
            superseded: counts.of(EntryState::Superseded),
            cancelled: counts.of(EntryState::Cancelled),
            held: counts.of(EntryState::Held),
        }
    }
}

impl From<ConflictCounts> for ConflictCountsView {
    fn from(counts: ConflictCounts) -> Self {
        Self {
            total: counts.total(),
            wrong_version: counts.of(Cause::WrongVersion),
            foreign_writer: counts.of(Cause::ForeignWriter),
            own_concurrency: counts.of(Cause::OwnConcurrency),
            read_lag: counts.of(Cause::ReadLag),
            busy: counts.of(Cause::Busy),
            blocked: counts.of(Cause::Blocked),
        }
    }
}
