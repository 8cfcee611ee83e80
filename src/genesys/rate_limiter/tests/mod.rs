//! The complete rate limiter on the paused clock, in front of a receiver that counts arrivals.

mod pauses;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::{Instant, sleep};

use super::receiver::Receiver;
use super::*;

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn one_window(calls: u32, period: Duration) -> Limits {
    let calls = std::num::NonZeroU32::new(calls).unwrap();
    Limits { windows: vec![WindowLimit { calls, period }], max_in_flight: calls, ..Limits::default() }
}

fn rate_limiter(limits: &Limits) -> RateLimiter {
    RateLimiter::new(limits, Start::Empty, &Lifecycle::default())
}

/// Genesys as seen from the rate limiter: calls that take a random time in each direction.
#[derive(Clone)]
struct Network {
    rate_limiter: RateLimiter,
    receiver: Arc<Mutex<Receiver>>,
    random: Arc<Mutex<StdRng>>,
    jitter: Duration,
}

impl Network {
    fn new(rate_limiter: &RateLimiter, jitter: Duration, seed: u64) -> Self {
        let random = Arc::new(Mutex::new(StdRng::seed_from_u64(seed)));
        Self { rate_limiter: rate_limiter.clone(), receiver: Arc::default(), random, jitter }
    }

    fn chance(&self) -> f64 {
        self.random.lock().unwrap().random()
    }

    async fn call(&self, lane: CallLane, route: Route, outcome: impl Fn() -> CallOutcome) {
        let permit = self.rate_limiter.admit(lane, route).await.unwrap();
        sleep(Duration::from_millis(20) + self.jitter.mul_f64(self.chance())).await;
        self.receiver.lock().unwrap().arrived(Instant::now());
        let outcome = outcome();
        sleep(Duration::from_millis(30) + self.jitter.mul_f64(self.chance())).await;
        permit.answered(outcome);
    }

    /// Keeps `callers` calls waiting or under way for as long as the returned future is polled.
    async fn saturate(&self, callers: usize, lane: CallLane, route: Route) {
        let caller = || async {
            loop {
                self.call(lane, route, || CallOutcome::Answered).await;
            }
        };
        join_all((0..callers).map(|_| caller())).await;
    }

    fn arrived(&self) -> usize {
        self.receiver.lock().unwrap().arrivals().len()
    }
}

#[tokio::test(start_paused = true)]
async fn the_rate_holds_at_the_receiver_over_an_hour_and_is_used_almost_in_full() {
    let limits = Limits::default();
    for (seed, jitter) in [(1, 0), (2, 40)] {
        let rate_limiter = rate_limiter(&limits);
        let network = Network::new(&rate_limiter, Duration::from_millis(jitter), seed);
        let _ = tokio::time::timeout(secs(3600), network.saturate(20, CallLane::Bulk, Route::User)).await;
        network.receiver.lock().unwrap().assert_never_exceeded(&limits.windows, &format!("seed {seed}"));
        let made = f64::from(u32::try_from(network.arrived()).unwrap()) / (3600.0 * rate_limiter.sustained_rate);
        println!("seed {seed}, jitter {jitter} ms: {:.2} % of 300 a minute", made * 100.0);
        assert!(made >= 0.98, "seed {seed}: {made}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_window_of_one_second_is_used_to_98_percent() {
    let limits = one_window(10, secs(1));
    let network = Network::new(&rate_limiter(&limits), Duration::ZERO, 0);
    let _ = tokio::time::timeout(secs(1800), network.saturate(20, CallLane::Bulk, Route::User)).await;
    network.receiver.lock().unwrap().assert_never_exceeded(&limits.windows, "constant");
    println!("{} of 18000", network.arrived());
    assert!(network.arrived() >= 17_640, "{}", network.arrived());
}

#[tokio::test(start_paused = true)]
async fn the_rate_holds_when_callers_give_up_at_any_moment() {
    let limits = one_window(5, secs(1));
    for seed in 0..5 {
        let rate_limiter = rate_limiter(&limits);
        let network = Network::new(&rate_limiter, Duration::from_millis(300), seed);
        let caller = |n: usize| {
            let network = network.clone();
            async move {
                for _ in 0..30 {
                    let patience = secs(3).mul_f64(network.chance());
                    let call = network.call(CallLane::ALL[n % 3], Route::User, || CallOutcome::Answered);
                    let _ = tokio::time::timeout(patience, call).await;
                }
            }
        };
        join_all((0..20).map(caller)).await;
        network.receiver.lock().unwrap().assert_never_exceeded(&limits.windows, &format!("seed {seed}"));
        let view = rate_limiter.snapshot();
        assert_eq!((view.waiting(), view.in_flight), (0, 0), "seed {seed}");
        sleep(secs(1)).await;
        assert_eq!(rate_limiter.snapshot().windows[0].used, 0, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn interactive_calls_go_ahead_of_ten_thousand_bulk_calls_and_continuations_ahead_of_both() {
    let rate_limiter = rate_limiter(&one_window(1, secs(1)));
    let held = rate_limiter.admit(CallLane::Bulk, Route::User).await.unwrap();
    let mut bulk: Vec<_> = (0..10_000).map(|_| Box::pin(rate_limiter.admit(CallLane::Bulk, Route::User))).collect();
    assert!(bulk.iter_mut().all(|waiting| waiting.now_or_never().is_none()));
    let mut urgent = Box::pin(rate_limiter.admit(CallLane::Interactive, Route::User));
    let mut write = Box::pin(rate_limiter.admit(CallLane::Continuation, Route::WfmWrite));
    assert!((&mut urgent).now_or_never().is_none());
    assert!((&mut write).now_or_never().is_none());
    let view = rate_limiter.snapshot();
    let waiting: Vec<_> = CallLane::ALL.into_iter().map(|lane| view.waiting_in(lane)).collect();
    assert_eq!(waiting, [1, 1, 10_000]);

    held.answered(CallOutcome::Answered);
    let began = Instant::now();
    write.await.unwrap().answered(CallOutcome::Answered);
    assert_eq!(began.elapsed(), secs(1));
    urgent.await.unwrap().answered(CallOutcome::Answered);
    assert_eq!(began.elapsed(), secs(2));
    drop(bulk);
    assert_eq!(rate_limiter.snapshot().waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn bulk_keeps_a_fifth_of_the_grants_under_pressure_from_the_other_lanes() {
    let limits = one_window(10, secs(1));
    let rate_limiter = rate_limiter(&limits);
    let network = Network::new(&rate_limiter, Duration::ZERO, 0);
    let pressure = CallLane::ALL.map(|lane| network.saturate(20, lane, Route::User));
    let _ = tokio::time::timeout(secs(300), join_all(pressure)).await;
    let view = rate_limiter.snapshot();
    let all: u64 = view.lanes.iter().map(|lane| lane.granted).sum();
    // The first ten went to the lane that came first, before bulk was waiting.
    let bulk = view.granted_to(CallLane::Bulk);
    assert!((bulk * 5).abs_diff(all) <= 15, "{view:?}");
}

#[tokio::test(start_paused = true)]
async fn cancelled_waiters_leave_nothing_and_their_turn_goes_to_the_next() {
    let lifecycle = Lifecycle::default();
    let rate_limiter = RateLimiter::new(&one_window(1, secs(1)), Start::Empty, &lifecycle);
    let held = rate_limiter.admit(CallLane::Bulk, Route::User).await.unwrap();
    let mut first = Box::pin(rate_limiter.admit(CallLane::Bulk, Route::User));
    let mut second = Box::pin(rate_limiter.admit(CallLane::Bulk, Route::User));
    assert!((&mut first).now_or_never().is_none());
    assert!((&mut second).now_or_never().is_none());
    // Never sent: the place goes to the first waiter at once, which gives up before it takes its permit.
    held.abandon();
    assert_eq!(rate_limiter.snapshot().in_flight, 1);
    drop(first);
    let permit = second.now_or_never().expect("the second has its turn").unwrap();
    permit.abandon();
    let view = rate_limiter.snapshot();
    assert_eq!((view.waiting(), view.in_flight, view.windows[0].used), (0, 0, 0));
    assert!(rate_limiter.shared.lock().admissions.nobody_waits());
    assert!(lifecycle.stop(secs(1)).await, "the keeper goes when nobody waits");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_permit_counts_as_sent_at_that_moment() {
    let rate_limiter = rate_limiter(&one_window(1, secs(1)));
    let began = Instant::now();
    let permit = rate_limiter.admit(CallLane::Bulk, Route::User).await.unwrap();
    sleep(secs(5)).await;
    drop(permit);
    rate_limiter.admit(CallLane::Bulk, Route::User).await.unwrap().abandon();
    assert_eq!(began.elapsed(), secs(6));
}

#[tokio::test(start_paused = true)]
async fn callers_that_finish_their_work_during_shutdown_still_get_their_turn() {
    let lifecycle = Lifecycle::default();
    let rate_limiter = RateLimiter::new(&one_window(1, secs(1)), Start::Empty, &lifecycle);
    rate_limiter.admit(CallLane::Bulk, Route::User).await.unwrap().answered(CallOutcome::Answered);
    lifecycle.begin_stop();
    let write = rate_limiter.admit(CallLane::Continuation, Route::WfmWrite);
    let permit = tokio::time::timeout(secs(2), write).await.expect("the rate limiter is still kept").unwrap();
    permit.answered(CallOutcome::Answered);
    assert!(lifecycle.stop(secs(1)).await);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_waits_holds_little_room() {
    // The other heap allocations of a waiter: the channel, and its place in the queue. Both together:
    // docs/PERFORMANCE.md.
    let bytes = size_of_val(&rate_limiter(&Limits::default()).admit(CallLane::Bulk, Route::Users));
    assert!(bytes <= 96, "{bytes} bytes");
}

#[tokio::test(start_paused = true)]
async fn fifty_thousand_tasks_wait_and_drain_in_order() {
    let lifecycle = Lifecycle::default();
    let rate_limiter = RateLimiter::new(&one_window(1000, secs(1)), Start::Empty, &lifecycle);
    let order = Arc::new(Mutex::new(Vec::new()));
    for n in 0..50_000 {
        let (rate_limiter, order) = (rate_limiter.clone(), Arc::clone(&order));
        lifecycle.spawn(async move {
            rate_limiter.admit(CallLane::Bulk, Route::User).await.unwrap().answered(CallOutcome::Answered);
            order.lock().unwrap().push(n);
        });
    }
    let began = Instant::now();
    assert!(lifecycle.stop(secs(100)).await);
    assert!(began.elapsed() <= secs(50), "{:?}", began.elapsed());
    assert_eq!(*order.lock().unwrap(), (0..50_000).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn bulk_is_spread_over_the_window_and_leaves_room_for_a_burst_of_others() {
    let rate_limiter = rate_limiter(&Limits::default());
    let network = Network::new(&rate_limiter, Duration::ZERO, 0);
    let bulk = network.saturate(20, CallLane::Bulk, Route::User);
    let interactive = async {
        sleep(secs(20)).await;
        assert!((100..=103).contains(&network.arrived()), "{}", network.arrived());
        let began = Instant::now();
        join_all((0..8).map(|_| network.call(CallLane::Interactive, Route::User, || CallOutcome::Answered))).await;
        assert!(began.elapsed() < secs(1), "{:?}", began.elapsed());
        sleep(secs(300)).await;
        let began = Instant::now();
        for _ in 0..50 {
            network.call(CallLane::Interactive, Route::User, || CallOutcome::Answered).await;
        }
        let each = began.elapsed() / 50;
        assert!(each <= Duration::from_millis(450), "two places of the minute and the round trip: {each:?}");
    };
    let _ = futures_util::future::select(Box::pin(bulk), Box::pin(interactive)).await;
    network.receiver.lock().unwrap().assert_never_exceeded(&Limits::default().windows, "spread");
}
