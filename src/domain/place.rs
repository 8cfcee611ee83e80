//! The effective order of the entries of one user.

use jiff::{SignedDuration, Timestamp};

use super::JobId;

/// An entry of a job: the job, and the row in it.
pub type EntryId = (JobId, u32);

/// Where an entry stands in the order in which entries take effect: by when its change happened, then by acceptance.
///
/// Invariant: places are totally ordered, and for entries without a date of their own their order is that of acceptance.
/// Ids of jobs and dates of acceptance never go back, over restarts and steps of the clock (see `engine::order`), so the
/// comparison of dates and that of ids agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// When the change happened at its sender; else when its job was accepted.
    pub at: Timestamp,
    /// The entry that was accepted with it.
    pub entry: EntryId,
}

impl Place {
    /// The place of an entry that was accepted at `accepted_at`. A date later than that by more than `tolerance` says
    /// nothing about the past: the entry counts as one without a date.
    pub fn of(
        entry: EntryId,
        occurred_at: Option<Timestamp>,
        accepted_at: Timestamp,
        tolerance: SignedDuration,
    ) -> Self {
        let latest = accepted_at.checked_add(tolerance).unwrap_or(Timestamp::MAX);
        Self { at: occurred_at.filter(|at| *at <= latest).unwrap_or(accepted_at), entry }
    }

    /// The same place, if its date is not later than `latest`; else the same rank at `now`. For places from before a
    /// start, which a wrong clock may have put into the future.
    #[must_use]
    pub fn no_later_than(self, latest: Timestamp, now: Timestamp) -> Self {
        if self.at > latest { Self { at: now, ..self } } else { self }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_date_beyond_the_tolerance_counts_as_none() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let entry = (JobId(Uuid::nil()), 0);
        let place = |occurred| Place::of(entry, occurred, at(1000), SignedDuration::from_secs(600)).at;
        assert_eq!(place(None), at(1000));
        assert_eq!(place(Some(at(10))), at(10));
        assert_eq!(place(Some(at(1600))), at(1600));
        assert_eq!(place(Some(at(1601))), at(1000));
        assert_eq!(place(Some(Timestamp::MAX)), at(1000));
    }
}
