//! Folds, single ones and random ones.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::assignment::Difference;
use crate::domain::history::Holding;
use crate::domain::{AssignmentId, Assignments, EntryId, JobId, Listed, Owner, Owners, Place, Proficiency, Target};

fn id(n: u128) -> AssignmentId {
    AssignmentId(Uuid::from_u128(n))
}

fn groups(ids: &[u128]) -> Assignments {
    ids.iter().map(|n| (id(*n), None)).collect()
}

/// What the owner of [`change`] holds.
fn owned(ids: &[u128]) -> Owners {
    held(&[("default", ids)])
}

/// What each owner holds; unclaimed is what stands under the empty name.
fn held(by_owner: &[(&str, &[u128])]) -> Owners {
    by_owner.iter().flat_map(|(name, ids)| ids.iter().map(|n| (Owner::new(name), id(*n)))).collect()
}

fn nothing() -> BTreeSet<AssignmentId> {
    BTreeSet::new()
}

fn entry(n: u32) -> EntryId {
    (JobId(Uuid::nil()), n)
}

fn change(place: u32, mode: Mode, listed: impl Into<Listed>) -> Change {
    let listed = Arc::new(listed.into());
    let at = Timestamp::from_second(i64::from(place)).unwrap();
    let owner = Some(Owner::of_no_name());
    Change { place: Place { at, entry: entry(place) }, by: entry(place), owner, mode, listed }
}

fn change_of(owner: &str, place: u32, mode: Mode, listed: impl Into<Listed>) -> Change {
    Change { owner: Owner::new(owner), ..change(place, mode, listed) }
}

fn in_order(changes: &[(Mode, &[u128])]) -> Vec<Change> {
    (0u32..).zip(changes).map(|(place, (mode, ids))| change(place, *mode, groups(ids))).collect()
}

fn fold_groups(current: &[u128], ours: &[u128], changes: &[(Mode, &[u128])]) -> Folded {
    let (current, ours, managed) = (groups(current), owned(ours), nothing());
    let start = FoldStart { target: Target::WfmSkillGroups, current: &current, owned: &ours, managed: &managed };
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
        // 1 and 3 are foreign, 2 is owned; 3 and 4 are listed.
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
    assert!(matches!(&folded.outcomes[1], Outcome::Applies(effects) if effects.difference.added == [(id(2), None)]));
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
        FoldStart {
            target: Target::WfmSkillGroups,
            current: &claimed.desired,
            owned: &claimed.owned,
            managed: &nothing(),
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
        FoldStart { target: Target::RoutingSkills, current: &none, owned: &owned(&[]), managed: &nothing() },
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
        FoldStart { target: Target::RoutingSkills, current: &current, owned: &owned(&[]), managed: &nothing() },
        None,
        &[change(0, Mode::Managed, listed)],
    );
    assert_eq!(folded.desired.get(id(1)), Some(Proficiency::new(4.0)));
    assert_eq!(folded.desired.get(id(2)), Some(Some(Proficiency::LOWEST)));
}

#[test]
fn a_listed_skill_without_a_rating_is_new_with_the_lists_own() {
    let skill = |n: u128, value: f64| (id(n), Proficiency::new(value));
    let current: Assignments = [skill(1, 2.0)].into_iter().collect();
    let listed = Listed::from(Assignments::from_iter([(id(1), None), (id(2), None), skill(3, 1.0)]));
    let listed = listed.with_unrated(Proficiency::new(4.5));
    let (ours, none) = (owned(&[]), nothing());
    let start = FoldStart { target: Target::RoutingSkills, current: &current, owned: &ours, managed: &none };
    let folded = fold(start, None, &[change(0, Mode::Managed, listed)]);
    assert_eq!(folded.desired, [skill(1, 2.0), skill(2, 4.5), skill(3, 1.0)].into_iter().collect());
}

fn any_mode() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::Add), Just(Mode::Remove), Just(Mode::Managed), Just(Mode::Replace)]
}

/// An owner; the empty name stands for the time before owners were recorded.
fn any_owner() -> impl Strategy<Value = &'static str> {
    prop_oneof![1 => Just(""), 4 => Just("hr"), 4 => Just("lms"), 2 => Just("planning")]
}

fn any_owners() -> impl Strategy<Value = Owners> {
    let held = proptest::collection::vec((any_owner(), 0u128..8), 0..6);
    held.prop_map(|held| held.into_iter().map(|(name, n)| (Owner::new(name), id(n))).collect())
}

fn any_ids() -> impl Strategy<Value = Vec<u128>> {
    proptest::collection::vec(0u128..8, 0..5)
}

proptest! {
    #[test]
    fn folding_equals_running_one_after_another(
        current in any_ids(), ours in any_owners(),
        changes in proptest::collection::vec((any_owner(), any_mode(), any_ids()), 1..6),
    ) {
        let (mut set, mut own, managed) = (groups(&current), ours, nothing());
        let start = FoldStart { target: Target::WfmSkillGroups, current: &groups(&current), owned: &own.clone(), managed: &managed };
        let changes: Vec<_> =
            (0u32..).zip(changes).map(|(place, (owner, mode, ids))| change_of(owner, place, mode, groups(&ids))).collect();
        let folded = fold(start, None, &changes);
        for change in &changes {
            let start = FoldStart { current: &set, owned: &own, ..start };
            let one = fold(start, None, std::slice::from_ref(change));
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

    /// Whatever comes late, others change, or is carried out together, the result is that of the complete order.
    #[test]
    fn what_comes_late_is_folded_into_its_place(
        base in rated(), ours in any_owners(),
        rounds in proptest::collection::vec(
            (
                proptest::collection::vec((0u32..60, any_owner(), any_mode(), listed()), 1..4),
                proptest::option::of(rated()),
            ),
            1..6,
        ),
    ) {
        let (base, managed, none): (Assignments, _, _) = (base, nothing(), Vec::new());
        let mut own = ours.restricted_to(|id| base.contains(id));
        let start = FoldStart { target: Target::RoutingSkills, current: &base, owned: &own, managed: &managed };
        let (mut history, mut now) = (History::starting_from(start), base.clone());
        let mut all: Vec<Told> = none;
        for (nth, (mut batch, others)) in (0u32..).zip(rounds) {
            batch.sort_by_key(|(place, ..)| *place);
            let changes: Vec<_> = (0u32..).zip(batch).map(|(n, (place, owner, mode, listed))| {
                let mut change = change_of(owner, place, mode, listed);
                change.place.entry = entry(nth * 10 + n);
                change.by = entry(nth * 10 + n);
                change
            }).collect();
            let start = FoldStart { target: Target::RoutingSkills, current: &now, owned: &own, managed: &managed };
            let folded = fold(start, Some(&history), &changes);
            tell(&mut all, &now, &changes, &base, &ours);
            let (desired, claims) = straight(&all, &base, &ours);
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

/// A change, or what others changed, in the order of the model.
#[derive(Clone)]
enum Told {
    Change(Change),
    Others(Vec<(AssignmentId, Holding)>),
}

fn tell(all: &mut Vec<Told>, now: &Assignments, changes: &[Change], base: &Assignments, ours: &Owners) {
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

/// The same changes, each folded alone.
fn straight(all: &[Told], base: &Assignments, ours: &Owners) -> (Assignments, Owners) {
    let managed = nothing();
    let (mut set, mut own) = (base.clone(), ours.restricted_to(|id| base.contains(id)));
    for told in all {
        match told {
            Told::Others(changes) => {
                for (id, holding) in changes {
                    if let Some(rating) = holding {
                        set.insert(*id, *rating);
                    } else {
                        set.remove(*id);
                        own.remove(*id);
                    }
                }
            }
            Told::Change(change) => {
                let start = FoldStart { target: Target::RoutingSkills, current: &set, owned: &own, managed: &managed };
                let one = fold(start, None, std::slice::from_ref(change));
                (set, own) = (one.desired, one.owned);
            }
        }
    }
    (set, own)
}

/// Each part of the difference is reported once, and no change that was undone is reported as unchanged.
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
                    change.listed.iter().all(|(id, rating)| {
                        if change.listed.takes_any_rating(id) { set.contains(id) } else { set.get(id) == Some(rating) }
                    })
                };
                // A late change may find what the user had when a newer one was carried out.
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

/// Assignments of a user, all with ratings.
fn rated() -> impl Strategy<Value = Assignments> {
    proptest::collection::vec((0u128..6, rating()), 0..5)
        .prop_map(|rated| rated.into_iter().map(|(n, rating)| (id(n), Proficiency::new(rating))).collect())
}

/// The list of a change: some with ratings, some left as they are.
fn listed() -> impl Strategy<Value = Listed> {
    let assignments = proptest::collection::vec((0u128..6, proptest::option::of(rating())), 0..4);
    (assignments, proptest::collection::vec(0u128..6, 0..3)).prop_map(|(listed, left)| {
        let listed = listed.into_iter().map(|(n, rating)| (id(n), rating.and_then(Proficiency::new)));
        Listed::new(listed.collect(), left.into_iter().map(id))
    })
}

#[test]
fn what_is_left_as_it_is_is_neither_given_nor_taken() {
    let rated = |rated: &[(u128, f64)]| -> Assignments {
        rated.iter().map(|(n, rating)| (id(*n), Proficiency::new(*rating))).collect()
    };
    // 1 and 2 are owned, 3 is foreign. 1 and 3 are left as they are, and so are 4, which the user lacks, and 5 and 6,
    // which are to be assigned.
    let listed = Listed::new(rated(&[(5, 2.0), (6, 2.0)]), [1, 3, 4, 5, 6].map(id));
    for (mode, desired, ours) in [
        (Mode::Add, &[(1, 1.0), (2, 1.0), (3, 1.0), (5, 5.0), (6, 2.0)][..], &[1, 2, 6][..]),
        (Mode::Managed, &[(1, 1.0), (3, 1.0), (5, 5.0), (6, 2.0)], &[1, 5, 6]),
        (Mode::Replace, &[(1, 1.0), (3, 1.0), (5, 5.0), (6, 2.0)], &[1, 5, 6]),
        (Mode::Remove, &[(1, 1.0), (2, 1.0), (3, 1.0), (5, 5.0)], &[1, 2]),
    ] {
        let (current, none) = (rated(&[(1, 1.0), (2, 1.0), (3, 1.0), (5, 5.0)]), nothing());
        let start =
            FoldStart { target: Target::RoutingSkills, current: &current, owned: &owned(&[1, 2]), managed: &none };
        let folded = fold(start, None, &[change(0, mode, listed.clone())]);
        assert_eq!(folded.desired, rated(desired), "{mode:?}");
        assert_eq!(folded.owned, owned(ours), "{mode:?}");
    }
}

#[test]
fn rows_that_undo_each_other_say_so() {
    // Three rows of one user, as in a skill matrix: the user ends with only the last one.
    let managed = fold_groups(&[], &[], &[(Mode::Managed, &[1]), (Mode::Managed, &[2]), (Mode::Managed, &[3])]);
    assert_eq!(managed.outcomes[..2], [Outcome::SupersededBy(entry(1)), Outcome::SupersededBy(entry(2))][..]);
    let twice = fold_groups(&[], &[], &[(Mode::Add, &[1]), (Mode::Add, &[1]), (Mode::Remove, &[1])]);
    assert_eq!(twice.outcomes[..2], [Outcome::SupersededBy(entry(2)), Outcome::SupersededBy(entry(2))][..]);
    assert!(matches!(twice.outcomes[2], Outcome::Unchanged(_)));
}

#[test]
fn a_late_addition_does_not_come_back_from_below_a_newer_removal() {
    let (none, managed) = (groups(&[]), nothing());
    let start = FoldStart { target: Target::WfmSkillGroups, current: &none, owned: &owned(&[]), managed: &managed };
    let newer = [change(10, Mode::Remove, groups(&[1]))];
    let mut history = History::starting_from(start);
    history.carry_out(start, &newer, &fold(start, Some(&history), &newer), Timestamp::UNIX_EPOCH);
    let late = fold(start, Some(&history), &[change(5, Mode::Add, groups(&[1, 2]))]);
    assert_eq!(late.desired, groups(&[2]));
    let undone = fold(start, Some(&history), &[change(5, Mode::Add, groups(&[1]))]);
    assert_eq!(undone.outcomes, [Outcome::SupersededBy(entry(10))]);
}

#[test]
fn a_late_change_names_the_entry_that_undid_it_and_not_the_next_one() {
    let (one, none, managed) = (groups(&[1]), owned(&[]), nothing());
    let start = FoldStart { target: Target::WfmSkillGroups, current: &one, owned: &none, managed: &managed };
    let newer = [change(10, Mode::Add, groups(&[1, 2]))];
    let mut history = History::starting_from(start);
    history.carry_out(start, &newer, &fold(start, Some(&history), &newer), Timestamp::UNIX_EPOCH);
    // Another writer assigned 3, which the late change asks for too; the newest change removes 1.
    let current = groups(&[1, 2, 3]);
    let start = FoldStart { current: &current, ..start };
    let changes = [change(5, Mode::Managed, groups(&[1, 3])), change(20, Mode::Managed, groups(&[3, 4]))];
    let folded = fold(start, Some(&history), &changes);
    assert_eq!(folded.desired, groups(&[3, 4]));
    assert_eq!(folded.outcomes[0], Outcome::SupersededBy(entry(20)));
}

#[test]
fn a_late_whole_list_that_the_user_never_had_is_superseded() {
    let (had, ours, none) = (groups(&[3]), owned(&[3]), nothing());
    let start = FoldStart { target: Target::WfmSkillGroups, current: &had, owned: &ours, managed: &none };
    let newer = [change(10, Mode::Managed, groups(&[1]))];
    let mut history = History::starting_from(start);
    history.carry_out(start, &newer, &fold(start, Some(&history), &newer), Timestamp::UNIX_EPOCH);
    let (current, ours) = (groups(&[1]), owned(&[1]));
    let start = FoldStart { current: &current, owned: &ours, ..start };
    let late = |mode, listed: &[u128]| {
        let folded = fold(start, Some(&history), &[change(5, mode, groups(listed))]);
        assert_eq!(folded.desired, groups(&[1]), "{mode:?} {listed:?}");
        folded.outcomes[0].clone()
    };
    for (mode, listed) in [(Mode::Replace, &[][..]), (Mode::Managed, &[]), (Mode::Managed, &[4])] {
        assert_eq!(late(mode, listed), Outcome::SupersededBy(entry(10)), "{mode:?} {listed:?}");
    }
    // Nothing that these ask for ends up different.
    for (mode, listed) in [(Mode::Remove, &[3][..]), (Mode::Add, &[1]), (Mode::Replace, &[1])] {
        assert!(matches!(late(mode, listed), Outcome::Unchanged(_)), "{mode:?} {listed:?}");
    }
}

#[test]
fn a_late_list_that_is_the_whole_in_the_history_alone_is_superseded() {
    let (had, ours, none) = (groups(&[3]), owned(&[3]), nothing());
    let start = FoldStart { target: Target::WfmSkillGroups, current: &had, owned: &ours, managed: &none };
    let newer = [change(10, Mode::Managed, groups(&[1]))];
    let mut history = History::starting_from(start);
    history.carry_out(start, &newer, &fold(start, Some(&history), &newer), Timestamp::UNIX_EPOCH);
    let (current, ours) = (groups(&[1]), owned(&[1]));
    let start = FoldStart { current: &current, owned: &ours, ..start };
    let removal = [change(4, Mode::Remove, groups(&[3]))];
    history.carry_out(start, &removal, &fold(start, Some(&history), &removal), Timestamp::UNIX_EPOCH);
    // With the late removal below it, the list finds nothing to do; but the user went from 3 to 1 and was never without
    // it.
    for mode in [Mode::Replace, Mode::Managed] {
        let folded = fold(start, Some(&history), &[change(5, mode, groups(&[]))]);
        assert_eq!(folded.outcomes, [Outcome::SupersededBy(entry(10))], "{mode:?}");
        assert_eq!(folded.desired, groups(&[1]));
    }
}

#[test]
fn what_others_gave_after_a_newer_change_stays() {
    let (none, managed) = (groups(&[]), nothing());
    let start = FoldStart { target: Target::WfmSkillGroups, current: &none, owned: &owned(&[]), managed: &managed };
    let newer = [change(10, Mode::Remove, groups(&[1]))];
    let mut history = History::starting_from(start);
    history.carry_out(start, &newer, &fold(start, Some(&history), &newer), Timestamp::UNIX_EPOCH);
    let given = groups(&[1]);
    let start = FoldStart { current: &given, ..start };
    let late = fold(start, Some(&history), &[change(5, Mode::Add, groups(&[1, 2]))]);
    assert_eq!(late.desired, groups(&[1, 2]));
}

#[test]
fn a_late_change_that_leaves_no_room_for_a_newer_one_is_left_out() {
    let (none, managed) = (groups(&[]), nothing());
    let many =
        |range: std::ops::Range<u128>| -> Assignments { range.map(|n| (id(n), Proficiency::new(1.0))).collect() };
    let start = FoldStart { target: Target::RoutingSkills, current: &none, owned: &owned(&[]), managed: &managed };
    let newer = [change(10, Mode::Add, many(0..45))];
    let mut history = History::starting_from(start);
    let folded = fold(start, Some(&history), &newer);
    history.carry_out(start, &newer, &folded, Timestamp::UNIX_EPOCH);
    let (now, ours) = (folded.desired, folded.owned);
    let start = FoldStart { current: &now, owned: &ours, ..start };
    let late = fold(start, Some(&history), &[change(5, Mode::Add, many(45..60))]);
    assert_eq!(late.outcomes, [Outcome::TooMany { would_be: 60 }]);
    assert_eq!(late.desired, now);
}

#[test]
fn what_is_forgotten_leads_to_where_it_led() {
    let (none, managed) = (groups(&[]), nothing());
    let start = FoldStart { target: Target::WfmSkillGroups, current: &none, owned: &owned(&[]), managed: &managed };
    let changes = [change(1, Mode::Add, groups(&[1])), change(3, Mode::Add, groups(&[3]))];
    let mut history = History::starting_from(start);
    history.carry_out(start, &changes, &fold(start, Some(&history), &changes), Timestamp::UNIX_EPOCH);
    let oldest = change(2, Mode::Add, groups(&[])).place;
    assert_eq!(history.forget(oldest, Target::WfmSkillGroups, &managed), Some((changes[0].place, entry(1))));
    assert_eq!((history.base.as_ref(), history.owned.as_ref()), (&groups(&[1]), &owned(&[1])));
    assert_eq!(history.done().count(), 1);
    assert_eq!(history.forget(changes[1].place, Target::WfmSkillGroups, &managed), Some((changes[1].place, entry(3))));
    assert_eq!((history.base, history.events.len()), (history.left, 0));
}

/// Three owners: what each of them may take away, and what becomes of the rest.
#[test]
fn no_owner_takes_away_what_another_holds() {
    let (current, managed) = (groups(&[1, 2, 3, 4, 5]), nothing());
    // 1 is of HR, 2 of the LMS, 3 of both, 4 of nobody yet, 5 foreign.
    let own = held(&[("hr", &[1, 3]), ("lms", &[2, 3]), ("", &[4])]);
    let start = FoldStart { target: Target::WfmSkillGroups, current: &current, owned: &own, managed: &managed };
    let cases: [(Mode, &[u128], &[u128], Owners); 5] = [
        (Mode::Managed, &[], &[2, 3, 5], held(&[("lms", &[2, 3])])),
        (Mode::Managed, &[2, 4, 5], &[2, 3, 4, 5], held(&[("hr", &[2, 4, 5]), ("lms", &[2, 3])])),
        (Mode::Remove, &[1, 2, 3, 4, 5], &[2, 3], held(&[("lms", &[2, 3])])),
        (Mode::Add, &[2, 4, 5, 6], &[1, 2, 3, 4, 5, 6], held(&[("hr", &[1, 2, 3, 4, 6]), ("lms", &[2, 3])])),
        (Mode::Replace, &[2, 5], &[2, 5], held(&[("hr", &[2, 5]), ("lms", &[2])])),
    ];
    for (mode, listed, desired, owners) in cases {
        let folded = fold(start, None, &[change_of("hr", 0, mode, groups(listed))]);
        assert_eq!(folded.desired, groups(desired), "{mode:?} {listed:?}");
        assert_eq!(folded.owned, owners, "{mode:?} {listed:?}");
    }
    let folded = fold(start, None, &[change_of("hr", 0, Mode::Managed, groups(&[]))]);
    let Outcome::Applies(effects) = &folded.outcomes[0] else { panic!("{folded:?}") };
    assert_eq!(effects.preserved, [2, 3, 5].map(id));
    let lms = Owner::new("lms").unwrap();
    assert_eq!(effects.other_owners, [(id(2), lms.clone()), (id(3), lms)]);
    assert_eq!(effects.contested().count(), 0);
}

#[test]
fn what_is_configured_as_managed_is_removed_unless_another_owner_holds_it() {
    let (current, managed) = (groups(&[1, 2]), BTreeSet::from([id(1), id(2)]));
    let own = held(&[("lms", &[2])]);
    let start = FoldStart { target: Target::WfmSkillGroups, current: &current, owned: &own, managed: &managed };
    let folded = fold(start, None, &[change_of("hr", 0, Mode::Managed, groups(&[]))]);
    assert_eq!((folded.desired, folded.owned), (groups(&[2]), own.clone()));
}

#[test]
fn the_later_of_two_owners_decides_a_rating_and_says_so() {
    let rated = |rating: f64| -> Assignments { [(id(1), Proficiency::new(rating))].into_iter().collect() };
    let (none, managed) = (Assignments::default(), nothing());
    let start =
        FoldStart { target: Target::RoutingSkills, current: &none, owned: &Owners::default(), managed: &managed };
    let hr = change_of("hr", 1, Mode::Managed, rated(5.0));
    let first = fold(start, None, std::slice::from_ref(&hr));
    let start = FoldStart { current: &first.desired, owned: &first.owned, ..start };
    let second = fold(start, None, &[change_of("lms", 2, Mode::Managed, rated(3.0))]);
    assert_eq!(second.desired, rated(3.0));
    assert_eq!(second.owned, held(&[("hr", &[1]), ("lms", &[1])]));
    let Outcome::Applies(effects) = &second.outcomes[0] else { panic!("{second:?}") };
    assert_eq!(effects.contested().collect::<Vec<_>>(), [id(1)]);
    assert_eq!(effects.other_owners_of(id(1)).map(Owner::name).collect::<Vec<_>>(), ["hr"]);
    // The same rating, or none, is no dispute.
    for listed in [rated(3.0), groups(&[1])] {
        let start = FoldStart { current: &second.desired, owned: &second.owned, ..start };
        let again = fold(start, None, &[change_of("hr", 3, Mode::Managed, listed)]);
        let Outcome::Unchanged(effects) = &again.outcomes[0] else { panic!("{again:?}") };
        assert_eq!(effects.contested().count(), 0);
    }
    // An older change of the other owner does not come back.
    let mut history = History::starting_from(start);
    let late = [change_of("lms", 0, Mode::Managed, rated(3.0))];
    history.carry_out(
        start,
        &[hr],
        &fold(start, None, &[change_of("hr", 1, Mode::Managed, rated(5.0))]),
        Timestamp::UNIX_EPOCH,
    );
    let folded = fold(start, Some(&history), &late);
    assert_eq!((folded.desired, &folded.outcomes[0]), (rated(5.0), &Outcome::SupersededBy(entry(1))));
}

proptest! {
    /// The rule of owners, told in another way: who holds what, and what nobody of ours holds.
    #[test]
    fn the_user_has_what_somebody_holds(
        foreign in any_ids(),
        changes in proptest::collection::vec((any_owner(), any_mode(), any_ids()), 1..10),
    ) {
        let mut foreign: BTreeSet<u128> = foreign.into_iter().collect();
        let mut holders: BTreeMap<u128, BTreeSet<&str>> = BTreeMap::new();
        let (current, managed, none) = (foreign.iter().copied().collect::<Vec<_>>(), nothing(), Owners::default());
        let current = groups(&current);
        let start = FoldStart { target: Target::WfmSkillGroups, current: &current, owned: &none, managed: &managed };
        let folded: Vec<_> = (0u32..).zip(&changes).map(|(place, (owner, mode, ids))| {
            change_of(owner, place, *mode, groups(ids))
        }).collect();
        for (owner, mode, ids) in &changes {
            let all: BTreeSet<u128> = foreign.iter().chain(holders.keys()).chain(ids).copied().collect();
            for n in all {
                let (mut of, listed) = (holders.remove(&n).unwrap_or_default(), ids.contains(&n));
                let was_ours = !of.is_empty();
                let goes = match mode {
                    Mode::Add => false,
                    Mode::Remove => listed,
                    Mode::Managed => !listed && was_ours,
                    Mode::Replace => !listed,
                };
                let comes = listed && match mode {
                    Mode::Add => was_ours || !foreign.contains(&n),
                    Mode::Managed | Mode::Replace => true,
                    Mode::Remove => false,
                };
                if goes {
                    of.retain(|other| *mode != Mode::Replace && other != owner && !other.is_empty());
                    foreign.remove(&n);
                }
                if comes && (of.is_empty() || !owner.is_empty()) {
                    foreign.remove(&n);
                    of.remove("");
                    of.insert(owner);
                }
                if !of.is_empty() {
                    holders.insert(n, of);
                }
            }
        }
        let folded = fold(start, None, &folded);
        let has: Vec<_> = foreign.iter().chain(holders.keys()).copied().collect();
        prop_assert_eq!(&folded.desired, &groups(&has));
        let own: Owners = holders.iter().flat_map(|(n, of)| of.iter().map(|name| (Owner::new(name), id(*n)))).collect();
        prop_assert_eq!(&folded.owned, &own);
    }
}
