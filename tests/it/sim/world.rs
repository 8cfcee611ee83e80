//! One way in which everything that was seen of a user can have come about: entries at their places, and between them what
//! others changed, where it was seen.

use std::collections::{BTreeMap, BTreeSet};

use genesys_simulator::Target;
use skillsync::domain::Mode;
use uuid::Uuid;

use super::record::{Entry, Place, Set};
use super::truth::Became;

/// What skillsync assigned itself, and for whom.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Owned(BTreeMap<Uuid, BTreeSet<&'static str>>);

impl Owned {
    pub(super) fn contains(&self, id: &Uuid) -> bool {
        self.0.contains_key(id)
    }

    pub(super) fn extend(&mut self, other: &Self) {
        for (id, owners) in &other.0 {
            self.0.entry(*id).or_default().extend(owners);
        }
    }

    /// What is left of it for a user who has only these.
    fn of(&self, set: &Set) -> Self {
        let kept = self.0.iter().filter(|(id, _)| set.contains_key(id));
        Self(kept.map(|(id, owners)| (*id, owners.clone())).collect())
    }

    fn is_held_by_others(&self, id: Uuid, owner: &str) -> bool {
        self.0.get(&id).is_some_and(|owners| owners.iter().any(|other| *other != owner))
    }

    fn claim(&mut self, id: Uuid, owner: &'static str) {
        self.0.entry(id).or_default().insert(owner);
    }

    /// Takes it from one of several owners.
    fn let_go(&mut self, id: Uuid, owner: &str) {
        if let Some(owners) = self.0.get_mut(&id) {
            owners.remove(owner);
        }
    }
}

/// Entries that were carried out, by place, over a state that no later one can come below.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct World {
    set: Set,
    owned: Owned,
    nodes: Vec<Node>,
    /// What a write without an answer may have made ours; it is if the next state has it.
    claims: Owned,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    /// By its number in the run.
    Entry(usize),
    /// What was found to be different from what had been brought about.
    Seen { changed: BTreeMap<Uuid, Became>, claimed: Owned },
}

/// A state with what is owned of it, and how each entry changed it.
#[derive(Debug, Clone)]
pub(super) struct Replay {
    pub(super) set: Set,
    pub(super) owned: Owned,
    pub(super) steps: Vec<Step>,
}

/// What one entry did at its place.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) entry: usize,
    pub(super) touched: BTreeSet<Uuid>,
    /// The set that it left.
    pub(super) left: Set,
    /// What there was before it, and what was owned of that.
    pub(super) had: BTreeSet<Uuid>,
    pub(super) owned: Owned,
}

impl World {
    /// Nothing of the user's is ours.
    pub(super) fn new(set: Set) -> Self {
        Self { set, owned: Owned::default(), nodes: Vec::new(), claims: Owned::default() }
    }

    /// The same, after this state was seen.
    pub(super) fn seeing(&self, state: &Set, entries: &[Entry]) -> Self {
        let mut next = self.clone();
        let had = self.replay(entries).set;
        let changed: BTreeMap<_, _> = differing(&had, state).map(|id| (id, state.get(&id).copied())).collect();
        let claimed = self.claims.of(state);
        next.claims = Owned::default();
        if !changed.is_empty() || claimed != Owned::default() {
            next.nodes.push(Node::Seen { changed, claimed });
        }
        next
    }

    /// The same, with entries carried out at their places. Where somebody's change was seen between the entries below and
    /// above, it may be on either side.
    pub(super) fn with(&self, batch: &[&Entry], entries: &[Entry]) -> Vec<Self> {
        let mut worlds = vec![self.clone()];
        for entry in batch {
            worlds = worlds.into_iter().flat_map(|world| world.with_one(entry, entries)).collect();
        }
        worlds
    }

    fn with_one(&self, entry: &Entry, entries: &[Entry]) -> Vec<Self> {
        let is = |node: &Node, holds: &dyn Fn(Place) -> bool| match node {
            Node::Entry(at) => holds(entries[*at].place),
            Node::Seen { .. } => false,
        };
        let above = self.nodes.iter().position(|node| is(node, &|place| place > entry.place));
        let high = above.unwrap_or(self.nodes.len());
        let below = self.nodes[..high].iter().rposition(|node| is(node, &|place| place < entry.place));
        let low = if above.is_some() { below.map_or(0, |at| at + 1) } else { high };
        let at = |at: usize| {
            let mut world = self.clone();
            world.nodes.insert(at, Node::Entry(entry.order));
            world
        };
        if low == high { vec![at(high)] } else { vec![at(high), at(low)] }
    }

    /// The same, with entries carried out above everything, whatever their places.
    pub(super) fn with_on_top(&self, batch: &[&Entry]) -> Self {
        let mut next = self.clone();
        next.nodes.extend(batch.iter().map(|entry| Node::Entry(entry.order)));
        next
    }

    /// The same, if what is owned in `then` may be.
    pub(super) fn claiming(&self, then: &Owned) -> Self {
        let mut next = self.clone();
        next.claims.extend(then);
        next
    }

    /// All of it, one after another.
    pub(super) fn replay(&self, entries: &[Entry]) -> Replay {
        let (mut set, mut owned) = (self.set.clone(), self.owned.clone());
        let mut steps = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            match node {
                Node::Entry(at) => {
                    let (then, own) = applied(&set, &owned, &entries[*at]);
                    let touched = differing(&set, &then).collect();
                    let had = set.keys().copied().collect();
                    steps.push(Step { entry: *at, touched, left: then.clone(), had, owned });
                    (set, owned) = (then, own);
                }
                Node::Seen { changed, claimed } => {
                    for (id, rating) in changed {
                        match rating {
                            Some(rating) => drop(set.insert(*id, *rating)),
                            None => drop(set.remove(id)),
                        }
                    }
                    owned.extend(claimed);
                    owned = owned.of(&set);
                }
            }
        }
        Replay { set, owned, steps }
    }

    /// The same in short: no entry below `lowest` is still to come.
    pub(super) fn settled(self, lowest: Option<Place>, entries: &[Entry]) -> Self {
        let stays = |node: &Node| match node {
            Node::Entry(at) => lowest.is_some_and(|lowest| entries[*at].place > lowest),
            Node::Seen { .. } => false,
        };
        let first = self.nodes.iter().position(stays).unwrap_or(self.nodes.len());
        // What was seen just below may have to be told from what comes between.
        let seen = if first < self.nodes.len() {
            let before = self.nodes[..first].iter().rev();
            before.take_while(|node| matches!(node, Node::Seen { .. })).count()
        } else {
            0
        };
        let first = first - seen;
        let Self { set, owned, mut nodes, claims } = self;
        let rest = nodes.split_off(first);
        let below = Self { set, owned, nodes, claims: Owned::default() }.replay(entries);
        Self { set: below.set, owned: below.owned, nodes: rest, claims }
    }
}

impl Replay {
    pub(super) fn step(&self, entry: &Entry) -> Option<&Step> {
        self.steps.iter().find(|step| step.entry == entry.order)
    }

    /// The entries that touched this after `entry` did.
    pub(super) fn later_touches(&self, entry: &Entry, id: Uuid) -> impl Iterator<Item = usize> {
        let after = self.steps.iter().skip_while(move |step| step.entry != entry.order).skip(1);
        after.filter(move |step| step.touched.contains(&id)).map(|step| step.entry)
    }

    /// Whether the user has what the entry asks for.
    pub(super) fn satisfies(&self, entry: &Entry) -> bool {
        self.lacking(entry).is_empty()
    }

    /// What the user has otherwise than the entry asks for.
    pub(super) fn lacking(&self, entry: &Entry) -> Vec<Uuid> {
        differing(&applied(&self.set, &self.owned, entry).0, &self.set).collect()
    }
}

/// One entry, in the words of the promise.
fn applied(state: &Set, ours: &Owned, entry: &Entry) -> (Set, Owned) {
    let (mut set, mut owned, by) = (state.clone(), ours.of(state), entry.owner);
    if entry.mode == Mode::Remove {
        for id in entry.listed.keys() {
            if owned.is_held_by_others(*id, by) {
                owned.let_go(*id, by);
            } else {
                set.remove(id);
            }
        }
        return (set.clone(), owned.of(&set));
    }
    for (id, rating) in &entry.listed {
        let unrated = (entry.target == Target::RoutingSkills).then_some(0);
        let had = set.get(id).copied().unwrap_or(unrated);
        if entry.mode != Mode::Add || owned.contains(id) || !set.contains_key(id) {
            owned.claim(*id, by);
        }
        set.insert(*id, rating.or(had));
    }
    let unlisted: Vec<Uuid> = set.keys().copied().filter(|id| !entry.listed.contains_key(id)).collect();
    for id in unlisted {
        match entry.mode {
            Mode::Managed if owned.is_held_by_others(id, by) => owned.let_go(id, by),
            Mode::Managed if owned.contains(&id) => drop(set.remove(&id)),
            Mode::Replace => drop(set.remove(&id)),
            Mode::Managed | Mode::Add | Mode::Remove => {}
        }
    }
    (set.clone(), owned.of(&set))
}

pub(super) fn differing<'a>(one: &'a Set, other: &'a Set) -> impl Iterator<Item = Uuid> + 'a {
    let ids: BTreeSet<Uuid> = one.keys().chain(other.keys()).copied().collect();
    ids.into_iter().filter(|id| one.get(id) != other.get(id))
}
