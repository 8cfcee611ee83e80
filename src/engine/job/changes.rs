//! Tracks which entries of a job changed at which revision, so that a follower receives exactly what it has not seen.

/// The newest change of each entry that has changed since the job was accepted: a doubly linked list in order of
/// change, threaded through an array of entries, because a job has many of them and each is listed only once.
///
/// Invariant: an entry is listed at most once, under the revision of its newest change. A follower that has seen
/// everything up to a revision therefore finds everything else behind it, and nothing twice. Entries that change in the
/// same revision are recorded in ascending order.
#[derive(Debug)]
pub(super) struct Changes {
    places: Box<[ChangePlace]>,
    oldest: u32,
    newest: u32,
}

#[derive(Debug, Clone, Copy)]
struct ChangePlace {
    /// Revision of the newest change; 0 for an entry that has not changed and is not listed.
    revision: u64,
    older: u32,
    newer: u32,
}

/// Marks either end of the list.
const NONE: u32 = u32::MAX;

impl Changes {
    pub(super) fn new(entries: usize) -> Self {
        let unlisted = ChangePlace { revision: 0, older: NONE, newer: NONE };
        Self { places: vec![unlisted; entries].into(), oldest: NONE, newest: NONE }
    }

    /// Records that an entry changed in this revision.
    pub(super) fn record(&mut self, revision: u64, entry: u32) {
        let Some(place) = self.place(entry).filter(|place| place.revision != revision) else { return };
        if place.revision != 0 {
            self.join(place.older, place.newer);
        }
        let newest = self.newest;
        self.set(entry, ChangePlace { revision, older: NONE, newer: NONE });
        self.join(newest, entry);
        self.join(entry, NONE);
    }

    /// Returns the entries that changed after this position, oldest change first.
    pub(super) fn after(&self, (revision, entry): (u64, u32)) -> impl Iterator<Item = (u64, u32)> + '_ {
        let mut next = match self.place(entry) {
            _ if revision == 0 => self.oldest,
            // The usual case: the follower continues where it left off.
            Some(told) if told.revision == revision => told.newer,
            Some(_) | None => self.first_behind((revision, entry)),
        };
        std::iter::from_fn(move || {
            let (entry, place) = (next, self.place(next)?);
            next = place.newer;
            Some((place.revision, entry))
        })
    }

    /// Searches from the newest change backwards, because followers have seen most of the list.
    fn first_behind(&self, told: (u64, u32)) -> u32 {
        let (mut first, mut at) = (NONE, self.newest);
        while let Some(place) = self.place(at).filter(|place| (place.revision, at) > told) {
            (first, at) = (at, place.older);
        }
        first
    }

    fn place(&self, entry: u32) -> Option<ChangePlace> {
        self.places.get(entry as usize).copied()
    }

    fn set(&mut self, entry: u32, place: ChangePlace) {
        if let Some(known) = self.places.get_mut(entry as usize) {
            *known = place;
        }
    }

    /// Makes two entries neighbours. `NONE` stands for the respective end of the list.
    fn join(&mut self, older: u32, newer: u32) {
        match self.places.get_mut(older as usize) {
            Some(place) => place.newer = newer,
            None => self.oldest = newer,
        }
        match self.places.get_mut(newer as usize) {
            Some(place) => place.older = older,
            None => self.newest = older,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_newest_change_of_an_entry_is_listed() {
        let mut changes = Changes::new(3);
        changes.record(1, 0);
        changes.record(2, 1);
        changes.record(2, 2);
        changes.record(3, 0);
        changes.record(3, 7);
        assert_eq!(changes.after((0, 0)).collect::<Vec<_>>(), [(2, 1), (2, 2), (3, 0)]);
        assert_eq!(changes.after((2, 1)).collect::<Vec<_>>(), [(2, 2), (3, 0)]);
        assert_eq!(changes.after((3, u32::MAX)).count(), 0);
    }

    proptest! {
        /// Compares with a sorted set, for all orders of changes and all positions of a follower.
        #[test]
        fn a_follower_finds_what_it_has_not_seen(steps in proptest::collection::vec(proptest::collection::btree_set(0..8u32, 0..8), 0..20)) {
            let (mut changes, mut expected) = (Changes::new(8), BTreeSet::new());
            for (revision, entries) in (1..).zip(steps) {
                for entry in entries {
                    changes.record(revision, entry);
                    expected.retain(|(_, known)| *known != entry);
                    expected.insert((revision, entry));
                }
                for told in (0..=revision).flat_map(|revision| [0, 3, 7, u32::MAX].map(|entry| (revision, entry))) {
                    let behind: Vec<_> = expected.iter().copied().filter(|change| *change > told).collect();
                    prop_assert_eq!(changes.after(told).collect::<Vec<_>>(), behind);
                }
            }
        }
    }
}
