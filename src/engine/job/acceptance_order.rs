//! The order in which jobs are accepted, and the oldest place that an entry may still take.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use parking_lot::{Mutex, MutexGuard};
use uuid::{ContextV7, Uuid};

use crate::domain::place::DatesBefore;
use crate::domain::{JobId, Place};

/// Assigns ids and dates of acceptance, and tracks the jobs whose entries are not all parked yet.
///
/// Invariant: ids and dates never go back, neither within a millisecond nor when the clock is set back nor across
/// restarts. The places of entries without a date of their own are therefore in the order of acceptance.
///
/// Invariant: a job is tracked from before it is accepted until its last entry has been parked in its user's slot or
/// has ended, with a place no later than that of any entry not parked yet. A caller that asks for
/// [`AcceptanceOrder::oldest`] and then finds nothing parked for a user therefore knows that nothing older will come
/// for that user.
#[derive(Debug)]
pub(in crate::engine) struct AcceptanceOrder(Mutex<OrderState>);

#[derive(Debug)]
struct OrderState {
    context: ContextV7,
    /// The newest date of acceptance.
    accepted: Timestamp,
    /// The newest date in an id.
    in_id: Timestamp,
    last: JobId,
    preparing: BTreeMap<JobId, Place>,
}

impl AcceptanceOrder {
    /// Continues after the jobs that an earlier process accepted. Dates do not wait for the date of a wrong clock; ids
    /// continue after it all the same.
    pub(in crate::engine) fn after(jobs: impl Iterator<Item = (JobId, Timestamp)>, dates: &DatesBefore) -> Self {
        let (mut accepted, mut in_id, mut last) = (Timestamp::MIN, Timestamp::MIN, JobId(Uuid::nil()));
        for (id, created_at) in jobs {
            last = last.max(id);
            accepted = accepted.max(dates.accepted(id, created_at));
            in_id = in_id.max(date_in(id).unwrap_or(created_at));
        }
        let next = |date: Timestamp| date.checked_add(SignedDuration::from_millis(1)).unwrap_or(date);
        let (context, preparing) = (ContextV7::new(), BTreeMap::new());
        Self(Mutex::new(OrderState { context, accepted, in_id: next(in_id), last, preparing }))
    }

    /// Returns the id and date of a job accepted now, and tracks the job as being prepared. `place` returns its oldest
    /// place.
    pub(in crate::engine) fn accept(
        &self,
        now: Timestamp,
        place: impl FnOnce(JobId, Timestamp) -> Option<Place>,
    ) -> (JobId, Timestamp) {
        let mut state = self.lock();
        state.accepted = state.accepted.max(now);
        state.in_id = state.in_id.max(now);
        let seconds = u64::try_from(state.in_id.as_second()).unwrap_or_default();
        let nanoseconds = u32::try_from(state.in_id.subsec_nanosecond()).unwrap_or_default();
        let id = JobId(Uuid::new_v7(uuid::Timestamp::from_unix(&state.context, seconds, nanoseconds)));
        let accepted = state.accepted;
        state.last = id;
        state.preparing.extend(place(id, accepted).map(|place| (id, place)));
        (id, accepted)
    }

    /// Returns the date at `now` on the clock of acceptance, which never goes back.
    pub(in crate::engine) fn date(&self, now: Timestamp) -> Timestamp {
        self.lock().accepted.max(now)
    }

    /// Sets the oldest place among the job's entries that are not parked yet.
    pub(in crate::engine) fn prepares(&self, job: JobId, place: Place) {
        self.lock().preparing.insert(job, place);
    }

    /// Stops tracking a job whose entries have all been parked or have ended.
    pub(in crate::engine) fn prepared(&self, job: JobId) {
        self.lock().preparing.remove(&job);
    }

    /// Returns a place that no unparked entry precedes, nor any entry accepted from `now` on without a date of its own.
    pub(in crate::engine) fn oldest(&self, now: Timestamp) -> Place {
        let state = self.lock();
        let next = Place { at: state.accepted.max(now), entry: (state.last, u32::MAX) };
        state.preparing.values().copied().fold(next, Place::min)
    }

    fn lock(&self) -> MutexGuard<'_, OrderState> {
        self.0.lock()
    }
}

/// Returns the date in a version 7 UUID (RFC 9562).
fn date_in(id: JobId) -> Option<Timestamp> {
    let (seconds, nanoseconds) = id.0.get_timestamp()?.to_unix();
    Timestamp::new(i64::try_from(seconds).ok()?, i32::try_from(nanoseconds).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn after(start: i64, jobs: &[(JobId, Timestamp)]) -> AcceptanceOrder {
        let tolerance = SignedDuration::from_secs(600);
        let dates = DatesBefore::at(at(start), tolerance, jobs.iter().copied());
        AcceptanceOrder::after(jobs.iter().copied(), &dates)
    }

    fn accept(order: &AcceptanceOrder, second: i64) -> (JobId, Timestamp) {
        order.accept(at(second), |_, _| None)
    }

    #[test]
    fn acceptance_never_goes_back() {
        let order = after(0, &[]);
        let mut accepted = vec![accept(&order, 1000)];
        // The clock is set back, stands still, and goes on.
        for second in [500, 500, 1000, 1001].into_iter().chain(std::iter::repeat_n(1001, 10_000)) {
            accepted.push(accept(&order, second));
        }
        assert!(accepted.is_sorted_by(|one, other| one.0 < other.0 && one.1 <= other.1));
        let (last, created) = accepted[accepted.len() - 1];
        let after = after(1000, &[(last, created)]);
        let next = accept(&after, 10);
        assert!(next.0 > last && next.1 == at(1000), "{next:?} after {last:?}, dated {created}");
    }

    #[test]
    fn a_wrong_clock_of_a_process_before_does_not_date_what_comes() {
        let order = after(0, &[]);
        let wrong = accept(&order, 100_000);
        let after = after(1600, &[wrong]);
        let (next, later) = (accept(&after, 1601), accept(&after, 1700));
        assert!(next.0 > wrong.0);
        assert_eq!((next.1, later.1), (at(1601), at(1700)));
    }

    #[test]
    fn the_oldest_place_is_that_of_whoever_is_not_parked() {
        let order = after(0, &[]);
        let place = |id, second| Place { at: at(second), entry: (id, 0) };
        let (first, _) = order.accept(at(10), |id, at| Some(Place { at, entry: (id, 0) }));
        let (second, _) = order.accept(at(20), |id, at| Some(Place { at, entry: (id, 0) }));
        assert_eq!(order.oldest(at(20)), place(first, 10));
        order.prepares(first, place(first, 30));
        assert_eq!(order.oldest(at(20)), place(second, 20));
        order.prepared(second);
        order.prepared(first);
        // The next job accepted is newer than all before, and older than anything dated later than now.
        let next = order.oldest(at(20));
        assert!(place(second, 20) < next && next < place(first, 21), "{next:?}");
    }
}
