//! One accepted job in memory: its entries, their states, and what they add up to.

mod changes;
mod follow;
mod hold;
mod kept;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;

use self::changes::Changes;
pub use self::follow::{Followed, News};
use super::open::OpenEntries;
use super::port::Version;
use crate::domain::assignment::Difference;
use crate::domain::callback::CallbackProgress;
use crate::domain::conflict::Cause;
use crate::domain::entry::{Effects, EntryOrder, EntryRequest};
use crate::domain::hold::Hold;
use crate::domain::job::{ConflictCounts, EntryCounts, JobSpec, JobStatus};
use crate::domain::{EntryState, JobId, Reason, UserId};
use crate::journal::{AcceptedJob, Journal};

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
    /// The entry that took its place.
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
}

/// A job as a value.
#[derive(Debug, Clone)]
pub struct JobSnapshot {
    pub id: JobId,
    pub spec: JobSpec,
    pub status: JobStatus,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub parked_until: Option<Timestamp>,
    pub counts: EntryCounts,
    pub conflicts: ConflictCounts,
    pub calls_made: u32,
    /// Why it is held, if it is.
    pub hold: Option<Hold>,
    /// How far its callback has come, if it wants one.
    pub callback: CallbackProgress,
    /// Grows with every change.
    pub revision: u64,
}

/// An accepted job.
///
/// Invariant: an entry that has ended never changes again; every change of an entry moves the counts with it, under one
/// lock that is never held across an await.
#[derive(Debug)]
pub(super) struct Job {
    id: JobId,
    spec: JobSpec,
    created_at: Timestamp,
    journal: Arc<dyn Journal>,
    state: Mutex<State>,
    revision: watch::Sender<u64>,
    open: OpenEntries,
    /// What is logged for the job says so, and names the request that it came with.
    span: tracing::Span,
}

#[derive(Debug)]
pub(super) struct State {
    entries: Vec<Entry>,
    counts: EntryCounts,
    conflicts: ConflictCounts,
    calls_made: u32,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    parked_until: Option<Timestamp>,
    cancelled: bool,
    /// Why nothing of it has begun, while it is held.
    hold: Option<Box<Hold>>,
    /// It was held, and somebody let it go on.
    released: bool,
    keep_until: Option<Timestamp>,
    pub(super) callback: CallbackProgress,
    revision: u64,
    changes: Changes,
}

#[derive(Debug)]
struct Entry {
    request: EntryRequest,
    plan: Option<Box<Difference>>,
    user: Option<UserId>,
    state: EntryState,
    /// A write may be on its way or have been carried out unseen: cancelling must wait for its end.
    unsettled: bool,
    result: Option<Box<EntryResult>>,
}

impl Job {
    pub(super) fn new(job: AcceptedJob, journal: Arc<dyn Journal>, open: OpenEntries) -> Self {
        let AcceptedJob { id, spec, created_at, entries: orders } = job;
        let total = u32::try_from(orders.len()).unwrap_or(u32::MAX);
        let entries: Vec<_> = orders.into_iter().map(Entry::from).collect();
        let state = State {
            counts: EntryCounts::pending(total),
            conflicts: ConflictCounts::default(),
            calls_made: 0,
            started_at: None,
            finished_at: None,
            parked_until: None,
            cancelled: false,
            hold: None,
            released: false,
            keep_until: None,
            callback: CallbackProgress::default(),
            revision: 0,
            changes: Changes::new(entries.len()),
            entries,
        };
        open.moved(0, total);
        let span = tracing::info_span!("job", job = %id);
        Self { id, spec, created_at, journal, state: Mutex::new(state), revision: watch::Sender::new(0), open, span }
    }

    pub(super) fn id(&self) -> JobId {
        self.id
    }

    pub(super) fn span(&self) -> tracing::Span {
        self.span.clone()
    }

    pub(super) fn spec(&self) -> &JobSpec {
        &self.spec
    }

    pub(super) fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// Number of entries.
    pub(super) fn len(&self) -> u32 {
        self.lock().counts.total()
    }

    /// What the entry asks, unless it has ended already.
    pub(super) fn open_request(&self, index: u32) -> Option<EntryRequest> {
        let state = self.lock();
        let entry = state.entries.get(index as usize)?;
        (!entry.state.is_terminal()).then(|| entry.request.clone())
    }

    /// The entry's user is known now.
    pub(super) fn resolved(&self, index: u32, user: UserId) {
        let mut state = self.lock();
        // What held it up until now does so no more.
        if state.turn(index, EntryState::Pending)
            && let Some(entry) = state.entries.get_mut(index as usize)
        {
            entry.user = Some(user);
            entry.result = None;
        }
    }

    /// A pass takes the entry up; false if it has ended meanwhile and is not to be touched.
    pub(super) fn begin(&self, index: u32, now: Timestamp) -> bool {
        self.change(|state| {
            state.parked_until = state.parked_until.filter(|until| *until > now);
            state.started_at.get_or_insert(now);
            state.turn(index, EntryState::Running)
        })
    }

    /// The pass over the entry's user goes on later. Only an entry whose writes have all been answered can be cancelled
    /// while it waits.
    pub(super) fn wait(&self, index: u32, message: &str, unsettled: bool, parked_until: Option<Timestamp>) {
        self.change(|state| {
            state.parked_until = state.parked_until.max(parked_until);
            if !state.turn(index, EntryState::Waiting) {
                return;
            }
            if let Some(entry) = state.entries.get_mut(index as usize) {
                entry.unsettled = unsettled;
                entry.result.get_or_insert_default().message = Some(message.into());
            }
        });
    }

    /// Nothing of the job can begin: every open entry waits, and says for what. Saying it again changes nothing, so that
    /// nobody who follows the job is woken for it.
    pub(super) fn hold_up(&self, message: &str, parked_until: Option<Timestamp>) {
        let waits = |entry: &Entry| {
            let told = entry.result.as_ref().and_then(|result| result.message.as_deref());
            entry.state == EntryState::Waiting && told == Some(message)
        };
        let known = {
            let state = self.lock();
            let mut open = state.entries.iter().filter(|entry| !entry.state.is_terminal());
            state.parked_until == parked_until && open.all(waits)
        };
        if known {
            return;
        }
        self.change(|state| {
            state.parked_until = parked_until;
            for index in 0..state.counts.total() {
                if state.turn(index, EntryState::Waiting)
                    && let Some(entry) = state.entries.get_mut(index as usize)
                {
                    entry.result.get_or_insert_default().message = Some(message.into());
                }
            }
        });
    }

    /// The entry ends.
    pub(super) fn end(&self, index: u32, to: EntryState, result: EntryResult, now: Timestamp) {
        self.change(|state| {
            if !state.turn(index, to) {
                return;
            }
            if let Some(entry) = state.entries.get_mut(index as usize) {
                entry.result = Some(Box::new(EntryResult { finished_at: Some(now), ..result }));
            }
            self.write_down(state, index);
            state.finish_if_over(now);
        });
    }

    /// Ends every entry that no write is under way for.
    pub(super) fn cancel(&self, now: Timestamp) {
        self.change(|state| {
            state.cancelled = true;
            for index in 0..state.counts.total() {
                let entry = state.entries.get_mut(index as usize);
                let Some(entry) = entry.filter(|entry| !entry.unsettled) else { continue };
                match entry.state {
                    EntryState::Pending | EntryState::Waiting | EntryState::Held => {
                        let result = entry.result.get_or_insert_default();
                        result.message = Some("cancelled before it was carried out".into());
                        result.finished_at = Some(now);
                        state.counts.moved(entry.state, EntryState::Cancelled);
                        entry.state = EntryState::Cancelled;
                        state.changes.record(state.revision, index);
                        self.write_down(state, index);
                    }
                    EntryState::Running
                    | EntryState::Planned
                    | EntryState::Applied
                    | EntryState::Unchanged
                    | EntryState::Failed
                    | EntryState::Superseded
                    | EntryState::Cancelled => {}
                }
            }
            state.finish_if_over(now);
        });
    }

    /// Counts `writes` refused for `cause`.
    pub(super) fn count_conflicts(&self, cause: Cause, writes: u32) {
        self.change(|state| (0..writes).for_each(|_| state.conflicts.count(cause)));
    }

    /// Counts calls that were made for this job.
    pub(super) fn count_calls(&self, calls: u32) {
        if calls > 0 {
            self.change(|state| state.calls_made += calls);
        }
    }

    /// The job as a value.
    pub(super) fn snapshot(&self) -> JobSnapshot {
        self.snapshot_of(&self.lock())
    }

    fn snapshot_of(&self, state: &State) -> JobSnapshot {
        JobSnapshot {
            id: self.id,
            spec: self.spec.clone(),
            status: state.status(),
            created_at: self.created_at,
            started_at: state.started_at,
            finished_at: state.finished_at,
            parked_until: state.parked_until,
            counts: state.counts,
            conflicts: state.conflicts,
            calls_made: state.calls_made,
            hold: state.hold.as_deref().cloned(),
            callback: state.callback.clone(),
            revision: state.revision,
        }
    }

    /// At most `limit` entries from `from` on, only those in `wanted` if given; and where the next page starts.
    pub(super) fn entries(
        &self,
        wanted: Option<EntryState>,
        from: u32,
        limit: usize,
    ) -> (Vec<EntrySnapshot>, Option<u32>) {
        let state = self.lock();
        let mut matching = (from..)
            .zip(state.entries.iter().skip(from as usize))
            .filter(|(_, entry)| wanted.is_none_or(|wanted| wanted == entry.state));
        let page = matching.by_ref().take(limit).map(|(index, entry)| entry.snapshot(index)).collect();
        (page, matching.next().map(|(index, _)| index))
    }

    /// Resolves with each new revision.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let before = state.counts.ahead();
        state.revision += 1;
        let result = change(&mut state);
        self.open.moved(before, state.counts.ahead());
        // Under the lock, so that the revision told never goes back.
        self.revision.send_replace(state.revision);
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn turn(&mut self, index: u32, to: EntryState) -> bool {
        match self.entries.get_mut(index as usize) {
            Some(entry) if !entry.state.is_terminal() => {
                self.counts.moved(entry.state, to);
                entry.state = to;
                self.changes.record(self.revision, index);
                true
            }
            Some(_) | None => false,
        }
    }

    fn finish_if_over(&mut self, now: Timestamp) {
        if self.counts.open() == 0 {
            self.finished_at.get_or_insert(now);
            self.parked_until = None;
            self.hold = None;
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

impl From<EntryOrder> for Entry {
    fn from(order: EntryOrder) -> Self {
        let EntryOrder { request, plan } = order;
        Self { request, plan, user: None, state: EntryState::Pending, unsettled: false, result: None }
    }
}

impl Entry {
    fn snapshot(&self, index: u32) -> EntrySnapshot {
        EntrySnapshot { index, request: self.request.clone(), user: self.user, state: self.state, result: self.told() }
    }
}
