//! The assignments of a user and their ownership, and the effect of a change on them.

use std::collections::BTreeSet;

use crate::domain::assignment::Difference;
use crate::domain::change::{Change, Event, Mode};
use crate::domain::{AssignmentId, Assignments, Listed, Target};

#[derive(Debug, Clone)]
pub(super) struct FoldState {
    pub(super) set: Assignments,
    pub(super) owned: BTreeSet<AssignmentId>,
}

/// Effect of one change on a state.
pub(super) struct Stepped {
    pub(super) state: FoldState,
    /// Ids that the change alters.
    pub(super) touched: Vec<AssignmentId>,
    pub(super) preserved: Vec<AssignmentId>,
    /// Ids not owned by us that a change of mode `replace` alters.
    pub(super) overwritten: Vec<AssignmentId>,
}

impl FoldState {
    /// Applies one change to a copy of the state.
    pub(super) fn step(&self, target: Target, managed: &BTreeSet<AssignmentId>, change: &Change) -> Stepped {
        let (mut next, listed) = (self.clone(), change.listed.as_ref());
        let mut preserved = Vec::new();
        match change.mode {
            Mode::Add => next.add_listed(target, listed),
            Mode::Remove => listed.to_take_away().for_each(|id| next.take_away(id)),
            Mode::Managed => {
                next.add_listed(target, listed);
                next.owned.extend(listed.ids());
                for id in self.unlisted(listed) {
                    if self.is_ours(managed, id) {
                        next.take_away(id);
                    } else {
                        preserved.push(id);
                    }
                }
            }
            Mode::Replace => {
                next.add_listed(target, listed);
                self.unlisted(listed).for_each(|id| next.take_away(id));
                next.owned.retain(|id| listed.leaves_as_is(*id));
                next.owned.extend(listed.ids());
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

    /// Returns the ids whose holding a change decides when applied to this state, whether or not it has to alter them.
    pub(super) fn decided_by(&self, managed: &BTreeSet<AssignmentId>, change: &Change) -> Vec<AssignmentId> {
        let mut ids: Vec<_> = match change.mode {
            Mode::Add | Mode::Managed | Mode::Replace => change.listed.ids().collect(),
            Mode::Remove => change.listed.to_take_away().collect(),
        };
        let unlisted = self.unlisted(&change.listed);
        match change.mode {
            Mode::Add | Mode::Remove => {}
            Mode::Managed => ids.extend(unlisted.filter(|id| self.is_ours(managed, *id))),
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
        self.owned.contains(&id) || managed.contains(&id)
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
                    self.owned.insert(id);
                }
                (Some(_), _) if listed.takes_any_rating(id) => {}
                (Some(_), _) => self.set.insert(id, proficiency),
            }
        }
    }

    fn take_away(&mut self, id: AssignmentId) {
        self.set.remove(id);
        self.owned.remove(&id);
    }
}
