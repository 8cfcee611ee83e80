//! The user states: what is remembered of each user between reconciliations, namely ownership, history, version and
//! recent writes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

use crate::clock::WallClock;
use crate::domain::fold::{Change, FoldStart, Folded, Outcome};
use crate::domain::history::{History, Holding};
use crate::domain::place::DatesBefore;
use crate::domain::shared::Shared;
use crate::domain::write_intent::WriteIntent;
use crate::domain::{AssignmentId, Assignments, EntryId, Owners, Place, Target, UserId, UserKey};
use crate::engine::job::outcome::Lateness;
use crate::engine::port::{AssignmentWrite, Observed, Version};
use crate::journal::{ForgottenChange, Journal, JournalError, KeptUserState, WrittenAssignment};

/// Maximum lag of a replica. Without versions, a read that contradicts a write of ours counts as stale until the write
/// is this old, and as somebody else's change after that.
const MAX_LAG: Duration = Duration::from_secs(30);

/// The user state of one user and target.
#[derive(Debug, Clone, Default)]
pub(in crate::engine) struct UserState {
    /// Assignments that skillsync itself made, by owner.
    pub(in crate::engine) owned: Arc<Owners>,
    /// The newest state shown by a read or by the answer to a write.
    pub(in crate::engine) newest: Option<Observed>,
    /// The newest version seen, including by an earlier process.
    pub(in crate::engine) version: Option<Version>,
    /// The version that our last write led to.
    pub(in crate::engine) written: Option<Version>,
    /// The newest change that was carried out and is no longer in the history.
    pub(in crate::engine) forgotten: Option<ForgottenChange>,
    /// Changes carried out while something older could still come.
    pub(in crate::engine) history: Option<Arc<History>>,
    /// Without versions: how our latest writes left each assignment that they touched, and when.
    recent: BTreeMap<AssignmentId, (Holding, Instant)>,
    /// Increases with every event that a look begun before it would not show.
    moved: u64,
    /// When we last sent a write or learned how one ended.
    touched_at: Option<Instant>,
}

impl UserState {
    /// Returns whether the user has this assignment, as far as known.
    pub(in crate::engine) fn has(&self, id: AssignmentId) -> bool {
        self.newest.as_ref().map_or_else(|| self.owned.contains(id), |newest| newest.assignments.contains(id))
    }

    /// Returns whether a state just read must be older than what we wrote. Differences that a write of ours with a lost
    /// answer explains do not count.
    pub(in crate::engine) fn is_behind(&self, found: &Observed, now: Instant, lost: Option<&WriteIntent>) -> bool {
        let explained = |id: AssignmentId| lost.is_some_and(|lost| lost.explains(id, found.assignments.get(id)));
        self.contradicted(&found.assignments, now).any(|id| !explained(id))
    }

    /// Returns the assignments in which a state just read differs from how our recent answered writes left them. If
    /// only a write without an answer explains a difference, the state may just as well be older than all of them.
    pub(in crate::engine) fn contradicted(
        &self,
        found: &Assignments,
        now: Instant,
    ) -> impl Iterator<Item = AssignmentId> {
        let recent = self.recent.iter().filter(move |(_, (_, at))| *at + MAX_LAG > now);
        recent.filter(|(id, (left, _))| found.get(**id) != *left).map(|(id, _)| *id)
    }

    /// Returns whether a listing whose reading began at this time must show everything that we wrote.
    pub(in crate::engine) fn shows_in(&self, begun_at: Instant) -> bool {
        self.touched_at.is_none_or(|touched| touched + MAX_LAG <= begun_at)
    }

    /// Returns the newer change for which an entry comes too late, if there is one. Only an entry with a date of its
    /// own, or one that repeats another, `can_be_stale`; any other is folded in at its place, as far back as the
    /// history reaches.
    pub(in crate::engine) fn too_late(
        &self,
        place: Place,
        accepted_at: Timestamp,
        can_be_stale: bool,
    ) -> Option<((Place, Option<EntryId>), Lateness)> {
        let before = self.newer_than(place, accepted_at).filter(|_| can_be_stale);
        let newer = before.map(|newer| (newer, Lateness::BeforeAcceptance));
        newer.or_else(|| Some((self.below_forgotten(place)?, Lateness::BeyondHistory)))
    }

    /// Returns the newest change after `place` that was carried out before the entry was accepted, if known.
    fn newer_than(&self, place: Place, accepted_at: Timestamp) -> Option<(Place, Option<EntryId>)> {
        let done = self.history.iter().flat_map(|history| history.done());
        let before = done.filter(|done| done.change.place > place && done.at < accepted_at);
        before.map(|done| (done.change.place, Some(done.change.by))).max()
    }

    /// Returns the forgotten change that a place precedes: an entry there can no longer be folded.
    fn below_forgotten(&self, place: Place) -> Option<(Place, Option<EntryId>)> {
        self.forgotten.filter(|forgotten| forgotten.place > place).map(|forgotten| (forgotten.place, forgotten.by))
    }

    /// Returns whether no change with a later place was carried out.
    pub(in crate::engine) fn is_newest(&self, place: Place) -> bool {
        let newer = self.history.iter().flat_map(|history| history.done()).any(|done| done.change.place > place);
        !newer && self.below_forgotten(place).is_none()
    }

    /// Records that writes have just left these assignments as they are in `state`.
    fn left(&mut self, ids: impl Iterator<Item = AssignmentId>, state: &Assignments) {
        let now = Instant::now();
        self.recent.retain(|_, (_, at)| *at + MAX_LAG > now);
        self.recent.extend(ids.map(|id| (id, (state.get(id), now))));
    }

    fn forget(&mut self, newest: Option<(Place, EntryId)>) {
        let newest = newest.map(|(place, by)| ForgottenChange { place, by: Some(by) });
        let older = |known: &ForgottenChange| newest.is_none_or(|newest| newest.place <= known.place);
        self.forgotten = self.forgotten.filter(older).or(newest);
    }

    fn kept(&self, clock: WallClock, now: Instant, attempt: Option<Arc<WriteIntent>>) -> KeptUserState {
        let recent = self.recent.iter().filter(|(_, (_, at))| *at + MAX_LAG > now);
        let written = recent.map(|(id, (left, at))| WrittenAssignment { id: *id, left: *left, at: clock.date_of(*at) });
        KeptUserState {
            owned: Arc::clone(&self.owned),
            forgotten: self.forgotten,
            history: self.history.clone(),
            version: self.version,
            written: written.collect(),
            attempt,
        }
    }

    /// Restores a user state of an earlier process.
    fn recovered(kept: KeptUserState, clock: WallClock, dates: &DatesBefore) -> Self {
        let (now, today) = (Instant::now(), clock.now());
        let at = |date: Timestamp| {
            let age = Duration::try_from(today.duration_since(date)).unwrap_or_default();
            now.checked_sub(age)
        };
        let recent = kept.written.into_iter().filter_map(|written| Some((written.id, (written.left, at(written.at)?))));
        let forgotten = kept.forgotten.map(|known| ForgottenChange { place: dates.place(known.place), ..known });
        let mut history = kept.history;
        if let Some(history) = &mut history {
            Arc::make_mut(history).redate(dates);
        }
        Self {
            owned: kept.owned,
            version: kept.version,
            forgotten,
            history,
            recent: recent.collect(),
            // When the earlier process last wrote is unknown, so it may have been just now.
            touched_at: Some(now),
            ..Self::default()
        }
    }
}

/// What a reconciliation or a listing found to be done.
#[derive(Debug)]
pub(in crate::engine) struct CarriedOut<'a> {
    pub(in crate::engine) start: FoldStart<'a>,
    pub(in crate::engine) changes: &'a [Change],
    pub(in crate::engine) folded: &'a Folded,
    /// No entry with an older place may still come for the user.
    pub(in crate::engine) oldest: Place,
    /// The date on the clock of acceptance, which never goes back.
    pub(in crate::engine) at: Timestamp,
    /// Writes without a conclusive answer that this settles.
    pub(in crate::engine) unsure: Option<&'a WriteIntent>,
}

/// The user states of all users that skillsync has dealt with.
///
/// Invariant: only the running reconciliation of a user writes that user's state, and there is at most one (see
/// `slots`). So reading the state at the start of a step and recording it at the end loses nothing. A removal check may
/// add what it saw, but only if no reconciliation has written or distrusted the state since that look began.
#[derive(Debug)]
pub(in crate::engine) struct UserStates {
    users: DashMap<UserKey, UserState>,
    /// Shares equal sets, because users of one role have the same.
    sets: Mutex<Sets>,
    journal: Arc<dyn Journal>,
    clock: WallClock,
}

#[derive(Debug, Default)]
struct Sets {
    owned: Shared<Owners>,
    states: Shared<Assignments>,
}

impl Sets {
    fn state(&mut self, observed: &Observed) -> Observed {
        Observed { assignments: self.states.one(Arc::clone(&observed.assignments)), ..observed.clone() }
    }
}

impl UserStates {
    /// Restores the user states that an earlier process left. They do not contain what users have: the first
    /// reconciliation of a user reads that, and checks it against the remembered version and writes.
    pub(in crate::engine) fn recovered(
        kept: Vec<(UserKey, KeptUserState)>,
        journal: Arc<dyn Journal>,
        clock: WallClock,
        dates: &DatesBefore,
    ) -> Self {
        let mut sets = Sets::default();
        let users = kept.into_iter().map(|(user, kept)| {
            let owned = sets.owned.one(Arc::clone(&kept.owned));
            (user, UserState::recovered(KeptUserState { owned, ..kept }, clock, dates))
        });
        Self { users: users.collect(), sets: Mutex::new(sets), journal, clock }
    }

    /// Returns whether what the user has is remembered.
    pub(in crate::engine) fn knows(&self, key: UserKey) -> bool {
        self.users.get(&key).is_some_and(|user_state| user_state.newest.is_some())
    }

    /// Returns the user state; an empty one for a user never seen.
    pub(in crate::engine) fn recall(&self, key: UserKey) -> UserState {
        self.users.get(&key).map(|user_state| user_state.clone()).unwrap_or_default()
    }

    /// Passes each user state of a target to `look` until it breaks. `look` must not access the user states.
    pub(in crate::engine) fn each(&self, target: Target, mut look: impl FnMut(UserId, &UserState) -> ControlFlow<()>) {
        let of_target = self.users.iter().filter(|user_state| user_state.key().target == target);
        for user_state in of_target {
            if look(user_state.key().user, user_state.value()).is_break() {
                return;
            }
        }
    }

    /// Records a state that was seen, unless a newer one is known.
    pub(in crate::engine) fn saw(&self, key: UserKey, observed: &Observed) {
        let observed = self.sets().state(observed);
        let mut user_state = self.users.entry(key).or_default();
        user_state.version = user_state.version.max(observed.version);
        if user_state.newest.as_ref().is_none_or(|newest| newest.version <= observed.version) {
            user_state.newest = Some(observed);
        }
    }

    /// Returns the token for [`UserStates::saw_since`] of a look that begins now.
    pub(in crate::engine) fn look(&self, key: UserKey) -> u64 {
        self.users.get(&key).map_or(0, |user_state| user_state.moved)
    }

    /// Records a state seen by anyone but the user's reconciliation. It is kept only if nothing has moved since the
    /// look began and it is not older than what is known.
    pub(in crate::engine) fn saw_since(&self, key: UserKey, look: u64, observed: &Observed) {
        let observed = self.sets().state(observed);
        let mut user_state = self.users.entry(key).or_default();
        if user_state.version <= observed.version && user_state.moved == look {
            user_state.version = observed.version;
            user_state.newest = Some(observed);
        }
    }

    /// Records a fold that is now the state at Genesys and returns the user state for the journal. The changes go into
    /// the user's history if an older one may still come below them.
    pub(in crate::engine) fn carried_out(&self, key: UserKey, done: &CarriedOut<'_>) -> KeptUserState {
        let owned = self.sets().owned.one(done.folded.owned.clone());
        let mut user_state = self.users.entry(key).or_default();
        let taken = done.changes.iter().zip(&done.folded.outcomes);
        let taken = taken.filter(|(_, outcome)| !matches!(outcome, Outcome::TooMany { .. }));
        let newest = taken.map(|(change, _)| (change.place, change.by)).max();
        let may_come_below = newest.is_some_and(|(newest, _)| done.oldest < newest);
        if may_come_below || user_state.history.is_some() {
            let mut history = user_state.history.take().unwrap_or_else(|| Arc::new(History::starting_from(done.start)));
            let changed = Arc::make_mut(&mut history);
            changed.carry_out(done.start, done.changes, done.folded, done.at);
            let forgotten = changed.forget(done.oldest, key.target, done.start.managed);
            user_state.forget(forgotten);
            user_state.history = (!history.events.is_empty()).then_some(history);
        } else {
            user_state.forget(newest);
        }
        user_state.owned = owned;
        if let Some(attempt) = done.unsure.filter(|_| !key.target.checks_versions()) {
            // These writes led to what is there now, although no answer has said so.
            user_state.left(attempt.wanted.keys().copied(), &done.folded.desired);
        }
        user_state.kept(self.clock, Instant::now(), None)
    }

    /// Forgets the history below `oldest`, because nothing older can come for the user.
    pub(in crate::engine) fn forget_history(&self, key: UserKey, oldest: Place, managed: &BTreeSet<AssignmentId>) {
        let Some(mut user_state) = self.users.get_mut(&key) else { return };
        let Some(mut history) = user_state.history.take() else { return };
        let forgotten = Arc::make_mut(&mut history).forget(oldest, key.target, managed);
        user_state.forget(forgotten);
        user_state.history = (!history.events.is_empty()).then_some(history);
    }

    /// Records that a reconciliation abandons writes it may have carried out, and returns the user state for the
    /// journal. What these writes assigned counts as owned for as long as it is seen.
    pub(in crate::engine) fn gave_up(&self, key: UserKey, attempt: Option<&WriteIntent>) -> KeptUserState {
        let mut user_state = self.users.entry(key).or_default();
        if let Some(attempt) = attempt.filter(|attempt| !user_state.owned.includes(&attempt.claimed)) {
            Arc::make_mut(&mut user_state.owned).extend(&attempt.claimed);
        }
        // How the writes left these assignments is unknown, so no read can contradict it.
        for id in attempt.iter().flat_map(|attempt| attempt.wanted.keys()) {
            user_state.recent.remove(id);
        }
        user_state.kept(self.clock, Instant::now(), None)
    }

    /// Journals a write before it goes out, with what it is to do and what was there before, so that another process
    /// can tell what the write did if this one ends before the answer.
    pub(in crate::engine) async fn intend(&self, key: UserKey, attempt: &Arc<WriteIntent>) -> Result<(), JournalError> {
        let now = Instant::now();
        let kept = {
            let mut user_state = self.users.entry(key).or_default();
            user_state.moved += 1;
            user_state.touched_at = Some(now);
            user_state.kept(self.clock, now, Some(Arc::clone(attempt)))
        };
        self.journal.intend(key, kept).await
    }

    /// Journals that a write was refused: only the earlier writes may have been carried out.
    pub(in crate::engine) fn refused(&self, key: UserKey, earlier: Option<Arc<WriteIntent>>) {
        let user_state = self.users.entry(key).or_default();
        self.journal.stands(key, user_state.kept(self.clock, Instant::now(), earlier));
    }

    /// Records that a write was answered or given up on.
    pub(in crate::engine) fn touched(&self, key: UserKey) {
        self.users.entry(key).or_default().touched_at = Some(Instant::now());
    }

    /// Records that a write was carried out in part.
    pub(in crate::engine) fn wrote_a_part(&self, key: UserKey, write: &AssignmentWrite, done: &[AssignmentId]) {
        self.users.entry(key).or_default().left(done.iter().copied(), &write.desired);
    }

    /// Records that a write was carried out; `after` is the resulting state, for targets that return it.
    pub(in crate::engine) fn wrote(&self, key: UserKey, write: &AssignmentWrite, after: Option<&Observed>) {
        let after = after.map(|after| self.sets().state(after));
        let mut user_state = self.users.entry(key).or_default();
        user_state.moved += 1;
        // Without versions, a stale read is detected by the writes it contradicts.
        if after.as_ref().is_none_or(|after| after.version.is_none()) {
            user_state.left(write.difference.ids(), &write.desired);
        }
        user_state.written = after.as_ref().and_then(|after| after.version);
        user_state.version = user_state.version.max(user_state.written);
        user_state.newest = after;
    }

    /// Removes everything that is remembered of a user.
    pub(in crate::engine) fn erase(&self, key: UserKey) {
        self.users.remove(&key);
    }

    /// Locks the shared sets. Must not be called while holding a reference into `users`.
    fn sets(&self) -> MutexGuard<'_, Sets> {
        self.sets.lock()
    }

    /// Forgets the newest state, so that the next reconciliation reads.
    pub(in crate::engine) fn forget_state(&self, key: UserKey) {
        if let Some(mut user_state) = self.users.get_mut(&key) {
            user_state.newest = None;
            user_state.moved += 1;
        }
    }

    /// Distrusts the newest state and its version: the next reconciliation reads and believes what it finds.
    pub(in crate::engine) fn distrust(&self, key: UserKey) {
        self.forget_state(key);
        if let Some(mut user_state) = self.users.get_mut(&key) {
            user_state.version = None;
            user_state.recent.clear();
        }
    }
}
