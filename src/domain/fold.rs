//! Folding: several changes for one user become one desired set, as if they had run one after another.

use std::collections::{BTreeMap, BTreeSet};

use super::assignment::Difference;
use super::entry::Effects;
use super::{AssignmentId, Assignments, Target};

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

/// One change to fold.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    pub mode: Mode,
    pub listed: &'a Assignments,
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
    /// Everything it did was undone or done over by later changes, last by the one at this position.
    SupersededBy(usize),
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
}

/// Applies `changes` in order.
///
/// Invariant: `desired` and `owned` equal those of applying each change alone, one after another; each id of the
/// difference between `start.current` and `desired` is reported by exactly one change, the last that touched it.
pub fn fold(start: Start<'_>, changes: &[Change<'_>]) -> Folded {
    // What is no longer there is no longer ours: whoever assigns it next owns it.
    let owned = start.owned.iter().copied().filter(|id| start.current.contains(*id)).collect();
    let mut state = State { set: start.current.clone(), owned, replaces: false };
    let mut last_touch = BTreeMap::new();
    let steps: Vec<Step> = changes
        .iter()
        .enumerate()
        .map(|(at, change)| {
            let before = state.set.len();
            let step = state.step(start, change);
            // A user who has too many already may still lose some.
            let would_be = step.state.set.len();
            if would_be > start.target.most_per_user().max(before) {
                return Step::TooMany { would_be };
            }
            last_touch.extend(step.touched.iter().map(|id| (*id, at)));
            state = step.state;
            Step::Taken { touched: step.touched, preserved: step.preserved, overwritten: step.overwritten }
        })
        .collect();
    let net = Difference::between(start.current, &state.set);
    let outcomes = steps.into_iter().enumerate().map(|(at, step)| step.outcome(at, &net, &last_touch)).collect();
    Folded { desired: state.set, owned: state.owned, outcomes, replaces: state.replaces }
}

#[derive(Debug, Clone)]
struct State {
    set: Assignments,
    owned: BTreeSet<AssignmentId>,
    replaces: bool,
}

struct Stepped {
    state: State,
    touched: Vec<AssignmentId>,
    preserved: Vec<AssignmentId>,
    overwritten: Vec<AssignmentId>,
}

impl State {
    /// One change, applied to a copy.
    fn step(&self, start: Start<'_>, change: &Change<'_>) -> Stepped {
        let mut next = self.clone();
        let (mut preserved, mut overwritten) = (Vec::new(), Vec::new());
        let ours = |id: &AssignmentId| self.owned.contains(id) || start.managed.contains(id);
        match change.mode {
            Mode::Add => next.add_listed(start.target, change.listed),
            Mode::Remove => {
                for id in change.listed.ids() {
                    next.take_away(id);
                }
            }
            Mode::Managed => {
                next.add_listed(start.target, change.listed);
                next.owned.extend(change.listed.ids());
                for id in self.set.ids().filter(|id| !change.listed.contains(*id)) {
                    if ours(&id) {
                        next.take_away(id);
                    } else {
                        preserved.push(id);
                    }
                }
            }
            Mode::Replace => {
                next.add_listed(start.target, change.listed);
                for id in self.set.ids().filter(|id| !change.listed.contains(*id)) {
                    next.take_away(id);
                }
                next.owned = change.listed.ids().collect();
                next.replaces = true;
                let lost = Difference::between(&self.set, &next.set);
                let changed = lost.updated.iter().map(|(id, _)| *id).chain(lost.removed.iter().copied());
                overwritten = changed.filter(|id| !ours(id)).collect();
            }
        }
        let touched = Difference::between(&self.set, &next.set).ids().collect();
        Stepped { state: next, touched, preserved, overwritten }
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

enum Step {
    Taken { touched: Vec<AssignmentId>, preserved: Vec<AssignmentId>, overwritten: Vec<AssignmentId> },
    TooMany { would_be: usize },
}

impl Step {
    fn outcome(self, at: usize, net: &Difference, last_touch: &BTreeMap<AssignmentId, usize>) -> Outcome {
        let (touched, preserved, overwritten) = match self {
            Self::TooMany { would_be } => return Outcome::TooMany { would_be },
            Self::Taken { touched, preserved, overwritten } => (touched, preserved, overwritten),
        };
        let last_of = |id: &AssignmentId| last_touch.get(id).copied();
        let ours: BTreeSet<_> = touched.iter().copied().filter(|id| last_of(id) == Some(at)).collect();
        let undone_by = touched.iter().filter_map(last_of).max().filter(|_| ours.is_empty());
        if let Some(by) = undone_by {
            return Outcome::SupersededBy(by);
        }
        let difference = net.clone().restricted_to(|id| ours.contains(&id));
        let still_lost = |id: &AssignmentId| {
            difference.removed.contains(id) || difference.updated.iter().any(|(updated, _)| updated == id)
        };
        let overwritten = overwritten.into_iter().filter(still_lost).collect();
        let preserved = preserved.into_iter().filter(|id| last_of(id).is_none_or(|by| by < at)).collect();
        let nothing = difference.is_empty();
        let effects = Effects { difference, preserved, overwritten };
        if nothing { Outcome::Unchanged(effects) } else { Outcome::Applies(effects) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::domain::Proficiency;

    fn id(n: u128) -> AssignmentId {
        AssignmentId(Uuid::from_u128(n))
    }

    fn groups(ids: &[u128]) -> Assignments {
        ids.iter().map(|n| (id(*n), None)).collect()
    }

    fn owned(ids: &[u128]) -> BTreeSet<AssignmentId> {
        ids.iter().map(|n| id(*n)).collect()
    }

    fn fold_groups(current: &[u128], ours: &[u128], changes: &[(Mode, &[u128])]) -> Folded {
        let listed: Vec<_> = changes.iter().map(|(mode, ids)| (*mode, groups(ids))).collect();
        let changes: Vec<_> = listed.iter().map(|(mode, listed)| Change { mode: *mode, listed }).collect();
        let (current, ours, managed) = (groups(current), owned(ours), owned(&[]));
        fold(Start { target: Target::WfmSkillGroups, current: &current, owned: &ours, managed: &managed }, &changes)
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
        assert_eq!(folded.outcomes[0], Outcome::SupersededBy(1));
        assert!(
            matches!(&folded.outcomes[1], Outcome::Applies(effects) if effects.difference.added == [(id(2), None)])
        );
    }

    #[test]
    fn changes_that_cancel_out_need_no_write() {
        let folded = fold_groups(&[1], &[], &[(Mode::Remove, &[1]), (Mode::Add, &[1])]);
        assert_eq!(folded.desired, groups(&[1]));
        assert_eq!(folded.outcomes[0], Outcome::SupersededBy(1));
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
            &[Change { mode: Mode::Managed, listed: &groups(&[]) }],
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
            &[Change { mode: Mode::Add, listed: &many }, Change { mode: Mode::Add, listed: &few }],
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
            &[Change { mode: Mode::Managed, listed: &listed }],
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
                let listed = groups(ids);
                let one = fold(
                    Start { target: Target::WfmSkillGroups, current: &set, owned: &own, managed: &owned(&[]) },
                    &[Change { mode: *mode, listed: &listed }],
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
    }
}
