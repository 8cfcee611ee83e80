//! What a user has and what of it is ours, and what one change does to that.

use std::collections::BTreeSet;

use super::{Change, Mode};
use crate::domain::assignment::Difference;
use crate::domain::history::Event;
use crate::domain::{AssignmentId, Assignments, Listed, Target};

#[derive(Debug, Clone)]
pub(super) struct FoldState {
    pub(super) set: Assignments,
    pub(super) owned: BTreeSet<AssignmentId>,
}

/// What one change does to a state.
pub(super) struct Stepped {
    pub(super) state: FoldState,
    /// Ids that it changes.
    pub(super) touched: Vec<AssignmentId>,
    pub(super) preserved: Vec<AssignmentId>,
    /// What it changes of what is not ours, if it asks for exactly its own set.
    pub(super) overwritten: Vec<AssignmentId>,
}

impl FoldState {
    /// One change, applied to a copy.
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

    /// The ids whose holding a change decides when it is applied to this state, whether or not it has to alter them.
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

    /// Goes on by something that happened before.
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

    /// What the user has that is neither listed nor left as it is.
    fn unlisted<'s>(&'s self, listed: &'s Listed) -> impl Iterator<Item = AssignmentId> + 's {
        self.set.ids().filter(|id| !listed.contains(*id) && !listed.leaves_as_is(*id))
    }

    fn add_listed(&mut self, target: Target, listed: &Listed) {
        for (id, proficiency) in listed.iter() {
            match (self.set.get(id), proficiency) {
                (None, _) => {
                    self.set.insert(id, proficiency.or(target.unrated()));
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
