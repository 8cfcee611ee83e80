//! One accepted job in memory: its entries, their states, and what they add up to.

pub(in crate::engine) mod acceptance_order;
pub(in crate::engine) mod callback_queue;
mod calls_ahead;
mod changes;
mod entries;
mod follow;
mod hold;
pub(in crate::engine) mod idempotency_keys;
mod journal_records;
pub(in crate::engine) mod outcome;
pub(in crate::engine) mod people;
pub(in crate::engine) mod registry;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;
use tokio::time::Instant;

use self::changes::Changes;
use self::entries::Entries;
pub use self::follow::{EventCursor, JobDelta};
use self::hold::Release;
use self::people::UserNameIndex;
use crate::domain::assignment::CatalogueItem;
use crate::domain::audit::Actor;
use crate::domain::callback::CallbackProgress;
use crate::domain::conflict::Cause;
use crate::domain::entry::{Effects, EntryRequest, Presence};
use crate::domain::hold::Hold;
use crate::domain::job::{ConflictCounts, EntryCounts, JobSpec, JobStatus};
use crate::domain::place::DatesBefore;
use crate::domain::{EntryState, JobId, Place, Reason, UserId};
use crate::engine::estimate::totals::{HeldMemory, OpenEntries};
use crate::engine::estimate::workload::{Load, Workload};
use crate::engine::port::Version;
use crate::journal::{AcceptedJob, EndedEntry};

/// A conflict that an entry met, and its cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictRecord {
    pub cause: Cause,
    pub status: Option<u16>,
    pub sent: Option<Version>,
    pub found: Option<Version>,
    pub correlation_id: Option<Box<str>>,
    pub at: Timestamp,
}

/// What is known of how an entry went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntryResult {
    pub reason: Option<Reason>,
    /// What happened and what to do.
    pub message: Option<Box<str>>,
    pub effects: Effects,
    /// Writes made for it.
    pub attempts: u32,
    pub conflicts: Vec<ConflictRecord>,
    /// The entry in a later place that undid it, or did it over.
    pub superseded_by: Option<(JobId, u32)>,
    pub finished_at: Option<Timestamp>,
}

/// An entry as a value.
#[derive(Debug, Clone)]
pub struct EntrySnapshot {
    pub index: u32,
    pub request: EntryRequest,
    pub user: Option<UserId>,
    pub state: EntryState,
    pub result: EntryResult,
    pub presence: Presence,
    /// The person whom it was about was erased; the request names nobody.
    pub erased: bool,
}

/// A job as a value.
#[derive(Debug, Clone)]
pub struct JobSnapshot {
    pub id: JobId,
    pub spec: JobSpec,
    pub status: JobStatus,
    pub created_at: Timestamp,
    /// Who sent it, as far as that is known.
    pub submitted_by: Option<Actor>,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub parked_until: Option<Timestamp>,
    pub counts: EntryCounts,
    pub conflicts: ConflictCounts,
    pub calls_made: u32,
    /// Skills that Genesys did not have and that were created for it.
    pub created: Vec<CatalogueItem>,
    /// When the last of those that wait goes on, as far as that is known.
    pub waits_until: Option<Timestamp>,
    /// What is ahead of it, and how many of its users will be stuck.
    pub(in crate::engine) load: Load,
    pub(in crate::engine) stuck_ahead: f64,
    /// Why it is held, if it is.
    pub hold: Option<Hold>,
    /// How far its callback has come, if it wants one.
    pub callback: CallbackProgress,
    /// Grows with every change.
    pub revision: u64,
}

/// How the places of a job's entries follow from their dates.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Dating {
    /// A date that is later than acceptance by more than this counts as none.
    pub(in crate::engine) tolerance: SignedDuration,
    /// For a job of a process before this one: which of its dates are believed.
    pub(in crate::engine) before: Option<Arc<DatesBefore>>,
}

/// An accepted job.
///
/// Invariant: an entry whose end is decided never changes again, but to show that end; every change of an entry moves the
/// counts with it, under one lock that is never held across an await.
#[derive(Debug)]
pub(in crate::engine) struct Job {
    id: JobId,
    spec: JobSpec,
    created_at: Timestamp,
    dating: Dating,
    /// When it was accepted on the clock of this process; of a job that was accepted before its start, the start.
    accepted_at: Instant,
    state: Mutex<JobState>,
    revision: watch::Sender<u64>,
    open: OpenEntries,
    submitted_by: Option<Actor>,
    held: HeldMemory,
}

#[derive(Debug)]
pub(in crate::engine) struct JobState {
    entries: Entries,
    /// Ends that are not durable yet, and so are not shown.
    decided: BTreeMap<u32, (EntryState, EntryResult)>,
    counts: EntryCounts,
    conflicts: ConflictCounts,
    calls_made: u32,
    created: Vec<CatalogueItem>,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    /// When the newest end of an entry was.
    ends_at: Option<Timestamp>,
    parked_until: Option<Timestamp>,
    /// What those entries wait for that wait and tell nothing themselves.
    held_up: Option<Box<str>>,
    /// When the last of those that wait goes on, as far as that is known.
    waits_until: Option<Timestamp>,
    work: Workload,
    /// What is ahead of the job, as last reported.
    load: Load,
    cancelled: bool,
    /// Why nothing of it has begun, while it is held.
    hold: Option<Box<Hold>>,
    /// Somebody let it go on, whatever it weighs.
    released: Option<Release>,
    keep_until: Option<Timestamp>,
    pub(in crate::engine) callback: CallbackProgress,
    revision: u64,
    changes: Changes,
    name_index: Option<UserNameIndex>,
    /// What is logged for the job says so, and names the request that it came with. There is one from the first work on
    /// the job to its end, so that as a span of a trace it lasts as long as the job, and not as long as it can be read.
    span: Option<tracing::Span>,
}

/// What a job takes besides its entries: while it is worked on, and afterwards.
const OF_OPEN_JOB: usize = 6 * 1024;
const OF_ENDED_JOB: usize = 1024;

impl Job {
    pub(in crate::engine) fn new(job: AcceptedJob, dating: Dating, open: OpenEntries) -> Self {
        let AcceptedJob { id, spec, created_at, entries: orders, submitted_by } = job;
        let total = u32::try_from(orders.len()).unwrap_or(u32::MAX);
        let entries = Entries::from(orders);
        let held = open.hold(OF_OPEN_JOB + entries.bytes_while_open());
        let mut state = JobState {
            decided: BTreeMap::new(),
            counts: EntryCounts::pending(total),
            conflicts: ConflictCounts::default(),
            calls_made: 0,
            created: Vec::new(),
            started_at: None,
            finished_at: None,
            ends_at: None,
            parked_until: None,
            held_up: None,
            waits_until: None,
            work: Workload::default(),
            load: Load::default(),
            cancelled: false,
            hold: None,
            released: None,
            keep_until: None,
            callback: CallbackProgress::default(),
            revision: 0,
            changes: Changes::new(entries.len()),
            entries,
            name_index: None,
            span: None,
        };
        state.report_load(&spec, &open);
        let (accepted_at, state, revision) = (Instant::now(), Mutex::new(state), watch::Sender::new(0));
        Self { id, spec, created_at, dating, accepted_at, state, revision, open, submitted_by, held }
    }

    pub(in crate::engine) fn id(&self) -> JobId {
        self.id
    }

    /// The span of the work on the job; none once it has ended.
    pub(in crate::engine) fn span(&self) -> tracing::Span {
        let mut state = self.lock();
        if state.counts.open() == 0 {
            return tracing::Span::none();
        }
        state.span.get_or_insert_with(|| tracing::info_span!("job", job = %self.id)).clone()
    }

    pub(in crate::engine) fn spec(&self) -> &JobSpec {
        &self.spec
    }

    pub(in crate::engine) fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// Where an entry stands in the effective order.
    pub(in crate::engine) fn place(&self, index: u32) -> Place {
        self.place_in(&self.lock(), index)
    }

    /// The oldest place of those entries that have not ended.
    pub(in crate::engine) fn oldest_place(&self) -> Option<Place> {
        let state = self.lock();
        let open = state.entries.places(0, |state| !state.is_terminal());
        open.map(|index| self.place_in(&state, index)).min()
    }

    fn place_in(&self, state: &JobState, index: u32) -> Place {
        let own = || {
            let occurred_at = state.entries.occurred_at(index);
            Place::of((self.id, index), occurred_at, self.created_at, self.dating.tolerance)
        };
        let place = state.entries.repeats(index).unwrap_or_else(own);
        self.dating.before.as_ref().map_or(place, |dates| dates.place(place))
    }

    /// The place of the entry that an entry repeats.
    pub(in crate::engine) fn repeats(&self, index: u32) -> Option<Place> {
        self.lock().entries.repeats(index)
    }

    /// Whether an entry comes too late if something newer was carried out before it was accepted.
    pub(in crate::engine) fn can_be_stale(&self, index: u32) -> bool {
        let state = self.lock();
        state.entries.occurred_at(index).is_some() || state.entries.repeats(index).is_some()
    }

    /// Whether somebody has cancelled it.
    pub(in crate::engine) fn is_cancelled(&self) -> bool {
        self.lock().cancelled
    }

    /// Nothing that was looked at before tells that something is missing that the job names.
    pub(in crate::engine) fn accepted_at(&self) -> Instant {
        self.accepted_at
    }

    /// Number of entries.
    pub(in crate::engine) fn len(&self) -> u32 {
        self.lock().counts.total()
    }

    /// What the entry asks, unless it has ended already.
    pub(in crate::engine) fn open_request(&self, index: u32) -> Option<EntryRequest> {
        let state = self.lock();
        if state.is_open(index) { state.entries.request(index) } else { None }
    }

    /// The entry's user is known now.
    pub(in crate::engine) fn resolved(&self, index: u32, user: UserId) {
        let mut state = self.lock();
        // What held it up until now does so no more.
        if state.turn(index, EntryState::Pending) {
            state.entries.set_user(index, user);
            state.entries.clear_result(index);
        }
    }

    /// A process before this one had a write under way for the entry: it cannot be cancelled before a look at its user.
    pub(in crate::engine) fn goes_on(&self, index: u32, user: UserId) {
        self.change(|state| {
            if state.turn(index, EntryState::Waiting) {
                state.entries.set_user(index, user);
                state.entries.set_unsettled(index, true);
                state.entries.set_message(index, "a write was under way at the restart, looking at what became of it");
            }
        });
    }

    /// A reconciliation takes the entry up; false if it has ended meanwhile and is not to be touched.
    pub(in crate::engine) fn begin(&self, index: u32, now: Timestamp) -> bool {
        self.change(|state| {
            state.parked_until = state.parked_until.filter(|until| *until > now);
            state.started_at.get_or_insert(now);
            state.turn(index, EntryState::Running)
        })
    }

    /// The pass over the entry's user goes on later. Only an entry whose writes have all been answered can be cancelled
    /// while it waits.
    pub(in crate::engine) fn wait(
        &self,
        index: u32,
        message: &str,
        unsettled: bool,
        until: Timestamp,
        parked_until: Option<Timestamp>,
    ) {
        self.change(|state| {
            state.waits_until = state.waits_until.max(Some(until));
            state.parked_until = state.parked_until.max(parked_until);
            if state.turn(index, EntryState::Waiting) {
                state.entries.set_unsettled(index, unsettled);
                state.entries.set_message(index, message);
            }
        });
    }

    /// Nothing of the job can begin but what is with its user already: every other open entry waits, and says for what.
    /// Saying it again changes nothing, so that nobody who follows the job is woken for it.
    pub(in crate::engine) fn hold_up(&self, parked: &HashSet<u32>, message: &str, parked_until: Option<Timestamp>) {
        let known = {
            let state = self.lock();
            let waits = |index| parked.contains(&index) || state.entries.state(index) == Some(EntryState::Waiting);
            let all_wait = state.entries.places(0, |state| !state.is_terminal()).all(waits);
            all_wait && state.parked_until == parked_until && state.held_up.as_deref() == Some(message)
        };
        if known {
            return;
        }
        self.change(|state| {
            state.parked_until = parked_until;
            state.held_up = Some(message.into());
            for index in (0..state.counts.total()).filter(|index| !parked.contains(index)) {
                if state.turn(index, EntryState::Waiting) {
                    state.entries.clear_result(index);
                }
            }
        });
    }

    /// Decides how an entry ends; what is to be written down of it. `None` if that is decided already.
    pub(in crate::engine) fn decide(
        &self,
        index: u32,
        to: EntryState,
        result: EntryResult,
        now: Timestamp,
    ) -> Option<EndedEntry> {
        let mut state = self.lock();
        state.is_open(index).then(|| {
            let result = EntryResult { finished_at: Some(now), ..result };
            let ended = self.ended(&state, index, to, result.clone());
            state.decided.insert(index, (to, result));
            ended
        })
    }

    /// Decides to cancel every entry that no write is under way for; what is to be written down of them.
    pub(in crate::engine) fn decide_to_cancel(&self, now: Timestamp) -> Vec<EndedEntry> {
        self.change(|state| {
            state.cancelled = true;
            let mut ended = Vec::new();
            for index in 0..state.counts.total() {
                let runs = state.entries.state(index) == Some(EntryState::Running);
                if runs || state.entries.is_unsettled(index) || !state.is_open(index) {
                    continue;
                }
                let message = Some("cancelled before it was carried out".into());
                let result = EntryResult { message, finished_at: Some(now), ..EntryResult::default() };
                ended.push(self.ended(state, index, EntryState::Cancelled, result.clone()));
                state.decided.insert(index, (EntryState::Cancelled, result));
            }
            ended
        })
    }

    /// Shows ends that were decided and are durable now.
    pub(in crate::engine) fn show_ends(&self, entries: &[u32]) {
        self.change(|state| {
            let mut last = None;
            for index in entries {
                let Some((to, result)) = state.decided.remove(index) else { continue };
                if state.turn(*index, to) {
                    self.open.ended().count(to, result.reason);
                    last = last.max(result.finished_at);
                    state.entries.set_result(*index, result);
                }
            }
            state.finish_if_over(last);
        });
    }

    /// Counts `writes` refused for `cause`.
    pub(in crate::engine) fn count_conflicts(&self, cause: Cause, writes: u32) {
        self.change(|state| (0..writes).for_each(|_| state.conflicts.count(cause)));
    }

    /// Counts calls that a reconciliation made for this job.
    pub(in crate::engine) fn count_calls(&self, calls: u32) {
        if calls > 0 {
            self.change(|state| {
                state.calls_made += calls;
                state.work.called(calls);
            });
        }
    }

    /// A skill was created for this job; all that were.
    pub(in crate::engine) fn add_created(&self, skill: CatalogueItem) -> Vec<CatalogueItem> {
        self.change(|state| {
            state.created.push(skill);
            state.created.clone()
        })
    }

    /// The job as a value.
    pub(in crate::engine) fn snapshot(&self) -> JobSnapshot {
        self.snapshot_of(&self.lock())
    }

    pub(in crate::engine) fn revision(&self) -> u64 {
        self.lock().revision
    }

    fn snapshot_of(&self, state: &JobState) -> JobSnapshot {
        JobSnapshot {
            id: self.id,
            spec: self.spec.clone(),
            status: state.status(),
            created_at: self.created_at,
            submitted_by: self.submitted_by.clone(),
            started_at: state.started_at,
            finished_at: state.finished_at,
            parked_until: state.parked_until,
            counts: state.counts,
            conflicts: state.conflicts,
            calls_made: state.calls_made,
            created: state.created.clone(),
            waits_until: state.waits_until,
            load: state.load,
            stuck_ahead: state.work.stuck_ahead(),
            hold: state.hold.as_deref().cloned(),
            callback: state.callback.clone(),
            revision: state.revision,
        }
    }

    /// At most `limit` entries from `from` on, only those in `wanted` if given; and where the next page starts.
    pub(in crate::engine) fn entries(
        &self,
        wanted: Option<EntryState>,
        from: u32,
        limit: usize,
    ) -> (Vec<EntrySnapshot>, Option<u32>) {
        let state = self.lock();
        let mut matching = state.entries.places(from, |state| wanted.is_none_or(|wanted| wanted == state));
        let page = matching.by_ref().take(limit).filter_map(|index| state.entry(index)).collect();
        (page, matching.next())
    }

    /// Resolves with each new revision.
    pub(in crate::engine) fn watch(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    pub(in crate::engine) fn change<T>(&self, change: impl FnOnce(&mut JobState) -> T) -> T {
        self.adjust(|state| {
            state.revision += 1;
            let result = change(state);
            // Under the lock, so that the revision told never goes back.
            self.revision.send_replace(state.revision);
            result
        })
    }

    /// A change that nobody who follows the job is woken for.
    fn adjust<T>(&self, change: impl FnOnce(&mut JobState) -> T) -> T {
        let mut state = self.lock();
        let was_open = state.counts.open() > 0;
        let result = change(&mut state);
        if was_open && state.counts.open() == 0 {
            self.held.set(OF_ENDED_JOB + state.entries.bytes());
        }
        state.report_load(&self.spec, &self.open);
        result
    }

    fn lock(&self) -> MutexGuard<'_, JobState> {
        self.state.lock()
    }
}

impl JobState {
    /// Whether it is not decided how an entry ends.
    fn is_open(&self, index: u32) -> bool {
        let ended = self.entries.state(index).is_none_or(EntryState::is_terminal);
        !ended && !self.decided.contains_key(&index)
    }

    fn turn(&mut self, index: u32, to: EntryState) -> bool {
        match self.entries.state(index) {
            Some(before) if self.is_open(index) => {
                self.entries.turn(index, to);
                self.counts.moved(before, to);
                self.changes.record(self.revision, index);
                true
            }
            Some(_) | None => false,
        }
    }

    /// An entry as a value. What waits or is held with all of its job is so for the job's reason.
    fn entry(&self, index: u32) -> Option<EntrySnapshot> {
        let mut entry = self.entries.snapshot(index)?;
        if entry.state == EntryState::Held {
            entry.result.message = Some("held back with its job, which says why; apply the job or cancel it".into());
        } else if entry.state == EntryState::Waiting && entry.result.message.is_none() {
            entry.result.message.clone_from(&self.held_up);
        }
        Some(entry)
    }

    /// Ends the job with its last entry; `at` is when that ended.
    fn finish_if_over(&mut self, at: Option<Timestamp>) {
        self.ends_at = self.ends_at.max(at);
        if self.counts.open() == 0 {
            self.finished_at = self.finished_at.or(self.ends_at);
            self.parked_until = None;
            self.held_up = None;
            self.waits_until = None;
            self.hold = None;
            self.name_index = None;
            self.span = None;
        }
    }

    fn status(&self) -> JobStatus {
        if self.counts.open() == 0 {
            match self.counts.of(EntryState::Cancelled) {
                1.. if self.cancelled => JobStatus::Cancelled,
                _ => JobStatus::Completed,
            }
        } else if self.counts.of(EntryState::Held) > 0 {
            JobStatus::Held
        } else if self.parked_until.is_some() && self.counts.of(EntryState::Running) == 0 {
            JobStatus::Parked
        } else if self.started_at.is_some() {
            JobStatus::Running
        } else {
            JobStatus::Queued
        }
    }
}
