//! The assignments of a user and their owners, and the effect of a change on them.

use std::collections::BTreeSet;

use crate::domain::assignment::Difference;
use crate::domain::change::{Change, Event, Mode};
use crate::domain::{AssignmentId, Assignments, Listed, Owner, Owners, Target};

#[derive(Debug, Clone)]
pub(super) struct FoldState {
    pub(super) set: Assignments,
    pub(super) owned: Owners,
}

/// Effect of one change on a state.
pub(super) struct Stepped {
    pub(super) state: FoldState,
    /// Ids that the change alters.
    pub(super) touched: Vec<AssignmentId>,
    pub(super) preserved: Vec<AssignmentId>,
    /// Ids not owned by us that a change of mode `replace` alters.
    pub(super) overwritten: Vec<AssignmentId>,
    /// The other owners of what is preserved, and of what the change rates otherwise.
    pub(super) other_owners: Vec<(AssignmentId, Owner)>,
}

impl FoldState {
    /// Applies one change to a copy of the state.
    pub(super) fn step(&self, target: Target, managed: &BTreeSet<AssignmentId>, change: &Change) -> Stepped {
        let (mut next, listed, owner) = (self.clone(), change.listed.as_ref(), change.owner.as_ref());
        let mut preserved = Vec::new();
        match change.mode {
            Mode::Add => {
                next.add_listed(target, listed);
                let is_ours = |id: &AssignmentId| !self.set.contains(*id) || self.is_ours(managed, *id);
                listed.ids().filter(is_ours).for_each(|id| next.owned.claim(owner, id));
            }
            Mode::Remove => {
                for id in listed.to_take_away() {
                    if self.is_removable(change, managed, id) {
                        next.take_away(id);
                    } else {
                        next.owned.let_go(owner, id);
                        preserved.push(id);
                    }
                }
            }
            Mode::Managed => {
                next.add_listed(target, listed);
                listed.ids().for_each(|id| next.owned.claim(owner, id));
                for id in self.unlisted(listed) {
                    if self.is_removable(change, managed, id) {
                        next.take_away(id);
                    } else {
                        next.owned.let_go(owner, id);
                        preserved.push(id);
                    }
                }
            }
            Mode::Replace => {
                next.add_listed(target, listed);
                self.unlisted(listed).for_each(|id| next.take_away(id));
                next.owned.retain(|id| listed.leaves_as_is(id) || listed.contains(id));
                listed.ids().for_each(|id| next.owned.claim(owner, id));
            }
        }
        let difference = Difference::between(&self.set, &next.set);
        let other_owners =
            self.other_owners(owner, preserved.iter().chain(difference.updated.iter().map(|(id, _)| id)));
        let touched: Vec<_> = difference.ids().collect();
        let foreign = |id: &AssignmentId| self.set.contains(*id) && !self.is_ours(managed, *id);
        let overwritten = match change.mode {
            Mode::Replace => touched.iter().copied().filter(foreign).collect(),
            Mode::Add | Mode::Remove | Mode::Managed => Vec::new(),
        };
        Stepped { state: next, touched, preserved, overwritten, other_owners }
    }

    /// Returns the ids whose holding a change decides when applied to this state, whether or not it has to alter them.
    pub(super) fn decided_by(&self, managed: &BTreeSet<AssignmentId>, change: &Change) -> Vec<AssignmentId> {
        let mut ids: Vec<_> = match change.mode {
            Mode::Add | Mode::Managed | Mode::Replace => change.listed.ids().collect(),
            Mode::Remove => change.listed.to_take_away().filter(|id| self.is_removable(change, managed, *id)).collect(),
        };
        let unlisted = self.unlisted(&change.listed);
        match change.mode {
            Mode::Add | Mode::Remove => {}
            Mode::Managed => ids.extend(unlisted.filter(|id| self.is_removable(change, managed, *id))),
            Mode::Replace => ids.extend(unlisted),
        }
        ids
    }

    /// Applies a past event and returns the ids that it altered.
    pub(super) fn follow(
        &mut self,
        event: &Event,
        target: Target,
        managed: &BTreeSet<AssignmentId>,
    ) -> Vec<AssignmentId> {
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
        self.owned.contains(id) || managed.contains(&id)
    }

    /// Returns whether the change removes the assignment if it does not ask for it.
    fn is_removable(&self, change: &Change, managed: &BTreeSet<AssignmentId>, id: AssignmentId) -> bool {
        self.owned.is_removable(change.owner.as_ref(), change.mode, managed, id)
    }

    fn other_owners<'i>(
        &self,
        owner: Option<&Owner>,
        ids: impl Iterator<Item = &'i AssignmentId>,
    ) -> Vec<(AssignmentId, Owner)> {
        let others = ids.flat_map(|id| {
            let others = self.owned.owners_of(*id).filter(|other| owner != Some(other));
            others.map(|other| (*id, other.clone()))
        });
        let mut others: Vec<_> = others.collect();
        others.sort_unstable();
        others
    }

    /// Returns the user's assignments that are neither listed nor left as they are.
    fn unlisted<'s>(&'s self, listed: &'s Listed) -> impl Iterator<Item = AssignmentId> + 's {
        self.set.ids().filter(|id| !listed.contains(*id) && !listed.leaves_as_is(*id))
    }

    fn add_listed(&mut self, target: Target, listed: &Listed) {
        for (id, proficiency) in listed.iter() {
            match (self.set.get(id), proficiency) {
                (None, _) => {
                    self.set.insert(id, proficiency.or(listed.unrated()).or(target.unrated()));
                }
                (Some(_), _) if listed.takes_any_rating(id) => {}
                (Some(_), _) => self.set.insert(id, proficiency),
            }
        }
    }

    fn take_away(&mut self, id: AssignmentId) {
        self.set.remove(id);
        self.owned.remove(id);
    }
}
