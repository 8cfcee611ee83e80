//! The effective order of one user's entries.

use jiff::{SignedDuration, Timestamp};

use super::JobId;

/// Identifies an entry: its job, and its row in the job.
pub type EntryId = (JobId, u32);

/// Place of an entry in the effective order: by the date of its change, then by acceptance.
///
/// Invariant: places are totally ordered, and entries without a date of their own are ordered by acceptance. Job ids
/// and acceptance dates never go back, over restarts and clock adjustments (see `engine::job::acceptance_order`), so
/// comparing dates and comparing ids agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// When the change happened at its sender; otherwise, when its job was accepted.
    pub at: Timestamp,
    /// The entry with which the change was accepted.
    pub entry: EntryId,
}

impl Place {
    /// Returns the place of an entry accepted at `accepted_at`. A date later than that by more than `tolerance` says
    /// nothing about the past, so the entry is treated as undated.
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

/// Corrects dates recorded by earlier processes, whose clock may have run ahead.
///
/// Ids never go back, but dates do when a clock is corrected: a job with a later date than one accepted after it was
/// dated by a clock that ran ahead. Such a job counts as accepted at the earliest date among the jobs after it, and no
/// later than the start of this process; ids and rows stay. So it sorts below everything accepted after it, whenever
/// that was and over any number of restarts, because the same jobs give the same result each time.
///
/// Dates given by senders may lie ahead by the tolerance, unless their job itself was dated by such a clock.
#[derive(Debug)]
pub struct DatesBefore {
    start: Timestamp,
    tolerance: SignedDuration,
    /// Sorted by id.
    jobs: Vec<Accepted>,
}

#[derive(Debug, Clone, Copy)]
struct Accepted {
    id: JobId,
    at: Timestamp,
    /// The earliest date among the jobs after this one, or the start of the process.
    bound: Timestamp,
}

impl DatesBefore {
    /// Creates the correction for a process that starts at `start` and recovers these jobs.
    pub fn at(start: Timestamp, tolerance: SignedDuration, jobs: impl Iterator<Item = (JobId, Timestamp)>) -> Self {
        let mut jobs: Vec<_> = jobs.map(|(id, at)| Accepted { id, at, bound: start }).collect();
        jobs.sort_unstable_by_key(|job| job.id);
        let mut bound = start;
        for job in jobs.iter_mut().rev() {
            job.bound = bound;
            bound = bound.min(job.at);
        }
        Self { start, tolerance, jobs }
    }

    /// Returns the corrected date of an action: no later than the start.
    pub fn date(&self, date: Timestamp) -> Timestamp {
        date.min(self.start)
    }

    /// Returns the corrected acceptance date of a job.
    pub fn accepted(&self, id: JobId, at: Timestamp) -> Timestamp {
        at.min(self.of(id).1)
    }

    /// Returns the corrected place.
    pub fn place(&self, place: Place) -> Place {
        let (accepted, bound) = self.of(place.entry.0);
        let ran_ahead = accepted.is_some_and(|at| at > bound);
        let undated = accepted == Some(place.at);
        let latest =
            if undated || ran_ahead { bound } else { bound.checked_add(self.tolerance).unwrap_or(Timestamp::MAX) };
        if place.at > latest { Place { at: bound, ..place } } else { place }
    }

    /// Returns the recorded acceptance date of a job, if known, and the latest date that is believed for it.
    fn of(&self, id: JobId) -> (Option<Timestamp>, Timestamp) {
        match self.jobs.binary_search_by_key(&id, |job| job.id) {
            Ok(at) => self.jobs.get(at).map_or((None, self.start), |job| (Some(job.at), job.bound)),
            Err(next) => (None, self.jobs.get(next).map_or(self.start, |next| next.at.min(next.bound))),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn before(start: i64, jobs: &[(u128, i64)]) -> DatesBefore {
        let jobs = jobs.iter().map(|(id, accepted)| (JobId(Uuid::from_u128(*id)), at(*accepted)));
        DatesBefore::at(at(start), SignedDuration::from_secs(600), jobs)
    }

    fn dated(dates: &DatesBefore, job: u128, date: i64) -> Place {
        dates.place(Place { at: at(date), entry: (JobId(Uuid::from_u128(job)), 0) })
    }

    #[test]
    fn a_clock_that_ran_ahead_puts_nothing_above_what_came_later_over_any_number_of_restarts() {
        // The first job is dated ahead by a day or by five seconds; the clock is corrected, and the others follow.
        for ahead in [86_400, 1_005] {
            let first = dated(&before(1_000, &[(1, ahead)]), 1, ahead);
            assert_eq!(first.at, at(1_000), "as of the start");
            for start in [1_020, 2_000, 90_000] {
                let dates = before(start, &[(1, ahead), (2, 1_001), (3, 1_010)]);
                let (first, second, third) =
                    (dated(&dates, 1, ahead), dated(&dates, 2, 1_001), dated(&dates, 3, 1_010));
                assert!(first < second && second < third, "{ahead} {start}: {first:?} {second:?} {third:?}");
                assert_eq!(dates.accepted(JobId(Uuid::from_u128(1)), at(ahead)), at(1_001));
            }
        }
    }

    #[test]
    fn a_senders_date_may_lie_ahead_unless_its_job_was_dated_by_a_wrong_clock() {
        let right = before(1_000, &[(1, 900), (2, 950)]);
        assert_eq!(dated(&right, 1, 1_500).at, at(1_500), "the sender's clock is ahead");
        assert_eq!(dated(&right, 1, 1_551).at, at(950));
        assert_eq!(dated(&right, 1, 10).at, at(10));
        let wrong = before(1_000, &[(1, 5_000), (2, 950)]);
        assert_eq!(dated(&wrong, 1, 1_500).at, at(950));
        // For a job that is no longer kept, it is unknown whether the entry was dated.
        assert_eq!((dated(&right, 7, 1_600).at, dated(&right, 7, 1_601).at), (at(1_600), at(1_000)));
        assert_eq!(right.date(at(1_001)), at(1_000));
    }

    #[test]
    fn a_date_beyond_the_tolerance_counts_as_none() {
        let entry = (JobId(Uuid::nil()), 0);
        let place = |occurred| Place::of(entry, occurred, at(1000), SignedDuration::from_secs(600)).at;
        assert_eq!(place(None), at(1000));
        assert_eq!(place(Some(at(10))), at(10));
        assert_eq!(place(Some(at(1600))), at(1600));
        assert_eq!(place(Some(at(1601))), at(1000));
        assert_eq!(place(Some(Timestamp::MAX)), at(1000));
    }
}
