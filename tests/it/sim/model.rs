//! What each user must have come to: a model of the promise, written without a look at the engine's own fold.
//!
//! For every user and target it walks through the ledger and through the entries in the order in which they ended. What
//! ended at one instant was carried out as one: applied in order to a state that Genesys really had, it must explain every
//! write of the service, to the last assignment, and every entry that needed none; and what the entries report is what
//! was done. Changes of others are in the ledger's
//! states, so a lost one has no explanation.
//!
//! What skillsync owns cannot be seen from outside, and a lost answer leaves open what was done. So the model carries all
//! the sets of own assignments that are possible ("worlds"), and a run is at fault only when none is left.
//!
//! Not a fault: an entry that ends as `unchanged` on a state that was already history when it was read (a lagging
//! replica, within [`LAG`]) or that a listing showed which was read for its job; a foreign change within a `replace`; something that was done by an entry that failed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use skillsync::domain::{EntryState, Mode, Reason};
use skillsync::simulator::{Assignment, Effect, Target, WriteKind};
use tokio::time::Instant;
use uuid::Uuid;

use super::checks::{Kind, Violation};
use super::run::{Entry, Run};
use super::tap::Exchange;

/// No replica of a plan lags behind for longer.
const LAG: Duration = Duration::from_secs(10);
/// More entries than this are not open for one user at once.
const MOST_OPEN: usize = 10;

type Set = BTreeMap<Uuid, Option<f64>>;
type Owned = BTreeSet<Uuid>;

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

/// Writes that were computed together, with what they did.
struct Write<'a> {
    exchanges: Vec<&'a Exchange>,
    /// Indices into the history's effects.
    effects: Vec<usize>,
}

impl Write<'_> {
    fn sent_at(&self) -> Instant {
        self.exchanges[0].sent_at
    }

    fn ended_at(&self) -> Instant {
        self.exchanges[self.exchanges.len() - 1].ended_at
    }

    /// Whether the last answer was telling.
    fn passed(&self) -> bool {
        matches!(self.exchanges[self.exchanges.len() - 1].status, Some(200..=299 | 404))
    }

    /// Whether it may have been carried out, for all that the service was told.
    fn unsure(&self) -> bool {
        !matches!(self.exchanges[self.exchanges.len() - 1].status, Some(400 | 409 | 429))
    }
}

struct History<'a> {
    target: Target,
    run: &'a Run,
    effects: Vec<&'a Effect>,
    /// The state before the first effect, and after each.
    states: Vec<Set>,
    writes: Vec<Write<'a>>,
    /// Of the user's own resource.
    reads: Vec<&'a Exchange>,
    /// Pages of users that showed this one's skills.
    listings: Vec<&'a Exchange>,
    entries: Vec<&'a Entry>,
    worlds: BTreeSet<Owned>,
    /// The first state that a read after the last telling answer can show.
    floor: usize,
    /// Assignments whose state a lost answer has left open.
    open: BTreeSet<Uuid>,
    applied_at: Option<jiff::Timestamp>,
    violations: Vec<Violation>,
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
        let entries = run.entries.iter().filter(|e| e.user == user && e.target == target && !e.dry_run).collect();
        Self {
            target,
            run,
            states: states.collect(),
            writes: writes(&exchanges, &reads, &effects, target),
            effects,
            reads,
            listings,
            entries,
            worlds: BTreeSet::from([Owned::new()]),
            floor: 0,
            open: BTreeSet::new(),
            applied_at: None,
            violations: Vec::new(),
        }
    }

    fn walk(&mut self) {
        let mut batches: BTreeMap<Instant, Vec<&'a Entry>> = BTreeMap::new();
        for entry in &self.entries {
            if carried_out(entry) {
                batches.entry(entry.finished_at).or_default().push(entry);
            }
        }
        let mut writes = std::mem::take(&mut self.writes).into_iter().peekable();
        for (at, mut batch) in batches {
            batch.sort_by_key(|entry| (entry.effective_at, entry.order));
            let mut own = None;
            while let Some(write) = writes.next_if(|write| write.ended_at() <= at) {
                if write.ended_at() == at && write.passed() {
                    own = Some(write);
                } else {
                    self.attempt(&write);
                }
            }
            self.settle(at, &batch, own.as_ref());
        }
        for write in writes {
            self.attempt(&write);
        }
        self.check_stale();
    }

    /// A write without a telling answer, or of entries that failed.
    fn attempt(&mut self, write: &Write<'_>) {
        if write.effects.is_empty() && !write.unsure() {
            return;
        }
        let open: Vec<&Entry> = self.entries.iter().copied().filter(|entry| is_open(entry, write.sent_at())).collect();
        if open.len() > MOST_OPEN {
            return;
        }
        let bases = self.bases(write);
        let (mut worlds, mut touched) = (BTreeSet::new(), BTreeSet::new());
        for batch in subsets(&open) {
            for base in &bases {
                for owned in &self.worlds {
                    let (desired, then) = applied(&self.states[*base], owned, &batch, self.target);
                    if self.explains(write, *base, &desired, false) {
                        worlds.insert(owned.union(&then).copied().collect());
                        touched.extend(differing(&self.states[*base], &desired));
                    }
                }
            }
        }
        if write.effects.is_empty() {
            worlds.extend(self.worlds.iter().cloned());
        } else if worlds.is_empty() {
            self.fault(&format!(
                "the write at {:?} is explained by no fold of open entries",
                self.since(write.sent_at())
            ));
            return;
        }
        self.worlds = worlds;
        self.open.extend(touched);
    }

    /// Entries ended, with this write or without one.
    fn settle(&mut self, at: Instant, batch: &[&'a Entry], write: Option<&Write<'_>>) {
        let mut worlds = BTreeSet::new();
        let bases = match write {
            Some(write) => self.bases(write),
            None => self.shown_to(batch, at),
        };
        for base in &bases {
            for owned in &self.worlds {
                let (desired, then) = applied(&self.states[*base], owned, batch, self.target);
                let explained = match write {
                    Some(write) => {
                        self.explains(write, *base, &desired, true)
                            && (!self.open.is_empty()
                                || told(batch) == differing(&self.states[*base], &desired).collect())
                    }
                    None => desired == self.states[*base],
                };
                if explained {
                    worlds.insert(then);
                }
            }
        }
        if worlds.is_empty() {
            let what = if write.is_some() { "written" } else { "left as it was" };
            let entries: Vec<_> = batch.iter().map(|e| (e.job, e.mode, &e.listed, e.state)).collect();
            self.fault(&format!("what was {what} at {:?} is not the fold of {entries:?}", self.since(at)));
            worlds = self.worlds.iter().cloned().collect();
        }
        self.worlds = worlds;
        self.open.clear();
        if let Some(last) = write.and_then(|write| write.effects.last()) {
            self.floor = last + 1;
        }
        self.check_order(batch);
        let wrong =
            batch.iter().find(|entry| entry.mode != Mode::Replace && !entry.result.effects.overwritten.is_empty());
        if let Some(entry) = wrong {
            self.fault(&format!("entry {} says that it has overwritten something", entry.order));
        }
    }

    /// Whether a write that was computed from `base` and is to bring about `desired` would have had these effects.
    fn explains(&self, write: &Write<'_>, base: usize, desired: &Set, whole: bool) -> bool {
        let mut due: BTreeSet<Uuid> = differing(&self.states[base], desired).collect();
        due.extend(&self.open);
        let each = write.effects.iter().all(|at| {
            let (before, after) = (&self.states[*at], &self.states[at + 1]);
            match (self.target, self.effects[*at].kind) {
                (Target::WfmSkillGroups, _) | (_, WriteKind::Replace) => after == desired,
                (Target::RoutingSkills, _) => {
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
                if self.reads.iter().any(|read| read.ended_at <= at) {
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

    /// What happened later has been carried out by now; from here on earlier news are stale.
    fn check_order(&mut self, batch: &[&Entry]) {
        for entry in batch {
            if entry.dated && self.applied_at.is_some_and(|applied| entry.effective_at < applied) {
                self.fault(&format!(
                    "entry {} of job {} is older than what was carried out before",
                    entry.order, entry.job
                ));
            }
        }
        self.applied_at = self.applied_at.max(batch.iter().map(|entry| entry.effective_at).max());
    }

    fn check_stale(&mut self) {
        let stale = self.entries.iter().filter(|entry| entry.result.reason == Some(Reason::StaleEvent));
        let newer = |entry: &Entry| {
            let done = self.entries.iter().filter(|other| carried_out(other) && other.finished_at <= entry.finished_at);
            entry.dated && done.into_iter().any(|other| other.effective_at > entry.effective_at)
        };
        let wrong: Vec<usize> = stale.filter(|entry| !newer(entry)).map(|entry| entry.order).collect();
        if !wrong.is_empty() {
            self.fault(&format!("the entries {wrong:?} are called stale and nothing newer was carried out"));
        }
    }

    fn fault(&mut self, detail: &str) {
        self.violations.push(Violation { kind: Kind::NotTheFold, detail: format!("{:?}: {detail}", self.target) });
    }

    fn since(&self, at: Instant) -> Duration {
        at - self.run.ledger.started()
    }
}

/// Joins the writes that belong together: a WFM write is one call, one of skills all calls up to the next read.
fn writes<'a>(exchanges: &[&'a Exchange], reads: &[&Exchange], effects: &[&Effect], target: Target) -> Vec<Write<'a>> {
    let mut writes: Vec<(usize, Write<'a>)> = Vec::new();
    for exchange in exchanges.iter().filter(|exchange| exchange.writes) {
        let after = reads.iter().filter(|read| read.ended_at <= exchange.sent_at).count();
        let inside = |effect: &Effect| {
            effect.request.is_some() && exchange.sent_at <= effect.at && effect.at <= exchange.ended_at
        };
        let had = (0..effects.len()).filter(|at| inside(effects[*at]));
        match writes.last_mut().filter(|(before, _)| target == Target::RoutingSkills && *before == after) {
            Some((_, write)) => {
                write.exchanges.push(exchange);
                write.effects.extend(had);
            }
            None => writes.push((after, Write { exchanges: vec![exchange], effects: had.collect() })),
        }
    }
    writes.into_iter().map(|(_, write)| write).collect()
}

fn carried_out(entry: &Entry) -> bool {
    match entry.state {
        EntryState::Applied | EntryState::Unchanged => true,
        EntryState::Superseded => entry.result.reason != Some(Reason::StaleEvent),
        EntryState::Pending
        | EntryState::Running
        | EntryState::Waiting
        | EntryState::Planned
        | EntryState::Failed
        | EntryState::Cancelled
        | EntryState::Held => false,
    }
}

/// Whether a write at `at` may have been made for an entry. What was cancelled must never have been.
fn is_open(entry: &Entry, at: Instant) -> bool {
    let may = carried_out(entry) || entry.state == EntryState::Failed;
    may && entry.accepted_at <= at && at <= entry.finished_at
}

/// What the entries say that they did, each thing once.
fn told(batch: &[&Entry]) -> BTreeSet<Uuid> {
    batch.iter().flat_map(|entry| entry.result.effects.difference.ids()).map(|id| id.0).collect()
}

fn subsets<'a>(entries: &[&'a Entry]) -> Vec<Vec<&'a Entry>> {
    let mut ordered = entries.to_vec();
    ordered.sort_by_key(|entry| (entry.effective_at, entry.order));
    let chosen = |bits: usize| (0..ordered.len()).filter(|at| bits >> at & 1 == 1).map(|at| ordered[at]).collect();
    (1..1_usize << ordered.len()).map(chosen).collect()
}

/// One after another, in the words of the promise.
fn applied(state: &Set, owned: &Owned, batch: &[&Entry], target: Target) -> (Set, Owned) {
    let mut set = state.clone();
    let mut own: Owned = owned.iter().copied().filter(|id| state.contains_key(id)).collect();
    for entry in batch {
        if entry.mode == Mode::Remove {
            set.retain(|id, _| !entry.listed.contains_key(id));
            own.retain(|id| !entry.listed.contains_key(id));
            continue;
        }
        for (id, rating) in &entry.listed {
            if !set.contains_key(id) {
                own.insert(*id);
            }
            let unrated = (target == Target::RoutingSkills).then_some(0.0);
            let had = set.get(id).copied().unwrap_or(unrated);
            set.insert(*id, rating.or(had));
        }
        match entry.mode {
            Mode::Add | Mode::Remove => {}
            Mode::Managed => {
                set.retain(|id, _| entry.listed.contains_key(id) || !own.contains(id));
                own = entry.listed.keys().copied().collect();
            }
            Mode::Replace => {
                set.retain(|id, _| entry.listed.contains_key(id));
                own = entry.listed.keys().copied().collect();
            }
        }
    }
    (set, own)
}

fn differing<'a>(one: &'a Set, other: &'a Set) -> impl Iterator<Item = Uuid> + 'a {
    let ids: BTreeSet<Uuid> = one.keys().chain(other.keys()).copied().collect();
    ids.into_iter().filter(|id| one.get(id) != other.get(id))
}

fn set_of(assignments: &[Assignment]) -> Set {
    assignments.iter().map(|assignment| (assignment.id, assignment.proficiency)).collect()
}
