//! What each user must have come to: a model of the promise, written without a look at the engine's own fold.
//!
//! For every user and target it walks through the ledger and through the entries in the order in which they ended. What
//! ended at one instant was carried out as one: each entry is put at its place ([`World`]) into the history of what was
//! carried out before, below what is newer, and the whole is replayed. That must explain every write of the service, to
//! the last assignment, and every entry that needed none; and what the entries report is held against it and against the
//! ledger ([`truth`](super::truth)). Changes of others are in the ledger's states, so a lost one has no explanation.
//!
//! What skillsync owns cannot be seen from outside, and a lost answer leaves open what was done. So the model carries all
//! the worlds that are possible, and a run is at fault only when none is left.
//!
//! Not a fault: an entry that ends as `unchanged` on a state that was already history when it was read (a lagging
//! replica, within [`LAG`]) or that a listing showed which was read for its job; a foreign change within a `replace`;
//! something that was done by an entry that failed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use genesys_simulator::{Assignment, Effect, Target, WriteKind};
use skillsync::domain::{EntryState, Mode, Reason};
use tokio::time::Instant;
use uuid::Uuid;

use super::checks::{Kind, Violation};
use super::record::{Entry, Place, Run, Set, set_of};
use super::tap::Exchange;
use super::world::{Owned, Replay, World, differing};
use super::writes::{Write, writes};

/// No replica of a plan lags behind for longer.
pub(super) const LAG: Duration = Duration::from_secs(10);
/// More entries than this are not open for one user at once.
const MAX_OPEN: usize = 8;
/// More worlds than this are not told apart.
const MAX_WORLDS: usize = 5000;

/// Holds every user's history against the entries.
pub(super) fn violations(run: &Run) -> Vec<Violation> {
    let mut found = Vec::new();
    for ((user, target), initial) in &run.initial {
        let mut history = History::new(run, *user, *target, initial);
        history.walk();
        found.extend(history.violations);
    }
    found
}

pub(super) struct History<'a> {
    pub(super) target: Target,
    pub(super) run: &'a Run,
    pub(super) effects: Vec<&'a Effect>,
    /// The state before the first effect, and after each.
    pub(super) states: Vec<Set>,
    pub(super) writes: Vec<Write<'a>>,
    /// Of the user's own resource.
    reads: Vec<&'a Exchange>,
    /// Pages of users that showed this one's skills.
    listings: Vec<&'a Exchange>,
    pub(super) entries: Vec<&'a Entry>,
    worlds: BTreeSet<World>,
    /// The first state that a read after the last conclusive answer can show.
    floor: usize,
    /// Assignments whose state a lost answer has left open.
    pub(super) open: BTreeSet<Uuid>,
    /// Effects up to here have been told by entries, and are of writes without a conclusive answer.
    told: usize,
    walked: usize,
    /// Whether a write of the user got no conclusive answer.
    in_doubt: bool,
    /// Whether a process may have died without having written down what became of a write.
    forgotten: bool,
    /// Everything that was ever ours, for all that is known.
    pub(super) ever_owned: Owned,
    pub(super) violations: Vec<Violation>,
}

/// One way in which a batch can have been carried out.
pub(super) struct Candidate {
    world: World,
    pub(super) replay: Replay,
    pub(super) base: usize,
}

impl<'a> History<'a> {
    fn new(run: &'a Run, user: Uuid, target: Target, initial: &[Assignment]) -> Self {
        let effects: Vec<&Effect> = run.ledger.effects_on(user, target).collect();
        let states = std::iter::once(set_of(initial)).chain(effects.iter().map(|effect| set_of(&effect.after)));
        let mine = |exchange: &&Exchange| exchange.user == user && exchange.target == target;
        let exchanges: Vec<&Exchange> = run.exchanges.iter().filter(mine).collect();
        let shows = |e: &&Exchange| !e.writes && e.status.is_some_and(|s| s < 300);
        let (listings, reads): (Vec<&Exchange>, Vec<_>) =
            exchanges.iter().copied().filter(shows).partition(|read| read.listed);
        let entries = run.entries.iter().filter(|e| e.user == Some(user) && e.target == target);
        let writes = writes(&exchanges, &reads, &effects, target);
        let forgotten = run.may_have_forgotten(user, target);
        Self {
            target,
            run,
            states: states.collect(),
            in_doubt: forgotten || writes.iter().any(Write::is_in_doubt),
            forgotten,
            writes,
            effects,
            reads,
            listings,
            entries: entries.collect(),
            worlds: BTreeSet::from([World::new(set_of(initial))]),
            floor: 0,
            open: BTreeSet::new(),
            told: 0,
            walked: 0,
            ever_owned: Owned::default(),
            violations: Vec::new(),
        }
    }

    fn walk(&mut self) {
        self.check_stale();
        self.check_uncertainty();
        self.check_patience();
        // Dry runs first: they look at what is there before something is written.
        let mut batches: BTreeMap<(Instant, bool), Vec<&'a Entry>> = BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| carried_out(entry) || is_rehearsed(entry)) {
            batches.entry((entry.finished_at, !entry.dry_run)).or_default().push(entry);
        }
        let mut writes = std::mem::take(&mut self.writes).into_iter().peekable();
        for ((at, real), mut batch) in batches {
            batch.sort_by_key(|entry| entry.place);
            let mut own = None;
            while let Some(write) = writes.next_if(|write| write.ended_at() <= at && (real || write.ended_at() < at)) {
                if write.ended_at() == at && write.passed() {
                    own = Some(write);
                } else if !self.attempt(&write) {
                    return;
                }
            }
            let goes_on = if real { self.settle(at, &batch, own.as_ref()) } else { self.rehearse(at, &batch) };
            if !goes_on {
                return;
            }
        }
        for write in writes {
            if !self.attempt(&write) {
                return;
            }
        }
    }

    /// A write without a conclusive answer, or of entries that failed.
    fn attempt(&mut self, write: &Write<'_>) -> bool {
        if write.effects.is_empty() && !write.unsure() {
            return true;
        }
        self.walked = self.walked.max(write.effects.last().map_or(0, |last| last + 1));
        let open: Vec<&Entry> = self.entries.iter().copied().filter(|entry| is_open(entry, write.sent_at())).collect();
        if open.len() > MAX_OPEN {
            return false;
        }
        let all = &self.run.entries;
        let (mut worlds, mut touched) = (BTreeSet::new(), BTreeSet::new());
        for base in self.bases(write) {
            let state = &self.states[base];
            for world in &self.worlds {
                let seen = world.seeing(state, all);
                for then in subsets(&open).iter().flat_map(|batch| seen.with(batch, all)) {
                    let replay = then.replay(all);
                    if self.explains(write, base, &replay.set, false) {
                        worlds.insert(world.claiming(&replay.owned));
                        touched.extend(differing(state, &replay.set));
                    }
                }
            }
        }
        if write.effects.is_empty() {
            worlds.extend(self.worlds.iter().cloned());
        } else if worlds.is_empty() {
            let sent = self.since(write.sent_at());
            self.fault(Kind::NotTheFold, &format!("the write at {sent:?} is explained by no fold of open entries"));
            return false;
        }
        self.adopt(worlds);
        self.open.extend(touched);
        true
    }

    fn adopt(&mut self, worlds: BTreeSet<World>) {
        self.worlds = worlds.into_iter().take(MAX_WORLDS).collect();
    }

    /// Entries ended, with this write or without one; whether the model can still follow.
    fn settle(&mut self, at: Instant, batch: &[&'a Entry], write: Option<&Write<'_>>) -> bool {
        let bases = match write {
            Some(write) => self.bases(write),
            None => self.shown_to(batch, at),
        };
        let explained = |candidate: &Candidate| match write {
            Some(write) => self.explains(write, candidate.base, &candidate.replay.set, true),
            None => candidate.replay.set == self.states[candidate.base],
        };
        let placed: Vec<Candidate> = self.candidates(&bases, batch).into_iter().filter(|c| explained(c)).collect();
        if placed.is_empty() {
            let on_top = self.on_top(&bases, batch).iter().any(explained);
            let any: Vec<usize> = (0..self.states_before(at)).collect();
            let lags = self.candidates(&any, batch).iter().any(explained);
            let kind = match (on_top, lags) {
                (true, _) => Kind::Order,
                (false, true) => Kind::Lag,
                (false, false) => Kind::NotTheFold,
            };
            let what = if write.is_some() { "written" } else { "left as it was" };
            let entries: Vec<_> = batch.iter().map(|e| ((e.job, e.index), e.mode, &e.listed, e.state)).collect();
            self.fault(kind, &format!("what was {what} at {:?} is not the fold of {entries:?}", self.since(at)));
            return false;
        }
        let until = write.and_then(|write| write.effects.last()).map_or(self.walked, |last| last + 1);
        let until = until.max(self.told);
        let faults = self.untruths(batch, &placed, self.told..until, write);
        for (kind, fault) in faults {
            self.fault(kind, &format!("{fault}, {:?}", self.since(at)));
        }
        self.told = until;
        let lowest = self.lowest_after(at);
        for candidate in &placed {
            self.ever_owned.extend(&candidate.replay.owned);
        }
        let all = &self.run.entries;
        self.adopt(placed.into_iter().map(|candidate| candidate.world.settled(lowest, all)).collect());
        self.open.clear();
        if let Some(last) = write.and_then(|write| write.effects.last()) {
            self.floor = last + 1;
        }
        true
    }

    /// Rows of a dry run ended: as the run would have ended.
    fn rehearse(&mut self, at: Instant, batch: &[&'a Entry]) -> bool {
        if self.open.is_empty() {
            for job in batch.iter().map(|entry| entry.job).collect::<BTreeSet<_>>() {
                let rows: Vec<&Entry> = batch.iter().copied().filter(|entry| entry.job == job).collect();
                let candidates = self.candidates(&self.shown_until(at, self.floor), &rows);
                let faults: Vec<_> = candidates.iter().map(|candidate| self.misplanned(&rows, candidate)).collect();
                let best = faults.into_iter().min_by_key(Vec::len);
                for fault in best.into_iter().flatten() {
                    self.fault(Kind::Plan, &format!("{fault}, {:?}", self.since(at)));
                }
            }
        }
        true
    }

    fn candidates(&self, bases: &[usize], batch: &[&Entry]) -> Vec<Candidate> {
        let all = &self.run.entries;
        let on = |base: usize, world: &World| world.seeing(&self.states[base], all).with(batch, all);
        self.of_all(bases, on)
    }

    fn on_top(&self, bases: &[usize], batch: &[&Entry]) -> Vec<Candidate> {
        let all = &self.run.entries;
        let on = |base: usize, world: &World| vec![world.seeing(&self.states[base], all).with_on_top(batch)];
        self.of_all(bases, on)
    }

    fn of_all(&self, bases: &[usize], on: impl Fn(usize, &World) -> Vec<World>) -> Vec<Candidate> {
        let all = &self.run.entries;
        let mut found = Vec::new();
        for base in bases {
            let worlds: BTreeSet<World> = self.worlds.iter().flat_map(|world| on(*base, world)).collect();
            found.extend(worlds.into_iter().map(|world| Candidate { replay: world.replay(all), world, base: *base }));
        }
        found
    }

    /// The lowest place of what is still to be carried out.
    fn lowest_after(&self, at: Instant) -> Option<Place> {
        let ahead = self.entries.iter().filter(|entry| !entry.dry_run || is_rehearsed(entry));
        ahead.filter(|entry| entry.finished_at > at).map(|entry| entry.place).min()
    }

    /// Whether a write that was computed from `base` and is to bring about `desired` would have had these effects.
    fn explains(&self, write: &Write<'_>, base: usize, desired: &Set, whole: bool) -> bool {
        let mut due: BTreeSet<Uuid> = differing(&self.states[base], desired).collect();
        due.extend(&self.open);
        let each = write.effects.iter().all(|at| {
            let (before, after) = (&self.states[*at], &self.states[at + 1]);
            match (self.target, self.effects[*at].kind) {
                (Target::WfmSkillGroups, _) | (_, WriteKind::Replace) => after == desired,
                (Target::RoutingSkills | Target::RoutingLanguages, _) => {
                    differing(before, after).all(|id| due.contains(&id) && after.get(&id) == desired.get(&id))
                }
            }
        });
        if !each || !whole {
            return each;
        }
        let end = write.effects.last().map_or(base, |last| last + 1);
        let until = self.states_before(write.ended_at());
        let by_others = |id: &Uuid| {
            (base..until - 1).any(|at| {
                self.effects[at].request.is_none()
                    && differing(&self.states[at], &self.states[at + 1]).any(|one| one == *id)
            })
        };
        due.iter().all(|id| self.states[end].get(id) == desired.get(id) || by_others(id))
    }

    /// The states that a write can have been computed from.
    fn bases(&self, write: &Write<'_>) -> Vec<usize> {
        match (self.target, write.effects.first()) {
            (Target::WfmSkillGroups, Some(first)) => vec![*first],
            // Without a read before it, it was computed from what the last write had left.
            (Target::WfmSkillGroups, None) => (self.floor..self.states_before(write.sent_at())).collect(),
            _ => self.shown_until(write.sent_at(), self.floor),
        }
    }

    /// The states on which entries that ended at `at` without a write can have had nothing to do: those that the last
    /// read can have shown, or a listing that was read for them, and is thus no older than they are.
    fn shown_to(&self, batch: &[&Entry], at: Instant) -> Vec<usize> {
        let floor = self.last_own_effect(at);
        let for_them = |listing: &&&Exchange| {
            listing.ended_at <= at && batch.iter().all(|entry| entry.accepted_at <= listing.sent_at)
        };
        match self.listings.iter().rev().find(for_them) {
            Some(listing) if batch.iter().all(|entry| matches!(entry.mode, Mode::Add | Mode::Managed)) => {
                let mut states = self.shown_by(listing, floor);
                // What was read before somebody asked for it is not remembered where there are no versions.
                let for_them = |read: &&Exchange| batch.iter().all(|entry| entry.accepted_at <= read.sent_at);
                if self.reads.iter().rev().find(|read| read.ended_at <= at).is_some_and(for_them) {
                    states.extend(self.shown_until(at, floor));
                }
                states
            }
            _ => self.shown_until(at, floor),
        }
    }

    /// The states from `floor` on that the last read before `at` can have shown.
    fn shown_until(&self, at: Instant, floor: usize) -> Vec<usize> {
        match self.reads.iter().rev().find(|read| read.ended_at <= at) {
            Some(read) => self.shown_by(read, floor),
            None => (floor..self.states.len()).collect(),
        }
    }

    fn shown_by(&self, read: &Exchange, floor: usize) -> Vec<usize> {
        let began = |state: &usize| state.checked_sub(1).is_none_or(|effect| self.effects[effect].at <= read.ended_at);
        let ended = |state: &usize| self.effects.get(*state).is_none_or(|next| next.at + LAG >= read.sent_at);
        (floor..self.states.len()).filter(|state| began(state) && ended(state)).collect()
    }

    /// How many states there have been until `at`.
    fn states_before(&self, at: Instant) -> usize {
        1 + self.effects.iter().take_while(|effect| effect.at <= at).count()
    }

    fn last_own_effect(&self, at: Instant) -> usize {
        self.effects.iter().rposition(|effect| effect.request.is_some() && effect.at <= at).map_or(0, |last| last + 1)
    }

    /// What entries say is not held against them where a write of the user got no conclusive answer: from the outside it cannot
    /// be known which state it met, and what was ours since (nor is it told whether some older state would explain it). That they end and stay ended is, and that what was written is
    /// told; `binary_runs` judges the end of each assignment by itself, and so also theirs.
    pub(super) fn fault(&mut self, kind: Kind, detail: &str) {
        let of_that =
            matches!(kind, Kind::NotTheFold | Kind::Lag | Kind::Order | Kind::Untrue | Kind::Effects | Kind::Plan);
        let dropped = detail.contains("is told as []");
        let inherited = kind == Kind::Lag && self.forgotten;
        if (of_that && self.in_doubt && !dropped) || inherited {
            return;
        }
        self.violations.push(Violation { kind, detail: format!("{:?}: {detail}", self.target) });
    }

    pub(super) fn since(&self, at: Instant) -> Duration {
        at - self.run.ledger.started()
    }
}

pub(super) fn carried_out(entry: &Entry) -> bool {
    let done = match entry.state {
        EntryState::Applied | EntryState::Unchanged => true,
        EntryState::Superseded => entry.result.reason != Some(Reason::StaleEvent),
        EntryState::Pending
        | EntryState::Running
        | EntryState::Waiting
        | EntryState::Planned
        | EntryState::Failed
        | EntryState::Cancelled
        | EntryState::Held => false,
    };
    done && !entry.dry_run
}

/// Whether a dry run says what would come of an entry.
fn is_rehearsed(entry: &Entry) -> bool {
    let says = matches!(entry.state, EntryState::Planned | EntryState::Unchanged | EntryState::Superseded);
    entry.dry_run && says && entry.result.reason.is_none()
}

/// Whether a write at `at` may have been made for an entry.
pub(super) fn is_open(entry: &Entry, at: Instant) -> bool {
    let may = carried_out(entry) || matches!(entry.state, EntryState::Failed | EntryState::Cancelled);
    may && !entry.dry_run && entry.accepted_at <= at && at <= entry.finished_at
}

fn subsets<'a>(entries: &[&'a Entry]) -> Vec<Vec<&'a Entry>> {
    let mut ordered = entries.to_vec();
    ordered.sort_by_key(|entry| entry.place);
    let chosen = |bits: usize| (0..ordered.len()).filter(|at| bits >> at & 1 == 1).map(|at| ordered[at]).collect();
    (1..1_usize << ordered.len()).map(chosen).collect()
}
