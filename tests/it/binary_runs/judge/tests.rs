//! The judge judged: small histories that are right, and the same ones with a wrong end or a wrong report planted.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::super::history::{At, Effect, Entry, Kind, Mode, Place, Set, State, Subject, Told, ms};
use super::violations;

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn set(ids: &[u128]) -> Set {
    ids.iter().map(|n| (id(*n), 0)).collect()
}

/// An entry of job `job`, sent after `sent` milliseconds, that ended as `state` after `ended`.
fn entry(job: usize, (sent, ended): (i64, i64), mode: Mode, listed: &[u128], state: State) -> Entry {
    let name = (job, 0);
    Entry {
        name,
        place: Place { effective: ms(sent), entry: name, repeated_by: None },
        placed: false,
        applies_a_plan: false,
        sent: ms(sent),
        answered: ms(sent + 5),
        ended: ms(ended),
        mode,
        listed: listed.iter().map(|n| (id(*n), None)).collect::<BTreeMap<_, _>>(),
        dry_run: false,
        merged: false,
        causes: Vec::new(),
        must_fail: false,
        cancelled: false,
        state,
        reason: None,
        told: Told::default(),
        says_that_it_may_have_begun: false,
        superseded_by: None,
    }
}

impl Entry {
    fn adding(mut self, ids: &[u128]) -> Self {
        self.told.added = set(ids);
        self
    }

    fn removing(mut self, ids: &[u128]) -> Self {
        self.told.removed = ids.iter().map(|n| id(*n)).collect();
        self
    }

    fn overwriting(mut self, ids: &[u128]) -> Self {
        self.told.overwritten = ids.iter().map(|n| id(*n)).collect();
        self
    }

    fn by(mut self, job: usize) -> Self {
        self.superseded_by = Some((job, 0));
        self
    }

    fn because(mut self, reason: &str) -> Self {
        self.reason = Some(reason.to_owned());
        self
    }

    fn occurred(mut self, at: i64) -> Self {
        (self.place.effective, self.placed) = (ms(at), true);
        self
    }

    fn row(mut self, row: usize) -> Self {
        self.name.1 = row;
        self.place.entry.1 = row;
        self
    }

    fn merged(mut self) -> Self {
        self.merged = true;
        self
    }
}

/// The effects of a story in which each write leaves this behind: by us, or by others.
fn subject(writes: &[(i64, bool, &[u128])], entries: &[Entry]) -> Subject {
    let mut before = Set::new();
    let effect = |(at, ours, after): &(i64, bool, &[u128])| {
        let after = set(after);
        let before = std::mem::replace(&mut before, after.clone());
        Effect { at: ms(*at), ours: *ours, unanswered: false, before, after }
    };
    Subject {
        name: "somebody".to_owned(),
        effects: writes.iter().map(effect).collect(),
        entries: entries.to_vec(),
        pool: BTreeSet::from([id(90), id(91)]),
        ..Subject::default()
    }
}

fn kinds(subject: &Subject) -> Vec<Kind> {
    violations(subject).into_iter().map(|violation| violation.kind).collect()
}

fn lagging(lag: At, subject: Subject) -> Subject {
    Subject { lag, ..subject }
}

const OURS: bool = true;
const THEIRS: bool = false;

use Mode::{Add, Managed, Remove, Replace};
use State::{Applied, Cancelled, Failed, Superseded, Unchanged};

#[test]
fn the_later_of_two_jobs_wins_whichever_was_carried_out_first() {
    let late = |state| entry(0, (0, 900), Managed, &[1], state);
    let newer = entry(1, (100, 300), Managed, &[2], Applied).adding(&[2]);
    let right = subject(&[(200, OURS, &[2])], &[late(Superseded).by(1), newer.clone()]);
    assert_eq!(kinds(&right), []);
    let wrong = late(Applied).adding(&[1]).removing(&[2]);
    let wrong = subject(&[(200, OURS, &[2]), (800, OURS, &[1])], &[wrong, newer]);
    assert_eq!(kinds(&wrong), [Kind::Order, Kind::Order], "the 1 that came back, and the 2 that is gone");
}

#[test]
fn an_add_below_a_newer_remove_does_not_come_back_and_below_an_add_it_stays() {
    let late = entry(0, (0, 900), Add, &[1], Applied).adding(&[1]);
    let remove = entry(1, (100, 300), Remove, &[1], Unchanged);
    assert_eq!(kinds(&subject(&[(800, OURS, &[1])], &[late.clone(), remove])), [Kind::Order]);
    let add = entry(1, (100, 300), Add, &[2], Applied).adding(&[2]);
    let both = subject(&[(200, OURS, &[2]), (800, OURS, &[1, 2])], &[late, add]);
    assert_eq!(kinds(&both), []);
}

#[test]
fn what_others_did_after_a_newer_entry_stays_above_an_older_one() {
    let late = entry(0, (0, 900), Managed, &[1], Superseded).by(1);
    let newer = entry(1, (100, 300), Managed, &[2], Applied).adding(&[2]);
    let kept = subject(&[(200, OURS, &[2]), (500, THEIRS, &[1, 2])], &[late.clone(), newer.clone()]);
    assert_eq!(kinds(&kept), []);
    let undone = subject(&[(200, OURS, &[2]), (500, THEIRS, &[1, 2]), (800, OURS, &[2])], &[late, newer]);
    assert!(kinds(&undone).contains(&Kind::End), "{:?}", violations(&undone));
}

#[test]
fn what_occurred_earlier_loses_and_a_retry_keeps_its_place() {
    let first = entry(0, (0, 100), Managed, &[1], Applied).adding(&[1]);
    let dated = entry(1, (500, 700), Managed, &[2], Applied).adding(&[2]).removing(&[1]).occurred(-900);
    let wrong = subject(&[(50, OURS, &[1]), (600, OURS, &[2])], &[first.clone(), dated]);
    assert!(kinds(&wrong).contains(&Kind::Order) && kinds(&wrong).contains(&Kind::Stale), "{:?}", violations(&wrong));
    let stale = entry(1, (500, 700), Managed, &[2], Superseded).because("staleEvent").by(0).occurred(-900);
    assert_eq!(kinds(&subject(&[(50, OURS, &[1])], &[first, stale])), []);

    let cancelled = Entry { cancelled: true, ..entry(0, (0, 50), Managed, &[1], Cancelled) };
    let newer = entry(1, (100, 300), Managed, &[2], Applied).adding(&[2]);
    let mut retry = entry(2, (400, 600), Managed, &[1], Applied).adding(&[1]).removing(&[2]);
    (retry.place, retry.placed) = (Place { repeated_by: Some((2, 0)), ..cancelled.place }, true);
    let wrong = subject(&[(200, OURS, &[2]), (500, OURS, &[1])], &[cancelled, newer, retry]);
    assert!(kinds(&wrong).contains(&Kind::Order), "{:?}", violations(&wrong));
}

#[test]
fn merged_rows_are_one_change_and_others_are_one_after_another() {
    let rows = |one: State, other: State| {
        let one = entry(0, (0, 300), Managed, &[1], one);
        [one, entry(0, (0, 300), Managed, &[2], other).row(1).adding(&[2])]
    };
    let merged = rows(Applied, Applied).map(Entry::merged);
    let merged = [merged[0].clone().adding(&[1]), merged[1].clone()];
    assert_eq!(kinds(&subject(&[(200, OURS, &[1, 2])], &merged)), []);
    let mut in_order = rows(Superseded, Applied);
    in_order[0].superseded_by = Some((0, 1));
    assert_eq!(kinds(&subject(&[(200, OURS, &[2])], &in_order)), []);
    assert_eq!(kinds(&subject(&[(200, OURS, &[2])], &rows(Unchanged, Applied))), [Kind::Unchanged]);
}

#[test]
fn unchanged_is_only_who_had_it_while_the_entry_was_open() {
    let wish = |state| entry(0, (100, 300), Add, &[1], state);
    assert_eq!(kinds(&subject(&[(0, THEIRS, &[1])], &[wish(Unchanged)])), []);
    assert_eq!(kinds(&subject(&[(200, THEIRS, &[1])], &[wish(Unchanged)])), []);
    let missing = kinds(&subject(&[], &[wish(Unchanged)]));
    assert!(missing.contains(&Kind::Unchanged) && missing.contains(&Kind::End));
    let gone = subject(&[(0, THEIRS, &[1]), (20, THEIRS, &[])], &[wish(Unchanged)]);
    assert!(kinds(&gone).contains(&Kind::Unchanged));
    assert_eq!(kinds(&lagging(ms(500), gone)), [], "a replica may still have shown it");
}

#[test]
fn a_leaver_is_not_unchanged_because_a_replica_shows_nothing() {
    let joined = entry(0, (0, 100), Managed, &[1], Applied).adding(&[1]);
    let left = entry(1, (500, 700), Managed, &[], Unchanged);
    let kept = lagging(ms(3_000), subject(&[(50, OURS, &[1])], &[joined, left]));
    let found = kinds(&kept);
    assert!(found.contains(&Kind::Unchanged) && found.contains(&Kind::End), "{found:?}");
}

#[test]
fn superseded_is_only_what_newer_entries_that_were_carried_out_did_over() {
    let late = || entry(1, (100, 900), Add, &[1], Superseded);
    let newer = |mode, state| entry(2, (200, 400), mode, &[2], state).adding(&[2]);
    let story: &[(i64, bool, &[u128])] = &[(300, OURS, &[2])];
    assert!(kinds(&subject(story, &[late(), newer(Replace, Applied)])).contains(&Kind::Superseded), "by nothing");
    assert_eq!(kinds(&subject(story, &[late().by(2), newer(Replace, Applied)])), []);
    let beside = kinds(&subject(story, &[late().by(2), newer(Add, Applied)]));
    assert!(beside.contains(&Kind::Superseded) && beside.contains(&Kind::End), "{beside:?}");
    let older = entry(0, (0, 50), Replace, &[], Unchanged);
    assert!(kinds(&subject(&[], &[older, late().by(0)])).contains(&Kind::Superseded));
    let failed = Entry { causes: vec!["blocked"], ..newer(Replace, Failed).because("blocked").adding(&[]) };
    assert!(kinds(&subject(&[], &[late().by(2), failed])).contains(&Kind::Superseded));
}

#[test]
fn each_write_is_named_once_and_nothing_else_is() {
    let one = entry(0, (0, 300), Add, &[1], Applied);
    assert_eq!(kinds(&subject(&[(200, OURS, &[1])], &[one.clone().adding(&[1])])), []);
    assert_eq!(
        kinds(&subject(&[(200, OURS, &[1, 2])], &[entry(0, (0, 300), Add, &[1, 2], Applied).adding(&[1])])),
        [Kind::Unnamed]
    );
    let twice = [one.clone().adding(&[1]), entry(1, (100, 300), Add, &[1], Applied).adding(&[1])];
    assert_eq!(kinds(&subject(&[(200, OURS, &[1])], &twice)), [Kind::Invented]);
    let lost = entry(0, (0, 300), Add, &[1], Unchanged);
    assert_eq!(kinds(&subject(&[(200, OURS, &[1])], &[lost])), [Kind::Unnamed], "it was lost and found, and is ours");
    let failed = entry(0, (0, 300), Add, &[1], Failed).because("upstreamUnavailable");
    let failed = Entry { causes: vec!["upstreamUnavailable"], ..failed };
    let silent = [failed.clone()];
    assert!(kinds(&subject(&[(200, OURS, &[1])], &silent)).contains(&Kind::Unnamed), "who failed says if it wrote");
    let failed = Entry { says_that_it_may_have_begun: true, ..failed };
    assert_eq!(kinds(&subject(&[(200, OURS, &[1])], &[failed])), []);
    let never = entry(0, (0, 300), Add, &[1], Failed).because("assignmentNotFound");
    let never = Entry { causes: vec!["assignmentNotFound"], must_fail: true, ..never };
    assert!(kinds(&subject(&[(200, OURS, &[1])], &[never])).contains(&Kind::Unnamed));
}

#[test]
fn what_others_assigned_goes_with_a_replace_that_says_so() {
    let story: &[(i64, bool, &[u128])] = &[(0, THEIRS, &[90]), (200, OURS, &[1])];
    let replace = entry(0, (100, 300), Replace, &[1], Applied).adding(&[1]).removing(&[90]);
    assert_eq!(kinds(&subject(story, &[replace.clone().overwriting(&[90])])), []);
    assert_eq!(kinds(&subject(story, &[replace])), [Kind::LostForeign]);
    let managed = entry(0, (100, 300), Managed, &[1], Applied).adding(&[1]).removing(&[90]);
    let found = kinds(&subject(story, &[managed]));
    assert!(found.contains(&Kind::LostForeign) && found.contains(&Kind::End), "{found:?}");
}

#[test]
fn failures_have_their_cause_and_causes_their_failure() {
    let failed = entry(0, (0, 300), Add, &[1], Failed).because("userNotFound");
    assert_eq!(kinds(&subject(&[], std::slice::from_ref(&failed))), [Kind::Failure]);
    assert_eq!(kinds(&subject(&[], &[Entry { causes: vec!["userNotFound"], ..failed }])), []);
    let due = Entry { must_fail: true, ..entry(0, (0, 300), Remove, &[1], Unchanged) };
    assert_eq!(kinds(&subject(&[], &[due])), [Kind::Failure]);
    assert_eq!(kinds(&subject(&[], &[entry(0, (0, 300), Add, &[1], State::Open)])), [Kind::NotEnded]);
    let stale = entry(0, (0, 300), Remove, &[1], Superseded).because("staleEvent").occurred(-50);
    assert_eq!(kinds(&subject(&[], &[stale])), [Kind::Stale]);
}
