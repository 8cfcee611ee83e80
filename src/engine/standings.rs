//! What is remembered of a user between passes: what we own, what we last saw, how new the newest change was.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dashmap::DashMap;
use jiff::Timestamp;
use tokio::time::Instant;

use super::port::{AssignmentWrite, Observed, Version};
use crate::domain::shared::Shared;
use crate::domain::{AssignmentId, Assignments, UserKey};
use crate::journal::{Journal, JournalError, KeptStanding};

/// How far behind a replica may be. Where there are no versions, a read that contradicts what we wrote ourselves is
/// taken for old until our write is this old; after that, for somebody else's change.
const LONGEST_LAG: Duration = Duration::from_secs(30);

/// What is remembered of one user and target.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    /// What skillsync itself assigned.
    pub(super) owned: Arc<BTreeSet<AssignmentId>>,
    /// The newest state that a read or the answer to a write showed.
    pub(super) newest: Option<Observed>,
    /// The version that our last write brought about.
    pub(super) written: Option<Version>,
    /// When the newest change that was carried out happened.
    pub(super) applied_at: Option<Timestamp>,
    /// Where there are no versions: for each assignment that our latest writes touched, the set that they left, and when.
    recent: BTreeMap<AssignmentId, (Arc<Assignments>, Instant)>,
    /// Grows with everything that a look begun before it would not show.
    moved: u64,
    /// When we last sent a write, or learned how one ended.
    touched_at: Option<Instant>,
}

impl Standing {
    /// Whether a state that was just read must be older than what we wrote ourselves.
    pub(super) fn is_behind(&self, found: &Observed, now: Instant) -> bool {
        let mut recent = self.recent.iter().filter(|(_, (_, at))| *at + LONGEST_LAG > now);
        recent.any(|(id, (left, _))| found.assignments.get(*id) != left.get(*id))
    }

    /// Whether everything that we wrote must show in a listing that was begun to be read at this time.
    pub(super) fn shows_in(&self, begun_at: Instant) -> bool {
        self.touched_at.is_none_or(|touched| touched + LONGEST_LAG <= begun_at)
    }

    fn kept(&self) -> KeptStanding {
        KeptStanding { owned: self.owned.as_ref().clone(), applied_at: self.applied_at }
    }
}

/// The standings of all users that skillsync has dealt with.
///
/// Invariant: only the running pass over a user writes that user's standing, and there is one at most (see `slots`); so
/// recalling at the start of a step and recording at its end loses nothing. Who weighs a job may add what it saw, and only
/// if no pass has written or lost its trust since it began to look.
#[derive(Debug)]
pub(super) struct Standings {
    users: DashMap<UserKey, Standing>,
    /// Users of one role have the same.
    sets: Mutex<Sets>,
    journal: Arc<dyn Journal>,
}

#[derive(Debug, Default)]
struct Sets {
    owned: Shared<BTreeSet<AssignmentId>>,
    states: Shared<Assignments>,
}

impl Sets {
    fn state(&mut self, observed: &Observed) -> Observed {
        Observed { assignments: self.states.one(Arc::clone(&observed.assignments)), version: observed.version }
    }
}

impl Standings {
    /// The standings that a process before this one left. States are not among them: the first pass over a user reads.
    /// When it last wrote is not known either, so it may have been just now.
    pub(super) fn recovered(kept: Vec<(UserKey, KeptStanding)>, journal: Arc<dyn Journal>) -> Self {
        let touched_at = Some(Instant::now());
        let mut sets = Sets::default();
        let users = kept.into_iter().map(|(user, kept)| {
            let KeptStanding { owned, applied_at } = kept;
            (user, Standing { owned: sets.owned.one(owned), applied_at, touched_at, ..Standing::default() })
        });
        Self { users: users.collect(), sets: Mutex::new(sets), journal }
    }

    /// Whether a state of the user is remembered.
    pub(super) fn knows(&self, key: UserKey) -> bool {
        self.users.get(&key).is_some_and(|standing| standing.newest.is_some())
    }

    /// What is remembered; the empty standing of a user never seen.
    pub(super) fn recall(&self, key: UserKey) -> Standing {
        self.users.get(&key).map(|standing| standing.clone()).unwrap_or_default()
    }

    /// A state was seen; kept only if none newer is known.
    pub(super) fn saw(&self, key: UserKey, observed: &Observed) {
        let observed = self.sets().state(observed);
        let mut standing = self.users.entry(key).or_default();
        if standing.newest.as_ref().is_none_or(|newest| newest.version <= observed.version) {
            standing.newest = Some(observed);
        }
    }

    /// What to hand to [`Standings::saw_since`] after a look that begins now.
    pub(super) fn look(&self, key: UserKey) -> u64 {
        self.users.get(&key).map_or(0, |standing| standing.moved)
    }

    /// A state was seen by somebody else than the user's pass: kept if nothing has moved since the look began.
    pub(super) fn saw_since(&self, key: UserKey, look: u64, observed: &Observed) {
        let observed = self.sets().state(observed);
        let mut standing = self.users.entry(key).or_default();
        let newer = standing.newest.as_ref().is_none_or(|newest| newest.version <= observed.version);
        if newer && standing.moved == look {
            standing.newest = Some(observed);
        }
    }

    /// A pass ended with nothing left to write: what is owned now, and how new the newest change in it was.
    pub(super) fn settled(&self, key: UserKey, owned: BTreeSet<AssignmentId>, applied_at: Option<Timestamp>) {
        let owned = self.sets().owned.one(owned);
        let mut standing = self.users.entry(key).or_default();
        standing.owned = owned;
        standing.applied_at = standing.applied_at.max(applied_at);
        self.journal.stands(key, standing.kept());
    }

    /// A write that makes these ours is about to go out: written down first, so that they still count as ours if the
    /// process ends before its answer comes. Whether they are there is for a read to say.
    pub(super) async fn intend(&self, key: UserKey, owned: &BTreeSet<AssignmentId>) -> Result<(), JournalError> {
        let mut standing = {
            let mut standing = self.users.entry(key).or_default();
            standing.moved += 1;
            standing.touched_at = Some(Instant::now());
            standing.clone()
        };
        if owned.is_subset(&standing.owned) {
            return Ok(());
        }
        Arc::make_mut(&mut standing.owned).extend(owned);
        self.journal.intend(key, standing.kept()).await
    }

    /// Adds to what is owned.
    pub(super) fn claim(&self, key: UserKey, assigned: &BTreeSet<AssignmentId>) {
        Arc::make_mut(&mut self.users.entry(key).or_default().owned).extend(assigned);
    }

    /// A write was answered, or given up on.
    pub(super) fn touched(&self, key: UserKey) {
        self.users.entry(key).or_default().touched_at = Some(Instant::now());
    }

    /// A write passed, and was answered with the state it brought about where the target tells it.
    pub(super) fn wrote(&self, key: UserKey, write: &AssignmentWrite, after: Option<&Observed>) {
        let after = after.map(|after| self.sets().state(after));
        let mut standing = self.users.entry(key).or_default();
        standing.moved += 1;
        if !key.target.checks_versions() {
            let now = Instant::now();
            standing.recent.retain(|_, (_, at)| *at + LONGEST_LAG > now);
            let left = Arc::new(write.desired.clone());
            standing.recent.extend(write.difference.ids().map(|id| (id, (Arc::clone(&left), now))));
        }
        standing.written = after.as_ref().and_then(|after| after.version);
        standing.newest = after;
    }

    /// Never asked for while a user's standing is held.
    fn sets(&self) -> MutexGuard<'_, Sets> {
        self.sets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest state is not trusted any more: forgets it, so that the next pass reads.
    pub(super) fn distrust(&self, key: UserKey) {
        if let Some(mut standing) = self.users.get_mut(&key) {
            standing.newest = None;
            standing.moved += 1;
        }
    }
}
