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
}

/// Which dates of a process before this one are believed: none that only a wrong clock can have given.
///
/// Senders' clocks may be ahead by the tolerance. But where something was accepted later than the start, the clock that
/// dated it ran ahead, and then no date beyond the start says anything. A date that is not believed counts as the start, so
/// that nothing accepted from then on comes below it; ranks stay, so what counts as the start is in the order of acceptance.
#[derive(Debug, Clone, Copy)]
pub struct DatesBefore {
    start: Timestamp,
    latest: Timestamp,
}

impl DatesBefore {
    /// For a process that starts at `start` and finds jobs that were accepted at these dates.
    pub fn at(start: Timestamp, tolerance: SignedDuration, mut accepted: impl Iterator<Item = Timestamp>) -> Self {
        let ran_ahead = accepted.any(|date| date > start);
        let latest = if ran_ahead { start } else { start.checked_add(tolerance).unwrap_or(Timestamp::MAX) };
        Self { start, latest }
    }

    /// The date, or the start.
    pub fn date(self, date: Timestamp) -> Timestamp {
        if date > self.latest { self.start } else { date }
    }

    /// The place with such a date.
    pub fn place(self, place: Place) -> Place {
        Place { at: self.date(place.at), ..place }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_clock_that_ran_ahead_dates_nothing_beyond_the_start() {
        let (at, tolerance) = (|second| Timestamp::from_second(second).unwrap(), SignedDuration::from_secs(600));
        let right = DatesBefore::at(at(1000), tolerance, [at(10), at(1000)].into_iter());
        let ahead = DatesBefore::at(at(1000), tolerance, [at(1001), at(10)].into_iter());
        for (date, believed) in [(10, [10, 10]), (1000, [1000, 1000]), (1600, [1600, 1000]), (1601, [1000, 1000])] {
            assert_eq!([right, ahead].map(|dates| dates.date(at(date))), believed.map(at), "{date}");
        }
    }

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
