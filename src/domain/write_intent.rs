//! A write whose answer may never arrive, and how a later read shows what became of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::assignment::{Difference, Version};
use super::fold::Change;
use super::history::Holding;
use super::{AssignmentId, Assignments, EntryId, Listed, Owners};

/// What may have been written: consecutive writes for one user, none of which got a conclusive answer.
///
/// Kept from before the first of them is sent until a read shows the result, over restarts. So their effects are
/// reported by the entries that they were made for, and not mistaken for changes by others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteIntent {
    /// Version that the last write was computed from; `None` if the target has no versions.
    pub base: Option<Version>,
    pub wanted: BTreeMap<AssignmentId, Wanted>,
    /// The ownership if the writes were carried out. Until that is known, the previous one applies.
    pub claimed: Owners,
    /// The changes that the writes were made for, in order of place.
    pub entries: Vec<IntendedChange>,
}

/// An entry that a write was made for, with everything needed to continue it without resolving it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntendedChange {
    pub change: Change,
    /// All rows with the list of each, if several rows were merged into this entry.
    pub rows: Arc<[(u32, Arc<Listed>)]>,
}

/// What the writes wanted for one assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// What the user had before the first write.
    pub before: Holding,
    /// What each write wanted, in order. If they wanted different things, it is unknown which one took effect last.
    pub after: Vec<Holding>,
}

impl Wanted {
    fn is_done(&self, found: Holding) -> bool {
        self.after.len() == 1 && self.after.last() == Some(&found)
    }
}

impl WriteIntent {
    /// Returns the writes so far plus one more, which turns `found` into `desired`.
    #[must_use]
    pub fn and(
        mut self,
        base: Option<Version>,
        found: &Assignments,
        desired: &Assignments,
        difference: &Difference,
        claimed: &Owners,
        entries: impl Iterator<Item = IntendedChange>,
    ) -> Self {
        self.base = base;
        self.claimed.extend(claimed);
        let ids: BTreeSet<_> = difference.ids().chain(self.wanted.keys().copied()).collect();
        for id in ids {
            let (now, after) = (found.get(id), desired.get(id));
            let wanted = self.wanted.entry(id).or_insert_with(|| Wanted { before: now, after: Vec::new() });
            if !wanted.after.contains(&now) {
                // Neither the previous state nor one that we wanted: another writer changed it in between.
                wanted.before = now;
            }
            if wanted.after.last() != Some(&after) {
                wanted.after.push(after);
            }
        }
        self.entries.extend(entries);
        self.entries.sort_by_key(|entry| (entry.change.place, entry.change.by));
        self.entries.dedup_by_key(|entry| entry.change.by);
        self
    }

    /// Returns whether the writes were made for this entry, possibly among others.
    pub fn is_for(&self, entry: EntryId) -> bool {
        self.entries.iter().any(|attempted| attempted.change.by == entry)
    }

    /// Returns what the user would have without these writes, given `found`: whatever matches what they wanted is taken
    /// to be written by them.
    pub fn undone_in(&self, found: &Assignments) -> Assignments {
        let mut before = found.clone();
        for (id, wanted) in &self.wanted {
            if wanted.after.contains(&found.get(*id)) {
                match wanted.before {
                    Some(rating) => before.insert(*id, rating),
                    None => drop(before.remove(*id)),
                }
            }
        }
        before
    }

    /// Returns whether `found` leaves open if the last write was carried out: a lagging replica shows the state before
    /// it. A fold that finds nothing to do on that state then proves nothing, and the write has to be made nonetheless.
    /// The same applies to the `dubious` ids: they are found as wanted, but may have been so before.
    pub fn is_undecided(
        &self,
        found: &Assignments,
        version: Option<Version>,
        dubious: &BTreeSet<AssignmentId>,
    ) -> bool {
        match self.base {
            Some(base) => version <= Some(base),
            None => self.undecided(found, dubious).next().is_some(),
        }
    }

    /// Returns whether `found` proves that the last write was not carried out: the version that follows the one it was
    /// computed from holds something else.
    pub fn is_refuted(&self, found: &Assignments, version: Option<Version>) -> bool {
        let follows = self.base.zip(version).is_some_and(|(base, version)| version.0 == base.0.wrapping_add(1));
        follows && !self.is_done(found)
    }

    /// For targets without versions, adds to `difference` what has to be written to reach `desired` whether or not the
    /// writes were carried out.
    pub fn settle(
        &self,
        found: &Assignments,
        dubious: &BTreeSet<AssignmentId>,
        desired: &Assignments,
        difference: &mut Difference,
    ) {
        if self.base.is_some() {
            return;
        }
        for id in self.undecided(found, dubious).filter(|id| desired.get(*id) == found.get(*id)) {
            match desired.get(id) {
                Some(rating) => difference.updated.push((id, rating)),
                None => difference.removed.push(id),
            }
        }
    }

    /// Returns whether a change of `id` to `found` is one that the writes wanted.
    pub fn explains(&self, id: AssignmentId, found: Holding) -> bool {
        self.wanted.get(&id).is_some_and(|wanted| wanted.after.contains(&found))
    }

    /// Returns whether every difference from `sent` to `found` is what the writes wanted.
    pub fn explains_all(&self, sent: &Assignments, found: &Assignments) -> bool {
        Difference::between(sent, found).ids().all(|id| self.explains(id, found.get(id)))
    }

    /// Returns whether everything that the last write wanted is there.
    pub fn is_done(&self, found: &Assignments) -> bool {
        self.wanted.iter().all(|(id, wanted)| wanted.after.last() == Some(&found.get(*id)))
    }

    fn undecided(&self, found: &Assignments, dubious: &BTreeSet<AssignmentId>) -> impl Iterator<Item = AssignmentId> {
        let is_open =
            |(id, wanted): &(&AssignmentId, &Wanted)| !wanted.is_done(found.get(**id)) || dubious.contains(id);
        self.wanted.iter().filter(is_open).map(|(id, _)| *id)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn id(n: u128) -> AssignmentId {
        AssignmentId(Uuid::from_u128(n))
    }

    fn groups(ids: &[u128]) -> Assignments {
        ids.iter().map(|n| (id(*n), None)).collect()
    }

    fn attempt(earlier: WriteIntent, from: &[u128], to: &[u128]) -> WriteIntent {
        let (from, to) = (groups(from), groups(to));
        earlier.and(None, &from, &to, &Difference::between(&from, &to), &Owners::default(), std::iter::empty())
    }

    #[test]
    fn what_was_carried_out_unseen_is_told_from_what_others_did() {
        let lost = attempt(WriteIntent::default(), &[1, 2], &[2, 3]);
        // All of it, nothing of it, a part of it; and another writer's 9.
        for (found, without) in [(&[2, 3, 9][..], &[1, 2, 9][..]), (&[1, 2], &[1, 2]), (&[1, 2, 3], &[1, 2])] {
            assert_eq!(lost.undone_in(&groups(found)), groups(without), "{found:?}");
        }
        assert!(lost.is_done(&groups(&[2, 3, 9])) && !lost.is_done(&groups(&[1, 2, 3])));
        assert!(lost.explains_all(&groups(&[1, 2]), &groups(&[2, 3])));
        assert!(!lost.explains_all(&groups(&[1, 2]), &groups(&[2, 3, 9])));
    }

    #[test]
    fn of_attempts_in_a_row_the_state_before_the_first_counts() {
        let lost = attempt(attempt(WriteIntent::default(), &[], &[1]), &[1], &[1, 2]);
        assert_eq!(lost.undone_in(&groups(&[1, 2])), groups(&[]));
        let contested = attempt(attempt(WriteIntent::default(), &[], &[1]), &[1], &[]);
        assert_eq!(contested.undone_in(&groups(&[1])), groups(&[]));
        let mut difference = Difference::default();
        contested.settle(&groups(&[]), &BTreeSet::new(), &groups(&[]), &mut difference);
        assert_eq!(difference.removed, [id(1)], "the first may still come through");
    }

    #[test]
    fn what_may_be_found_as_it_was_long_before_is_written_again() {
        let lost = attempt(WriteIntent::default(), &[1, 2], &[3]);
        let (found, desired, none) = (groups(&[3]), groups(&[3]), BTreeSet::new());
        assert!(!lost.is_undecided(&found, None, &none));
        let dubious = BTreeSet::from([id(2)]);
        assert!(lost.is_undecided(&found, None, &dubious));
        let mut difference = Difference::default();
        lost.settle(&found, &dubious, &desired, &mut difference);
        assert_eq!((difference.removed, difference.updated), (vec![id(2)], vec![]));
    }

    #[test]
    fn what_others_changed_meanwhile_is_the_state_before() {
        let lost = attempt(attempt(WriteIntent::default(), &[], &[1]), &[], &[1]);
        assert_eq!(lost.undone_in(&groups(&[1])), groups(&[]));
    }
}
