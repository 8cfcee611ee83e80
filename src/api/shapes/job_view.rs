//! A job, in the form in which the HTTP API returns it.

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
    /// The id of the job.
    id: Uuid,
    status: SyncJobStatus,
    target: SyncTarget,
    mode: SyncMode,
    /// The party on whose behalf the job assigns; absent in jobs accepted before owners were recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "hr")]
    owner: Option<Box<str>>,
    /// The caller's name for the job.
    label: Option<Box<str>>,
    /// Whether the job is a dry run, which plans only, without any write.
    dry_run: bool,
    lane: SyncLane,
    /// How several entries for one user are treated, if the job specified it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = SyncSameUser, required = false)]
    same_user: Option<SyncSameUser>,
    /// When the job was accepted.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// The actor who submitted the job, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = ActorView, required = false)]
    submitted_by: Option<ActorView>,
    /// When work on the first entry began; null before that.
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    /// When the job ended; null while it is open.
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
    /// The estimated end, from the work ahead of the job and the current pace of calls; null once the job has ended,
    /// and while it is held.
    #[schema(value_type = Option<String>, format = DateTime)]
    estimated_finish_at: Option<Timestamp>,
    /// The end of the pause that Genesys asked for; null without one.
    #[schema(value_type = Option<String>, format = DateTime)]
    parked_until: Option<Timestamp>,
    counts: EntryCountsView,
    conflicts: ConflictCountsView,
    calls: CallsView,
    /// Skills that did not exist in Genesys and were created for the job.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    created_skills: Vec<CreatedSkillView>,
    /// What the job would remove; present only while the job is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = HeldView, required = false)]
    held: Option<HeldView>,
    /// The progress of the callback, if the job has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = CallbackView, required = false)]
    callback: Option<CallbackView>,
}

/// A skill that was created in Genesys for the job.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct CreatedSkillView {
    id: Uuid,
    name: Box<str>,
}

/// The reason why a job is held: what it would remove. Nothing of the job has been written to Genesys.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct HeldView {
    /// The number of users who would lose an assignment.
    users: u32,
    /// These users as a percentage of the job's users.
    #[schema(example = 34.6)]
    users_percent: f64,
    /// The assignments that would be removed, largest loss first; at most 20.
    skills: Vec<SkillLossView>,
    /// Which threshold is exceeded, and what to do.
    message: Box<str>,
}

/// A skill or skill group that users of a held job would lose.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct SkillLossView {
    id: Uuid,
    /// The name, if the catalogue has it.
    name: Option<Box<str>>,
    /// The number of users who would lose it.
    users: u32,
    /// These users as a percentage of the job's users who have it, as far as known.
    #[schema(example = 80.0)]
    holders_percent: f64,
    /// The number of users in the org who are known to keep or get it; present where this is a reason for the hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u32, required = false, example = 1)]
    holders_left: Option<u32>,
}

/// The progress of the message that tells the caller that the job has ended or is held.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct CallbackView {
    /// The target URL, without query and fragment.
    #[schema(example = "https://hr.example.com/hooks/skillsync")]
    url: Box<str>,
    /// `waiting` (for the job or for the next attempt), `delivered` or `givenUp`.
    #[schema(example = "delivered")]
    state: &'static str,
    /// The number of attempts since the service started.
    attempts: u32,
    /// The result of the last attempt.
    last: Option<Box<str>>,
    /// When the next attempt is due.
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

/// The number of entries in each state.
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

/// The number of conflicts of the job, by cause.
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

/// The calls to Genesys for the job.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct CallsView {
    /// The number of calls made so far.
    made: u32,
    /// The estimated total of calls at the end, from what is known of the entries and what the ended ones took.
    estimated: u32,
}

impl SyncJobView {
    /// Returns the view of a job with a forecast made now.
    pub(in crate::api) fn of(job: JobSnapshot, engine: &Engine) -> Self {
        let forecast = engine.forecast(&job);
        Self::with(job, forecast)
    }

    /// Returns the view of a job with this forecast.
    pub(in crate::api) fn with(job: JobSnapshot, forecast: Forecast) -> Self {
        Self {
            id: job.id.0,
            status: job.status.into(),
            target: job.spec.target.into(),
            mode: job.spec.mode.into(),
            owner: job.spec.owner.as_ref().map(|owner| owner.name().into()),
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

    /// Returns the view as JSON, in a buffer with an initial capacity that fits most jobs.
    pub(in crate::api) fn json(&self) -> Bytes {
        let mut json = Vec::with_capacity(1024);
        // Cannot fail: a view consists of strings, numbers and dates only.
        serde_json::to_writer(&mut json, self).unwrap_or_default();
        json.into()
    }
}

/// Returns a function that renders a job for callback messages: as the API shows it, but without the callback itself,
/// which changes with every attempt.
pub fn job_document(engine: &Engine) -> impl Fn(JobSnapshot) -> Value + Send + Sync + use<> {
    let engine = engine.clone();
    move |mut job| {
        job.spec.callback = None;
        serde_json::to_value(SyncJobView::of(job, &engine)).unwrap_or_default()
    }
}

/// Returns the number of seconds, from 1 to 30, after which to poll the job again, based on its estimated end. Returns
/// `None` if there is no such estimate, as for a job that has ended or is held.
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

/// Returns a share in percent, rounded to one decimal place.
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
