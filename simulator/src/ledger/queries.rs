//! Answers the questions that tests and the demo ask the ledger.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::super::resource::Target;
use super::super::route::Route;
use super::super::scenario::ConflictCause;
use super::{Effect, Ledger, Outcome, RequestRecord, Writer, changed};

/// A foreign writer's change that a later write of the client undid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LostChange {
    /// The user.
    pub user: Uuid,
    /// The target.
    pub target: Target,
    /// Id of the skill or group.
    pub assignment: Uuid,
    /// Whether the foreign writer had added the assignment; otherwise it had removed it.
    pub was_added: bool,
    /// Index of the foreign write in [`Ledger::effects`].
    pub foreign_effect: usize,
    /// Index of the client's write in [`Ledger::effects`].
    pub undone_by: usize,
}

/// Two writes to one user's resource that were in flight at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap {
    /// The user.
    pub user: Uuid,
    /// The target.
    pub target: Target,
    /// Index of the earlier one in [`Ledger::requests`].
    pub first: usize,
    /// Index of the later one in [`Ledger::requests`].
    pub second: usize,
}

impl Ledger {
    /// Returns the API requests in order of arrival, without logins, which count against no limit of the API.
    pub fn api_requests(&self) -> impl Iterator<Item = &RequestRecord> {
        self.requests.iter().filter(|record| record.route != Route::Token)
    }

    /// Returns the maximum number of API requests that arrived in any window of this length, wherever it begins.
    pub fn peak_in_any(&self, window: Duration) -> usize {
        let arrivals: Vec<Instant> = self.api_requests().map(|record| record.arrived_at).collect();
        let (mut peak, mut oldest) = (0, 0);
        for (index, arrival) in arrivals.iter().enumerate() {
            while oldest < index && arrivals[oldest] + window <= *arrival {
                oldest += 1;
            }
            peak = peak.max(index + 1 - oldest);
        }
        peak
    }

    /// Returns how many requests on a route were answered with a status.
    pub fn count(&self, route: Route, status: u16) -> usize {
        self.requests.iter().filter(|r| r.route == route && r.outcome == Outcome::Answered(status)).count()
    }

    /// Returns how many requests were answered, by route and status.
    pub fn answers(&self) -> BTreeMap<Route, BTreeMap<u16, usize>> {
        let mut answers: BTreeMap<Route, BTreeMap<u16, usize>> = BTreeMap::new();
        for record in &self.requests {
            if let Some(status) = record.outcome.status() {
                *answers.entry(record.route).or_default().entry(status).or_default() += 1;
            }
        }
        answers
    }

    /// Returns how many API requests were refused with 429.
    pub fn rate_limited(&self) -> usize {
        self.api_requests().filter(|record| record.outcome == Outcome::Answered(429)).count()
    }

    /// Returns how many conflicts reached the client, by cause; one that the client did not wait for does not count.
    pub fn conflicts(&self) -> BTreeMap<ConflictCause, usize> {
        let mut conflicts = BTreeMap::new();
        let answered = self.requests.iter().filter(|record| record.outcome.status().is_some());
        for cause in answered.filter_map(|record| record.conflict) {
            *conflicts.entry(cause).or_default() += 1;
        }
        conflicts
    }

    /// Returns the foreign changes to assignments of the foreign pool that a client's write undid and no later write
    /// restored.
    pub fn lost_foreign_changes(&self) -> Vec<LostChange> {
        let mut foreign = HashMap::new();
        let mut lost = BTreeMap::new();
        for (index, effect) in self.effects.iter().enumerate() {
            for (assignment, present) in self.pool_changes(effect) {
                let key = (effect.user, effect.target, assignment);
                match effect.writer {
                    Writer::Foreign => {
                        foreign.insert(key, (index, present));
                        lost.remove(&key);
                    }
                    Writer::Client => match foreign.get(&key) {
                        Some((_, wanted)) if *wanted == present => drop(lost.remove(&key)),
                        Some((foreign_effect, _)) => drop(lost.insert(key, (*foreign_effect, index))),
                        None => {}
                    },
                }
            }
        }
        let change = |((user, target, assignment), (foreign_effect, undone_by)): ((Uuid, Target, Uuid), _)| {
            let was_added = foreign.get(&(user, target, assignment)).is_some_and(|(_, wanted)| *wanted);
            LostChange { user, target, assignment, was_added, foreign_effect, undone_by }
        };
        lost.into_iter().map(change).collect()
    }

    fn pool_changes<'a>(&'a self, effect: &'a Effect) -> impl Iterator<Item = (Uuid, bool)> + 'a {
        let named = effect.before.iter().chain(effect.after.iter()).map(|entry| entry.id);
        named
            .filter(|id| self.foreign_pool.contains(id))
            .filter_map(|id| changed(&effect.before, &effect.after, id).map(|present| (id, present)))
    }

    /// Returns pairs of writes to one user's resource that were in flight together; a client with one writer per user
    /// has none.
    pub fn overlapping_writes(&self) -> Vec<Overlap> {
        let mut in_flight: HashMap<(Uuid, Target), (usize, Option<Instant>)> = HashMap::new();
        let mut overlaps = Vec::new();
        for (second, record) in self.requests.iter().enumerate() {
            let (Some(user), Some(target)) = (record.user, record.route.writes()) else { continue };
            let longest = in_flight.entry((user, target)).or_insert((second, record.ended_at));
            if longest.0 == second {
                continue;
            }
            if longest.1.is_none_or(|ended| record.arrived_at < ended) {
                overlaps.push(Overlap { user, target, first: longest.0, second });
            }
            if longest.1.is_some_and(|ended| record.ended_at.is_none_or(|at| at > ended)) {
                *longest = (second, record.ended_at);
            }
        }
        overlaps
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{POOL, effect, empty, request};
    use super::*;

    proptest! {
        #[test]
        fn the_peak_equals_the_one_found_by_brute_force(
            mut arrivals in prop::collection::vec(0_u64..5_000, 1..80),
            window in 1_u64..2_000,
        ) {
            arrivals.sort_unstable();
            let mut ledger = empty(Instant::now());
            for arrival in &arrivals {
                request(&mut ledger, Route::WfmRead, 1, *arrival, *arrival);
            }
            let inside = |from: u64| arrivals.iter().filter(|at| (from..from + window).contains(at)).count();
            let brute = arrivals.iter().map(|from| inside(*from)).max().unwrap();
            prop_assert_eq!(ledger.peak_in_any(Duration::from_millis(window)), brute);
        }
    }

    #[test]
    fn logins_do_not_count_in_the_peak() {
        let mut ledger = empty(Instant::now());
        request(&mut ledger, Route::Token, 1, 0, 1);
        request(&mut ledger, Route::WfmRead, 1, 0, 1);
        assert_eq!(ledger.peak_in_any(Duration::from_secs(1)), 1);
    }

    #[test]
    fn a_foreign_change_that_the_client_undoes_is_lost_until_it_is_restored() {
        let mut ledger = empty(Instant::now());
        effect(&mut ledger, Writer::Foreign, &[1], &[1, POOL]);
        effect(&mut ledger, Writer::Client, &[1, POOL], &[1, 2]);
        let lost = ledger.lost_foreign_changes();
        assert_eq!(lost.len(), 1);
        assert_eq!((lost[0].was_added, lost[0].foreign_effect, lost[0].undone_by), (true, 0, 1));
        effect(&mut ledger, Writer::Client, &[1, 2], &[1, 2, POOL]);
        assert_eq!(ledger.lost_foreign_changes(), []);
    }

    #[test]
    fn a_foreign_removal_is_lost_when_the_client_adds_the_assignment_again() {
        let mut ledger = empty(Instant::now());
        effect(&mut ledger, Writer::Foreign, &[1, POOL], &[1]);
        effect(&mut ledger, Writer::Client, &[1], &[1, POOL]);
        assert!(!ledger.lost_foreign_changes()[0].was_added);
    }

    #[test]
    fn what_the_client_gave_itself_or_others_took_back_is_not_lost() {
        let mut ledger = empty(Instant::now());
        effect(&mut ledger, Writer::Client, &[], &[POOL]);
        effect(&mut ledger, Writer::Client, &[POOL], &[]);
        effect(&mut ledger, Writer::Foreign, &[], &[POOL + 1]);
        effect(&mut ledger, Writer::Foreign, &[POOL + 1], &[]);
        assert_eq!(ledger.lost_foreign_changes(), []);
    }

    #[test]
    fn writes_to_one_user_overlap_only_while_both_are_in_flight() {
        let mut ledger = empty(Instant::now());
        let first = request(&mut ledger, Route::WfmWrite, 1, 0, 100);
        let second = request(&mut ledger, Route::WfmWrite, 1, 50, 60);
        request(&mut ledger, Route::WfmWrite, 2, 50, 60);
        request(&mut ledger, Route::UserSkillsAdd, 1, 55, 70);
        let third = request(&mut ledger, Route::WfmWrite, 1, 99, 200);
        request(&mut ledger, Route::WfmWrite, 1, 200, 300);
        let pairs: Vec<_> = ledger.overlapping_writes().iter().map(|o| (o.first, o.second)).collect();
        assert_eq!(pairs, [(first, second), (first, third)]);
    }
}
