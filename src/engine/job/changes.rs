//! Which entries of a job changed when, so that a follower can be told what it has not seen.

use std::collections::BTreeSet;

/// The newest change of each entry that has changed since the job was accepted.
///
/// Invariant: an entry is listed at most once, under the revision of its newest change: who was told everything up to a
/// revision finds everything else behind it, and nothing twice.
#[derive(Debug, Default)]
pub(super) struct Changes {
    by_revision: BTreeSet<(u64, u32)>,
    /// The revision under which an entry is listed; 0 for one that has not changed.
    revisions: Box<[u64]>,
}

impl Changes {
    pub(super) fn new(entries: usize) -> Self {
        Self { by_revision: BTreeSet::new(), revisions: vec![0; entries].into() }
    }

    /// The entry changed with this revision.
    pub(super) fn record(&mut self, revision: u64, entry: u32) {
        let Some(listed) = self.revisions.get_mut(entry as usize) else { return };
        let before = std::mem::replace(listed, revision);
        if before != revision {
            self.by_revision.remove(&(before, entry));
            self.by_revision.insert((revision, entry));
        }
    }

    /// Entries that changed behind this place, oldest change first.
    pub(super) fn after(&self, place: (u64, u32)) -> impl Iterator<Item = (u64, u32)> + '_ {
        use std::ops::Bound::{Excluded, Unbounded};
        self.by_revision.range((Excluded(place), Unbounded)).copied()
    }
}

#[cfg(test)]
mod tests {
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
}
