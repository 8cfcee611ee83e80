//! Decides which waiting caller is next: lanes in order of precedence, first come, first served within a lane.

use std::collections::BTreeMap;

use crate::genesys::call::{CallLane, Route};

/// Grants to other lanes before bulk is owed one: guarantees bulk every fifth grant, or 20 %.
const MAX_PASSED_OVER: u32 = 4;

/// Identifies a waiter for as long as it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WaiterId {
    lane: CallLane,
    route: Route,
    turn: u64,
}

/// A waiter whose turn has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TakenPlace<T> {
    pub(super) lane: CallLane,
    pub(super) route: Route,
    pub(super) waiter: T,
}

/// The waiting callers, each with what is needed to notify it.
///
/// Invariant: a waiter is in the queue exactly once from joining until it was taken or left, and nothing of it remains
/// after that; a lane or route without waiters takes no memory. Turns are never reused, so the order of a lane over all
/// its routes is the order of joining, even after some routes had to stand aside.
#[derive(Debug)]
pub(super) struct Queue<T> {
    lanes: [BTreeMap<Route, BTreeMap<u64, T>>; CallLane::ALL.len()],
    next_turn: u64,
    passed_over: u32,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Self {
        Self { lanes: [const { BTreeMap::new() }; CallLane::ALL.len()], next_turn: 0, passed_over: 0 }
    }

    /// Adds a waiter at the end of its lane.
    pub(super) fn join(&mut self, lane: CallLane, route: Route, waiter: T) -> WaiterId {
        let turn = self.next_turn;
        self.next_turn += 1;
        self.lanes[index(lane)].entry(route).or_default().insert(turn, waiter);
        WaiterId { lane, route, turn }
    }

    /// Removes a waiter that gave up; returns `None` if it was taken before.
    pub(super) fn leave(&mut self, id: WaiterId) -> Option<T> {
        let routes = &mut self.lanes[index(id.lane)];
        let turns = routes.get_mut(&id.route)?;
        let waiter = turns.remove(&id.turn);
        if turns.is_empty() {
            routes.remove(&id.route);
        }
        waiter
    }

    /// Takes the next waiter among those whose route is open; one of the bulk lane only if `bulk_may_go`, or if bulk is
    /// owed its turn.
    pub(super) fn take(&mut self, may_go: impl Fn(Route) -> bool, bulk_may_go: bool) -> Option<TakenPlace<T>> {
        let urgent = self.first(CallLane::Continuation, &may_go).or_else(|| self.first(CallLane::Interactive, &may_go));
        let bulk = self.first(CallLane::Bulk, &may_go);
        let id = match (urgent, bulk) {
            (Some(_), Some(bulk)) if self.bulk_is_owed() => bulk,
            (Some(urgent), Some(_)) => {
                self.passed_over += 1;
                urgent
            }
            (Some(only), None) => only,
            (None, Some(only)) if bulk_may_go || self.bulk_is_owed() => only,
            (None, Some(_) | None) => return None,
        };
        if id.lane == CallLane::Bulk {
            self.passed_over = 0;
        }
        self.leave(id).map(|waiter| TakenPlace { lane: id.lane, route: id.route, waiter })
    }

    /// Returns whether so many others went first that the next turn belongs to bulk.
    pub(super) fn bulk_is_owed(&self) -> bool {
        self.passed_over >= MAX_PASSED_OVER
    }

    /// Removes all waiters for a route.
    pub(super) fn clear(&mut self, route: Route) -> impl Iterator<Item = T> {
        self.lanes.iter_mut().filter_map(move |routes| routes.remove(&route)).flat_map(BTreeMap::into_values)
    }

    /// Returns the routes with waiters in `lane`.
    pub(super) fn routes(&self, lane: CallLane) -> impl Iterator<Item = Route> {
        self.lanes[index(lane)].keys().copied()
    }

    /// Returns the number of callers waiting in `lane`.
    pub(super) fn waiting(&self, lane: CallLane) -> usize {
        self.lanes[index(lane)].values().map(BTreeMap::len).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lanes.iter().all(BTreeMap::is_empty)
    }

    fn first(&self, lane: CallLane, may_go: &impl Fn(Route) -> bool) -> Option<WaiterId> {
        let open = self.lanes[index(lane)].iter().filter(|(route, _)| may_go(**route));
        let heads = open.filter_map(|(route, turns)| turns.first_key_value().map(|(turn, _)| (*turn, *route)));
        heads.min_by_key(|(turn, _)| *turn).map(|(turn, route)| WaiterId { lane, route, turn })
    }
}

fn index(lane: CallLane) -> usize {
    match lane {
        CallLane::Continuation => 0,
        CallLane::Interactive => 1,
        CallLane::Bulk => 2,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;
    use tokio::sync::oneshot;

    use super::*;

    fn any_route(_: Route) -> bool {
        true
    }

    fn take<T>(queue: &mut Queue<T>, may_go: impl Fn(Route) -> bool) -> Option<(CallLane, T)> {
        queue.take(may_go, true).map(|taken| (taken.lane, taken.waiter))
    }

    #[test]
    fn lanes_go_in_order_and_bulk_gets_every_fifth_grant() {
        let mut queue = Queue::new();
        for n in 0..100 {
            queue.join(CallLane::Bulk, Route::Users, n);
            queue.join(CallLane::Interactive, Route::Users, n);
            queue.join(CallLane::Continuation, Route::Users, n);
        }
        let taken: Vec<_> = std::iter::from_fn(|| take(&mut queue, any_route)).collect();
        let first: Vec<CallLane> = taken.iter().map(|(lane, _)| *lane).take(10).collect();
        let four = [CallLane::Continuation; 4];
        assert_eq!(first, [&four[..], &[CallLane::Bulk], &four[..], &[CallLane::Bulk]].concat());
        for lane in CallLane::ALL {
            let order: Vec<_> = taken.iter().filter(|(of, _)| *of == lane).map(|(_, n)| *n).collect();
            assert_eq!(order, (0..100).collect::<Vec<_>>());
        }
        assert!(queue.is_empty());
    }

    #[test]
    fn a_route_that_stands_aside_keeps_its_order_and_holds_up_nobody() {
        let mut queue = Queue::new();
        for n in 0..6 {
            queue.join(CallLane::Bulk, if n % 2 == 0 { Route::WfmWrite } else { Route::User }, n);
        }
        let aside = |route| route != Route::WfmWrite;
        assert_eq!(take(&mut queue, aside), Some((CallLane::Bulk, 1)));
        assert_eq!(take(&mut queue, aside), Some((CallLane::Bulk, 3)));
        let rest: Vec<_> = std::iter::from_fn(|| take(&mut queue, any_route)).map(|(_, n)| n).collect();
        assert_eq!(rest, [0, 2, 4, 5]);
    }

    #[test]
    fn a_million_waiters_take_less_than_300_bytes_each_and_drain_in_order() {
        // The nodes of a B-tree are at least half full; a channel consists of two counters, its state, two wakers and
        // the value.
        let in_tree = 2 * (size_of::<u64>() + size_of::<oneshot::Sender<()>>()) + 4;
        let channel = 3 * size_of::<usize>() + 4 * size_of::<usize>() + size_of::<super::super::Permit>();
        assert!(in_tree + channel + size_of::<super::super::WaitingForPermit>() < 300, "{in_tree} {channel}");

        let mut queue = Queue::new();
        for n in 0..1_000_000_u32 {
            queue.join(CallLane::Bulk, if n % 2 == 0 { Route::User } else { Route::WfmWrite }, n);
        }
        assert_eq!(queue.waiting(CallLane::Bulk), 1_000_000);
        for n in 0..1_000_000_u32 {
            assert_eq!(take(&mut queue, any_route), Some((CallLane::Bulk, n)));
        }
        assert!(queue.is_empty());
    }

    #[test]
    fn bulk_that_may_not_go_yet_goes_all_the_same_once_it_is_owed_its_turn() {
        let mut queue = Queue::new();
        queue.join(CallLane::Bulk, Route::Users, 100);
        for n in 0..5 {
            queue.join(CallLane::Interactive, Route::Users, n);
        }
        let taken = (0..6).map(|_| queue.take(any_route, false).map(|taken| taken.waiter)).collect::<Vec<_>>();
        assert_eq!(taken, [Some(0), Some(1), Some(2), Some(3), Some(100), Some(4)]);
        queue.join(CallLane::Bulk, Route::Users, 101);
        assert_eq!(queue.take(any_route, false), None);
    }

    #[test]
    fn clearing_a_route_removes_its_waiters_of_all_lanes() {
        let mut queue = Queue::new();
        for (n, lane) in CallLane::ALL.into_iter().enumerate() {
            queue.join(lane, Route::WfmWrite, n);
            queue.join(lane, Route::User, n + 10);
        }
        assert_eq!(queue.clear(Route::WfmWrite).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(CallLane::ALL.map(|lane| queue.waiting(lane)), [1, 1, 1]);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Join(usize, bool),
        Leave(usize),
        Take { pausing: bool },
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0..3_usize, any::<bool>()).prop_map(|(lane, route)| Step::Join(lane, route)),
            1 => any::<usize>().prop_map(Step::Leave),
            3 => any::<bool>().prop_map(|pausing| Step::Take { pausing }),
        ];
        prop::collection::vec(step, 0..300)
    }

    /// A literal implementation of the rules: lists, searched from the front.
    #[derive(Default)]
    struct Model {
        lanes: [VecDeque<(usize, bool)>; 3],
        passed_over: u32,
    }

    impl Model {
        fn take(&mut self, pausing: bool) -> Option<usize> {
            let open = |lane: &VecDeque<(usize, bool)>| lane.iter().position(|(_, paused)| !(pausing && *paused));
            let heads = [open(&self.lanes[0]), open(&self.lanes[1]), open(&self.lanes[2])];
            let urgent = (0..2).find(|lane| heads[*lane].is_some());
            let lane = match (urgent, heads[2]) {
                (Some(lane), Some(_)) if self.passed_over < 4 => {
                    self.passed_over += 1;
                    lane
                }
                (Some(lane), None) => lane,
                (_, Some(_)) => 2,
                (None, None) => return None,
            };
            self.passed_over = if lane == 2 { 0 } else { self.passed_over };
            self.lanes[lane].remove(heads[lane]?).map(|(name, _)| name)
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]
        #[test]
        fn the_queue_does_what_searched_lists_do_and_keeps_nothing(steps in steps()) {
            let (mut queue, mut model, mut ids) = (Queue::new(), Model::default(), Vec::new());
            for step in steps {
                match step {
                    Step::Join(lane, route) => {
                        let on = if route { Route::WfmWrite } else { Route::User };
                        model.lanes[lane].push_back((ids.len(), route));
                        ids.push(queue.join(CallLane::ALL[lane], on, ids.len()));
                    }
                    Step::Leave(_) if ids.is_empty() => {}
                    Step::Leave(n) => {
                        let name = n % ids.len();
                        let waits = model.lanes.iter().any(|lane| lane.iter().any(|(other, _)| *other == name));
                        model.lanes.iter_mut().for_each(|lane| lane.retain(|(other, _)| *other != name));
                        prop_assert_eq!(queue.leave(ids[name]), waits.then_some(name));
                    }
                    Step::Take { pausing } => {
                        let taken = take(&mut queue, |route| !(pausing && route == Route::WfmWrite));
                        prop_assert_eq!(taken.map(|(_, name)| name), model.take(pausing));
                    }
                }
                for (lane, of) in model.lanes.iter().zip(CallLane::ALL) {
                    prop_assert_eq!(queue.waiting(of), lane.len());
                }
            }
            while take(&mut queue, any_route).is_some() {}
            prop_assert!(queue.lanes.iter().all(BTreeMap::is_empty));
        }
    }
}
