//! An accepted job in memory: its entries, their states and the sums over them.

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
mod snapshot;

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
pub use self::snapshot::{EntrySnapshot, JobSnapshot};
use crate::domain::assignment::CatalogueItem;
use crate::domain::audit::Actor;
use crate::domain::callback::CallbackProgress;
use crate::domain::conflict::Cause;
use crate::domain::entry::EntryRequest;
use crate::domain::entry_result::EntryResult;
use crate::domain::hold::Hold;
use crate::domain::job::{ConflictCounts, EntryCounts, JobSpec};
use crate::domain::place::DatesBefore;
use crate::domain::{EntryState, JobId, Place, UserId};
use crate::engine::estimate::totals::{HeldMemory, OpenEntries};
use crate::engine::estimate::workload::{Load, Workload};
use crate::journal::{AcceptedJob, EndedEntry};

/// How the places of a job's entries follow from their dates.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Dating {
    /// A date that lies later than acceptance by more than this is ignored.
    pub(in crate::engine) tolerance: SignedDuration,
    /// Which dates are believed; only for a job of an earlier process.
    pub(in crate::engine) before: Option<Arc<DatesBefore>>,
}

/// An accepted job.
///
/// Invariant: once the end of an entry is decided, the entry changes only to show that end. Every change of an entry
/// updates the counts with it, under one lock that is never held across an await.
#[derive(Debug)]
pub(in crate::engine) struct Job {
    id: JobId,
    spec: JobSpec,
    created_at: Timestamp,
    dating: Dating,
    /// When the job was accepted, on this process's clock. For a job of an earlier process, when this process started.
    accepted_at: Instant,
    state: Mutex<JobState>,
    revision: watch::Sender<u64>,
    open: OpenEntries,
    submitted_by: Option<Actor>,
    held: HeldMemory,
}

/// The changing part of a job, behind its lock.
#[derive(Debug)]
pub(in crate::engine) struct JobState {
    entries: Entries,
    /// Ends that are decided but not durable, and therefore not shown yet.
    decided: BTreeMap<u32, (EntryState, EntryResult)>,
    counts: EntryCounts,
    conflicts: ConflictCounts,
    calls_made: u32,
    created: Vec<CatalogueItem>,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    /// When the newest end of an entry was decided.
    ends_at: Option<Timestamp>,
    parked_until: Option<Timestamp>,
    /// What those waiting entries wait for that have no message of their own.
    held_up: Option<Box<str>>,
    /// When the last waiting entry continues, if known.
    waits_until: Option<Timestamp>,
    work: Workload,
    /// The calls ahead of the job, as last reported.
    load: Load,
    cancelled: bool,
    /// Why the job is held, while it is.
    hold: Option<Box<Hold>>,
    /// Set once a caller has let the job go on, whatever it would remove.
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

/// Bytes that a job takes besides its entries, while it is open and after it has ended.
const OF_OPEN_JOB: usize = 6 * 1024;
const OF_ENDED_JOB: usize = 1024;

impl Job {
    /// Creates a job whose entries are all pending.
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

    /// Returns the span of the work on the job; a disabled span once the job has ended.
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

    /// Returns the place of an entry in the effective order.
    pub(in crate::engine) fn place(&self, index: u32) -> Place {
        self.place_in(&self.lock(), index)
    }

    /// Returns the oldest place among the entries that have not ended.
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

    /// Returns the place of the entry that this entry repeats, if it repeats one.
    pub(in crate::engine) fn repeats(&self, index: u32) -> Option<Place> {
        self.lock().entries.repeats(index)
    }

    /// Returns whether an entry comes too late if a newer change was carried out before it was accepted.
    pub(in crate::engine) fn can_be_stale(&self, index: u32) -> bool {
        let state = self.lock();
        state.entries.occurred_at(index).is_some() || state.entries.repeats(index).is_some()
    }

    /// Returns whether the job was cancelled.
    pub(in crate::engine) fn is_cancelled(&self) -> bool {
        self.lock().cancelled
    }

    /// Returns the earliest start of a look that may prove something absent that the job names.
    pub(in crate::engine) fn accepted_at(&self) -> Instant {
        self.accepted_at
    }

    /// Returns the number of entries.
    pub(in crate::engine) fn len(&self) -> u32 {
        self.lock().counts.total()
    }

    /// Returns the request of an entry, or `None` if its end is decided.
    pub(in crate::engine) fn open_request(&self, index: u32) -> Option<EntryRequest> {
        let state = self.lock();
        if state.is_open(index) { state.entries.request(index) } else { None }
    }

    /// Records the user that an entry was resolved to.
    pub(in crate::engine) fn resolved(&self, index: u32, user: UserId) {
        let mut state = self.lock();
        // Whatever the entry was waiting for no longer applies.
        if state.turn(index, EntryState::Pending) {
            state.entries.set_user(index, user);
            state.entries.clear_result(index);
        }
    }

    /// Marks an entry for which an earlier process had a write under way. It cannot be cancelled before its user has
    /// been read.
    pub(in crate::engine) fn goes_on(&self, index: u32, user: UserId) {
        self.change(|state| {
            if state.turn(index, EntryState::Waiting) {
                state.entries.set_user(index, user);
                state.entries.set_unsettled(index, true);
                state.entries.set_message(index, "a write was under way at the restart; checking its outcome");
            }
        });
    }

    /// Marks an entry as taken up by a reconciliation. Returns false if the entry has ended meanwhile and must be left
    /// alone.
    pub(in crate::engine) fn begin(&self, index: u32, now: Timestamp) -> bool {
        self.change(|state| {
            state.parked_until = state.parked_until.filter(|until| *until > now);
            state.started_at.get_or_insert(now);
            state.turn(index, EntryState::Running)
        })
    }

    /// Marks an entry whose user's reconciliation continues later. While it waits, only an entry whose writes have all
    /// been answered can be cancelled.
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

    /// Marks every open entry that is not parked with its user as waiting for what `message` says. Repeating a message
    /// changes nothing, so that followers of the job are not woken for it.
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

    /// Decides how an entry ends and returns its record for the journal, or `None` if its end is decided already.
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

    /// Decides to cancel every entry without a write under way and returns the records for the journal.
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

    /// Shows ends that were decided before and are durable now.
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

    /// Counts `writes` refused writes with the given cause.
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

    /// Records a skill that was created for this job and returns all of them.
    pub(in crate::engine) fn add_created(&self, skill: CatalogueItem) -> Vec<CatalogueItem> {
        self.change(|state| {
            state.created.push(skill);
            state.created.clone()
        })
    }

    /// Returns the current revision.
    pub(in crate::engine) fn revision(&self) -> u64 {
        self.lock().revision
    }

    /// Returns a receiver that yields each new revision.
    pub(in crate::engine) fn watch(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// Changes the state under a new revision and wakes the followers of the job.
    pub(in crate::engine) fn change<T>(&self, change: impl FnOnce(&mut JobState) -> T) -> T {
        self.adjust(|state| {
            state.revision += 1;
            let result = change(state);
            // Sent under the lock, so that revisions arrive in order.
            self.revision.send_replace(state.revision);
            result
        })
    }

    /// Changes the state without waking the followers of the job.
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
    /// Returns whether the end of an entry is still undecided.
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

    /// Ends the job if its last entry has ended; `at` is when that was.
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
}
