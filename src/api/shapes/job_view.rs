//! A job as the HTTP API shows it.

use axum::body::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::shapes::actor_view::ActorView;
use crate::api::shapes::vocabulary::{SyncJobStatus, SyncLane, SyncMode, SyncSameUser, SyncTarget};
use crate::domain::EntryState;
use crate::domain::assignment::CatalogueItem;
use crate::domain::callback::{CallbackProgress, CallbackUrl};
use crate::domain::conflict::Cause;
use crate::domain::hold::Hold;
use crate::domain::job::{ConflictCounts, EntryCounts};
use crate::engine::{Engine, Forecast, JobSnapshot};

/// A sync job.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct SyncJobView {
    id: Uuid,
    status: SyncJobStatus,
    target: SyncTarget,
    mode: SyncMode,
    label: Option<Box<str>>,
    dry_run: bool,
    lane: SyncLane,
    /// What several entries about one user mean, if the job says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = SyncSameUser, required = false)]
    same_user: Option<SyncSameUser>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Who sent it, as far as that was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = ActorView, required = false)]
    submitted_by: Option<ActorView>,
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
    /// When the job will be done, by the work that is ahead of it and the pace at which calls go at present; null when it is.
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
pub(in crate::api) struct CreatedSkillView {
    id: Uuid,
    name: Box<str>,
}

/// Why a job is held: what it would take away. Nothing of the job has been written.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct HeldView {
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
pub(in crate::api) struct SkillLossView {
    id: Uuid,
    /// Its name, if the catalogue has it.
    name: Option<Box<str>>,
    /// Users who would lose it.
    users: u32,
    /// Their share of the job's users who have it, as far as is known.
    #[schema(example = 80.0)]
    holders_percent: f64,
    /// Users in the org who are known to keep or get it, where that is a reason why the job is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u32, required = false, example = 1)]
    holders_left: Option<u32>,
}

/// How far telling somebody that the job has ended, or is held, has come.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct CallbackView {
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
pub(in crate::api) struct EntryCountsView {
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
pub(in crate::api) struct ConflictCountsView {
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
pub(in crate::api) struct CallsView {
    /// Calls made so far.
    made: u32,
    /// Calls that it will have taken in the end, by what is known of its entries and what the ended ones took.
    estimated: u32,
}

impl SyncJobView {
    /// The job as it stands.
    pub(in crate::api) fn of(job: JobSnapshot, engine: &Engine) -> Self {
        let forecast = engine.forecast(&job);
        Self::with(job, forecast)
    }

    pub(in crate::api) fn with(job: JobSnapshot, forecast: Forecast) -> Self {
        Self {
            id: job.id.0,
            status: job.status.into(),
            target: job.spec.target.into(),
            mode: job.spec.mode.into(),
            dry_run: job.spec.dry_run,
            lane: job.spec.lane.into(),
            same_user: SyncSameUser::of(job.spec.same_user),
            created_at: job.created_at,
            submitted_by: job.submitted_by.map(ActorView::from),
            started_at: job.started_at,
            finished_at: job.finished_at,
            estimated_finish_at: forecast.ends_at,
            parked_until: job.parked_until,
            counts: job.counts.into(),
            conflicts: job.conflicts.into(),
            calls: CallsView { made: job.calls_made, estimated: job.calls_made.saturating_add(forecast.calls_ahead) },
            created_skills: job.created.into_iter().map(CreatedSkillView::from).collect(),
            held: job.hold.map(HeldView::from),
            callback: job.spec.callback.as_ref().map(|url| CallbackView::of(url, job.callback)),
            label: job.spec.label,
        }
    }

    /// As JSON, written into room that most jobs fit in.
    pub(in crate::api) fn json(&self) -> Bytes {
        let mut json = Vec::with_capacity(1024);
        // A view is made of strings, numbers and dates: it can always be written.
        serde_json::to_writer(&mut json, self).unwrap_or_default();
        json.into()
    }
}

/// A job as messages to others show it: as its callers see it, but for the callback itself, which every attempt changes.
pub fn job_document(engine: &Engine) -> impl Fn(JobSnapshot) -> Value + Send + Sync + use<> {
    let engine = engine.clone();
    move |mut job| {
        job.spec.callback = None;
        serde_json::to_value(SyncJobView::of(job, &engine)).unwrap_or_default()
    }
}

/// Seconds after which it is worth asking for the job again: when it may be done, but neither at once nor in ages. None if
/// nothing becomes of it by waiting.
pub(in crate::api) fn poll_after_seconds(forecast: Forecast, now: Timestamp) -> Option<u64> {
    let ends_at = forecast.ends_at?;
    u64::try_from(ends_at.duration_since(now).as_secs()).ok().map(|seconds| seconds.clamp(1, 30)).or(Some(1))
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
            holders_left: loss.left,
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
