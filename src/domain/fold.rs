//! Folding: several changes for one user become one desired set, as if they had run one after another in their places.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::assignment::Difference;
use super::entry::Effects;
use super::history::{Event, History, Holding};
use super::{AssignmentId, Assignments, EntryId, Place, Target};

/// What the assignments that a job lists mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Have these too.
    Add,
    /// Have these no more.
    Remove,
    /// Have these, and of the rest lose only what skillsync itself assigned or what is configured as managed.
    Managed,
    /// Have exactly these.
    Replace,
}

/// What one entry asks for a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub place: Place,
    /// The entry that asks for it.
    pub by: EntryId,
    pub mode: Mode,
    pub listed: Arc<Assignments>,
}

/// What a fold starts from.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    pub target: Target,
    /// The set as Genesys has it.
    pub current: &'a Assignments,
    /// What skillsync itself assigned earlier.
    pub owned: &'a BTreeSet<AssignmentId>,
    /// What the configuration lists as managed.
    pub managed: &'a BTreeSet<AssignmentId>,
}

/// What became of one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It has a share in the difference that is to be written.
    Applies(Effects),
    /// The user has what it asks for already.
    Unchanged(Effects),
    /// What it asks for was undone or done over by changes in later places, last by that of this entry.
    SupersededBy(EntryId),
    /// With it the user would have more assignments than the target takes; it was left out.
    TooMany { would_be: usize },
}

/// The result of a fold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded {
    /// What the user shall have.
    pub desired: Assignments,
    /// What skillsync owns of it once it is written.
    pub owned: BTreeSet<AssignmentId>,
    /// One outcome a change, in the same order.
    pub outcomes: Vec<Outcome>,
    /// Whether one of the changes asked for exactly its own set.
    pub replaces: bool,
    /// What changes in later places left otherwise than those that were folded, in order of these places.
    pub undone: Vec<Undone>,
}

/// An assignment that the user does not have as one change left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undone {
    /// The entry of that change.
    pub change: EntryId,
    pub id: AssignmentId,
    /// The entry that last did it over.
    pub by: EntryId,
}

/// Applies `changes`, which are in order of place, each at its place in what was done before.
///
/// Invariant: `desired` and `owned` equal those of applying all changes of `history` and all of `changes` one after another
/// in order of place, with what others changed where it was seen. Each id of the difference between `start.current` and
/// `desired` is reported by exactly one of `changes`: the last that touched it, or else the newest that was taken.
pub fn fold(start: Start<'_>, history: Option<&History>, changes: &[Change]) -> Folded {
    let since = history.and_then(|history| history.changed_by_others(start));
    let timeline = timeline(history, since.as_ref(), changes);
    let mut left_out = BTreeMap::new();
    loop {
        let replay = Replay::run(start, history, &timeline, &left_out);
        let (most, would_be) = (start.target.most_per_user().max(start.current.len()), replay.state.set.len());
        // What was carried out before has its room; the change that comes below it is left out.
        let newest_below = replay.steps.iter().rev().find(|step| would_be > most && step.is_below_older(&timeline));
        match newest_below {
            Some(step) => left_out.insert(step.change, would_be),
            None => return replay.folded(start, &timeline),
        };
    }
}

/// What the first `count` events of a history lead to, and what of it is ours.
pub fn replay(
    history: &History,
    count: usize,
    target: Target,
    managed: &BTreeSet<AssignmentId>,
) -> (Assignments, BTreeSet<AssignmentId>) {
    let mut state = State { set: history.base.as_ref().clone(), owned: history.owned.as_ref().clone() };
    for event in history.events.iter().take(count) {
        state.follow(event, target, managed);
    }
    (state.set, state.owned)
}

/// One step of a replay.
#[derive(Debug, Clone, Copy)]
enum Item<'a> {
    /// Something that happened before.
    Past(&'a Event),
    /// One of the changes to fold, by its position.
    New(usize, &'a Change),
}

impl Item<'_> {
    fn entry(&self) -> Option<EntryId> {
        match self {
            Self::New(_, change) => Some(change.by),
            Self::Past(event) => event.change().map(|change| change.by),
        }
    }
}

/// Merges the changes to fold into what happened before, each ahead of the first change in a later place.
fn timeline<'a>(history: Option<&'a History>, since: Option<&'a Event>, changes: &'a [Change]) -> Vec<Item<'a>> {
    let mut new = changes.iter().enumerate().peekable();
    let mut items = Vec::with_capacity(changes.len());
    for event in history.into_iter().flat_map(|history| &history.events).chain(since) {
        if let Some(past) = event.change() {
            while let Some((position, change)) = new.next_if(|(_, change)| change.place < past.place) {
                items.push(Item::New(position, change));
            }
        }
        items.push(Item::Past(event));
    }
    items.extend(new.map(|(position, change)| Item::New(position, change)));
    items
}

#[derive(Debug, Clone)]
struct State {
    set: Assignments,
    owned: BTreeSet<AssignmentId>,
}

/// What one change does to a state.
struct Stepped {
    state: State,
    /// Ids that it changes.
    touched: Vec<AssignmentId>,
    preserved: Vec<AssignmentId>,
    /// What it changes of what is not ours, if it asks for exactly its own set.
    overwritten: Vec<AssignmentId>,
}

impl State {
    /// One change, applied to a copy.
    fn step(&self, target: Target, managed: &BTreeSet<AssignmentId>, change: &Change) -> Stepped {
        let (mut next, listed) = (self.clone(), change.listed.as_ref());
        let mut preserved = Vec::new();
        match change.mode {
            Mode::Add => next.add_listed(target, listed),
            Mode::Remove => listed.ids().for_each(|id| next.take_away(id)),
            Mode::Managed => {
                next.add_listed(target, listed);
                next.owned.extend(listed.ids());
                for id in self.set.ids().filter(|id| !listed.contains(*id)) {
                    if self.is_ours(managed, id) {
                        next.take_away(id);
                    } else {
                        preserved.push(id);
                    }
                }
            }
            Mode::Replace => {
                next.add_listed(target, listed);
                self.set.ids().filter(|id| !listed.contains(*id)).for_each(|id| next.take_away(id));
                next.owned = listed.ids().collect();
            }
        }
        let touched: Vec<_> = Difference::between(&self.set, &next.set).ids().collect();
        let foreign = |id: &AssignmentId| self.set.contains(*id) && !self.is_ours(managed, *id);
        let overwritten = match change.mode {
            Mode::Replace => touched.iter().copied().filter(foreign).collect(),
            Mode::Add | Mode::Remove | Mode::Managed => Vec::new(),
        };
        Stepped { state: next, touched, preserved, overwritten }
    }

    /// The ids whose holding a change decides when it is applied to this state, whether or not it has to alter them.
    fn decided_by(&self, managed: &BTreeSet<AssignmentId>, change: &Change) -> Vec<AssignmentId> {
        let mut ids: Vec<_> = change.listed.ids().collect();
        let unlisted = self.set.ids().filter(|id| !change.listed.contains(*id));
        match change.mode {
            Mode::Add | Mode::Remove => {}
            Mode::Managed => ids.extend(unlisted.filter(|id| self.is_ours(managed, *id))),
            Mode::Replace => ids.extend(unlisted),
        }
        ids
    }

    /// Goes on by something that happened before.
    fn follow(&mut self, event: &Event, target: Target, managed: &BTreeSet<AssignmentId>) -> Vec<AssignmentId> {
        match event {
            Event::Done(done) => {
                let stepped = self.step(target, managed, &done.change);
                *self = stepped.state;
                stepped.touched
            }
            Event::Others(others) => {
                for (id, holding) in &others.changes {
                    match holding {
                        Some(rating) => self.set.insert(*id, *rating),
                        None => self.take_away(*id),
                    }
                }
                self.owned.extend(&others.claimed);
                others.changes.iter().map(|(id, _)| *id).collect()
            }
        }
    }

    fn is_ours(&self, managed: &BTreeSet<AssignmentId>, id: AssignmentId) -> bool {
        self.owned.contains(&id) || managed.contains(&id)
    }

    fn add_listed(&mut self, target: Target, listed: &Assignments) {
        for (id, proficiency) in listed.iter() {
            match (self.set.get(id), proficiency) {
                (None, _) => {
                    self.set.insert(id, proficiency.or(target.unrated()));
                    self.owned.insert(id);
                }
                (Some(_), Some(_)) => self.set.insert(id, proficiency),
                // Listed without a rating: any rating will do.
                (Some(_), None) => {}
            }
        }
    }

    fn take_away(&mut self, id: AssignmentId) {
        self.set.remove(id);
        self.owned.remove(&id);
    }
}

/// One of the changes to fold, as it was applied.
struct Step {
    /// Its position among the changes.
    change: usize,
    /// Its position in the timeline.
    at: usize,
    taken: Option<Taken>,
    /// What the user would have had, if it was left out for that.
    would_be: usize,
}

struct Taken {
    /// What it changed.
    touched: Vec<AssignmentId>,
    replaces: bool,
    /// What each id was to be left as, and whether any rating will do.
    decided: Vec<(AssignmentId, Holding, bool)>,
    /// Whether the user really had it all, and not only in between, by a change that was folded with one in a later place.
    had_it: bool,
    preserved: Vec<AssignmentId>,
    overwritten: Vec<AssignmentId>,
}

impl Step {
    fn is_below_older(&self, timeline: &[Item<'_>]) -> bool {
        let later = timeline.get(self.at..).unwrap_or_default();
        let past = |item: &Item<'_>| matches!(item, Item::Past(event) if event.change().is_some());
        self.taken.is_some() && later.iter().any(past)
    }
}

/// A timeline that was gone through.
struct Replay {
    /// Whether it went on from a history, and not from what the user has.
    in_history: bool,
    state: State,
    steps: Vec<Step>,
    /// Where in the timeline each id was last changed, and where by an entry.
    last_touch: BTreeMap<AssignmentId, usize>,
    last_done: BTreeMap<AssignmentId, usize>,
    /// Which of the changes to fold last changed each id, or whose it is.
    last_new: BTreeMap<AssignmentId, usize>,
}

impl Replay {
    fn run(
        start: Start<'_>,
        history: Option<&History>,
        timeline: &[Item<'_>],
        left_out: &BTreeMap<usize, usize>,
    ) -> Self {
        let state = if let Some(history) = history {
            State { set: history.base.as_ref().clone(), owned: history.owned.as_ref().clone() }
        } else {
            // What is no longer there is no longer ours: whoever assigns it next owns it.
            let owned = start.owned.iter().copied().filter(|id| start.current.contains(*id)).collect();
            State { set: start.current.clone(), owned }
        };
        let (last_touch, last_done, last_new) = Default::default();
        let mut replay =
            Self { in_history: history.is_some(), state, steps: Vec::new(), last_touch, last_done, last_new };
        for (at, item) in timeline.iter().enumerate() {
            match item {
                Item::Past(event) => {
                    let touched = replay.state.follow(event, start.target, start.managed);
                    if event.change().is_some() {
                        replay.last_done.extend(touched.iter().map(|id| (*id, at)));
                    }
                    replay.last_touch.extend(touched.into_iter().map(|id| (id, at)));
                }
                Item::New(position, change) => {
                    let left_out = left_out.get(position).copied();
                    replay.take(start, at, *position, change, left_out);
                }
            }
        }
        replay
    }

    fn take(&mut self, start: Start<'_>, at: usize, position: usize, change: &Change, left_out: Option<usize>) {
        let before = self.state.set.len();
        let stepped = self.state.step(start.target, start.managed, change);
        // A user who has too many already may still lose some.
        let too_many = stepped.state.set.len() > start.target.most_per_user().max(before);
        let would_be = left_out.unwrap_or(stepped.state.set.len());
        if too_many || left_out.is_some() {
            self.steps.push(Step { change: position, at, taken: None, would_be });
            return;
        }
        let ids = self.state.decided_by(start.managed, change);
        // Neither what a history starts from nor what its changes led to need ever have been real: several of them may have
        // been written together.
        let really = |id: &AssignmentId| !self.in_history || self.state.set.get(*id) == start.current.get(*id);
        let had_it = stepped.touched.is_empty() && ids.iter().all(|id| !self.last_new.contains_key(id) && really(id));
        let any_rating = |id: AssignmentId| change.mode != Mode::Remove && change.listed.get(id) == Some(None);
        let decided = ids.into_iter().map(|id| (id, stepped.state.set.get(id), any_rating(id))).collect();
        let claimed =
            change.listed.ids().filter(|id| !self.state.owned.contains(id) && stepped.state.owned.contains(id));
        for id in claimed {
            self.last_new.entry(id).or_insert(position);
        }
        self.last_touch.extend(stepped.touched.iter().map(|id| (*id, at)));
        self.last_done.extend(stepped.touched.iter().map(|id| (*id, at)));
        self.last_new.extend(stepped.touched.iter().map(|id| (*id, position)));
        let Stepped { state, touched, preserved, overwritten } = stepped;
        self.state = state;
        let replaces = change.mode == Mode::Replace;
        let taken = Some(Taken { touched, replaces, decided, had_it, preserved, overwritten });
        self.steps.push(Step { change: position, at, taken, would_be });
    }

    fn folded(self, start: Start<'_>, timeline: &[Item<'_>]) -> Folded {
        let net = Difference::between(start.current, &self.state.set);
        let newest = self.steps.iter().rev().find(|step| step.taken.is_some()).map(|step| step.change);
        let reports = |id: AssignmentId| self.last_new.get(&id).copied().or(newest);
        let outcomes = self.steps.iter().map(|step| self.outcome(step, start, timeline, &net, reports)).collect();
        let replaces = self.steps.iter().any(|step| step.taken.as_ref().is_some_and(|taken| taken.replaces));
        let undone = self.undone(timeline);
        Folded { outcomes, replaces, undone, desired: self.state.set, owned: self.state.owned }
    }

    fn undone(&self, timeline: &[Item<'_>]) -> Vec<Undone> {
        let mut undone = Vec::new();
        for step in &self.steps {
            let Some(change) = timeline.get(step.at).and_then(Item::entry) else { continue };
            let decided = step.taken.iter().flat_map(|taken| &taken.decided).filter(|decided| !self.holds(decided));
            for (id, ..) in decided {
                let later = self.last_done.get(id).filter(|at| **at > step.at);
                let by = later.and_then(|at| Some((*at, timeline.get(*at)?.entry()?)));
                undone.extend(by.map(|(at, by)| (at, Undone { change, id: *id, by })));
            }
        }
        undone.sort_by_key(|(at, _)| *at);
        undone.into_iter().map(|(_, undone)| undone).collect()
    }

    fn outcome(
        &self,
        step: &Step,
        start: Start<'_>,
        timeline: &[Item<'_>],
        net: &Difference,
        reports: impl Fn(AssignmentId) -> Option<usize>,
    ) -> Outcome {
        let Some(taken) = &step.taken else { return Outcome::TooMany { would_be: step.would_be } };
        let difference = net.clone().restricted_to(|id| reports(id) == Some(step.change));
        if difference.is_empty()
            && let Some(by) = self.undone_by(step, taken, start, timeline)
        {
            return Outcome::SupersededBy(by);
        }
        // What only another change of the same fold claimed was never really ours.
        let foreign = |id: &AssignmentId| {
            let ours = start.owned.contains(id) || start.managed.contains(id);
            taken.overwritten.contains(id) || (taken.replaces && !ours && start.current.contains(*id))
        };
        let lost = difference.removed.iter().chain(difference.updated.iter().map(|(id, _)| id)).copied();
        let mut overwritten: Vec<_> = lost.filter(foreign).collect();
        overwritten.sort_unstable();
        let untouched = |id: &AssignmentId| self.last_touch.get(id).is_none_or(|at| *at < step.at);
        let preserved = taken.preserved.iter().copied().filter(untouched).collect();
        let nothing = difference.is_empty();
        let effects = Effects { difference, preserved, overwritten };
        if nothing { Outcome::Unchanged(effects) } else { Outcome::Applies(effects) }
    }

    /// Whether the user ends with what a change left here.
    fn holds(&self, (id, left, any_rating): &(AssignmentId, Holding, bool)) -> bool {
        let ends = self.state.set.get(*id);
        ends == *left || (*any_rating && ends.is_some() && left.is_some())
    }

    /// For a change with no share in the difference: the entry that last did over what it did, or undid what it asks for. If
    /// nobody but others did, the next entry after it. `None` if the user has what it asks for, and had it.
    fn undone_by(&self, step: &Step, taken: &Taken, start: Start<'_>, timeline: &[Item<'_>]) -> Option<EntryId> {
        if taken.touched.is_empty() && taken.had_it {
            return None;
        }
        let later = |touches: &BTreeMap<AssignmentId, usize>, id: &AssignmentId| {
            touches.get(id).copied().filter(|at| *at > step.at)
        };
        let is_later = |id: &AssignmentId| later(&self.last_touch, id).is_some();
        let all = taken.touched.iter().all(is_later);
        let ends_otherwise = |id: &&AssignmentId| all || self.state.set.get(**id) != start.current.get(**id);
        let mut undone: Vec<_> = taken.touched.iter().filter(ends_otherwise).filter(|id| is_later(id)).collect();
        if undone.is_empty() {
            let decided = taken.decided.iter().filter(|decided| !self.holds(decided)).map(|(id, ..)| id);
            undone = decided.filter(|id| is_later(id)).collect();
        }
        if undone.is_empty() {
            return None;
        }
        let last = undone.into_iter().filter_map(|id| later(&self.last_done, id)).max();
        let last = last.and_then(|at| timeline.get(at)).and_then(Item::entry);
        last.or_else(|| timeline.get(step.at + 1..)?.iter().find_map(Item::entry))
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::domain::{JobId, Proficiency};

    fn id(n: u128) -> AssignmentId {
        AssignmentId(Uuid::from_u128(n))
    }

    fn groups(ids: &[u128]) -> Assignments {
        ids.iter().map(|n| (id(*n), None)).collect()
    }

    fn owned(ids: &[u128]) -> BTreeSet<AssignmentId> {
        ids.iter().map(|n| id(*n)).collect()
    }

    fn entry(n: u32) -> EntryId {
        (JobId(Uuid::nil()), n)
    }

    fn change(place: u32, mode: Mode, listed: Assignments) -> Change {
        let at = Timestamp::from_second(i64::from(place)).unwrap();
        Change { place: Place { at, entry: entry(place) }, by: entry(place), mode, listed: Arc::new(listed) }
    }

    fn in_order(changes: &[(Mode, &[u128])]) -> Vec<Change> {
        (0u32..).zip(changes).map(|(place, (mode, ids))| change(place, *mode, groups(ids))).collect()
    }

    fn fold_groups(current: &[u128], ours: &[u128], changes: &[(Mode, &[u128])]) -> Folded {
        let (current, ours, managed) = (groups(current), owned(ours), owned(&[]));
        let start = Start { target: Target::WfmSkillGroups, current: &current, owned: &ours, managed: &managed };
        fold(start, None, &in_order(changes))
    }

    #[test]
    fn each_mode_means_what_the_design_says() {
        for (mode, desired, ours) in [
            (Mode::Add, &[1, 2, 3, 4][..], &[2, 4][..]),
            (Mode::Remove, &[1, 2][..], &[2][..]),
            (Mode::Managed, &[1, 3, 4][..], &[3, 4][..]),
            (Mode::Replace, &[3, 4][..], &[3, 4][..]),
        ] {
            // 1 and 3 are foreign, 2 is ours; 3 and 4 are listed.
            let folded = fold_groups(&[1, 2, 3], &[2], &[(mode, &[3, 4])]);
            assert_eq!(folded.desired, groups(desired), "{mode:?}");
            assert_eq!(folded.owned, owned(ours), "{mode:?}");
        }
    }

    #[test]
    fn managed_names_what_it_preserved_and_replace_what_it_overwrote() {
        let managed = fold_groups(&[1, 2], &[2], &[(Mode::Managed, &[3])]);
        let Outcome::Applies(effects) = &managed.outcomes[0] else { panic!("{managed:?}") };
        assert_eq!(effects.preserved, vec![id(1)]);
        let replaced = fold_groups(&[1, 2], &[2], &[(Mode::Replace, &[3])]);
        let Outcome::Applies(effects) = &replaced.outcomes[0] else { panic!("{replaced:?}") };
        assert_eq!(effects.overwritten, vec![id(1)]);
        assert_eq!(effects.difference.removed, vec![id(1), id(2)]);
    }

    #[test]
    fn a_change_that_later_ones_undo_entirely_is_superseded() {
        let folded = fold_groups(&[], &[], &[(Mode::Managed, &[1]), (Mode::Managed, &[2])]);
        assert_eq!(folded.outcomes[0], Outcome::SupersededBy(entry(1)));
        assert!(
            matches!(&folded.outcomes[1], Outcome::Applies(effects) if effects.difference.added == [(id(2), None)])
        );
    }

    #[test]
    fn changes_that_cancel_out_need_no_write() {
        let folded = fold_groups(&[1], &[], &[(Mode::Remove, &[1]), (Mode::Add, &[1])]);
        assert_eq!(folded.desired, groups(&[1]));
        assert_eq!(folded.outcomes[0], Outcome::SupersededBy(entry(1)));
        assert!(matches!(folded.outcomes[1], Outcome::Unchanged(_)));
    }

    #[test]
    fn a_claimed_assignment_is_lost_when_it_is_no_longer_listed() {
        let claimed = fold_groups(&[1], &[], &[(Mode::Managed, &[1])]);
        assert!(matches!(claimed.outcomes[0], Outcome::Unchanged(_)));
        let later = fold(
            Start {
                target: Target::WfmSkillGroups,
                current: &claimed.desired,
                owned: &claimed.owned,
                managed: &owned(&[]),
            },
            None,
            &in_order(&[(Mode::Managed, &[])]),
        );
        assert!(later.desired.is_empty());
    }

    #[test]
    fn a_change_beyond_the_targets_limit_is_left_out_and_the_others_go_on() {
        let many: Assignments = (0..51).map(|n| (id(n), Proficiency::new(1.0))).collect();
        let few: Assignments = [(id(100), Proficiency::new(1.0))].into_iter().collect();
        let none = Assignments::default();
        let folded = fold(
            Start { target: Target::RoutingSkills, current: &none, owned: &owned(&[]), managed: &owned(&[]) },
            None,
            &[change(0, Mode::Add, many), change(1, Mode::Add, few.clone())],
        );
        assert_eq!(folded.outcomes[0], Outcome::TooMany { would_be: 51 });
        assert_eq!(folded.desired, few);
    }

    #[test]
    fn a_listed_skill_without_a_rating_keeps_the_rating_that_is_there() {
        let current: Assignments = [(id(1), Proficiency::new(4.0))].into_iter().collect();
        let listed: Assignments = [(id(1), None), (id(2), None)].into_iter().collect();
        let folded = fold(
            Start { target: Target::RoutingSkills, current: &current, owned: &owned(&[]), managed: &owned(&[]) },
            None,
            &[change(0, Mode::Managed, listed)],
        );
        assert_eq!(folded.desired.get(id(1)), Some(Proficiency::new(4.0)));
        assert_eq!(folded.desired.get(id(2)), Some(Some(Proficiency::LOWEST)));
    }

    fn any_mode() -> impl Strategy<Value = Mode> {
        prop_oneof![Just(Mode::Add), Just(Mode::Remove), Just(Mode::Managed), Just(Mode::Replace)]
    }

    fn any_ids() -> impl Strategy<Value = Vec<u128>> {
        proptest::collection::vec(0u128..8, 0..5)
    }

    proptest! {
        #[test]
        fn folding_equals_running_one_after_another(
            current in any_ids(), ours in any_ids(),
            changes in proptest::collection::vec((any_mode(), any_ids()), 1..6),
        ) {
            let borrowed: Vec<(Mode, &[u128])> = changes.iter().map(|(mode, ids)| (*mode, ids.as_slice())).collect();
            let folded = fold_groups(&current, &ours, &borrowed);
            let (mut set, mut own) = (groups(&current), owned(&ours));
            for (mode, ids) in &changes {
                let one = fold(
                    Start { target: Target::WfmSkillGroups, current: &set, owned: &own, managed: &owned(&[]) },
                    None,
                    &[change(0, *mode, groups(ids))],
                );
                (set, own) = (one.desired, one.owned);
            }
            prop_assert_eq!(&folded.desired, &set);
            prop_assert_eq!(&folded.owned, &own);
            let net = Difference::between(&groups(&current), &folded.desired);
            let mut reported: Vec<_> = folded.outcomes.iter().filter_map(|outcome| match outcome {
                Outcome::Applies(effects) => Some(effects.difference.ids().collect::<Vec<_>>()),
                Outcome::Unchanged(_) | Outcome::SupersededBy(_) | Outcome::TooMany { .. } => None,
            }).flatten().collect();
            reported.sort();
            let mut expected: Vec<_> = net.ids().collect();
            expected.sort();
            prop_assert_eq!(reported, expected);
        }

        /// Whatever comes late, others change, and is carried out together: the end is that of the whole order.
        #[test]
        fn what_comes_late_is_folded_into_its_place(
            base in rated(), ours in any_ids(),
            rounds in proptest::collection::vec(
                (proptest::collection::vec((0u32..60, any_mode(), listed()), 1..4), proptest::option::of(rated())), 1..6,
            ),
        ) {
            let (base, managed, none): (Assignments, _, _) = (base, owned(&[]), Vec::new());
            let mut own: BTreeSet<_> = owned(&ours).into_iter().filter(|id| base.contains(*id)).collect();
            let start = Start { target: Target::RoutingSkills, current: &base, owned: &own, managed: &managed };
            let (mut history, mut now) = (History::starting_from(start), base.clone());
            let mut all: Vec<Told> = none;
            for (nth, (mut batch, others)) in (0u32..).zip(rounds) {
                batch.sort_by_key(|(place, ..)| *place);
                let changes: Vec<_> = (0u32..).zip(batch).map(|(n, (place, mode, listed))| {
                    let mut change = change(place, mode, listed);
                    change.place.entry = entry(nth * 10 + n);
                    change.by = entry(nth * 10 + n);
                    change
                }).collect();
                let start = Start { target: Target::RoutingSkills, current: &now, owned: &own, managed: &managed };
                let folded = fold(start, Some(&history), &changes);
                tell(&mut all, &now, &changes, &base, &owned(&ours));
                let (desired, claims) = straight(&all, &base, &owned(&ours));
                prop_assert_eq!(&folded.desired, &desired);
                prop_assert_eq!(&folded.owned, &claims);
                check_outcomes(&folded, &history, &now, &changes)?;
                history.carry_out(start, &changes, &folded, Timestamp::UNIX_EPOCH);
                (now, own) = (folded.desired, folded.owned);
                if let Some(others) = others {
                    now = others;
                }
            }
        }
    }

    /// A change or what others changed, in the order of the model.
    #[derive(Clone)]
    enum Told {
        Change(Change),
        Others(Vec<(AssignmentId, Holding)>),
    }

    fn tell(
        all: &mut Vec<Told>,
        now: &Assignments,
        changes: &[Change],
        base: &Assignments,
        ours: &BTreeSet<AssignmentId>,
    ) {
        let (before, _) = straight(all, base, ours);
        let others: Vec<_> = Difference::between(&before, now).ids().map(|id| (id, now.get(id))).collect();
        if !others.is_empty() {
            all.push(Told::Others(others));
        }
        for change in changes {
            let newer = |told: &Told| matches!(told, Told::Change(other) if other.place > change.place);
            let at = all.iter().position(newer).unwrap_or(all.len());
            all.insert(at, Told::Change(change.clone()));
        }
    }

    /// One after another, each folded alone.
    fn straight(
        all: &[Told],
        base: &Assignments,
        ours: &BTreeSet<AssignmentId>,
    ) -> (Assignments, BTreeSet<AssignmentId>) {
        let managed = owned(&[]);
        let (mut set, mut own) =
            (base.clone(), ours.iter().copied().filter(|id| base.contains(*id)).collect::<BTreeSet<_>>());
        for told in all {
            match told {
                Told::Others(changes) => {
                    for (id, holding) in changes {
                        if let Some(rating) = holding {
                            set.insert(*id, *rating);
                        } else {
                            set.remove(*id);
                            own.remove(id);
                        }
                    }
                }
                Told::Change(change) => {
                    let start = Start { target: Target::RoutingSkills, current: &set, owned: &own, managed: &managed };
                    let one = fold(start, None, std::slice::from_ref(change));
                    (set, own) = (one.desired, one.owned);
                }
            }
        }
        (set, own)
    }

    /// Each part of the difference is reported once, and nobody is called unchanged for what was undone.
    fn check_outcomes(
        folded: &Folded,
        history: &History,
        now: &Assignments,
        changes: &[Change],
    ) -> Result<(), TestCaseError> {
        let net = Difference::between(now, &folded.desired);
        let mut reported = Vec::new();
        for (outcome, change) in folded.outcomes.iter().zip(changes) {
            match outcome {
                Outcome::Applies(effects) => reported.extend(effects.difference.ids()),
                Outcome::Unchanged(_) if change.mode != Mode::Remove => {
                    let had = |set: &Assignments| {
                        change.listed.iter().all(|(id, rating)| match rating {
                            Some(_) => set.get(id) == Some(rating),
                            None => set.contains(id),
                        })
                    };
                    // One that comes late may find what the user had when a newer one was carried out.
                    let late = history.done().any(|done| done.change.place > change.place);
                    prop_assert!(late || had(now) || had(&folded.desired));
                }
                Outcome::Unchanged(_) => {}
                Outcome::SupersededBy(by) => prop_assert_ne!(*by, change.by),
                Outcome::TooMany { .. } => prop_assert!(false, "nothing here is beyond the limit"),
            }
        }
        reported.sort();
        let mut expected: Vec<_> = net.ids().collect();
        expected.sort();
        prop_assert_eq!(reported, expected);
        Ok(())
    }

    fn rating() -> impl Strategy<Value = f64> {
        prop_oneof![Just(1.0), Just(2.0), Just(3.0)]
    }

    /// What a user has: all of it rated.
    fn rated() -> impl Strategy<Value = Assignments> {
        proptest::collection::vec((0u128..6, rating()), 0..5)
            .prop_map(|rated| rated.into_iter().map(|(n, rating)| (id(n), Proficiency::new(rating))).collect())
    }

    /// What a change lists: some of it rated.
    fn listed() -> impl Strategy<Value = Assignments> {
        proptest::collection::vec((0u128..6, proptest::option::of(rating())), 0..4).prop_map(|listed| {
            listed.into_iter().map(|(n, rating)| (id(n), rating.and_then(Proficiency::new))).collect()
        })
    }

    #[test]
    fn rows_that_undo_each_other_say_so() {
        // Three rows of one user, as a skill matrix lists them: only the last is what the user ends with.
        let managed = fold_groups(&[], &[], &[(Mode::Managed, &[1]), (Mode::Managed, &[2]), (Mode::Managed, &[3])]);
        assert_eq!(managed.outcomes[..2], [Outcome::SupersededBy(entry(1)), Outcome::SupersededBy(entry(2))][..]);
        let twice = fold_groups(&[], &[], &[(Mode::Add, &[1]), (Mode::Add, &[1]), (Mode::Remove, &[1])]);
        assert_eq!(twice.outcomes[..2], [Outcome::SupersededBy(entry(2)), Outcome::SupersededBy(entry(2))][..]);
        assert!(matches!(twice.outcomes[2], Outcome::Unchanged(_)));
    }

    #[test]
    fn a_late_addition_does_not_come_back_from_below_a_newer_removal() {
        let (none, managed) = (groups(&[]), owned(&[]));
        let start = Start { target: Target::WfmSkillGroups, current: &none, owned: &owned(&[]), managed: &managed };
        let newer = [change(10, Mode::Remove, groups(&[1]))];
        let mut history = History::starting_from(start);
        history.carry_out(start, &newer, &fold(start, Some(&history), &newer), Timestamp::UNIX_EPOCH);
        let late = fold(start, Some(&history), &[change(5, Mode::Add, groups(&[1, 2]))]);
        assert_eq!(late.desired, groups(&[2]));
        let undone = fold(start, Some(&history), &[change(5, Mode::Add, groups(&[1]))]);
        assert_eq!(undone.outcomes, [Outcome::SupersededBy(entry(10))]);
    }

    #[test]
    fn what_others_gave_after_a_newer_change_stays() {
        let (none, managed) = (groups(&[]), owned(&[]));
        let start = Start { target: Target::WfmSkillGroups, current: &none, owned: &owned(&[]), managed: &managed };
        let newer = [change(10, Mode::Remove, groups(&[1]))];
        let mut history = History::starting_from(start);
        history.carry_out(start, &newer, &fold(start, Some(&history), &newer), Timestamp::UNIX_EPOCH);
        let given = groups(&[1]);
        let start = Start { current: &given, ..start };
        let late = fold(start, Some(&history), &[change(5, Mode::Add, groups(&[1, 2]))]);
        assert_eq!(late.desired, groups(&[1, 2]));
    }

    #[test]
    fn a_late_change_that_leaves_no_room_for_a_newer_one_is_left_out() {
        let (none, managed) = (groups(&[]), owned(&[]));
        let many =
            |range: std::ops::Range<u128>| -> Assignments { range.map(|n| (id(n), Proficiency::new(1.0))).collect() };
        let start = Start { target: Target::RoutingSkills, current: &none, owned: &owned(&[]), managed: &managed };
        let newer = [change(10, Mode::Add, many(0..45))];
        let mut history = History::starting_from(start);
        let folded = fold(start, Some(&history), &newer);
        history.carry_out(start, &newer, &folded, Timestamp::UNIX_EPOCH);
        let (now, ours) = (folded.desired, folded.owned);
        let start = Start { current: &now, owned: &ours, ..start };
        let late = fold(start, Some(&history), &[change(5, Mode::Add, many(45..60))]);
        assert_eq!(late.outcomes, [Outcome::TooMany { would_be: 60 }]);
        assert_eq!(late.desired, now);
    }

    #[test]
    fn what_is_forgotten_leads_to_where_it_led() {
        let (none, managed) = (groups(&[]), owned(&[]));
        let start = Start { target: Target::WfmSkillGroups, current: &none, owned: &owned(&[]), managed: &managed };
        let changes = [change(1, Mode::Add, groups(&[1])), change(3, Mode::Add, groups(&[3]))];
        let mut history = History::starting_from(start);
        history.carry_out(start, &changes, &fold(start, Some(&history), &changes), Timestamp::UNIX_EPOCH);
        let oldest = change(2, Mode::Add, groups(&[])).place;
        assert_eq!(history.forget(oldest, Target::WfmSkillGroups, &managed), Some((changes[0].place, entry(1))));
        assert_eq!((history.base.as_ref(), history.owned.as_ref()), (&groups(&[1]), &owned(&[1])));
        assert_eq!(history.done().count(), 1);
        assert_eq!(
            history.forget(changes[1].place, Target::WfmSkillGroups, &managed),
            Some((changes[1].place, entry(3)))
        );
        assert_eq!((history.base, history.events.len()), (history.left, 0));
    }
}
